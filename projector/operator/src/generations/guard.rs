//! The guard: one command at a time changes anything about generations. It is a named lock of the server, held by a
//! connection of its own, so that it ends with whoever held it, also by kill -9. The swap runs on that very connection:
//! whoever lost the guard cannot swap. It is never opened anew by itself.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use chrono::Utc;
use ledger_database::schema_version;
use ledger_database::{DatabaseUrl, Watched};
use ledger_store::generations::{Work, holder};
use sqlx::{AssertSqlSafe, Executor};

use super::error::{GenerationsError, sql};
use super::holder_connection::HolderConnection;

/// How long the guard is waited for: the server may just be noticing that its last holder died.
const WAIT: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 5;
const TAKING: &str = "taking the guard of the generations";
/// How long the server keeps the guard of a holder that says nothing, in seconds, while the barrier of a swap stands. A holder
/// that is frozen, or cut off, then loses guard and barrier, and the relays publish again. Else the server keeps it for
/// weeks: a rebuild may wait that long for an index, or for a person.
const BARRIER_LIMIT_SECONDS: u32 = 120;
const LIMIT_SECONDS: u32 = 2_592_000;
/// How often the server is shown that the holder lives, while something else is waited for.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);
/// How long the server may take to answer that.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// The guard, held.
pub struct Guard {
    connection: Watched,
    /// A sign of life was not answered: what the connection reads next may be the answer to it, so it is used no more.
    in_doubt: bool,
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
        Ok(Self { connection, in_doubt: false })
    }

    /// Says which generation is worked on, for the command that is refused meanwhile.
    ///
    /// # Errors
    /// The database's.
    pub async fn works_on(&mut self, generation: i32) -> Result<(), GenerationsError> {
        sqlx::query("UPDATE generation_guard SET generation = ? WHERE connection_id = CONNECTION_ID()")
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
        const STEP: &str = "setting the barrier of a swap";
        if self.in_doubt {
            return Err(GenerationsError::NoGuard);
        }
        // Set: the short limit first. Taken back: the long limit last. A holder that is frozen in between never keeps the barrier
        // for longer than the short one.
        if swapping {
            self.limit_silence(BARRIER_LIMIT_SECONDS).await?;
        }
        let done = sqlx::query("UPDATE generation_guard SET swapping = ? WHERE connection_id = CONNECTION_ID()")
            .bind(swapping)
            .execute(&mut self.connection)
            .await
            .map_err(sql(STEP))?;
        if done.rows_affected() != 1 {
            return Err(GenerationsError::NoGuard);
        }
        if swapping { Ok(()) } else { self.limit_silence(LIMIT_SECONDS).await }
    }

    /// How long the server keeps the connection, and with it the guard, when nothing comes from us.
    async fn limit_silence(&mut self, seconds: u32) -> Result<(), GenerationsError> {
        let limit = AssertSqlSafe(format!("SET SESSION wait_timeout = {seconds}"));
        self.connection.execute(limit).await.map(drop).map_err(sql("limiting the silence of the guard"))
    }

    /// Waits for `awaited` and shows the server meanwhile that the holder lives. What is awaited must not use this connection.
    ///
    /// # Errors
    /// The database's, when the guard is lost; `awaited` is given up then.
    pub async fn while_held<T>(&mut self, awaited: impl Future<Output = T>) -> Result<T, GenerationsError> {
        let mut awaited = pin!(awaited);
        loop {
            tokio::select! {
                done = &mut awaited => return Ok(done),
                () = tokio::time::sleep(SIGN_OF_LIFE) => {}
            }
            // Outside of the race: what this connection waits for is never cut off.
            self.show_life().await.map_err(sql("holding the guard of the generations"))?;
        }
    }

    /// Shows the server that the holder lives.
    ///
    /// # Errors
    /// The guard is lost, or nobody knows.
    pub async fn show_life(&mut self) -> Result<(), sqlx::Error> {
        self.in_doubt = true;
        match tokio::time::timeout(ANSWER_LIMIT, self.connection.ping()).await {
            Ok(answered) => answered?,
            Err(_) => return Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
        self.in_doubt = false;
        Ok(())
    }

    /// The connection that holds it. An error that ends the connection ends the guard.
    pub fn connection(&mut self) -> &mut Watched {
        &mut self.connection
    }

    /// Gives it back. What fails here ends with the connection all the same.
    pub async fn release(self) {
        if self.in_doubt {
            return;
        }
        // A server that went silent must not keep the command from ending; the guard ends with the connection.
        let _ = tokio::time::timeout(ANSWER_LIMIT, self.give_back()).await;
    }

    async fn give_back(mut self) {
        // The lock first, so that nobody finds it held without a row; the next holder's row is not ours to delete.
        drop(self.connection.execute("DO RELEASE_LOCK(CONCAT('ledger.rebuild.', DATABASE()))").await);
        drop(self.connection.execute("DELETE FROM generation_guard WHERE connection_id = CONNECTION_ID()").await);
        self.connection.close().await;
    }
}

/// Gets the named lock, which nobody can hold twice.
async fn lock(connection: &mut Watched) -> Result<(), GenerationsError> {
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
            let seen = HolderConnection::read(connection, holder.connection_id).await.map_err(sql(TAKING))?;
            return Err(GenerationsError::Guarded { holder: Box::new(holder), connection: seen });
        }
    }
    Err(GenerationsError::NoGuard)
}

/// Host and process id of this process.
pub(super) fn this_process() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
    // A system without that file has a name for the operator all the same.
    let host = host.as_deref().map(str::trim).ok().filter(|host| !host.is_empty()).unwrap_or("this host");
    // What the column holds; a host's name is far shorter.
    let host: String = host.chars().take(255).collect();
    format!("{host} pid {}", std::process::id())
}
