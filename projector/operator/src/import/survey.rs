//! What an import finds before it begins: the old topic with its ends, and the log that it appends to. It must never append,
//! and never continue with a log that the tables do not belong to (INV-9). Next: [`super::run`].

use ledger_kafka::{KafkaUseError, LogInspector, ask};
use ledger_schema::topic_settings::{CLEANUP_POLICY, TopicSettings};
use ledger_store::log_check::{self, LogCheckError};
use ledger_store::positions::StoredPosition;

use super::error::ImportError;
use super::legacy_topic::LegacyTopic;
use super::options::ImportOptions;

/// Finds both topics: the old one with its identity, its ends and what should be known of it, and how many partitions the log has.
/// The log must be the one that the tables were folded from, if they were: another partition count would send keys where the fold
/// does not look for them.
pub(super) async fn survey(
    inspector: LogInspector,
    options: &ImportOptions,
    positions: Vec<StoredPosition>,
) -> Result<(LegacyTopic, i32, Vec<String>), ImportError> {
    let (name, orders_topic) = (options.topic.clone(), options.orders_topic.clone());
    let found: Result<_, LogCheckError> = ask(move || {
        let log_count = inspector.partition_count(&orders_topic)?;
        log_check::check(&inspector, &orders_topic, &positions)?;
        let Some(legacy) = legacy_topic(&inspector, name)? else { return Ok(None) };
        let mut warnings = gone(&legacy);
        warnings.extend(compaction(&legacy.name, inspector.settings(&legacy.name)));
        Ok(Some((legacy, log_count, warnings)))
    })
    .await;
    found?.ok_or_else(|| ImportError::NoSuchTopic { topic: options.topic.clone() })
}

/// The topic of that name as it is now; `None` where it does not exist.
pub(crate) fn legacy_topic(inspector: &LogInspector, name: String) -> Result<Option<LegacyTopic>, KafkaUseError> {
    let identity = match inspector.identity(&name) {
        Ok(identity) => identity,
        Err(KafkaUseError::MissingTopic { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let partitions = inspector.watermarks_of(&name, &(0..identity.partition_count).collect::<Vec<_>>())?;
    Ok(Some(LegacyTopic { name, identity, partitions }))
}

/// A compacted topic keeps the last record of each key: earlier ones are gone, and nothing tells which they were.
fn compaction(topic: &str, settings: Result<TopicSettings, KafkaUseError>) -> Option<String> {
    match settings {
        Ok(settings) => settings.get(CLEANUP_POLICY).filter(|policy| policy.contains("compact")).map(|policy| {
            format!(
                "topic {topic} is compacted ({CLEANUP_POLICY}={policy}): of records with the same key all but the last may be gone, and are \
                 not imported; nothing tells which they were"
            )
        }),
        Err(error) => Some(format!("whether topic {topic} is compacted, so that records are gone, is not known: {error}")),
    }
}

/// The old world's topic may expire: what is gone cannot be imported, and a summary that did not say so would pass for whole.
fn gone(legacy: &LegacyTopic) -> Vec<String> {
    let gone = legacy.partitions.iter().filter(|(_, marks)| marks.low > 0);
    gone.map(|(partition, marks)| {
        let (topic, low) = (&legacy.name, marks.low);
        format!(
            "topic {topic} partition {partition} begins at offset {low}: what was before it is gone and not imported"
        )
    })
    .collect()
}
