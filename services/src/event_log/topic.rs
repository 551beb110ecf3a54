//! The topic as the brokers describe it. Never creates it: a topic that a client makes by asking has the wrong count.

use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::util::Timeout;
use thiserror::Error;

/// Why the log cannot be used.
#[derive(Debug, Error)]
pub(crate) enum TopicError {
    #[error("the Kafka settings are refused: {0}")]
    Settings(#[source] KafkaError),
    /// Retryable: the one of these that an outage causes.
    #[error("Kafka at {brokers} cannot be reached: {source}")]
    Unreachable { brokers: String, source: KafkaError },
    #[error("expected topic {topic} on {brokers}, found none of that name; `ledger migrate` creates it")]
    Missing { topic: String, brokers: String },
    #[error("topic {topic} cannot be used: {code}")]
    Unusable { topic: String, code: RDKafkaErrorCode },
}

/// The partition count of `topic`. Blocks for at most `limit`.
///
/// The metadata of all topics is fetched, because a request for one by name creates it on brokers with auto.create.topics.enable.
pub(crate) fn partition_count<C: ClientContext>(
    client: &Client<C>,
    brokers: &str,
    topic: &str,
    limit: Duration,
) -> Result<i32, TopicError> {
    let metadata = client
        .fetch_metadata(None, Timeout::After(limit))
        .map_err(|source| TopicError::Unreachable { brokers: brokers.to_owned(), source })?;
    let found = metadata
        .topics()
        .iter()
        .find(|found| found.name() == topic)
        .ok_or_else(|| TopicError::Missing { topic: topic.to_owned(), brokers: brokers.to_owned() })?;
    match found.error() {
        Some(code) => Err(TopicError::Unusable { topic: topic.to_owned(), code: code.into() }),
        None => Ok(i32::try_from(found.partitions().len()).expect("Kafka numbers partitions by i32")),
    }
}
