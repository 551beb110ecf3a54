//! What an import finds before it begins: the old topic with its ends, and the log that it appends to. It must never append,
//! and never continue with a log that the tables do not belong to (INV-9). Next: [`super::run`].

use std::collections::BTreeMap;

use ledger_fold::log_safety::Watermarks;
use ledger_kafka::{KafkaUseError, LogInspector, ask};
use ledger_store::log_check::{self, LogCheckError};
use ledger_store::positions::StoredPosition;

use super::error::ImportError;
use super::options::ImportOptions;
use super::source::LegacyTopic;

/// Finds both topics: the old one with its ends, and how many partitions the log has. The log must be the one that the
/// tables were folded from, if they were: another partition count would send keys where the fold does not look for them.
pub(super) async fn survey(
    inspector: LogInspector,
    options: &ImportOptions,
    positions: Vec<StoredPosition>,
) -> Result<(LegacyTopic, i32), ImportError> {
    let (name, orders_topic) = (options.topic.clone(), options.orders_topic.clone());
    let found: Result<_, LogCheckError> = ask(move || {
        let log_count = inspector.partition_count(&orders_topic)?;
        log_check::check(&inspector, &orders_topic, &positions)?;
        let partitions = watermarks(&inspector, &name)?;
        Ok((LegacyTopic { name, partitions }, log_count))
    })
    .await;
    let (legacy, log_count) = found?;
    if legacy.partitions.is_empty() {
        return Err(ImportError::NoSuchTopic { topic: legacy.name });
    }
    Ok((legacy, log_count))
}

/// Where every partition of `topic` begins and ends; none where it does not exist.
fn watermarks(inspector: &LogInspector, topic: &str) -> Result<BTreeMap<i32, Watermarks>, KafkaUseError> {
    match inspector.partition_count(topic) {
        Ok(count) => inspector.watermarks_of(topic, &(0..count).collect::<Vec<_>>()),
        Err(KafkaUseError::MissingTopic { .. }) => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

/// The old world's topic may expire: what is gone cannot be imported, and a summary that did not say so would pass for whole.
pub(super) fn warnings(legacy: &LegacyTopic) -> Vec<String> {
    let gone = legacy.partitions.iter().filter(|(_, marks)| marks.low > 0);
    gone.map(|(partition, marks)| {
        let (topic, low) = (&legacy.name, marks.low);
        format!(
            "topic {topic} partition {partition} begins at offset {low}: what was before it is gone and not imported"
        )
    })
    .collect()
}
