//! Why an import did not begin, or stopped. Each says what was found, and none leaves anything to mend: what was appended
//! carries ids that a second run recognises.

use ledger_database::{DatabaseError, Fault, fault_of};
use ledger_kafka::KafkaUseError;
use ledger_store::log_check::LogCheckError;
use projector::blocked::Blocked;
use thiserror::Error;

use super::id_map::IdMapError;
use super::opening_stock::OpeningStockError;
use super::topic_watch::OldTopicChanged;

/// An import that did not begin or did not end. Running it again is safe in every case.
#[derive(Debug, Error)]
pub enum ImportError {
    #[error(transparent)]
    OpeningStock(#[from] OpeningStockError),
    #[error(transparent)]
    IdMap(#[from] IdMapError),
    #[error(transparent)]
    OldTopicChanged(#[from] OldTopicChanged),
    #[error("{topic} is a topic of the ledger itself: expected the topic of the old world")]
    OwnTopic { topic: String },
    #[error("topic {topic}, which is to be imported, does not exist")]
    NoSuchTopic { topic: String },
    #[error("the database has no tables yet: run `ledger migrate`")]
    NoTables,
    #[error(transparent)]
    LogCheck(#[from] LogCheckError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the database refused a query: {0}")]
    Query(sqlx::Error),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    /// The end of the old topic was not reached.
    #[error(
        "topic {topic} {blocked}. Waited {waited_seconds} s for the transaction to end. Once it is committed, aborted or timed out by \
         the broker (`kafka-transactions.sh describe-producers` names its producer), run the import again"
    )]
    OpenTransaction { topic: String, blocked: Blocked, waited_seconds: u64 },
    #[error("interrupted before the end")]
    Interrupted,
    /// One of the others, after something may have been appended.
    #[error(
        "{cause}; until then {read} records and rows were read, and {acknowledged} events are in the log for certain; \
         running the import again is safe"
    )]
    Stopped { cause: Box<Self>, read: u64, acknowledged: u64 },
}

impl ImportError {
    /// Whether a server could not be reached, so that the same call may succeed later.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Database(error) => error.is_unreachable(),
            Self::Query(error) => fault_of(error) == Fault::ConnectionLost,
            Self::Kafka(error) => error.is_unreachable(),
            Self::LogCheck(error) => error.is_unreachable(),
            Self::Stopped { cause, .. } => cause.is_unreachable(),
            Self::OpeningStock(_)
            | Self::IdMap(_)
            | Self::OldTopicChanged(_)
            | Self::OwnTopic { .. }
            | Self::NoSuchTopic { .. }
            | Self::NoTables
            | Self::OpenTransaction { .. }
            | Self::Interrupted => false,
        }
    }
}
