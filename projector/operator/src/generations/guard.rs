//! The guard: one command at a time changes anything about generations. It is a named lock of the server, held by a
//! connection of its own, so that it ends with whoever held it, also by kill -9. The swap runs on that very connection:
//! whoever lost the guard cannot swap. It is never opened anew by itself.

use std::time::Duration;

use chrono::Utc;
use ledger_database::DatabaseUrl;
use ledger_database::schema_version;
use ledger_store::generations::{Work, holder};
use sqlx::{Connection, Executor, MySqlConnection};

use super::error::{GenerationsError, sql};

/// How long the guard is waited for: the server may just be noticing that its last holder died.
const WAIT: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 5;
const TAKING: &str = "taking the guard of the generations";

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
        let mut connection = ledger_database::connect(owner).await?;
        schema_version::check(&mut connection).await?;
        lock(&mut connection).await?;
        sqlx::query(
            "REPLACE INTO generation_guard (only_row, connection_id, command, generation, holder, since, swapping) \
             VALUES (1, CONNECTION_ID(), ?, NULL, ?, ?, FALSE)",
        )
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

    /// Sets or takes back the barrier of a swap. It counts while this connection lives.
    ///
    /// # Errors
    /// The database's, or [`GenerationsError::NoGuard`] when the row is not ours any more.
    pub(super) async fn set_barrier(&mut self, swapping: bool) -> Result<(), GenerationsError> {
        let done = sqlx::query("UPDATE generation_guard SET swapping = ? WHERE connection_id = CONNECTION_ID()")
            .bind(swapping)
            .execute(&mut self.connection)
            .await
            .map_err(sql("setting the barrier of a swap"))?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(GenerationsError::NoGuard) }
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

/// Host and process id of this process.
pub(super) fn this_process() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() { "this host" } else { host };
    // What the column holds; a host's name is far shorter.
    let host: String = host.chars().take(255).collect();
    format!("{host} pid {}", std::process::id())
}
