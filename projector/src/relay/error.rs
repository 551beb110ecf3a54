//! Why a relay stops. Kafka's own troubles are not in here: they are retried with a new producer for as long as they last.

use thiserror::Error;

use crate::database::DatabaseError;
use crate::kafka::KafkaUseError;
use crate::outbox::OutboxError;

/// A person has to decide: going on would lose or double outcomes. Never retryable.
#[derive(Debug, Error)]
pub enum RelayError {
    #[error("the relay's cursor at {topic}:{partition}:{offset} cannot be read: expected {expected}, found {found}")]
    CorruptCursor { topic: String, partition: i32, offset: i64, expected: String, found: String },
    #[error(
        "topic {topic} has no cursor for partition {partition}, but {outcomes} has outcomes there: expected none, found one at offset {found}"
    )]
    LostCursor { topic: String, outcomes: String, partition: i32, found: i64 },
    #[error(
        "the relay's cursor of partition {partition} is beyond the log: expected at most {expected}, found {found}"
    )]
    CursorBeyondLog { partition: i32, expected: i64, found: i64 },
    #[error(transparent)]
    CorruptOutbox(#[from] OutboxError),
    #[error("reading the outbox of partition {partition}: {cause}")]
    Database { partition: i32, cause: sqlx::Error },
    #[error(transparent)]
    Connection(#[from] DatabaseError),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error("the relay of partition {partition} cannot be started: {cause}")]
    Thread { partition: i32, cause: std::io::Error },
}
