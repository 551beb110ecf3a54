//! A connection whose silence is noticed: every statement is watched, whoever gives it, since a [`Watched`] is what [`crate::connect()`] opens,
//! and an executor of sqlx. How a silence is looked into: `silence.rs`.
//!
//! It must never let a connection be used again whose work was given up: an answer may still come, or a transaction be open. Such
//! a connection refuses all further work; whoever holds it drops it, which closes its socket without waiting for anything.
//! What the given-up work did is unknown, as with any lost connection.

use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use sqlx::mysql::{MySqlQueryResult, MySqlRow};
use sqlx::{Connection, Database, Describe, Either, Execute, Executor, MySql, MySqlConnection, SqlStr};
use tokio::time::timeout;

use crate::silence::{Silence, Way};
use crate::url::DatabaseUrl;

/// How long the server may rest while we wait, where nothing else is said.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Longest that a closing is waited for.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// An open connection, watched: `&mut Watched` is given to statements in place of the driver's own.
#[derive(Debug)]
pub struct Watched {
    connection: MySqlConnection,
    way: Way,
    is_given_up: bool,
}

impl Watched {
    pub(crate) fn of(connection: MySqlConnection, url: DatabaseUrl, id: i64) -> Self {
        Self { connection, way: Way { url, id, patience: Some(PATIENCE), limit: None }, is_given_up: false }
    }

    /// How long the server may rest while we wait. Behind a slow way, or one that takes a whole statement before it passes it on,
    /// a large statement needs more.
    pub fn set_patience(&mut self, patience: Duration) {
        self.way.patience = Some(patience);
    }

    /// How long a statement may take, also while the server works on it: for whoever must not be kept for longer. It runs on, on the server.
    pub fn set_limit(&mut self, limit: Duration) {
        self.way.limit = Some(limit);
    }

    /// For work that has limits of its own, after which the connection is dropped.
    #[must_use]
    pub fn unwatched(mut self) -> Self {
        self.way.patience = None;
        self
    }

    /// Does work of many statements that takes the driver's own connection alone. What lasts without asking the server anything must
    /// not be part of it: the server is found resting.
    ///
    /// # Errors
    /// [`Silence`]: it is unknown what the work did, and the connection is to be dropped.
    pub async fn run<'c, W: Future>(
        &'c mut self,
        work: impl FnOnce(&'c mut MySqlConnection) -> W,
    ) -> Result<W::Output, Silence> {
        let Self { connection, way, is_given_up } = self;
        if *is_given_up {
            return Err(way.given_up_before());
        }
        // Also when this future is dropped half-way.
        *is_given_up = true;
        let done = way.watch(work(connection)).await?;
        *is_given_up = false;
        Ok(done)
    }

    /// The server's number of it.
    pub fn id(&self) -> i64 {
        self.way.id
    }

    /// Whether it can be used again.
    pub fn is_sound(&self) -> bool {
        !self.is_given_up
    }

    /// Asks the server for an answer, and nothing else.
    ///
    /// # Errors
    /// The connection's.
    pub async fn ping(&mut self) -> Result<(), sqlx::Error> {
        let Self { connection, way, is_given_up } = self;
        answered(way, is_given_up, connection.ping()).await
    }

    /// Takes leave, so that the server does not warn of a client that just left. Whether that reaches it changes nothing.
    pub async fn close(self) {
        if self.is_sound() {
            let _ = timeout(CLOSE_LIMIT, self.connection.close()).await;
        }
    }
}

impl<'c> Executor<'c> for &'c mut Watched {
    type Database = MySql;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<MySqlQueryResult, MySqlRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, MySql>,
    {
        let Watched { connection, way, is_given_up } = self;
        let way = &*way;
        let rows = Some(connection.fetch_many(query));
        // Each row by itself: whoever takes them may take its time in between.
        let watched = stream::unfold((rows, is_given_up), move |(rows, is_given_up)| async move {
            let mut rows = rows?;
            let next = answered(way, is_given_up, async { rows.next().await.transpose() });
            match next.await {
                Ok(Some(row)) => Some((Ok(row), (Some(rows), is_given_up))),
                Ok(None) => None,
                Err(error) => Some((Err(error), (None, is_given_up))),
            }
        });
        Box::pin(watched)
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<MySqlRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, MySql>,
    {
        let Watched { connection, way, is_given_up } = self;
        Box::pin(answered(way, is_given_up, connection.fetch_optional(query)))
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [<MySql as Database>::TypeInfo],
    ) -> BoxFuture<'e, Result<<MySql as Database>::Statement, sqlx::Error>>
    where
        'c: 'e,
    {
        let Watched { connection, way, is_given_up } = self;
        Box::pin(answered(way, is_given_up, connection.prepare_with(sql, parameters)))
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<MySql>, sqlx::Error>>
    where
        'c: 'e,
    {
        let Watched { connection, way, is_given_up } = self;
        Box::pin(answered(way, is_given_up, connection.describe(sql)))
    }
}

/// What one piece of work gave; without an answer, an error as of a connection that broke.
async fn answered<T>(
    way: &Way,
    is_given_up: &mut bool,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    if *is_given_up {
        return Err(way.given_up_before().into());
    }
    // Also when this future is dropped half-way.
    *is_given_up = true;
    let done = way.watch(work).await?;
    *is_given_up = false;
    done
}
