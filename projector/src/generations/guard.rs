//! The guard: one command at a time changes anything about generations. It is a named lock of the server, held by a
//! connection of its own, so that it ends with whoever held it, also by kill -9. The swap runs on that very connection:
//! whoever lost the guard cannot swap. It is never opened anew by itself.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{Connection, Executor, FromRow, MySqlConnection};

use super::error::{GenerationsError, sql};
use super::record::{self, State};
use crate::database::{self, DatabaseUrl};
use crate::migrate::schema_version;

/// How long the guard is waited for: the server may just be noticing that its last holder died.
const WAIT: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 5;
const TAKING: &str = "taking the guard of the generations";

/// What the guard is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Rebuild,
    Rollback,
    Drop,
}

impl Work {
    /// The command.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rebuild => "rebuild",
            Self::Rollback => "rollback",
            Self::Drop => "generations drop",
        }
    }
}

/// Who holds the guard, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    pub connection_id: i64,
    /// What it does; `None` in the moment between taking the guard and saying so.
    pub work: Option<HolderWork>,
}

/// What a holder says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HolderWork {
    pub command: String,
    pub generation: Option<i32>,
    /// Of the build, where it is one.
    pub phase: Option<record::Phase>,
    /// Host and process id.
    pub holder: String,
    pub since: DateTime<Utc>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(work) = &self.work else {
            return write!(f, "another command (database connection {})", self.connection_id);
        };
        write!(f, "`ledger {}`", work.command)?;
        if let Some(generation) = work.generation {
            write!(f, " of generation {generation}")?;
        }
        if let Some(phase) = work.phase {
            write!(f, ", phase {}", phase.as_str())?;
        }
        write!(f, " ({}, since {} UTC)", work.holder, work.since.format("%Y-%m-%d %H:%M:%S"))
    }
}

/// The guard, held.
pub struct Guard {
    connection: MySqlConnection,
}

impl Guard {
    /// Takes the guard with a connection of the owner.
    ///
    /// # Errors
    /// [`GenerationsError::Guarded`], naming who holds it; tables of another version of this program; or the database's.
    pub async fn take(owner: &DatabaseUrl, work: Work) -> Result<Self, GenerationsError> {
        let mut connection = database::connect(owner).await?;
        schema_version::check(&mut connection).await?;
        lock(&mut connection).await?;
        sqlx::query("REPLACE INTO generation_guard VALUES (1, CONNECTION_ID(), ?, NULL, ?, ?)")
            .bind(work.as_str())
            .bind(this_process())
            .bind(Utc::now())
            .execute(&mut connection)
            .await
            .map_err(sql(TAKING))?;
        Ok(Self { connection })
    }

    /// Says which generation is worked on, for whoever is refused meanwhile.
    ///
    /// # Errors
    /// The database's.
    pub async fn works_on(&mut self, generation: i32) -> Result<(), GenerationsError> {
        sqlx::query("UPDATE generation_guard SET generation = ?")
            .bind(generation)
            .execute(&mut self.connection)
            .await
            .map(drop)
            .map_err(sql("writing who holds the guard"))
    }

    /// The connection that holds it. An error that ends the connection ends the guard.
    pub fn connection(&mut self) -> &mut MySqlConnection {
        &mut self.connection
    }

    /// Gives it back. What fails here ends with the connection all the same.
    pub async fn release(mut self) {
        // The lock first, so that nobody sees it held without a word; the next holder's row is not ours to delete.
        let _ = self.connection.execute("DO RELEASE_LOCK(CONCAT('ledger.rebuild.', DATABASE()))").await;
        let _ = self.connection.execute("DELETE FROM generation_guard WHERE connection_id = CONNECTION_ID()").await;
        let _ = self.connection.close().await;
    }
}

/// Gets the named lock, which nobody can hold twice.
async fn lock(connection: &mut MySqlConnection) -> Result<(), GenerationsError> {
    for _ in 0..ATTEMPTS {
        let got: Option<i32> = sqlx::query_scalar("SELECT GET_LOCK(CONCAT('ledger.rebuild.', DATABASE()), ?)")
            .bind(WAIT.as_secs())
            .fetch_one(&mut *connection)
            .await
            .map_err(sql(TAKING))?;
        if got == Some(1) {
            return Ok(());
        }
        // Nobody: its holder ended between the two questions.
        if let Some(holder) = holder(connection).await? {
            return Err(GenerationsError::Guarded(holder));
        }
    }
    Err(GenerationsError::NoGuard)
}

/// Who holds the guard now. It only reads, and needs the reader's rights only.
///
/// # Errors
/// The database's.
pub async fn holder(connection: &mut MySqlConnection) -> Result<Option<Holder>, GenerationsError> {
    const READING: &str = "reading who holds the guard";
    let holding: Option<i64> =
        sqlx::query_scalar("SELECT CAST(IS_USED_LOCK(CONCAT('ledger.rebuild.', DATABASE())) AS SIGNED)")
            .fetch_one(&mut *connection)
            .await
            .map_err(sql(READING))?;
    let Some(connection_id) = holding else { return Ok(None) };
    #[derive(FromRow)]
    struct Row {
        command: String,
        generation: Option<i32>,
        holder: String,
        since: DateTime<Utc>,
    }
    // A row of another connection was left behind by a holder that died.
    let row: Option<Row> =
        sqlx::query_as("SELECT command, generation, holder, since FROM generation_guard WHERE connection_id = ?")
            .bind(connection_id)
            .fetch_optional(&mut *connection)
            .await
            .map_err(sql(READING))?;
    let Some(Row { command, generation, holder, since }) = row else {
        return Ok(Some(Holder { connection_id, work: None }));
    };
    let built = match generation {
        Some(generation) => record::find(connection, generation).await?,
        None => None,
    };
    let phase = built.filter(|row| row.state == State::Building).map(|row| row.phase);
    Ok(Some(Holder { connection_id, work: Some(HolderWork { command, generation, phase, holder, since }) }))
}

/// Host and process id of this process.
pub(super) fn this_process() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() { "this host" } else { host };
    // What the column holds; a host's name is far shorter.
    let host: String = host.chars().take(255).collect();
    format!("{host} pid {}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_named_as_far_as_it_is_known() {
        let since = DateTime::from_timestamp(1_795_449_600, 0).expect("a time");
        let work = |generation, phase| {
            let (command, holder) = ("rebuild".to_owned(), "h pid 7".to_owned());
            Holder { connection_id: 9, work: Some(HolderWork { command, generation, phase, holder, since }) }
        };
        let time = since.format("%Y-%m-%d %H:%M:%S");
        for (holder, says) in [
            (Holder { connection_id: 9, work: None }, "another command (database connection 9)".to_owned()),
            (work(None, None), format!("`ledger rebuild` (h pid 7, since {time} UTC)")),
            (
                work(Some(4), Some(record::Phase::CatchUp)),
                format!("`ledger rebuild` of generation 4, phase catch-up (h pid 7, since {time} UTC)"),
            ),
        ] {
            assert_eq!(holder.to_string(), says);
        }
    }
}
