//! API keys, as `ledger-auth` asks for them. The one statement of a service that writes says that a key was used; on a replica that cannot be written to it
//! fails, and nothing else does.

use async_trait::async_trait;
use ledger_auth::{KeyId, KeySource, StoredKey, key_table};

use super::error::ReadError;
use super::pool::Reader;

impl Reader {
    /// Whether keys can be read at all.
    pub(crate) async fn check_keys(&self) -> Result<(), ReadError> {
        self.run(|connection| Box::pin(async move { key_table::check(connection).await })).await
    }
}

#[async_trait]
impl KeySource for Reader {
    async fn find(&self, id: &KeyId) -> Result<Option<StoredKey>, String> {
        let id = id.clone();
        let found = self.run(move |connection| {
            let id = id.clone();
            Box::pin(async move { key_table::find(connection, &id).await })
        });
        found.await.map_err(|error| error.to_string())
    }

    async fn mark_used(&self, id: &KeyId) -> Result<(), String> {
        let id = id.clone();
        let marked = self.run(move |connection| {
            let id = id.clone();
            Box::pin(async move { key_table::mark_used(connection, &id).await })
        });
        marked.await.map_err(|error| error.to_string())
    }
}
