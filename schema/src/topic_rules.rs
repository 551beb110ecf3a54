//! All that is looked at in how a topic of the ledger is set, each setting with what was found and what it means. What refuses a start is
//! decided by the same functions of [`crate::topic_settings`] that migrate, projector, services, verify and rebuild call; what is only said here
//! refuses nothing. Facts and rules only: `ledger doctor` asks.

use crate::topic_settings::{
    CLEANUP_POLICY, COMPRESSION_TYPE, Keeps, MIN_INSYNC_REPLICAS, RETENTION_BYTES, RETENTION_MS, TIMESTAMP_TYPE,
    TopicSettings, WrongSetting, check_clock, check_uncompressed, wrong,
};

pub const UNCLEAN_LEADERS: &str = "unclean.leader.election.enable";
pub const LARGEST_RECORD: &str = "max.message.bytes";
/// How far behind and ahead of the broker's clock a writer's may be, in milliseconds; of CreateTime alone.
pub const TIMESTAMP_BOUNDS: [&str; 2] = ["message.timestamp.before.max.ms", "message.timestamp.after.max.ms"];
/// [`crate::topics::MAX_MESSAGE_BYTES`] as Kafka is told it.
const LARGEST_EXPECTED: &str = "10485760";
/// A bound on how late a record may be that refuses writers which were only away for a while, in milliseconds.
const SHORT_BOUND_MILLIS: i64 = 86_400_000;

/// What a topic is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Log,
    /// Outcomes and dead letters.
    Published,
    /// How far outcomes are published.
    Cursors,
}

impl Purpose {
    pub fn keeps(self) -> Keeps {
        match self {
            Self::Log => Keeps::Everything,
            Self::Published => Keeps::UntilExpired,
            Self::Cursors => Keeps::LastOfEachKey,
        }
    }
}

/// What a setting means for the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    Fine,
    /// It works, and less well than it could.
    Warning,
    /// Records are lost or refused, or nothing starts.
    Wrong,
}

/// One setting that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookedAt {
    pub setting: &'static str,
    /// `not told` where the broker does not report it.
    pub found: String,
    pub weight: Weight,
    /// What to change, and why; none where it is fine.
    pub advice: Option<String>,
}

impl LookedAt {
    fn fine(setting: &'static str, settings: &TopicSettings) -> Self {
        let found = settings.get(setting).unwrap_or("not told").to_owned();
        Self { setting, found, weight: Weight::Fine, advice: None }
    }

    fn but(self, weight: Weight, advice: impl Into<String>) -> Self {
        Self { weight, advice: Some(advice.into()), ..self }
    }

    fn of(wrong: Result<(), WrongSetting>, setting: &'static str, settings: &TopicSettings, weight: Weight) -> Self {
        let looked = Self::fine(setting, settings);
        match wrong {
            Ok(()) => looked,
            Err(wrong) => looked.but(weight, wrong.advice()),
        }
    }
}

/// Looks at every setting of `topic`, whose partitions have `replicas` replicas each.
pub fn look(topic: &str, purpose: Purpose, settings: &TopicSettings, replicas: usize) -> Vec<LookedAt> {
    let lost = purpose.keeps().wrong(topic, settings);
    let kept = |setting| {
        let found = lost.iter().find(|wrong| wrong.setting == setting).cloned();
        LookedAt::of(found.map_or(Ok(()), Err), setting, settings, Weight::Wrong)
    };
    let mut looked = vec![kept(CLEANUP_POLICY), kept(RETENTION_MS), kept(RETENTION_BYTES)];
    let compressed = if purpose == Purpose::Log { check_uncompressed(topic, settings) } else { Ok(()) };
    looked.push(LookedAt::of(compressed, COMPRESSION_TYPE, settings, Weight::Wrong));
    let clock = check_clock(topic, settings);
    let is_writers = clock.is_err();
    looked.push(LookedAt::of(clock, TIMESTAMP_TYPE, settings, Weight::Warning));
    looked.extend(TIMESTAMP_BOUNDS.map(|bound| timestamp_bound(bound, settings, is_writers)));
    looked.push(in_sync(topic, settings, replicas));
    looked.push(unclean(topic, settings));
    if purpose != Purpose::Cursors {
        looked.push(largest(topic, settings));
    }
    looked
}

/// Where the broker's clock times records, no record is refused for its time.
fn timestamp_bound(bound: &'static str, settings: &TopicSettings, is_writers: bool) -> LookedAt {
    let looked = LookedAt::fine(bound, settings);
    if !is_writers {
        let found = format!("{} (does not apply: the broker's clock times the records)", looked.found);
        return LookedAt { found, ..looked };
    }
    match looked.found.parse::<i64>() {
        Ok(millis) if millis < SHORT_BOUND_MILLIS => looked.but(
            Weight::Warning,
            "records of a writer whose clock is further off are refused: set message.timestamp.type=LogAppendTime, or a wider bound",
        ),
        _ => looked,
    }
}

fn in_sync(topic: &str, settings: &TopicSettings, replicas: usize) -> LookedAt {
    let looked = LookedAt::fine(MIN_INSYNC_REPLICAS, settings);
    let Ok(needed) = looked.found.parse::<usize>() else { return looked };
    let set = |expected: &'static str, because| wrong(topic, settings, MIN_INSYNC_REPLICAS, expected, because).advice();
    let three = "three replicas and min.insync.replicas=2 bear the loss of one (kafka-reassign-partitions)";
    if needed > replicas {
        let expected = if replicas >= 3 { "2" } else { "1" };
        let because = "more replicas must have a record than there are, so nothing is ever appended";
        return looked.but(Weight::Wrong, set(expected, because));
    }
    match (needed, replicas) {
        (_, 0 | 1) => looked,
        (1, 2) => looked.but(
            Weight::Warning,
            format!("an acknowledged record may be on one disk alone, and be lost with it; {three}"),
        ),
        (1, _) => looked
            .but(Weight::Warning, set("2", "an acknowledged record may be on one disk alone, and be lost with it")),
        (needed, replicas) if needed == replicas && replicas == 2 => {
            looked.but(Weight::Warning, format!("whenever a broker restarts, nothing is appended; {three}"))
        }
        (needed, replicas) if needed == replicas => {
            looked.but(Weight::Warning, set("2", "whenever a broker restarts, nothing is appended"))
        }
        _ => looked,
    }
}

fn unclean(topic: &str, settings: &TopicSettings) -> LookedAt {
    let looked = LookedAt::fine(UNCLEAN_LEADERS, settings);
    if looked.found != "true" {
        return looked;
    }
    let because = "a replica that lacks acknowledged records may become leader, and they are lost";
    looked.but(Weight::Wrong, wrong(topic, settings, UNCLEAN_LEADERS, "false", because).advice())
}

fn largest(topic: &str, settings: &TopicSettings) -> LookedAt {
    let looked = LookedAt::fine(LARGEST_RECORD, settings);
    let expected = LARGEST_EXPECTED.parse::<u64>();
    match (looked.found.parse::<u64>(), expected) {
        (Ok(found), Ok(expected)) if found < expected => {
            let because = "a large record of another writer is refused here in place of being parked with a reason";
            looked.but(Weight::Warning, wrong(topic, settings, LARGEST_RECORD, LARGEST_EXPECTED, because).advice())
        }
        _ => looked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::{MAX_MESSAGE_BYTES, TopicSpec};

    fn settings(spec: &TopicSpec, further: &[(&str, &str)]) -> TopicSettings {
        let own = spec.config.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        own.chain(further.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).collect()
    }

    #[test]
    fn a_topic_as_migrate_makes_it_is_fine() {
        assert_eq!(LARGEST_EXPECTED, MAX_MESSAGE_BYTES.to_string());
        for (purpose, spec) in [
            (Purpose::Log, TopicSpec::log("t", 1, 3)),
            (Purpose::Published, TopicSpec::published("t", 1, 3)),
            (Purpose::Cursors, TopicSpec::cursors("t", 1, 3)),
        ] {
            let looked = look("t", purpose, &settings(&spec, &[]), 3);
            assert!(looked.iter().all(|looked| looked.weight == Weight::Fine), "{looked:?}");
            assert!(looked.len() >= 9, "{looked:?}");
        }
    }

    #[test]
    fn each_bad_setting_is_seen_by_name_with_the_command_that_mends_it() {
        let spec = TopicSpec::log("t", 1, 3);
        for (name, value, replicas, weight, says) in [
            ("cleanup.policy", "compact", 3, Weight::Wrong, "cleanup.policy=delete"),
            ("retention.ms", "5", 3, Weight::Wrong, "retention.ms=-1"),
            ("retention.bytes", "5", 3, Weight::Wrong, "retention.bytes=-1"),
            ("compression.type", "lz4", 3, Weight::Wrong, "compression.type=uncompressed"),
            ("message.timestamp.type", "CreateTime", 3, Weight::Warning, "message.timestamp.type=LogAppendTime"),
            ("min.insync.replicas", "1", 3, Weight::Warning, "min.insync.replicas=2"),
            ("min.insync.replicas", "1", 2, Weight::Warning, "on one disk alone"),
            ("min.insync.replicas", "2", 2, Weight::Warning, "whenever a broker restarts"),
            ("min.insync.replicas", "3", 3, Weight::Warning, "min.insync.replicas=2"),
            ("min.insync.replicas", "4", 3, Weight::Wrong, "min.insync.replicas=2"),
            ("min.insync.replicas", "2", 1, Weight::Wrong, "min.insync.replicas=1"),
            ("unclean.leader.election.enable", "true", 3, Weight::Wrong, "unclean.leader.election.enable=false"),
            ("max.message.bytes", "1048588", 3, Weight::Warning, "max.message.bytes=10485760"),
        ] {
            let looked = look("t", Purpose::Log, &settings(&spec, &[(name, value)]), replicas);
            let bad: Vec<_> = looked.iter().filter(|looked| looked.weight != Weight::Fine).collect();
            assert_eq!(bad.len(), 1, "{name}={value}: {bad:?}");
            assert_eq!((bad[0].setting, bad[0].found.as_str(), bad[0].weight), (name, value, weight));
            assert!(bad[0].advice.as_ref().is_some_and(|advice| advice.contains(says)), "{bad:?}");
        }
        // Both limits at once, and bounds that count only where writers' clocks do.
        let both = settings(&spec, &[("retention.ms", "5"), ("retention.bytes", "5")]);
        assert_eq!(look("t", Purpose::Log, &both, 3).iter().filter(|at| at.weight == Weight::Wrong).count(), 2);
        let bound = ("message.timestamp.after.max.ms", "3600000");
        let weights = |further: &[(&str, &str)]| {
            let looked = look("t", Purpose::Published, &settings(&spec, further), 3);
            looked.into_iter().find(|looked| looked.setting == bound.0).map(|looked| looked.weight)
        };
        assert_eq!(weights(&[bound]), Some(Weight::Fine));
        assert_eq!(weights(&[bound, ("message.timestamp.type", "CreateTime")]), Some(Weight::Warning));
        let unbounded = ("message.timestamp.after.max.ms", "9223372036854775807");
        assert_eq!(weights(&[unbounded, ("message.timestamp.type", "CreateTime")]), Some(Weight::Fine));
    }

    #[test]
    fn a_topic_with_one_replica_needs_one() {
        let spec = TopicSpec::log("t", 1, 1);
        assert!(look("t", Purpose::Log, &settings(&spec, &[]), 1).iter().all(|looked| looked.weight == Weight::Fine));
    }
}
