//! A line of the server's `SHOW GRANTS`: rights, and what they are of. Nothing else of the line is kept: the hash of a password may follow.

use std::fmt;

/// What rights are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Object {
    /// The whole server.
    Everything,
    /// Every database that the pattern names, as the server has it: `_` and `%` stand for others, unless a backslash is before them.
    Database(String),
    Table {
        database: String,
        table: String,
    },
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) rights: Vec<String>,
    pub(super) object: Object,
    /// Whether the user may give them to others.
    pub(super) may_pass_on: bool,
}

impl Grant {
    pub(super) fn has(&self, right: &str) -> bool {
        self.rights.iter().any(|found| found == right || found == "ALL PRIVILEGES")
    }
}

impl Object {
    pub(super) fn covers(&self, database: &str, table: &str) -> bool {
        self.covers_all_of(database) || self.is_table(database, table)
    }

    pub(super) fn covers_all_of(&self, database: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Database(pattern) => is_like(pattern, database),
            Self::Table { .. } => false,
        }
    }

    pub(super) fn is_table(&self, database: &str, table: &str) -> bool {
        matches!(self, Self::Table { database: of, table: found } if of == database && found == table)
    }

    /// Of our database, or of something in it.
    pub(super) fn is_within(&self, database: &str) -> bool {
        match self {
            Self::Everything => false,
            Self::Database(pattern) => is_like(pattern, database),
            Self::Table { database: of, .. } => of == database,
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("*.*"),
            Self::Database(pattern) => write!(f, "`{pattern}`.*"),
            Self::Table { database, table } => write!(f, "`{database}`.`{table}`"),
        }
    }
}

/// `GRANT rights ON object TO user ..`; nothing of what gives a role, is of a routine, or lets somebody be another one.
pub(super) fn parse(line: &str) -> Option<Grant> {
    let (rights, rest) = line.strip_prefix("GRANT ")?.split_once(" ON ")?;
    let (object, after) = object_of(rest)?;
    let after = after.strip_prefix(" TO ")?;
    let rights = split(rights);
    if rights.iter().any(|right| right == "PROXY") {
        return None;
    }
    Some(Grant { rights, object, may_pass_on: after.contains(" WITH GRANT OPTION") })
}

/// By the commas that stand between rights, and not within the columns of one. A right on some columns is not the right.
fn split(rights: &str) -> Vec<String> {
    let (mut found, mut depth) = (vec![String::new()], 0_u32);
    for c in rights.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = found.last_mut() {
            last.push(c);
        }
    }
    found.into_iter().map(|right| right.trim().to_owned()).filter(|right| !right.is_empty()).collect()
}

fn object_of(text: &str) -> Option<(Object, &str)> {
    if let Some(rest) = text.strip_prefix("*.*") {
        return Some((Object::Everything, rest));
    }
    let (database, rest) = quoted(text)?;
    let rest = rest.strip_prefix('.')?;
    if let Some(rest) = rest.strip_prefix('*') {
        return Some((Object::Database(database), rest));
    }
    let (table, rest) = quoted(rest)?;
    Some((Object::Table { database, table }, rest))
}

/// A name in backticks, one within written twice.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut name, mut rest) = (String::new(), text.strip_prefix('`')?);
    loop {
        let (before, after) = rest.split_once('`')?;
        name.push_str(before);
        match after.strip_prefix('`') {
            Some(after) => {
                name.push('`');
                rest = after;
            }
            None => return Some((name, after)),
        }
    }
}

/// As the server matches a database with the pattern of a grant.
fn is_like(pattern: &str, name: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => name.is_empty(),
        Some('%') => (0..=name.len()).any(|from| name.is_char_boundary(from) && is_like(rest.as_str(), &name[from..])),
        Some('\\') => {
            let literal = rest.next().unwrap_or('\\');
            name.strip_prefix(literal).is_some_and(|name| is_like(rest.as_str(), name))
        }
        Some('_') => {
            let mut others = name.chars();
            others.next().is_some() && is_like(rest.as_str(), others.as_str())
        }
        Some(c) => name.strip_prefix(c).is_some_and(|name| is_like(rest.as_str(), name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_server_are_read() {
        let grant = parse("GRANT SELECT, INSERT ON `a_b`.`or``ders` TO `u`@`%` WITH GRANT OPTION").expect("a grant");
        assert_eq!((grant.rights, grant.may_pass_on), (vec!["SELECT".to_owned(), "INSERT".to_owned()], true));
        assert_eq!(grant.object, Object::Table { database: "a_b".to_owned(), table: "or`ders".to_owned() });
        let columns = parse("GRANT SELECT (a, b), UPDATE ON `d`.`t` TO `u`@`%`").expect("a grant");
        assert_eq!(columns.rights, ["SELECT (a, b)", "UPDATE"]);
        assert!(!columns.has("SELECT") && columns.has("UPDATE"));
        let usage = parse("GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*94BDCE'").expect("a grant");
        assert_eq!((usage.object.clone(), format!("{usage:?}").contains("94BD")), (Object::Everything, false));
        for other in ["GRANT PROXY ON ''@'%' TO 'root'@'localhost'", "GRANT `r` TO `u`@`%`", "SET DEFAULT ROLE NONE"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_database_is_matched_as_the_server_does() {
        for (pattern, name, expected) in [
            ("ledger", "ledger", true),
            (r"my\_db", "my_db", true),
            (r"my\_db", "myxdb", false),
            ("my_db", "myxdb", true),
            ("le%", "ledger", true),
            ("%", "ledger", true),
            ("le%x", "ledger", false),
            ("ledger", "ledger2", false),
        ] {
            assert_eq!(is_like(pattern, name), expected, "{pattern} {name}");
        }
    }
}
