//! The pool of reading connections, and how one statement runs on it.
//!
//! A cancelled sqlx future can hand a connection in an unknown state back to the pool: nothing is raced against a timer outside
//! of [`Reader::run`]. Every statement is one of a few fixed texts.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ledger_database::{DatabaseUrl, is_read_worth_repeating, settle};
use sqlx::mysql::{MySqlArguments, MySqlConnection, MySqlPoolOptions, MySqlRow};
use sqlx::query::Query;
use sqlx::{Executor, FromRow, MySql, MySqlPool};
use thiserror::Error;
use tokio::time::timeout;

use super::standing::{Concern, Snapshot, take_apart};
use crate::metrics::Metrics;
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

/// A statement on its way to the server.
type Running<'c, T> = Pin<Box<dyn Future<Output = sqlx::Result<T>> + Send + 'c>>;

/// A statement that parameters are bound to.
pub(super) type Statement = Query<'static, MySql, MySqlArguments>;

/// A pool of reading connections.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pool: MySqlPool,
    query_timeout: Duration,
    pub(super) orders_topic: Arc<str>,
    metrics: Arc<Metrics>,
}

/// How the pool behaves.
#[derive(Debug, Clone)]
pub(crate) struct ReaderOptions {
    pub(crate) url: DatabaseUrl,
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
            .after_connect(|connection, _| Box::pin(settle(connection)))
            .after_release(|connection, _| {
                Box::pin(async move {
                    connection.execute("ROLLBACK").await?;
                    Ok(true)
                })
            })
            .connect_lazy_with(options.url.options());
        Self { pool, query_timeout: options.timeout, orders_topic: options.orders_topic, metrics }
    }

    /// Runs one read to its end, whether or not its caller still waits: in a task of its own, because a handler is dropped when its
    /// client goes away. A read can be repeated, so what is over at once is tried once more.
    ///
    /// # Errors
    /// [`ReadError`], all of them retryable.
    pub(super) async fn run<T, F>(&self, query: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: for<'c> Fn(&'c mut MySqlConnection) -> Running<'c, T> + Send + Sync + 'static,
    {
        let (pool, limit) = (self.pool.clone(), self.query_timeout);
        let task = tokio::spawn(async move {
            match attempt(&pool, limit, &query).await {
                Err(ReadError::Database(error)) if is_read_worth_repeating(&error) => {
                    attempt(&pool, limit, &query).await
                }
                result => result,
            }
        });
        let result = match task.await {
            Ok(result) => result,
            Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            Err(_) => Err(ReadError::Stopped),
        };
        if result.is_err() {
            self.metrics.database_errors.increment(1);
        }
        result
    }

    /// Runs a statement of [`super::standing::with_standing`]; `bind` adds the parameters of its rows.
    ///
    /// # Errors
    /// [`ReadError`], all of them retryable.
    pub(super) async fn snapshot<T, B>(
        &self,
        text: &'static str,
        concern: Concern,
        bind: B,
    ) -> Result<Snapshot<Vec<T>>, ReadError>
    where
        T: for<'r> FromRow<'r, MySqlRow>,
        B: Fn(Statement) -> Statement + Send + Sync + 'static,
    {
        let topic = self.orders_topic.clone();
        let rows = self
            .run(move |connection| {
                let mut statement = sqlx::query(text);
                for _ in ["positions", "furthest_positions"] {
                    statement = statement.bind(topic.to_string());
                    if let Concern::One(partition) = concern {
                        statement = statement.bind(partition);
                    }
                }
                Box::pin(bind(statement).fetch_all(connection))
            })
            .await?;
        Ok(take_apart(&rows)?)
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

async fn attempt<T, F>(pool: &MySqlPool, limit: Duration, query: &F) -> Result<T, ReadError>
where
    F: for<'c> Fn(&'c mut MySqlConnection) -> Running<'c, T>,
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
