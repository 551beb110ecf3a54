//! Why a relay stops. Kafka's own troubles are not in here: they are retried with a new producer for as long as they last.

use ledger_database::{DatabaseError, Fault, fault_of};
use ledger_kafka::KafkaUseError;
use ledger_store::log_check::LogCheckError;
use ledger_store::outbox::OutboxError;
use rdkafka::error::KafkaError;
use thiserror::Error;

/// A person has to decide: going on would lose or double outcomes. Never retryable.
#[derive(Debug, Error)]
pub enum RelayError {
    #[error("the relay's cursor at {topic}:{partition}:{offset} cannot be read: expected {expected}, found {found}")]
    CorruptCursor { topic: String, partition: i32, offset: i64, expected: String, found: String },
    #[error(
        "topic {topic} has no cursor of partition {partition}, but {published} was written there: expected no record, found offset {found}"
    )]
    LostCursor { topic: String, published: String, partition: i32, found: i64 },
    #[error(
        "the relay's cursor of partition {partition} is beyond the log: expected at most {expected}, found {found}"
    )]
    CursorBeyondLog { partition: i32, expected: i64, found: i64 },
    #[error(
        "topic {topic} partition {partition} is blocked by an open transaction: what is committed can be read up to its last stable \
         offset {stable}, and it ends at {high}. It goes on once the transaction is committed, aborted or timed out"
    )]
    Blocked { topic: String, partition: i32, stable: i64, high: i64 },
    #[error(transparent)]
    CorruptOutbox(#[from] OutboxError),
    #[error("reading the outbox of partition {partition}: {cause}")]
    Database { partition: i32, cause: sqlx::Error },
    #[error(transparent)]
    Connection(#[from] DatabaseError),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error(transparent)]
    Topics(#[from] LogCheckError),
    #[error("the relay of partition {partition} cannot be started: {cause}")]
    Thread { partition: i32, cause: std::io::Error },
    #[error("the relay of partition {partition} panicked")]
    Panicked { partition: i32 },
    #[error("the relay of partition {partition} has been {step} for {seconds} s, which nothing of it may take")]
    Stuck { partition: i32, step: &'static str, seconds: u32 },
}

impl RelayError {
    /// Whether a server did not answer.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Database { cause, .. } => fault_of(cause) == Fault::ConnectionLost,
            Self::Connection(error) => error.is_unreachable(),
            Self::Kafka(error) => error.is_unreachable(),
            Self::Topics(error) => error.is_unreachable(),
            _ => false,
        }
    }

    /// Whether a new session may find it otherwise: a server that is away or refuses for now. What is left needs a person.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Database { cause, .. } => fault_of(cause).passes(),
            Self::Connection(error) => error.is_retryable(),
            Self::Blocked { .. } => true,
            Self::Kafka(error) | Self::Topics(LogCheckError::Kafka(error)) => passes(error),
            _ => false,
        }
    }
}

/// Kafka's answers pass, whatever they are: a broker that starts, moves or lags gives almost any. Settings that the client
/// itself refuses, and topics that are not there, do not.
pub(super) fn passes(error: &KafkaUseError) -> bool {
    match error {
        KafkaUseError::Failed { cause, .. } => {
            !matches!(cause, KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_))
        }
        KafkaUseError::Unreachable { .. } | KafkaUseError::NotAdmitted { .. } => true,
        KafkaUseError::MissingTopic { .. } | KafkaUseError::Native { .. } => false,
    }
}
