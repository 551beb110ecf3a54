//! What a database has to be before anything is folded into it or read from it: settings that no session can set, and the shape
//! of the tables. All that is wrong is found in one go, each with what was found, what is expected and what to do. It only reads.
//!
//! Reading order: [`problem`] (how it is told), [`role`] (who asks), [`server`] (settings), [`table_shape`] and [`expected`] (what is there, and what should
//! be), [`compare`], [`attached`] (what others hung on our tables).

mod attached;
mod compare;
mod expected;
mod problem;
mod role;
mod server;
mod table_shape;

pub use problem::{Findings, Problem, UnfitDatabase};
pub use role::{Extent, Role};
pub use server::{NEEDED_PACKET_BYTES, server, settings};
pub use table_shape::TableShape;

use sqlx::{AssertSqlSafe, Executor};
use thiserror::Error;

use crate::fault::{Fault, NO_SUCH_TABLE, fault_of, number_of};
use crate::watched::Watched;

/// The database is not as it must be, or that cannot be known.
#[derive(Debug, Error)]
pub enum RequirementError {
    #[error(transparent)]
    Unfit(#[from] UnfitDatabase),
    #[error("looking at the database's settings and tables: {0}")]
    Sql(#[from] sqlx::Error),
}

impl RequirementError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Unfit(_) => false,
            Self::Sql(cause) => fault_of(cause) == Fault::ConnectionLost,
        }
    }
}

/// Looks at the tables that `role` uses.
///
/// # Errors
/// The database's.
pub async fn tables(connection: &mut Watched, role: Role, extent: Extent) -> Result<Findings, sqlx::Error> {
    let names: Vec<&str> = role.tables().map(|(name, _)| name).collect();
    let found = table_shape::read(connection, &names).await?;
    let mut findings = Findings::default();
    for (name, expected) in role.tables() {
        if extent == Extent::Whole && !found.contains_key(name) && !is_missing(connection, name).await? {
            // Made since it was looked for: the next look finds it.
            continue;
        }
        findings.add(compare::table(name, expected, found.get(name), role, extent));
    }
    if role == Role::Owner {
        findings.add(attached::find(connection, &names).await?);
    }
    Ok(findings)
}

/// Whether a table is not there. To a user without any right on it it looks the same, and that is another error.
async fn is_missing(connection: &mut Watched, name: &str) -> Result<bool, sqlx::Error> {
    match connection.execute(AssertSqlSafe(format!("SELECT 1 FROM `{name}` LIMIT 0"))).await {
        Ok(_) => Ok(false),
        Err(error) if number_of(&error) == Some(NO_SUCH_TABLE) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Everything that `role` rests on; gives what is only worth a warning.
///
/// # Errors
/// [`RequirementError::Unfit`] with all that is wrong, or the database's.
pub async fn check(connection: &mut Watched, role: Role) -> Result<Vec<Problem>, RequirementError> {
    let mut findings = server(connection, role).await?;
    findings.add(tables(connection, role, Extent::Whole).await?);
    Ok(findings.accepted()?)
}

/// The shape of all tables as they are, in the form of `schema/tables.txt`.
///
/// # Errors
/// The database's.
pub async fn describe(connection: &mut Watched) -> Result<String, sqlx::Error> {
    let names: Vec<&str> = Role::Owner.tables().map(|(name, _)| name).collect();
    let found = table_shape::read(connection, &names).await?;
    Ok(found.iter().map(|(name, shape)| format!("table {name}\n{shape}")).collect())
}
