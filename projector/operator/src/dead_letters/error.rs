//! Why a question about dead letters, or a redrive, was refused or failed. Each names the record that it is about.

use ledger_database::{DatabaseError, Fault, NO_SUCH_TABLE, fault_of, number_of};
use ledger_kafka::KafkaUseError;
use ledger_schema::wire::DecodeError;
use ledger_schema::{ParkReason, Position};
use ledger_store::log_check::LogCheckError;
use rdkafka::error::KafkaError;
use thiserror::Error;

/// MariaDB's number for a table that the user has no right on, or that is not there.
const TABLE_ACCESS_DENIED: u16 = 1142;

#[derive(Debug, Error)]
pub enum DeadLettersError {
    #[error("no record is parked at {position}")]
    Unknown { position: Position },
    #[error("the event is refused ({reason}): {detail}")]
    InvalidEvent { reason: ParkReason, detail: String },
    #[error("the event already names what it mends: expected {expected} or no member `mends`, found {found}")]
    MendsAnother { expected: Position, found: String },
    #[error(
        "{position} was parked for {reason}, which is in the event itself: as it is, it would be parked again (`redrive {position} --event FILE` takes a corrected one)"
    )]
    ParkedAgain { position: Position, reason: ParkReason },
    #[error("{mended} is redriven already: the event that mends it stands at {appended}")]
    AlreadyRedriven { mended: Position, appended: Position },
    #[error(
        "a redrive of {mended} with another event is not finished: run it again with that event, which is expected to be {expected}, found {found}"
    )]
    Unfinished { mended: Position, expected: String, found: String },
    /// The mark stays claimed, so the same command finishes it.
    #[error(
        "it is not known whether the event that mends {mended} is in the log: {cause}; run the same command again, which is safe"
    )]
    Unacknowledged { mended: Position, cause: KafkaError },
    #[error("the event that mends {mended} stands at {appended}, but its mark was taken back meanwhile")]
    MarkTakenBack { mended: Position, appended: Position },
    #[error("there are no positions of topic {topic}: `ledger project` creates them when it first starts")]
    NoPositions { topic: String },
    #[error("the parked record at {position} has headers that cannot be read: {problem}")]
    CorruptHeaders { position: Position, problem: String },
    #[error("the tables are older than this program, or this user may not read them: run `ledger migrate`")]
    NotMigrated,
    #[error("the database refuses a statement: {0}")]
    Query(sqlx::Error),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Log(#[from] LogCheckError),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
}

impl From<DecodeError> for DeadLettersError {
    fn from(DecodeError { reason, detail }: DecodeError) -> Self {
        Self::InvalidEvent { reason, detail }
    }
}

impl From<sqlx::Error> for DeadLettersError {
    fn from(error: sqlx::Error) -> Self {
        match number_of(&error) {
            Some(NO_SUCH_TABLE | TABLE_ACCESS_DENIED) => Self::NotMigrated,
            _ => Self::Query(error),
        }
    }
}

impl DeadLettersError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Unacknowledged { cause, .. } => ledger_kafka::fault_of(cause).passes(),
            Self::Query(error) => fault_of(error) == Fault::ConnectionLost,
            Self::Database(error) => error.is_unreachable(),
            Self::Log(error) => error.is_unreachable(),
            Self::Kafka(error) => error.is_unreachable(),
            _ => false,
        }
    }
}
