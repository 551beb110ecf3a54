//! What is done about a missing answer. A peer that is gone without a word (a cable, a firewall that forgot the connection, a
//! host that lost its power) answers nothing and closes nothing, and the driver waits for ever: it knows no limit of a statement.
//! TCP keepalive (`keepalive.rs`) tells after half a minute that a host is gone, and nothing where a proxy in between still is. So
//! when no answer came for [`SUSPICIOUS_AFTER`], the server is asked on another connection whether it still works on this one. A
//! statement that the server works on is waited for (building an index takes minutes, and one that is given up runs on all the same);
//! one that it does not work on, though we wait, is given up.
//!
//! A server that still receives a statement says the same as one that has nothing to do. So what still leaves this host is no
//! silence (`leaving.rs`), and beyond that the server may rest for as long as whoever waits is patient.
//!
//! It must never take a server for gone that says that it works.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use sqlx::Connection;
use thiserror::Error;
use tokio::time::{Instant, timeout};

use crate::fault::number_of;
use crate::leaving::Leaving;
use crate::url::DatabaseUrl;

/// From when on a missing answer is looked into. A batch takes some tenths of a second.
pub const SUSPICIOUS_AFTER: Duration = Duration::from_secs(3);
/// Longest that is waited while the server answers, and refuses to say what it does (it has no connection left, for one).
const UNTOLD_LIMIT: Duration = Duration::from_secs(120);
/// Longest that the server may take to answer what it does.
const QUESTION_LIMIT: Duration = Duration::from_secs(3);
/// How often is looked, in the last second before the question, whether bytes leave.
const LOOK: Duration = Duration::from_millis(200);
const LOOKS: u32 = 5;

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

/// What has to be known to look into a silence.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) url: DatabaseUrl,
    pub(crate) id: i64,
    /// `None`: somebody else limits the work.
    pub(crate) patience: Option<Duration>,
    /// Longest that a statement may take, also while the server works on it.
    pub(crate) limit: Option<Duration>,
}

impl Way {
    pub(crate) fn given_up_before(&self) -> Silence {
        let found = "its last work was given up, too".to_owned();
        Silence { id: self.id, waited: Duration::ZERO, found }
    }

    /// Waits for work on the connection for as long as something may come of it.
    pub(crate) async fn watch<W: Future>(&self, work: W) -> Result<W::Output, Silence> {
        let Some(patience) = self.patience else { return Ok(work.await) };
        let begun = Instant::now();
        let mut work = pin!(work);
        let mut told = begun;
        let mut is_first = true;
        loop {
            if let Ok(done) = timeout(SUSPICIOUS_AFTER - LOOK * LOOKS, &mut work).await {
                return Ok(done);
            }
            let mut leaving = Leaving::to(self.url.tcp_port());
            for _ in 0..LOOKS {
                leaving.look();
                if let Ok(done) = timeout(LOOK, &mut work).await {
                    return Ok(done);
                }
            }
            let waited = begun.elapsed();
            let (connection, seconds) = (self.id, waited.as_secs());
            if leaving.is_under_way() {
                tracing::debug!(connection, seconds, "what is for the database is still leaving");
                continue;
            }
            if std::mem::take(&mut is_first) {
                tracing::warn!(connection, seconds, "the database has not answered: asking it whether it works on it");
            }
            let answer = tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                answer = self.ask(waited, patience) => answer,
            };
            let waited = begun.elapsed();
            match answer {
                Answer::WorksOn(found) if self.limit.is_some_and(|limit| waited >= limit) => {
                    return Err(Silence { id: self.id, waited, found });
                }
                Answer::WorksOn(_) => told = Instant::now(),
                Answer::Unknown(_) if told.elapsed() < UNTOLD_LIMIT => {}
                Answer::Unknown(found) => return Err(Silence { id: self.id, waited, found }),
                Answer::GivenUp(found) => {
                    return Err(Silence { id: self.id, waited, found });
                }
            }
        }
    }

    /// Asks on a connection of its own, which is dropped in every case but that of an answer.
    async fn ask(&self, waited: Duration, patience: Duration) -> Answer {
        let unanswered = |what: String| Answer::GivenUp(format!("another connection gets no answer either{what}"));
        match timeout(QUESTION_LIMIT, self.asked()).await {
            Ok(Ok(found)) => meaning(found, waited, patience),
            // It has answered, if only with a refusal: too many connections, a password that was changed.
            Ok(Err(error)) if number_of(&error).is_some() => {
                Answer::Unknown(format!("the server refuses to say: {error}"))
            }
            Ok(Err(error)) => unanswered(format!(": {error}")),
            Err(_) => unanswered(format!(", within {} s", QUESTION_LIMIT.as_secs())),
        }
    }

    async fn asked(&self) -> Result<Option<Seen>, sqlx::Error> {
        let mut connection = self.url.open().await?;
        let found = sqlx::query_as::<_, Seen>(DOES).bind(self.id).fetch_optional(&mut connection).await?;
        let _ = connection.close().await;
        tracing::debug!(connection = self.id, ?found, "the database was asked what it does");
        Ok(found)
    }
}

/// Command, milliseconds since it began, state.
type Seen = (String, f64, String);

/// What was found out about a connection that does not answer.
#[derive(Debug)]
enum Answer {
    /// The server works on what we wait for, or may still be getting it.
    WorksOn(String),
    /// Nothing will come: the server does not work on it, or nothing is answered at all.
    GivenUp(String),
    /// The server answers, but not this.
    Unknown(String),
}

/// A server that knows no such connection is one that ended it, or another one than ours, behind a proxy.
fn meaning(found: Option<Seen>, waited: Duration, patience: Duration) -> Answer {
    let (rested, words) = match found {
        None => (waited, "the server has no such connection any more".to_owned()),
        Some((command, idle_ms, _)) if command == "Sleep" => {
            let rested = Duration::from_secs_f64(idle_ms.max(0.0) / 1_000.0);
            (rested, format!("the server has waited for us for {:.1} s", rested.as_secs_f64()))
        }
        Some((command, _, state)) => return Answer::WorksOn(format!("the server says: {command}, {state}")),
    };
    if rested < patience {
        return Answer::WorksOn(words);
    }
    Answer::GivenUp(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Fault, fault_of};

    #[test]
    fn only_what_the_server_does_not_work_on_is_given_up() {
        let found = |command: &str, ms: f64| Some((command.to_owned(), ms, "Updating".to_owned()));
        let (impatient, patient) = (Duration::from_secs(1), Duration::from_secs(16));
        for (found, patience, is_given_up) in [
            (None, impatient, true),
            // Another server, behind a proxy, may have answered.
            (None, patient, false),
            (found("Sleep", 2_900.0), impatient, true),
            // What was sent may not be there yet.
            (found("Sleep", 2_900.0), patient, false),
            (found("Sleep", 16_000.0), patient, true),
            // Between two statements of one piece of work.
            (found("Sleep", 12.0), impatient, false),
            (found("Query", 2_900.0), impatient, false),
            (found("Execute", 600_000.0), impatient, false),
            (found("Killed", 4_000.0), impatient, false),
        ] {
            let answer = meaning(found.clone(), Duration::from_secs(3), patience);
            assert_eq!(matches!(answer, Answer::GivenUp(_)), is_given_up, "{found:?}: {answer:?}");
        }
    }

    #[test]
    fn a_silence_is_a_broken_connection_that_says_why() {
        let found = "the server has waited for us for 3.0 s".to_owned();
        let silence = Silence { id: 7, waited: Duration::from_secs(3), found };
        let error = sqlx::Error::from(silence);
        assert_eq!(
            error.to_string(),
            "error communicating with database: no answer for 3.0 s on connection 7, given up: the server has waited for us for 3.0 s"
        );
        assert_eq!(fault_of(&error), Fault::ConnectionLost);
    }
}
