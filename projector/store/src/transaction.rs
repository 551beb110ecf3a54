//! The transaction of a batch, once for every store: one connection, opened anew when it was lost; begin, commit and roll back;
//! and what may be used again afterwards. It must never leave a transaction open: every error rolls back, or drops the
//! connection, which makes the server roll back. No answer in time is such an error, for each step and for the COMMIT.

use std::future::Future;

use ledger_database::{DatabaseUrl, Limit, Silence, WORK_LIMIT, Watched};
use ledger_failpoints::FailPoint;
use sqlx::{Executor, MySqlConnection};

use crate::batch::Written;
use crate::effects::Steps;
use crate::error::{StoreError, at};

/// The one connection of a store.
pub(crate) struct Session {
    url: DatabaseUrl,
    connection: Option<Watched>,
}

impl Session {
    /// It connects when it is first used.
    pub(crate) fn new(url: DatabaseUrl) -> Self {
        Self { url, connection: None }
    }

    /// Takes the connection out, opening one where there is none. Whoever takes it puts it back when it is sound; one that
    /// is not put back is closed, and the server rolls back what it held.
    pub(crate) async fn take(&mut self) -> Result<Watched, StoreError> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => Ok(Watched::open(&self.url).await?),
        }
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
            Ok(Steps::Done) => match answered("committing", connection.run(LIMIT, commit)).await {
                Ok(()) => Ok(Written::Committed),
                // Whatever the error says: the connection is dropped, and the position says what happened.
                Err(error) => return Ok(Written::CommitUnknown(error)),
            },
            Ok(Steps::Missed(partitions)) => Ok(Written::Missed(partitions)),
            Ok(Steps::IdKnown) => Ok(Written::IdKnown),
            Err(error) => Err(error),
        };
        let sound = match &written {
            Ok(Written::Committed) => true,
            Err(error) if error.ends_connection() => false,
            // Also after errors that seem harmless: 1205 rolls back its statement only, and the transaction would continue.
            _ => answered("rolling back", connection.run(LIMIT, rollback)).await.is_ok(),
        };
        if sound {
            self.put_back(connection);
        }
        written
    }
}

/// Of the steps up to the COMMIT together, of the COMMIT, and of each reading.
pub(crate) const LIMIT: Limit = Limit::Of(WORK_LIMIT);

/// What watched work gave; without an answer, an error as of a connection that broke.
pub(crate) async fn answered<T>(
    step: &'static str,
    work: impl Future<Output = Result<Result<T, StoreError>, Silence>>,
) -> Result<T, StoreError> {
    work.await.map_err(|silence| at(step)(silence.into()))?
}

pub(crate) async fn begin(connection: &mut MySqlConnection) -> Result<(), StoreError> {
    connection.execute("START TRANSACTION").await.map_err(at("beginning the transaction"))?;
    ledger_failpoints::reach(FailPoint::StoreBegun);
    Ok(())
}

async fn commit(connection: &mut MySqlConnection) -> Result<(), StoreError> {
    ledger_failpoints::reach(FailPoint::StoreWritten);
    connection.execute("COMMIT").await.map_err(at("committing"))?;
    ledger_failpoints::reach(FailPoint::StoreCommitted);
    Ok(())
}

async fn rollback(connection: &mut MySqlConnection) -> Result<(), StoreError> {
    connection.execute("ROLLBACK").await.map(drop).map_err(at("rolling back"))
}
