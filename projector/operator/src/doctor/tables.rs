//! The tables as a login sees them: their version, their shape, and sets of tables that are not live. The first two are judged as at every start.

use ledger_database::Watched;
use ledger_database::requirements::{self, Extent, Findings, RequirementError, Role};
use ledger_database::schema_version::{self, SchemaVersionError};

use super::finding::Sheet;
use super::{Login, name_of};
use crate::generations::list::{self, Listed, ListedState};

pub(super) async fn look(
    sheet: &Sheet,
    connection: &mut Watched,
    login: &Login,
    is_alone: bool,
    topic: &str,
) -> Result<(), sqlx::Error> {
    if !version(sheet, connection, login.role, is_alone).await? {
        return Ok(());
    }
    let what = format!("tables that the {} uses", name_of(login.role));
    match requirements::tables(connection, login.role, Extent::Whole).await.map_err(RequirementError::from) {
        Ok(Findings { refused, warnings }) => {
            if refused.is_empty() && warnings.is_empty() {
                sheet.fine(what, "as the migrations made them");
            }
            let advice = |problem: &requirements::Problem| format!("expected {}; {}", problem.expected, problem.remedy);
            for problem in refused {
                sheet.wrong(&problem.what, &problem.found, advice(&problem));
            }
            for problem in warnings {
                sheet.warn(&problem.what, &problem.found, advice(&problem));
            }
        }
        Err(RequirementError::Sql(error)) => return Err(error),
        Err(error) => sheet.skip(what, error),
    }
    if login.role == Role::Owner {
        generations(sheet, login, topic).await;
    }
    Ok(())
}

/// Whether there is anything more to look at. The reader may not ask for it, and others do where there are any.
async fn version(sheet: &Sheet, connection: &mut Watched, role: Role, is_alone: bool) -> Result<bool, sqlx::Error> {
    const WHAT: &str = "migrations";
    if role == Role::Reader {
        if is_alone {
            sheet.skip(WHAT, "the reader may not read them: give --projector-database-url or --owner-database-url");
        }
        return Ok(true);
    }
    match schema_version::check(connection).await {
        Ok(()) => {
            sheet.fine(format!("{WHAT}, as the {} sees them", name_of(role)), "all that this program has");
            Ok(true)
        }
        Err(SchemaVersionError::Sql(error)) => Err(error),
        Err(error @ SchemaVersionError::Newer { .. }) => {
            sheet.wrong(WHAT, error, "use the `ledger` that migrated them, or a newer one");
            Ok(false)
        }
        Err(error) => {
            sheet.wrong(WHAT, error, "ledger migrate");
            Ok(false)
        }
    }
}

/// With a connection of its own, as `ledger generations list`.
async fn generations(sheet: &Sheet, login: &Login, topic: &str) {
    const WHAT: &str = "sets of tables that are not live";
    let listing = match list::run(&login.url, topic).await {
        Ok(listing) => listing,
        Err(error) => return sheet.skip(WHAT, error),
    };
    let not_live: Vec<&Listed> = listing
        .items
        .iter()
        .filter(|listed| !matches!(listed.state, ListedState::Live | ListedState::Dropped))
        .collect();
    if not_live.is_empty() {
        return sheet.fine(WHAT, "none");
    }
    for listed in not_live {
        let Listed { generation, state, bytes, .. } = listed;
        let what = format!("tables of generation {generation}, which is not live");
        let size = bytes.map_or_else(String::new, |bytes| format!(", {bytes} bytes"));
        let found = format!("{}{size}", state.as_str());
        match state {
            ListedState::Kept => sheet.fine(what, format!("{found}: `ledger rollback` goes back to them")),
            ListedState::Building => sheet.fine(what, found),
            ListedState::Interrupted => {
                sheet.warn(
                    what,
                    found,
                    "ledger rebuild (it continues), or ledger generations drop, which gives the room back",
                );
            }
            ListedState::Incomplete => {
                sheet.warn(what, found, format!("ledger generations drop {generation}: some of them are missing"));
            }
            ListedState::Live | ListedState::Dropped => {}
        }
    }
}
