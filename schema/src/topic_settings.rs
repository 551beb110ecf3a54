//! How a topic is set, as a broker reports it, and what may not be so: a log that expires or is compacted is not the log
//! that was written (INV-9). Facts and rules only, so that migrate, projector, services, verify, rebuild and status say the same.
//!
//! What compaction removed leaves gaps in the offsets, and so do Kafka's transaction markers: nobody can tell one from the other
//! afterwards. So it is the policy that is checked, not the gaps.

use std::collections::BTreeMap;

use thiserror::Error;

pub const CLEANUP_POLICY: &str = "cleanup.policy";
pub const RETENTION_MS: &str = "retention.ms";
pub const RETENTION_BYTES: &str = "retention.bytes";
pub const TIMESTAMP_TYPE: &str = "message.timestamp.type";
/// The broker's clock times every record: the only clock that all writers share, and no record is refused for its own.
pub const LOG_APPEND_TIME: &str = "LogAppendTime";
/// How many replicas must have a record before it is acknowledged.
pub const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";
pub const COMPRESSION_TYPE: &str = "compression.type";
/// The broker keeps records as they are, whatever codec a writer used on the way to it. Then its limit of bytes is one of what whoever
/// reads them holds in memory: nothing bounds what a compressed record is unpacked to.
pub const UNCOMPRESSED: &str = "uncompressed";
/// Without an end.
const UNLIMITED: &str = "-1";
const DELETE: &str = "delete";
const COMPACT: &str = "compact";

/// Settings by name, as Kafka spells them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicSettings {
    by_name: BTreeMap<String, String>,
}

impl FromIterator<(String, String)> for TopicSettings {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(settings: I) -> Self {
        Self { by_name: settings.into_iter().collect() }
    }
}

impl TopicSettings {
    /// The value of a setting; `None` where the broker does not report it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(String::as_str)
    }

    /// Every setting, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.by_name.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn cleans_by(&self, policy: &str) -> bool {
        self.get(CLEANUP_POLICY).is_some_and(|found| found.split(',').any(|one| one.trim() == policy))
    }
}

/// What a topic must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Every record, for ever: the log.
    Everything,
    /// The last record of each key, for ever: the relay's cursors.
    LastOfEachKey,
    /// Every record until it expires, which whoever runs the topic decides: outcomes and dead letters. Never only the last of
    /// each key: a product has many.
    UntilExpired,
}

/// A topic is set otherwise than it must be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "topic {topic} has the wrong {setting}: expected {expected}, found {found}; {because}: kafka-configs --bootstrap-server \
     BROKERS --alter --entity-type topics --entity-name {topic} --add-config {setting}={expected}"
)]
pub struct WrongSetting {
    pub topic: String,
    pub setting: &'static str,
    pub expected: &'static str,
    pub found: String,
    because: &'static str,
}

impl Keeps {
    /// # Errors
    /// The first setting by which the topic would lose what it must keep.
    pub fn check(self, topic: &str, settings: &TopicSettings) -> Result<(), WrongSetting> {
        self.wrong(topic, settings).into_iter().next().map_or(Ok(()), Err)
    }

    /// Every setting by which the topic would lose what it must keep; the policy alone where that is wrong.
    pub fn wrong(self, topic: &str, settings: &TopicSettings) -> Vec<WrongSetting> {
        match self {
            Self::Everything => {
                if settings.cleans_by(COMPACT) || settings.get(CLEANUP_POLICY).is_none() {
                    let because =
                        "records that compaction removes are lost, and nothing tells afterwards which they were";
                    return vec![wrong(topic, settings, CLEANUP_POLICY, DELETE, because)];
                }
                // Without `delete` among the policies nothing expires, whatever the limits.
                let limits = [RETENTION_MS, RETENTION_BYTES].into_iter().filter(|_| settings.cleans_by(DELETE));
                let because = "records that expire are lost, and the tables can never be made anew";
                limits
                    .filter(|limit| settings.get(limit) != Some(UNLIMITED))
                    .map(|limit| wrong(topic, settings, limit, UNLIMITED, because))
                    .collect()
            }
            Self::LastOfEachKey if settings.get(CLEANUP_POLICY) != Some(COMPACT) => {
                let because = "the last record of each key says how far outcomes are published, and must not expire";
                vec![wrong(topic, settings, CLEANUP_POLICY, COMPACT, because)]
            }
            Self::UntilExpired if settings.cleans_by(COMPACT) => {
                let because = "many records share a key, and all but the last would be lost";
                vec![wrong(topic, settings, CLEANUP_POLICY, DELETE, because)]
            }
            Self::LastOfEachKey | Self::UntilExpired => Vec::new(),
        }
    }
}

impl WrongSetting {
    /// Why it must be otherwise, and the command that sets it, without what was found.
    pub fn advice(&self) -> String {
        let Self { topic, setting, expected, because, .. } = self;
        format!(
            "{because}: kafka-configs --bootstrap-server BROKERS --alter --entity-type topics --entity-name {topic} \
             --add-config {setting}={expected}"
        )
    }
}

/// Whether the broker's clock times the records of `topic`. Where it does not, nothing is lost, so this is told and refuses
/// nothing.
///
/// # Errors
/// [`WrongSetting`], when each writer's own clock does.
pub fn check_clock(topic: &str, settings: &TopicSettings) -> Result<(), WrongSetting> {
    if settings.get(TIMESTAMP_TYPE) == Some(LOG_APPEND_TIME) {
        return Ok(());
    }
    let because =
        "each writer's own clock times its records, so one that is wrong has them refused, or lists in another order";
    Err(wrong(topic, settings, TIMESTAMP_TYPE, LOG_APPEND_TIME, because))
}

/// Whether the broker keeps the records of `topic` uncompressed. Asked by who folds the log, before it reads it.
///
/// # Errors
/// [`WrongSetting`], when it keeps them as they come, or compresses them.
pub fn check_uncompressed(topic: &str, settings: &TopicSettings) -> Result<(), WrongSetting> {
    if settings.get(COMPRESSION_TYPE) == Some(UNCOMPRESSED) {
        return Ok(());
    }
    let because = "without it nothing bounds what a record is unpacked to";
    Err(wrong(topic, settings, COMPRESSION_TYPE, UNCOMPRESSED, because))
}

pub(crate) fn wrong(
    topic: &str,
    settings: &TopicSettings,
    setting: &'static str,
    expected: &'static str,
    because: &'static str,
) -> WrongSetting {
    let found = settings.get(setting).unwrap_or("nothing").to_owned();
    WrongSetting { topic: topic.to_owned(), setting, expected, found, because }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(policy: &str, ms: &str, bytes: &str) -> TopicSettings {
        [(CLEANUP_POLICY, policy), (RETENTION_MS, ms), (RETENTION_BYTES, bytes)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect()
    }

    #[test]
    fn what_loses_records_is_named_with_what_mends_it() {
        use Keeps::{Everything, LastOfEachKey, UntilExpired};
        for (keeps, policy, ms, bytes, wrong) in [
            (Everything, "delete", "-1", "-1", None),
            (Everything, "", "5", "5", None),
            (Everything, "delete", "604800000", "-1", Some((RETENTION_MS, "-1", "604800000"))),
            (Everything, "delete", "-1", "1000000", Some((RETENTION_BYTES, "-1", "1000000"))),
            (Everything, "compact", "-1", "-1", Some((CLEANUP_POLICY, "delete", "compact"))),
            (Everything, "compact,delete", "-1", "-1", Some((CLEANUP_POLICY, "delete", "compact,delete"))),
            (LastOfEachKey, "compact", "5", "5", None),
            (LastOfEachKey, "delete", "-1", "-1", Some((CLEANUP_POLICY, "compact", "delete"))),
            (LastOfEachKey, "compact,delete", "-1", "-1", Some((CLEANUP_POLICY, "compact", "compact,delete"))),
            (UntilExpired, "delete", "5", "5", None),
            (UntilExpired, "delete,compact", "-1", "-1", Some((CLEANUP_POLICY, "delete", "delete,compact"))),
        ] {
            let found = keeps.check("orders", &settings(policy, ms, bytes)).err();
            let named = found.as_ref().map(|wrong| (wrong.setting, wrong.expected, wrong.found.as_str()));
            assert_eq!(named, wrong, "{keeps:?} {policy} {ms} {bytes}");
            if let Some((setting, expected, found_value)) = wrong {
                let text = found.expect("named").to_string();
                let begins =
                    format!("topic orders has the wrong {setting}: expected {expected}, found {found_value}; ");
                assert!(text.starts_with(&begins), "{text}");
                let ends = format!("--entity-name orders --add-config {setting}={expected}");
                assert!(text.ends_with(&ends), "{text}");
                let advice = keeps.check("orders", &settings(policy, ms, bytes)).expect_err("wrong").advice();
                assert!(text.ends_with(&advice), "{advice}");
            }
        }
        assert!(Everything.check("orders", &TopicSettings::default()).is_err(), "what is not known is not right");
    }

    #[test]
    fn only_what_the_broker_unpacks_is_bounded() {
        let kept = |found: &str| [(COMPRESSION_TYPE.to_owned(), found.to_owned())].into_iter().collect();
        assert_eq!(check_uncompressed("orders", &kept(UNCOMPRESSED)), Ok(()));
        for found in ["producer", "lz4"] {
            let wrong = check_uncompressed("orders", &kept(found)).expect_err("compressed");
            assert_eq!((wrong.setting, wrong.expected, &*wrong.found), (COMPRESSION_TYPE, UNCOMPRESSED, found));
        }
        assert!(check_uncompressed("orders", &TopicSettings::default()).is_err(), "what is not known is not right");
    }

    #[test]
    fn the_brokers_clock_or_a_word() {
        let clock = |found: &str| [(TIMESTAMP_TYPE.to_owned(), found.to_owned())].into_iter().collect();
        assert_eq!(check_clock("orders", &clock(LOG_APPEND_TIME)), Ok(()));
        let wrong = check_clock("orders", &clock("CreateTime")).expect_err("each writer's clock");
        assert_eq!((wrong.setting, wrong.expected, &*wrong.found), (TIMESTAMP_TYPE, LOG_APPEND_TIME, "CreateTime"));
    }
}
