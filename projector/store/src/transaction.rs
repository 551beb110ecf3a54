//! The transaction of a batch, once for every store: one connection, opened anew when it was lost; commit and roll back;
//! and what may be used again afterwards. It must never leave a transaction open: every error rolls back, or drops the
//! connection, which makes the server roll back. No answer in time is such an error, for each step and for the COMMIT.

use std::time::Duration;

use ledger_database::{DatabaseUrl, Fault, Watched};
use ledger_failpoints::FailPoint;
use sqlx::{AssertSqlSafe, Executor};

use crate::batch::Written;
use crate::effects::Steps;
use crate::error::{StoreError, at};

/// How long the server may rest while we wait for its answer, at first. It grows with each write whose connection was lost or given up,
/// and shrinks with each that is committed: what was sent may still be on its way, and would not get there in the same time again. So
/// a batch, or a single large row, gets through a slow way in the end.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);
/// How patient the server is with us inside a transaction, as every session sets it (`idle_write_transaction_timeout`).
const SERVER_PATIENCE: Duration = Duration::from_secs(10);
const MOST_PATIENCE: Duration = Duration::from_secs(64);
const GROWTH: u32 = 4;

/// The one connection of a store.
pub(crate) struct Session {
    url: DatabaseUrl,
    connection: Option<Watched>,
    patience: Duration,
}

impl Session {
    /// It connects when it is first used.
    pub(crate) fn new(url: DatabaseUrl) -> Self {
        Self { url, connection: None, patience: LEAST_PATIENCE }
    }

    /// Takes the connection out, opening one where there is none. Whoever takes it puts it back when it is sound; one that
    /// is not put back is closed, and the server rolls back what it held.
    pub(crate) async fn take(&mut self) -> Result<Watched, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => ledger_database::connect(&self.url).await?,
        };
        connection.set_patience(self.patience);
        if self.patience > SERVER_PATIENCE {
            let seconds = self.patience.as_secs();
            let text = format!("SET SESSION idle_write_transaction_timeout = {seconds}");
            connection.execute(AssertSqlSafe(text)).await.map_err(at("making the server patient"))?;
        }
        Ok(connection)
    }

    /// Keeps a connection that is sound: no transaction is open on it.
    pub(crate) fn put_back(&mut self, connection: Watched) {
        self.connection = connection.is_sound().then_some(connection);
    }

    /// Ends the transaction that `steps` were taken in: commits it when all were done, else rolls it back.
    pub(crate) async fn settle(
        &mut self,
        mut connection: Watched,
        steps: Result<Steps, StoreError>,
    ) -> Result<Written, StoreError> {
        let written = match steps {
            Ok(Steps::Done) => match commit(&mut connection).await {
                Ok(()) => Ok(Written::Committed),
                // Whatever the error says: the connection is dropped, and the position says what happened.
                Err(error) => {
                    self.heed(&error);
                    return Ok(Written::CommitUnknown(error));
                }
            },
            Ok(Steps::Missed(partitions)) => Ok(Written::Missed(partitions)),
            Ok(Steps::IdKnown) => Ok(Written::IdKnown),
            Err(error) => Err(error),
        };
        let sound = match &written {
            Ok(Written::Committed) => {
                // A new connection makes the server impatient again.
                let is_kept = self.patience <= SERVER_PATIENCE;
                self.patience = (self.patience / GROWTH).max(LEAST_PATIENCE);
                is_kept
            }
            Err(error) if error.ends_connection() => {
                self.heed(error);
                false
            }
            // Also after errors that seem harmless: 1205 rolls back its statement only, and the transaction would continue.
            _ => rollback(&mut connection).await.is_ok(),
        };
        if sound {
            self.put_back(connection);
        }
        written
    }

    /// The next attempt gets more time where this one may have had too little.
    fn heed(&mut self, error: &StoreError) {
        if matches!(error.fault(), Some(Fault::ConnectionLost | Fault::Ended)) {
            self.patience = (self.patience * GROWTH).min(MOST_PATIENCE);
        }
    }
}

async fn commit(connection: &mut Watched) -> Result<(), StoreError> {
    ledger_failpoints::reach(FailPoint::StoreWritten);
    connection.execute("COMMIT").await.map_err(at("committing"))?;
    ledger_failpoints::reach(FailPoint::StoreCommitted);
    Ok(())
}

async fn rollback(connection: &mut Watched) -> Result<(), StoreError> {
    connection.execute("ROLLBACK").await.map(drop).map_err(at("rolling back"))
}
