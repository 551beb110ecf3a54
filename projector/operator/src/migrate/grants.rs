//! Rights of projector and reader, from `schema/grants.sql`: one statement per line, written with the default user names,
//! which are replaced by those of the role URLs.

use std::collections::BTreeMap;

use ledger_database::Watched;
use sqlx::{AssertSqlSafe, Executor};

use super::error::MigrateError;
use super::options::MigrateOptions;
use super::report::{Step, StepOutcome};
use super::users::quoted_user;

const GRANTS: &str = include_str!("../../../../schema/grants.sql");

/// A line of the file: `GRANT .. ON .. TO user`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Grant<'a> {
    what: &'a str,
    user: &'a str,
}

/// Grants every line whose user's URL is given. A right that is there already stays; granting it again changes nothing.
///
/// # Errors
/// Of the first statement that fails.
pub async fn grant(connection: &mut Watched, options: &MigrateOptions) -> Result<Vec<Step>, MigrateError> {
    let names = BTreeMap::from([
        ("ledger_projector", options.projector.as_ref().map(|url| url.user())),
        ("ledger_reader", options.reader.as_ref().map(|url| url.user())),
    ]);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for Grant { what, user } in parse(GRANTS)? {
        *counts.entry(user).or_default() += 1;
        if let Some(name) = names.get(user).copied().flatten() {
            let text = format!("{what} TO {}", quoted_user(name));
            connection.execute(AssertSqlSafe(text)).await.map_err(MigrateError::sql(what))?;
        }
    }
    let step = |(user, count): (&str, usize)| match names.get(user).copied().flatten() {
        Some(name) => Step::new(format!("rights of {name}"), StepOutcome::Ensured, format!("{count} tables")),
        None => Step::new(format!("rights of {user}"), StepOutcome::Skipped, "its URL was not given"),
    };
    Ok(counts.into_iter().map(step).collect())
}

/// What the file gives to `user`, by its default name: each table, and the rights on it.
///
/// # Errors
/// [`MigrateError::GrantsFile`].
pub(crate) fn rights_of(user: &str) -> Result<Vec<(&'static str, Vec<&'static str>)>, MigrateError> {
    let lines = parse(GRANTS)?.into_iter().filter(|grant| grant.user == user);
    let rights = |grant: Grant<'static>| {
        let (rights, table) = grant.what.strip_prefix("GRANT ")?.split_once(" ON ")?;
        Some((table, rights.split(", ").collect()))
    };
    Ok(lines.filter_map(rights).collect())
}

fn parse(text: &str) -> Result<Vec<Grant<'_>>, MigrateError> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with("--"))
        .map(|(number, line)| {
            let parts = line.strip_suffix(';').and_then(|line| line.rsplit_once(" TO "));
            parts
                .filter(|(what, user)| what.starts_with("GRANT ") && user.starts_with("ledger_"))
                .map(|(what, user)| Grant { what, user })
                .ok_or_else(|| MigrateError::GrantsFile { line: number, found: line.to_owned() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_parses_and_names_only_known_users() {
        let grants = parse(GRANTS).expect("grants.sql");
        assert!(grants.len() > 8);
        assert!(grants.iter().all(|grant| ["ledger_projector", "ledger_reader"].contains(&grant.user)));
        let outbox = Grant { what: "GRANT SELECT, INSERT, DELETE ON outbox", user: "ledger_projector" };
        assert!(grants.contains(&outbox));
        let reader = rights_of("ledger_reader").expect("grants.sql");
        assert_eq!(reader.len(), grants.iter().filter(|grant| grant.user == "ledger_reader").count());
        assert!(reader.contains(&("orders", vec!["SELECT"])), "{reader:?}");
    }

    #[test]
    fn other_lines_are_refused_by_number() {
        for bad in ["GRANT SELECT ON t TO ledger_reader", "DROP TABLE t;", "GRANT SELECT ON t TO root;"] {
            let error = parse(&format!("-- c\n\n{bad}")).expect_err(bad).to_string();
            assert!(error.starts_with("grants.sql, line 3: "), "{error}");
        }
    }
}
