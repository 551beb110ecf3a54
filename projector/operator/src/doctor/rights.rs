//! What a user of the database may do, against `schema/grants.sql`: too little, and too much. It must never show the server's own text: the hash of
//! the password stands in it. Read next: `grant_lines`, how the server's answer is read.

use std::collections::BTreeSet;

use ledger_database::Watched;
use ledger_database::requirements::Role;

use super::finding::Sheet;
use super::grant_lines::{Grant, Object, parse};
use super::{Login, name_of};
use crate::migrate;

/// Rights that let nobody do anything.
const HARMLESS: [&str; 1] = ["USAGE"];
const ALL: &str = "ALL PRIVILEGES";

pub(super) async fn look(sheet: &Sheet, connection: &mut Watched, login: &Login) -> Result<(), sqlx::Error> {
    // With those of roles that are in force.
    let lines: Vec<String> = sqlx::query_scalar("SHOW GRANTS").fetch_all(connection).await?;
    let grants: Vec<Grant> = lines.iter().filter_map(|line| parse(line)).collect();
    let database = login.url.database().unwrap_or_default();
    judge(sheet, login.role, login.url.user(), database, &grants);
    Ok(())
}

fn judge(sheet: &Sheet, role: Role, user: &str, database: &str, grants: &[Grant]) {
    let what = format!("rights of the {}", name_of(role));
    let lacks = match role {
        Role::Owner => owner_lacks(database, grants),
        Role::Projector | Role::Reader => match lacking(role, database, grants) {
            Ok(lacks) => lacks,
            Err(error) => return sheet.skip(what, error),
        },
    };
    let needed = lacks.is_empty();
    for lack in lacks {
        sheet.wrong(
            &what,
            format!("{user} lacks {lack}"),
            format!("GRANT {lack} TO {user}; (`ledger migrate` grants all of them)"),
        );
    }
    let more = excess(role, database, grants);
    let is_bare = more.is_empty();
    for Excess { rights, object, because } in more {
        let advice = format!("REVOKE {rights} ON {object} FROM {user};");
        sheet.warn(&what, format!("{user} has {rights} on {object}: {because}"), advice);
    }
    if needed && is_bare {
        sheet.fine(what, format!("{user} has what it needs, and no more"));
    }
}

/// A right of the administrator's login, without which `migrate` and `rebuild` fail half-way.
fn owner_lacks(database: &str, grants: &[Grant]) -> Vec<String> {
    let has_all = grants.iter().any(|grant| grant.object.covers_all_of(database) && grant.has(ALL));
    if has_all { Vec::new() } else { vec![format!("{ALL} ON `{database}`.*")] }
}

/// What `schema/grants.sql` gives and the server did not, as it would be granted.
fn lacking(role: Role, database: &str, grants: &[Grant]) -> Result<Vec<String>, migrate::MigrateError> {
    let mut lacks = Vec::new();
    for (table, rights) in migrate::rights_of(&format!("ledger_{}", name_of(role)))? {
        let covering: Vec<&Grant> = grants.iter().filter(|grant| grant.object.covers(database, table)).collect();
        let missing: Vec<&str> =
            rights.into_iter().filter(|right| !covering.iter().any(|grant| grant.has(right))).collect();
        if !missing.is_empty() {
            lacks.push(format!("{} ON `{database}`.`{table}`", missing.join(", ")));
        }
    }
    Ok(lacks)
}

/// More than is needed, in a way that matters.
#[derive(Debug, PartialEq, Eq)]
struct Excess {
    rights: String,
    object: String,
    because: &'static str,
}

fn excess(role: Role, database: &str, grants: &[Grant]) -> Vec<Excess> {
    let mut found = Vec::new();
    for grant in grants {
        let of = |rights: &BTreeSet<&str>, because| {
            let rights = rights.iter().copied().collect::<Vec<_>>().join(", ");
            (!rights.is_empty()).then(|| Excess { rights, object: grant.object.to_string(), because })
        };
        let harmful: BTreeSet<&str> =
            grant.rights.iter().map(String::as_str).filter(|right| !HARMLESS.contains(right)).collect();
        let is_ours = grant.object.is_within(database);
        let excess = match role {
            _ if grant.object == Object::Everything => {
                of(&harmful, "it holds for the whole server, past read_only and everybody else's data among it")
            }
            _ if !is_ours => of(&harmful, "that is none of the ledger's"),
            Role::Owner => None,
            Role::Projector | Role::Reader => {
                let needed = needed(role, database, grant);
                let more =
                    harmful.iter().copied().filter(|right| *right != "SELECT" && !needed.contains(right)).collect();
                of(&more, "nothing here needs it, and a mistake or an intruder may use it")
            }
        };
        found.extend(excess);
        if role != Role::Owner && grant.may_pass_on {
            let (rights, object) = ("GRANT OPTION".to_owned(), grant.object.to_string());
            found.push(Excess { rights, object, because: "it may give its rights to others" });
        }
    }
    found
}

/// What the role needs on the table that a grant is of; of a whole database, nothing but reading is needed.
fn needed(role: Role, database: &str, grant: &Grant) -> Vec<&'static str> {
    let all = migrate::rights_of(&format!("ledger_{}", name_of(role))).unwrap_or_default();
    let of_table = |table: &str| grant.object.is_table(database, table);
    all.into_iter().filter(|(table, _)| of_table(table)).flat_map(|(_, rights)| rights).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::{Area, Finding, Verdict};

    /// As `ledger migrate` grants them.
    fn granted(role: Role) -> Vec<Grant> {
        let lines = migrate::rights_of(&format!("ledger_{}", name_of(role))).expect("grants.sql");
        let mut grants: Vec<Grant> = lines
            .into_iter()
            .map(|(table, rights)| {
                parse(&format!("GRANT {} ON `l_1`.`{table}` TO `u`@`%`", rights.join(", "))).expect("a grant")
            })
            .collect();
        grants.extend(parse("GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*AB'"));
        grants
    }

    fn told(role: Role, grants: &[Grant]) -> Vec<Finding> {
        let sheet = Sheet::new(Area::Database);
        judge(&sheet, role, "u", "l_1", grants);
        sheet.findings()
    }

    fn with(role: Role, lines: &[&str]) -> Vec<Finding> {
        let mut grants = granted(role);
        grants.extend(lines.iter().map(|line| parse(line).expect("a grant")));
        told(role, &grants)
    }

    #[test]
    fn what_migrate_grants_is_enough_and_no_more() {
        for role in [Role::Projector, Role::Reader] {
            let found = with(role, &[]);
            assert!(found.len() == 1 && found[0].verdict == Verdict::Fine, "{found:?}");
        }
        let owner = parse(r"GRANT ALL PRIVILEGES ON `l\_1`.* TO `u`@`%` WITH GRANT OPTION").expect("a grant");
        let found = told(Role::Owner, &[owner]);
        assert!(found.len() == 1 && found[0].verdict == Verdict::Fine, "{found:?}");
    }

    #[test]
    fn what_is_missing_is_named_with_the_grant() {
        let mut grants = granted(Role::Projector);
        grants.retain(|grant| !grant.object.is_table("l_1", "outbox"));
        let found = told(Role::Projector, &grants);
        assert_eq!((found.len(), found[0].verdict), (1, Verdict::Wrong));
        let advice = found[0].advice.as_deref().expect("advice");
        assert!(advice.starts_with("GRANT SELECT, INSERT, DELETE ON `l_1`.`outbox` TO u;"), "{advice}");
        let found = told(Role::Owner, &granted(Role::Reader));
        assert!(found[0].found.contains("lacks ALL PRIVILEGES ON `l_1`.*"), "{found:?}");
    }

    #[test]
    fn what_is_too_much_is_named_with_the_revoke() {
        for (role, line, advice) in [
            (Role::Reader, "GRANT FILE, SUPER ON *.* TO `u`@`%`", "REVOKE FILE, SUPER ON *.* FROM u;"),
            (
                Role::Reader,
                "GRANT INSERT, SELECT ON `l_1`.`orders` TO `u`@`%`",
                "REVOKE INSERT ON `l_1`.`orders` FROM u;",
            ),
            (
                Role::Projector,
                r"GRANT ALL PRIVILEGES ON `l\_1`.* TO `u`@`%`",
                r"REVOKE ALL PRIVILEGES ON `l\_1`.* FROM u;",
            ),
            (Role::Projector, "GRANT DELETE ON `l_1`.`orders` TO `u`@`%`", "REVOKE DELETE ON `l_1`.`orders` FROM u;"),
            (Role::Reader, "GRANT SELECT ON `wages`.* TO `u`@`%`", "REVOKE SELECT ON `wages`.* FROM u;"),
        ] {
            let found = with(role, &[line]);
            assert_eq!(found.len(), 1, "{line}: {found:?}");
            assert_eq!((found[0].verdict, found[0].advice.as_deref()), (Verdict::Warning, Some(advice)), "{line}");
        }
        let found = with(Role::Reader, &["GRANT SELECT ON `l_1`.`orders` TO `u`@`%` WITH GRANT OPTION"]);
        assert!(found.iter().any(|finding| finding.found.contains("GRANT OPTION")), "{found:?}");
    }
}
