//! Which problem a fault of Kafka, of the database or of the projection is: all of them are 503 but for a record that is too
//! large, and none says more than is known. Apart from both sides, so that the servers' modules know no HTTP and problems know no server.

use crate::event_log::AppendError;
use crate::problem::{Case, Problem};
use crate::reader::ReadError;
use crate::reads::{Lag, NotRead};
use crate::streams::NotOpened;

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        Self::Unavailable { part: "the database", cause: error.to_string() }
    }
}

impl From<NotRead> for Problem {
    fn from(error: NotRead) -> Self {
        match error {
            NotRead::Failed(error) => error.into(),
            NotRead::TooEarly(Lag::BeforeNamed(position)) => Self::NotYetProjected(position),
            NotRead::TooEarly(Lag::BeforeFurthest { partition, next_offset, furthest }) => {
                Self::CatchingUp { partition, next_offset, furthest }
            }
            NotRead::BeyondEnd { named, end } => Self::invalid(
                "after",
                format!(
                    "is beyond the log's end: partition {} ends at {end} (exclusive), found {named}",
                    named.partition
                ),
            ),
        }
    }
}

impl From<NotOpened> for Problem {
    fn from(error: NotOpened) -> Self {
        match error {
            NotOpened::TooMany(most) => Self::TooManyStreams { what: "are open", most },
            NotOpened::TooManyCatchingUp(most) => Self::TooManyStreams { what: "are catching up", most },
            NotOpened::Stopping => Self::Unavailable { part: "a service that stops", cause: error.to_string() },
            NotOpened::Away(cause) => Self::Unavailable { part: "the topic of outcomes", cause },
        }
    }
}

/// The problem of an event that has no position; `case` says which event that is.
pub(crate) fn not_appended(error: AppendError, case: Case) -> Problem {
    match error {
        AppendError::NotSent(cause) => Problem::Unavailable { part: "Kafka", cause },
        AppendError::Refused(cause) => Problem::Refused { cause },
        AppendError::TooLarge { bytes, cause } => Problem::RecordTooLarge { bytes, cause },
        AppendError::AnotherLog(cause) => Problem::Unavailable { part: "the ledger's log", cause },
        AppendError::Unknown(cause) => Problem::UnknownOutcome { case: Box::new(case), cause },
    }
}
