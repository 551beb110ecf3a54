//! The log as Kafka has it now, beside the one that the positions belong to.

use ledger_fold::log_safety::{LogIdentity, check_identity, check_settings};
use ledger_kafka::{KafkaUseError, LogInspector};
use ledger_schema::topic_settings::{CLEANUP_POLICY, TIMESTAMP_TYPE, check_clock};
use serde::Serialize;

/// What was found of the topic; what is expected are the status' own ids, and the number of its partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogStatus {
    pub found_cluster_id: String,
    pub found_topic_id: String,
    pub expected_partition_count: i32,
    pub found_partition_count: i32,
    /// As Kafka spells it; `None` where the settings cannot be read.
    pub cleanup_policy: Option<String>,
    pub timestamp_type: Option<String>,
    /// Why it must not be folded, or appended to.
    pub refusal: Option<String>,
    /// What else is to be known: whose clock times the records, or that the settings cannot be read.
    pub notes: Vec<String>,
}

/// Asks. Blocks.
///
/// # Errors
/// What makes even the topic's identity unknown.
pub(super) fn find(inspector: &LogInspector, topic: &str, expected: &LogIdentity) -> Result<LogStatus, KafkaUseError> {
    let found = inspector.identity(topic)?;
    let mut status = LogStatus {
        refusal: check_identity(topic, expected, &found).err().map(|refusal| refusal.to_string()),
        found_cluster_id: found.cluster_id,
        found_topic_id: found.topic_id,
        expected_partition_count: expected.partition_count,
        found_partition_count: found.partition_count,
        ..LogStatus::default()
    };
    match inspector.settings(topic) {
        Ok(settings) => {
            let value = |name: &str| settings.get(name).map(str::to_owned);
            (status.cleanup_policy, status.timestamp_type) = (value(CLEANUP_POLICY), value(TIMESTAMP_TYPE));
            let loses = || check_settings(topic, &settings).err().map(|refusal| refusal.to_string());
            status.refusal = status.refusal.or_else(loses);
            status.notes.extend(check_clock(topic, &settings).err().map(|clock| clock.to_string()));
        }
        // A reader's user may lack the right.
        Err(error) => status.notes.push(error.to_string()),
    }
    Ok(status)
}
