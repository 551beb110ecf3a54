//! Where the log ends, as far as a fold can ever stand: what may have been observed of it at most (INV-13).

use ledger_kafka::{KafkaSettings, KafkaUseError};
use ledger_schema::log::LogIdentity;

use super::cursor::CursorReader;
use super::error::RelayError;
use super::patience::patiently;
use super::settings::RelayTopics;

/// One past the last committed record before the last stable offset of each partition. (Not the high watermark: after marks of
/// transactions and aborted records no position ever stands, and nobody has folded what is behind an open transaction.)
///
/// # Errors
/// [`RelayError::Kafka`], to be retried.
pub async fn ends_of_log(
    kafka: &KafkaSettings,
    topics: &RelayTopics,
    identity: &LogIdentity,
) -> Result<Vec<i64>, RelayError> {
    let read_one = |partition| {
        let (kafka, topics, topic_id) = (kafka.clone(), topics.clone(), identity.topic_id.clone());
        let read = move || CursorReader::new(&kafka, &topics, &topic_id).end_of_log(partition);
        tokio::spawn(patiently(read, RelayError::passes))
    };
    // All at once: each waits for brokers, not for us.
    let reads: Vec<_> = (0..identity.partition_count).map(read_one).collect();
    let mut ends = Vec::with_capacity(reads.len());
    for read in reads {
        let cause = |error: tokio::task::JoinError| KafkaUseError::Native {
            action: "reading the log's end",
            cause: error.to_string(),
        };
        ends.push(read.await.map_err(cause)??);
    }
    Ok(ends)
}
