//! Reads of the projection (MariaDB), as the user that may only read.
//!
//! It must never open a transaction and never race a query against a timer outside [`Reader::run`]: a cancelled sqlx
//! future can hand a connection in an unknown state back to the pool. Every statement is one of a few fixed texts.

mod decisions;
mod orders;
mod positions;
mod stock;

pub(crate) use decisions::{Decision, UnderId};
pub(crate) use orders::OrderRow;
pub(crate) use positions::LogIdentity;
pub(crate) use stock::StockRow;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPoolOptions};
use sqlx::{Executor, MySqlPool};
use thiserror::Error;
use tokio::time::timeout;

use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::readiness::Dependency;

/// A read that did not succeed. Always worth a retry: the data is there, only the way to it is not.
#[derive(Debug, Error)]
pub(crate) enum ReadError {
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("database: no answer within {} ms", limit.as_millis())]
    Slow { limit: Duration },
    #[error("database: the reading task was stopped")]
    Stopped,
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        Self::Unavailable { part: "the database", cause: error.to_string() }
    }
}

type Query<'c, T> = Pin<Box<dyn Future<Output = sqlx::Result<T>> + Send + 'c>>;

/// A pool of reading connections.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pool: MySqlPool,
    query_timeout: Duration,
    orders_topic: Arc<str>,
    metrics: Arc<Metrics>,
}

/// How the pool behaves.
#[derive(Debug, Clone)]
pub(crate) struct ReaderOptions {
    pub(crate) connect: MySqlConnectOptions,
    pub(crate) connections: u32,
    /// Limit of taking a connection, and again of one query.
    pub(crate) timeout: Duration,
    pub(crate) orders_topic: Arc<str>,
}

impl Reader {
    /// A pool that connects when it is first used.
    pub(crate) fn new(options: ReaderOptions, metrics: Arc<Metrics>) -> Self {
        let pool = MySqlPoolOptions::new()
            .max_connections(options.connections)
            .acquire_timeout(options.timeout)
            // A connection that died while idle is found by its first query, which is tried twice.
            .test_before_acquire(false)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
                    Ok(())
                })
            })
            .after_release(|connection, _| {
                Box::pin(async move {
                    connection.execute("ROLLBACK").await?;
                    Ok(true)
                })
            })
            .connect_lazy_with(options.connect);
        Self { pool, query_timeout: options.timeout, orders_topic: options.orders_topic, metrics }
    }

    /// Runs one read to its end, whoever still waits for it: in a task of its own, because a handler is dropped when its
    /// client goes away. A lost connection is tried once more, since a read can be repeated.
    ///
    /// # Errors
    /// [`ReadError`], all of them retryable.
    async fn run<T, F>(&self, query: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: for<'c> Fn(&'c mut MySqlConnection) -> Query<'c, T> + Send + Sync + 'static,
    {
        let (pool, limit) = (self.pool.clone(), self.query_timeout);
        let task = tokio::spawn(async move {
            match attempt(&pool, limit, &query).await {
                Err(ReadError::Database(sqlx::Error::Io(_) | sqlx::Error::Protocol(_))) => {
                    attempt(&pool, limit, &query).await
                }
                result => result,
            }
        });
        let result = task.await.unwrap_or(Err(ReadError::Stopped));
        if result.is_err() {
            self.metrics.database_errors.increment(1);
        }
        result
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

async fn attempt<T, F>(pool: &MySqlPool, limit: Duration, query: &F) -> Result<T, ReadError>
where
    F: for<'c> Fn(&'c mut MySqlConnection) -> Query<'c, T>,
{
    let mut connection = pool.acquire().await?;
    match timeout(limit, query(&mut connection)).await {
        Ok(result) => Ok(result?),
        Err(_) => {
            // Its answer may still come: the connection is thrown away, never handed back.
            drop(connection.detach());
            Err(ReadError::Slow { limit })
        }
    }
}

#[async_trait]
impl Dependency for Reader {
    fn name(&self) -> &'static str {
        "database"
    }

    async fn probe(&self) -> Result<(), String> {
        self.identities().await.map(drop).map_err(|error| error.to_string())
    }
}
