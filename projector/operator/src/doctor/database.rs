//! One server of the database: each login that is given, the settings that no session can set, and what hangs on the login that sees most. The
//! settings are judged by `requirements`, as at every start; here is what is asked besides, and by whom.

use ledger_database::requirements::{self, Findings, Problem, Role};
use ledger_database::{DatabaseError, Fault, Watched, fault_of};
use sqlx::Executor;

use super::finding::Sheet;
use super::{Login, clocks, login, name_of, patch_level, rights, session, tables};

/// The server itself refuses whatever would change something: error 1792.
const READ_ONLY: &str = "SET SESSION TRANSACTION READ ONLY";
const START_SERVER: &str = "see that it runs, and that it can be reached from here (host and port of the URL)";
const UNDOUBLED: &str = "innodb_doublewrite";

/// All `logins` are of one server. What needs no right of its own is asked by the first that is let in.
pub(super) async fn look(sheet: &Sheet, server: &str, logins: &[Login], topic: &str) {
    let mut is_known = false;
    for one in logins {
        let (role, user) = (name_of(one.role), one.url.user());
        let what = format!("login of the {role}");
        let mut connection = match ledger_database::connect(&one.url).await {
            Ok(connection) => connection,
            // The next one would wait as long.
            Err(error) if error.is_unreachable() => return sheet.unreachable(what, error, START_SERVER),
            Err(error) => {
                sheet.wrong(what, &error, advice_for(&error));
                continue;
            }
        };
        sheet.fine(what, format!("{user} at {server}"));
        match of_login(sheet, &mut connection, one, logins, &mut is_known, topic).await {
            Ok(()) => connection.close().await,
            Err(error) => {
                if fault_of(&error) == Fault::ConnectionLost {
                    return sheet.unreachable(format!("server {server}"), error, START_SERVER);
                }
                sheet.skip(format!("what the {role} sees"), error);
            }
        }
    }
}

fn advice_for(error: &DatabaseError) -> &'static str {
    match error {
        DatabaseError::UnknownDatabase { .. } => "ledger migrate",
        DatabaseError::Plugin { .. } => "ALTER USER .. IDENTIFIED VIA mysql_native_password USING PASSWORD('..')",
        DatabaseError::NotSecured { .. } => {
            "correct ssl-mode, ssl-ca, ssl-cert and ssl-key of the URL, or the server's certificate"
        }
        _ => "correct user and password of the URL, or run `ledger migrate` with the administrator's",
    }
}

/// # Errors
/// The database's, where the connection is of no more use; a right that is missing is a finding.
async fn of_login(
    sheet: &Sheet,
    connection: &mut Watched,
    one: &Login,
    all: &[Login],
    is_known: &mut bool,
    topic: &str,
) -> Result<(), sqlx::Error> {
    connection.execute(READ_ONLY).await?;
    let of = |what: &str| format!("{what} of the {}", name_of(one.role));
    if !std::mem::replace(is_known, true) {
        let has_writer = all.iter().any(|login| login.role != Role::Reader);
        told(sheet, "settings", settings(sheet, connection, has_writer).await)?;
        told(sheet, "session", session::look(sheet, connection, &one.url).await)?;
        told(sheet, "clock", clocks::of_database(sheet, connection).await)?;
    }
    told(sheet, of("way of logging in"), login::look(sheet, connection, one).await)?;
    told(sheet, of("rights"), rights::look(sheet, connection, one).await)?;
    told(sheet, of("tables"), tables::look(sheet, connection, one, all.len() == 1, topic).await)
}

/// What could not be asked is a finding, and keeps nothing else from being asked.
///
/// # Errors
/// What was given, where the connection is gone.
fn told(sheet: &Sheet, what: impl Into<String>, asked: Result<(), sqlx::Error>) -> Result<(), sqlx::Error> {
    match asked {
        Err(error) if matches!(fault_of(&error), Fault::ConnectionLost | Fault::Ended) => Err(error),
        Err(error) => {
            sheet.skip(what, error);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// As a start checks them. To a database that is only read from, being read-only is as it should be.
async fn settings(sheet: &Sheet, connection: &mut Watched, has_writer: bool) -> Result<(), sqlx::Error> {
    let (shown, Findings { refused, warnings }) = requirements::settings(connection, Role::Owner).await?;
    for (name, found) in shown {
        let of = |problems: &[Problem]| problems.iter().find(|problem| problem.what == name).cloned();
        match (of(&refused), of(&warnings)) {
            (Some(_), _) if name == "read_only" && !has_writer => {
                sheet.fine(name, "ON, as a replica should be that is only read from");
            }
            (Some(problem), _) => sheet.wrong(name, found, advice(&problem)),
            (None, Some(problem)) => sheet.warn(name, found, advice(&problem)),
            (None, None) => {
                if name == "version" {
                    patch_level::look(sheet, &found);
                }
                sheet.fine(name, found);
            }
        }
    }
    let doublewrite = session::global(connection, &[UNDOUBLED]).await?;
    match doublewrite.get(UNDOUBLED).map(String::as_str) {
        Some(found @ ("OFF" | "0")) => sheet.warn(
            UNDOUBLED,
            found,
            "write `innodb_doublewrite=ON` below [mariadbd] in the server's configuration: a page that was half written when the power failed \
             is else lost, unless the file system writes pages whole",
        ),
        Some(found) => sheet.fine(UNDOUBLED, found),
        None => sheet.skip(UNDOUBLED, "this server does not tell it"),
    }
    Ok(())
}

fn advice(problem: &Problem) -> String {
    format!("expected {}; {}", problem.expected, problem.remedy)
}
