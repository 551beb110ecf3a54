//! A connection whose silence is noticed. A peer that is gone without a word (a cable, a firewall that forgot the connection, a
//! host that lost its power) answers nothing and closes nothing, and the driver waits for ever: it knows no limit of a statement.
//! TCP keepalive (`keepalive.rs`) tells after half a minute that a host is gone, and nothing where a proxy in between still is. So each piece of work is watched: when no answer came for
//! [`SUSPICIOUS_AFTER`], the server is asked on another connection whether it still works on this one. A statement that the server
//! works on is waited for (building an index takes minutes); one that it does not work on, though we wait, is given up.
//!
//! It must never let a connection be used again whose work was given up: an answer may still come, or a transaction be open. Such
//! a connection refuses all further work; whoever holds it drops it, which closes its socket without waiting for anything.
//! What the given-up work did is unknown, as with any lost connection.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use sqlx::{Connection, MySqlConnection};
use thiserror::Error;
use tokio::time::{Instant, timeout};

use crate::connect::{DatabaseError, connect};
use crate::fault::number_of;
use crate::url::DatabaseUrl;

/// From when on a missing answer is looked into. A batch takes some tenths of a second.
pub const SUSPICIOUS_AFTER: Duration = Duration::from_secs(3);
/// Longest that work of a few statements may take, also when the server says that it works on it. Lock waits end after ten seconds.
pub const WORK_LIMIT: Duration = Duration::from_secs(60);
/// Longest that the server may take to answer what it does.
const QUESTION_LIMIT: Duration = Duration::from_secs(3);
/// A connection that the server finds idle for so long, in milliseconds, has had its answer, or never brought its statement.
const IDLE_MS: f64 = 1_000.0;
/// Longest that a closing is waited for.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// The users of this program may look at their own connections, and no other right is needed for that.
const DOES: &str =
    "SELECT COMMAND, CAST(TIME_MS AS DOUBLE), COALESCE(STATE, '') FROM information_schema.PROCESSLIST WHERE ID = ?";

/// Work on a connection was given up.
#[derive(Debug, Error)]
#[error("no answer for {:.1} s on connection {id}, given up: {found}", waited.as_secs_f64())]
pub struct Silence {
    /// The server's number of the connection.
    pub id: i64,
    pub waited: Duration,
    /// What the server says of it, if anything.
    pub found: String,
}

/// As a broken connection, which it is.
impl From<Silence> for sqlx::Error {
    fn from(silence: Silence) -> Self {
        Self::Io(io::Error::new(io::ErrorKind::TimedOut, silence))
    }
}

/// How long work may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Given up afterwards, whatever the server says.
    Of(Duration),
    /// For as long as the server says that it works on it.
    WhileWorkedOn,
}

/// An open connection, watched.
#[derive(Debug)]
pub struct Watched {
    connection: MySqlConnection,
    url: DatabaseUrl,
    id: i64,
    is_given_up: bool,
}

impl Watched {
    /// As [`connect()`].
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn open(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let mut connection = connect(url).await?;
        let asked = sqlx::query_scalar("SELECT CAST(CONNECTION_ID() AS SIGNED)").fetch_one(&mut connection);
        let id = match timeout(QUESTION_LIMIT, asked).await {
            Ok(asked) => asked.map_err(|error| DatabaseError::of(url, error))?,
            Err(_) => return Err(DatabaseError::silent(url, QUESTION_LIMIT)),
        };
        Ok(Self { connection, url: url.clone(), id, is_given_up: false })
    }

    /// Does work of statements alone. What lasts without asking the server anything must not be part of it: the server finds
    /// such a connection idle.
    ///
    /// # Errors
    /// [`Silence`]: it is unknown what the work did, and the connection is to be dropped.
    pub async fn run<'c, W: Future>(
        &'c mut self,
        limit: Limit,
        work: impl FnOnce(&'c mut MySqlConnection) -> W,
    ) -> Result<W::Output, Silence> {
        let Self { connection, url, id, is_given_up } = self;
        if *is_given_up {
            let found = "its last work was given up, too".to_owned();
            return Err(Silence { id: *id, waited: Duration::ZERO, found });
        }
        // Also when this future is dropped half-way.
        *is_given_up = true;
        let done = watch(url, *id, limit, work(connection)).await?;
        *is_given_up = false;
        Ok(done)
    }

    /// The server's number of it.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Whether it can be used again.
    pub fn is_sound(&self) -> bool {
        !self.is_given_up
    }

    /// Takes leave, so that the server does not warn of a client that just left. Whether that reaches it changes nothing.
    pub async fn close(self) {
        if self.is_sound() {
            let _ = timeout(CLOSE_LIMIT, self.connection.close()).await;
        }
    }
}

async fn watch<W: Future>(url: &DatabaseUrl, id: i64, limit: Limit, work: W) -> Result<W::Output, Silence> {
    let begun = Instant::now();
    let mut work = pin!(work);
    let mut is_first = true;
    loop {
        if let Ok(done) = timeout(SUSPICIOUS_AFTER, &mut work).await {
            return Ok(done);
        }
        let seconds = begun.elapsed().as_secs();
        if std::mem::take(&mut is_first) {
            tracing::warn!(connection = id, seconds, "the database has not answered: asking it whether it works on it");
        }
        let answer = tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            answer = ask(url, id) => answer,
        };
        tracing::debug!(connection = id, seconds, ?answer, "the database was asked what it does");
        let found = match (answer, limit) {
            (Answer::GivenUp(found), _) => found,
            (Answer::Unknown(found) | Answer::WorksOn(found), Limit::Of(limit)) if begun.elapsed() >= limit => found,
            _ => continue,
        };
        return Err(Silence { id, waited: begun.elapsed(), found });
    }
}

/// What was found out about a connection that does not answer.
#[derive(Debug)]
enum Answer {
    /// The server works on what we wait for.
    WorksOn(String),
    /// Nothing will come: the server does not work on it, or nothing is answered at all.
    GivenUp(String),
    /// The server answers, but not this.
    Unknown(String),
}

/// Asks on a connection of its own, which is dropped in every case but that of an answer.
async fn ask(url: &DatabaseUrl, id: i64) -> Answer {
    match timeout(QUESTION_LIMIT, asked(url, id)).await {
        Ok(Ok(answer)) => answer,
        // It has answered, if only with a refusal: too many connections, a password that was changed.
        Ok(Err(error)) if number_of(&error).is_some() => Answer::Unknown(format!("the server refuses to say: {error}")),
        Ok(Err(error)) => Answer::GivenUp(format!("another connection gets no answer either: {error}")),
        Err(_) => {
            let limit = QUESTION_LIMIT.as_secs();
            Answer::GivenUp(format!("another connection gets no answer either, within {limit} s"))
        }
    }
}

async fn asked(url: &DatabaseUrl, id: i64) -> Result<Answer, sqlx::Error> {
    let mut connection = url.open().await?;
    let found = sqlx::query_as::<_, (String, f64, String)>(DOES).bind(id).fetch_optional(&mut connection).await?;
    let _ = connection.close().await;
    Ok(meaning(found))
}

fn meaning(found: Option<(String, f64, String)>) -> Answer {
    match found {
        None => Answer::GivenUp("the server has no such connection any more".to_owned()),
        Some((command, idle_ms, _)) if command == "Sleep" && idle_ms >= IDLE_MS => {
            Answer::GivenUp(format!("the server has waited for us for {:.1} s", idle_ms / 1_000.0))
        }
        Some((command, _, state)) => Answer::WorksOn(format!("the server says: {command}, {state}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_server_does_not_work_on_is_given_up() {
        let found = |command: &str, ms: f64| Some((command.to_owned(), ms, "Updating".to_owned()));
        for (found, is_given_up) in [
            (None, true),
            (found("Sleep", 2_900.0), true),
            // Between two statements of one piece of work.
            (found("Sleep", 12.0), false),
            (found("Query", 2_900.0), false),
            (found("Execute", 600_000.0), false),
            (found("Killed", 4_000.0), false),
        ] {
            let answer = meaning(found.clone());
            assert_eq!(matches!(answer, Answer::GivenUp(_)), is_given_up, "{found:?}: {answer:?}");
        }
    }
}
