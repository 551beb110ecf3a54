//! API keys of the projector's callers, read by a connection for each look: who asks here are probes, scrapers and people, and what was read is kept for
//! some seconds (`ledger-auth`). It must never hold a connection, nor wait for a silent database for longer than [`LIMIT`].

use std::time::Duration;

use async_trait::async_trait;
use ledger_auth::{KeyId, KeySource, StoredKey, key_table};
use ledger_database::{DatabaseUrl, Watched};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(5);

/// The keys' table.
#[derive(Debug, Clone)]
pub struct KeysOfDatabase {
    database: DatabaseUrl,
}

impl KeysOfDatabase {
    /// `database` is the projector's.
    #[must_use]
    pub fn new(database: DatabaseUrl) -> Self {
        Self { database }
    }

    async fn connection(&self) -> Result<Watched, String> {
        let opened = timeout(LIMIT, ledger_database::connect(&self.database)).await;
        let opened = opened.map_err(|_| format!("no connection within {} s", LIMIT.as_secs()))?;
        opened.map(|connection| connection.unwatched()).map_err(|error| error.to_string())
    }
}

/// A statement that is given up leaves a connection in an unknown state: it is dropped with it.
async fn limited<T>(statement: impl Future<Output = sqlx::Result<T>>) -> Result<T, String> {
    match timeout(LIMIT, statement).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
    }
}

#[async_trait]
impl KeySource for KeysOfDatabase {
    async fn find(&self, id: &KeyId) -> Result<Option<StoredKey>, String> {
        let mut connection = self.connection().await?;
        let found = limited(key_table::find(&mut connection, id)).await?;
        connection.close().await;
        Ok(found)
    }

    async fn mark_used(&self, id: &KeyId) -> Result<(), String> {
        let mut connection = self.connection().await?;
        limited(key_table::mark_used(&mut connection, id)).await?;
        connection.close().await;
        Ok(())
    }
}
