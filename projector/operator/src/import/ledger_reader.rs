//! The import's connection to MariaDB, as the reader. Every query is a plain read, so one that failed with the connection is
//! simply sent again. It must never write. Next: [`super::stored`], the queries.

use std::time::{Duration, Instant};

use backon::{ConstantBuilder, Retryable};
use ledger_database::{DatabaseUrl, NO_SUCH_TABLE, Watched, fault_of, number_of};
use ledger_fold::log_safety::LogRefusal;
use ledger_store::StoreError;
use ledger_store::log_check::LogCheckError;
use ledger_store::positions::{self, StoredPosition};
use uuid::Uuid;

use super::error::ImportError;
use super::stored::{self, StoredMovements, StoredOrders};

/// How long a server that is away is waited for: longer than it takes to restart.
const PATIENCE: Duration = Duration::from_secs(30);
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

pub(crate) struct LedgerReader {
    url: DatabaseUrl,
    connection: Watched,
}

impl LedgerReader {
    pub(crate) async fn connect(url: DatabaseUrl) -> Result<Self, ImportError> {
        let connection = ledger_database::connect(&url).await?;
        Ok(Self { url, connection })
    }

    /// The positions of `topic`; refused where the tables are missing, or belong to another topic.
    pub(crate) async fn positions(&mut self, topic: &str) -> Result<Vec<StoredPosition>, ImportError> {
        let tables = |error| match &error {
            StoreError::Database { cause, .. } if number_of(cause) == Some(NO_SUCH_TABLE) => ImportError::NoTables,
            _ => LogCheckError::Store(error).into(),
        };
        if let Some(found) = positions::other_topic(&mut self.connection, topic).await.map_err(tables)? {
            return Err(
                LogCheckError::from(LogRefusal::PositionsOfAnotherTopic { expected: topic.to_owned(), found }).into()
            );
        }
        positions::read(&mut self.connection, topic).await.map_err(tables)
    }

    /// Whether the ledger holds any order.
    pub(crate) async fn has_orders(&mut self) -> Result<bool, ImportError> {
        self.asked(async |connection| stored::has_orders(connection).await).await
    }

    /// The next ids of orders after `after`, in their order; `limit` at most.
    pub(crate) async fn ids_after(&mut self, after: Option<Uuid>, limit: u32) -> Result<Vec<Uuid>, ImportError> {
        self.asked(async |connection| stored::ids_after(connection, after, limit).await).await
    }

    pub(crate) async fn orders(&mut self, ids: &[Uuid]) -> Result<StoredOrders, ImportError> {
        self.asked(async |connection| stored::orders(connection, ids).await).await
    }

    pub(crate) async fn movements(&mut self, ids: &[Uuid]) -> Result<StoredMovements, ImportError> {
        self.asked(async |connection| stored::movements(connection, ids).await).await
    }

    /// Asks until there is an answer, for [`PATIENCE`].
    async fn asked<T>(
        &mut self,
        query: impl AsyncFn(&mut Watched) -> Result<T, sqlx::Error>,
    ) -> Result<T, ImportError> {
        let started = Instant::now();
        loop {
            let failed = match query(&mut self.connection).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !fault_of(&failed).passes() || started.elapsed() > PATIENCE {
                return Err(ImportError::Query(failed));
            }
            tracing::warn!(error = %failed, "the database did not answer a look-up: asking again");
            self.reconnect(started).await?;
        }
    }

    async fn reconnect(&mut self, started: Instant) -> Result<(), ImportError> {
        // Also before the first attempt: a server that refused a look-up is busy.
        tokio::time::sleep(RETRY_INTERVAL).await;
        let opened = (|| ledger_database::connect(&self.url))
            .retry(ConstantBuilder::default().with_delay(RETRY_INTERVAL).without_max_times())
            .when(|error| error.is_retryable() && started.elapsed() < PATIENCE);
        self.connection = opened.await?;
        Ok(())
    }
}
