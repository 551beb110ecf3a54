//! The transaction of a batch, once for every store: one connection, opened anew when it was lost; begin, commit and roll back;
//! and what may be used again afterwards. It must never leave a transaction open: every error rolls back, or drops the
//! connection, which makes the server roll back.

use ledger_database::DatabaseUrl;
use ledger_failpoints::FailPoint;
use sqlx::{Executor, MySqlConnection};

use crate::batch::Written;
use crate::effects::Steps;
use crate::error::{StoreError, at};

/// The one connection of a store.
pub(crate) struct Session {
    url: DatabaseUrl,
    connection: Option<MySqlConnection>,
}

impl Session {
    /// It connects when it is first used.
    pub(crate) fn new(url: DatabaseUrl) -> Self {
        Self { url, connection: None }
    }

    /// Takes the connection out, opening one where there is none. Whoever takes it puts it back when it is sound; one that
    /// is not put back is closed, and the server rolls back what it held.
    pub(crate) async fn take(&mut self) -> Result<MySqlConnection, StoreError> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => Ok(ledger_database::connect(&self.url).await?),
        }
    }

    /// Keeps a connection that is sound: no transaction is open on it.
    pub(crate) fn put_back(&mut self, connection: MySqlConnection) {
        self.connection = Some(connection);
    }

    /// Ends the transaction that `steps` were taken in: commits it when all were done, else rolls it back.
    pub(crate) async fn settle(
        &mut self,
        mut connection: MySqlConnection,
        steps: Result<Steps, StoreError>,
    ) -> Result<Written, StoreError> {
        let written = match steps {
            Ok(Steps::Done) => match commit(&mut connection).await {
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
            _ => rollback(&mut connection).await.is_ok(),
        };
        if sound {
            self.put_back(connection);
        }
        written
    }
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
