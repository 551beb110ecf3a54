//! How one statement runs: on a kept connection, and once more on a new one where the kept one was dead or silent.
//!
//! A cancelled sqlx future leaves a connection in an unknown state: nothing is raced against a timer outside of [`Reader::run`],
//! and what lost the race is thrown away with its connection. Every statement is one of a few fixed texts.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ledger_database::{DatabaseUrl, Watched, fault_of, is_read_worth_repeating};
use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::query::Query;
use sqlx::{FromRow, MySql};
use tokio::time::timeout;

use super::connections::{Connections, Taken};
use super::error::ReadError;
use super::gathered::Gathered;
use super::standing::{Concern, Snapshot, take_apart};
use crate::metrics::Metrics;
use crate::readiness::Dependency;

/// A statement on its way to the server.
type Running<'c, T> = Pin<Box<dyn Future<Output = sqlx::Result<T>> + Send + 'c>>;

/// A statement that parameters are bound to.
pub(super) type Statement = Query<'static, MySql, MySqlArguments>;

/// Reads, on connections that are kept.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    connections: Arc<Connections>,
    query_timeout: Duration,
    pub(super) orders_topic: Arc<str>,
    metrics: Arc<Metrics>,
    pub(super) gathered: Arc<Gathered>,
}

/// Where is read, and within what limits.
#[derive(Debug, Clone)]
pub(crate) struct ReaderOptions {
    pub(crate) url: DatabaseUrl,
    pub(crate) connections: u32,
    /// Limit of waiting for a connection, again of opening one, and again of one query.
    pub(crate) timeout: Duration,
    pub(crate) orders_topic: Arc<str>,
}

impl Reader {
    /// It connects when it is first used.
    pub(crate) fn new(options: ReaderOptions, metrics: Arc<Metrics>) -> Self {
        let connections = Arc::new(Connections::new(options.url, options.connections));
        Self {
            connections,
            query_timeout: options.timeout,
            orders_topic: options.orders_topic,
            metrics,
            gathered: Arc::default(),
        }
    }

    /// Runs one read to its end, whether or not its caller still waits: in a task of its own, because a handler is dropped when its
    /// client goes away. A read can be repeated, so it is tried once more, on a new connection, where the first was dead.
    ///
    /// # Errors
    /// [`ReadError`], all of them retryable.
    pub(super) async fn run<T, F>(&self, query: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: for<'c> Fn(&'c mut Watched) -> Running<'c, T> + Send + Sync + 'static,
    {
        let this = self.clone();
        let task = tokio::spawn(async move { this.attempts(&query).await });
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

    pub(crate) fn close(&self) {
        self.connections.close();
    }

    async fn attempts<T, F>(&self, query: &F) -> Result<T, ReadError>
    where
        F: for<'c> Fn(&'c mut Watched) -> Running<'c, T>,
    {
        let limit = self.query_timeout;
        let place = self.connections.place(limit).await?;
        let taken = self.connections.take(&place, limit).await?;
        // A connection that went silent while it was idle must leave time for a new one.
        let (was_kept, first_limit) = (taken.was_kept, if taken.was_kept { limit / 2 } else { limit });
        let error = match self.attempt(taken, first_limit, query).await {
            Err(error) if is_worth_repeating(&error, was_kept) => error,
            done => return done,
        };
        if was_kept {
            self.connections.forget_idle();
            self.metrics.dead_connections.increment(1);
        }
        tracing::debug!(%error, was_kept, "a read is tried again, on a new connection");
        let taken = self.connections.fresh(&place, limit).await?;
        self.attempt(taken, limit, query).await
    }

    /// The connection is kept where its statement ended, and did not end it.
    async fn attempt<T, F>(&self, mut taken: Taken, limit: Duration, query: &F) -> Result<T, ReadError>
    where
        F: for<'c> Fn(&'c mut Watched) -> Running<'c, T>,
    {
        let result = timeout(limit, query(&mut taken.connection)).await;
        match result {
            Ok(Ok(found)) => {
                self.connections.put_back(taken);
                Ok(found)
            }
            Ok(Err(error)) => {
                if ledger_database::number_of(&error).is_some() && !fault_of(&error).ends_connection() {
                    self.connections.put_back(taken);
                }
                Err(error.into())
            }
            // Its answer may still come: the connection is thrown away.
            Err(_) => Err(ReadError::Slow { limit }),
        }
    }
}

/// Whether a new connection may give what this one did not.
fn is_worth_repeating(error: &ReadError, was_kept: bool) -> bool {
    match error {
        ReadError::Database(error) => is_read_worth_repeating(error),
        ReadError::Slow { .. } => was_kept,
        ReadError::Connect(_) | ReadError::Busy { .. } | ReadError::Stopped | ReadError::Shared(_) => false,
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

#[cfg(test)]
mod tests {
    use ledger_database::fault::{KNOWN, Known};
    use ledger_database::{Fault, number_of};
    use sqlx::{Executor, Row};

    use super::super::scripted_server::{ANSWER, QUESTION, ScriptedServer};
    use super::*;

    async fn asked(reader: &Reader) -> Result<i64, ReadError> {
        reader.run(|connection| Box::pin(async move { connection.fetch_one(QUESTION).await?.try_get(0) })).await
    }

    fn reader(server: &ScriptedServer) -> Reader {
        let options = ReaderOptions {
            url: server.url(),
            connections: 1,
            timeout: Duration::from_secs(60),
            orders_topic: "orders".into(),
        };
        Reader::new(options, Arc::new(Metrics::new(&[])))
    }

    /// Every number that is known: tried once more where that can help, and never on a connection that it ended.
    #[tokio::test]
    async fn what_a_read_does_about_every_number() {
        let server = ScriptedServer::start().await;
        for Known { number, name, fault, .. } in KNOWN {
            let (reader, before) = (reader(&server), server.opened());
            let opened = || server.opened() - before;
            server.refuse_next(*number);
            let read = asked(&reader).await;
            if matches!(fault, Fault::ConnectionLost | Fault::Ended | Fault::Retry) {
                assert_eq!((read.expect(name), opened()), (ANSWER, 2), "{name}: tried again, on a new connection");
            } else {
                let Err(ReadError::Database(error)) = read else { panic!("{name}: {read:?}") };
                assert_eq!((number_of(&error), opened()), (Some(*number), 1), "{name}");
            }
            let new = if matches!(fault, Fault::Refused(_)) { 2 } else { opened() };
            assert_eq!((asked(&reader).await.expect(name), opened()), (ANSWER, new), "{name}: the next read");
            reader.close();
        }
    }
}
