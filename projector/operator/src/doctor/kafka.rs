//! Brokers, topics, and transactions that are open on them. Which setting of a topic is right is decided by `topic_rules`; here is who is
//! asked, and what follows from brokers and partitions. It only asks.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use ledger_kafka::replay::LogRange;
use ledger_kafka::tail::{Left, Records, first_records};
use ledger_kafka::{Broker, KafkaSettings, KafkaUseError, LogInspector, PartitionState};
use ledger_schema::log::Watermarks;
use ledger_schema::topic_rules::{self, Purpose};
use ledger_schema::topic_settings::{LOG_APPEND_TIME, TIMESTAMP_TYPE};
use projector::relay::RelayTopics;
use rdkafka::util::get_rdkafka_version;

use super::finding::{Area, Sheet};
use super::{Options, QUESTION_LIMIT};

const START_KAFKA: &str = "see that it runs at the address that LEDGER_KAFKA_BROKERS (--kafka-brokers) names, and that its \
                           advertised.listeners can be reached from here";
/// Writers' transactions are open for a moment, the relay's own among them.
const OPEN_FOR_A_MOMENT: TimeDelta = TimeDelta::seconds(10);
/// Nothing is folded behind one that is open for so long.
const OPEN_FOR_LONG: TimeDelta = TimeDelta::seconds(60);
/// What is taken for an inexact clock of either side.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(2);
/// Most brokers whose settings are asked for.
const BROKERS_ASKED: usize = 9;

pub(super) async fn look(sheet: &Sheet, options: &Options) {
    let (own, kafka, topics) = (sheet.clone(), options.kafka.clone(), options.topics.clone());
    // It is waited for up to the area's limit; what it then still asks ends with the process.
    let looked = tokio::task::spawn_blocking(move || look_blocking(&own, &kafka, &topics)).await;
    if let Err(error) = looked {
        sheet.skip("brokers", error);
    }
}

fn look_blocking(sheet: &Sheet, kafka: &KafkaSettings, topics: &RelayTopics) {
    sheet.fine("librdkafka", get_rdkafka_version().1);
    let inspector = match LogInspector::new(kafka) {
        Ok(inspector) => inspector.with_timeout(QUESTION_LIMIT),
        Err(error) => {
            return sheet.wrong("client settings", error, "correct LEDGER_KAFKA_PROPERTIES or the file that it names");
        }
    };
    let brokers = match inspector.list_brokers() {
        Ok(brokers) => brokers,
        Err(error) if error.is_unreachable() => return sheet.unreachable("brokers", error, START_KAFKA),
        Err(error) => return sheet.wrong("brokers", error, "correct user, password or certificate"),
    };
    look_at_brokers(sheet, &inspector, &brokers);
    let mut look = Topics { sheet, inspector: &inspector, kafka, brokers: brokers.len(), log_partitions: None };
    for (topic, purpose) in [
        (&topics.orders, Purpose::Log),
        (&topics.outcomes, Purpose::Published),
        (&topics.dead_letters, Purpose::Published),
        (&topics.cursors, Purpose::Cursors),
    ] {
        match look.look(topic, purpose) {
            Ok(()) => {}
            Err(error) if error.is_unreachable() => {
                return sheet.unreachable(format!("topic {topic}"), error, START_KAFKA);
            }
            Err(error @ KafkaUseError::MissingTopic { .. }) => {
                sheet.wrong(format!("topic {topic}"), error, "ledger migrate");
            }
            Err(error) => sheet.skip(format!("topic {topic}"), error),
        }
    }
}

fn look_at_brokers(sheet: &Sheet, inspector: &LogInspector, brokers: &[Broker]) {
    let shown: Vec<String> = brokers.iter().map(|broker| format!("{} {}", broker.id, broker.address)).collect();
    let found = format!("{}: {}", brokers.len(), shown.join(", "));
    match brokers.len() {
        1 | 2 => sheet.warn(
            "brokers",
            found,
            "three brokers, replication factor 3 and min.insync.replicas=2 bear the loss of one; of one broker the log is as safe as its disk",
        ),
        _ => sheet.fine("brokers", found),
    }
    let mut settings = Vec::new();
    for broker in brokers.iter().take(BROKERS_ASKED) {
        match inspector.broker_settings(broker.id) {
            Ok(found) => settings.push((broker.id, found)),
            Err(error) => {
                sheet.skip(format!("settings of broker {}", broker.id), error);
                // Who may not ask one may ask none.
                break;
            }
        }
    }
    let with = |name: &str| values_of(&settings, name);
    match with("inter.broker.protocol.version") {
        versions if versions.is_empty() => {
            sheet.skip(
                "version of the brokers",
                "Kafka tells it to its own tools alone: kafka-features.sh --bootstrap-server BROKERS describe",
            );
        }
        versions => sheet.fine("inter.broker.protocol.version", shown_of(&versions)),
    }
    let created = with("auto.create.topics.enable");
    if created.contains_key("true") {
        sheet.warn(
            "auto.create.topics.enable",
            shown_of(&created),
            "set auto.create.topics.enable=false on the brokers: a topic of ours that was deleted is else made anew, empty, under its name, \
             by whichever other client asks for it",
        );
    } else if !created.is_empty() {
        sheet.fine("auto.create.topics.enable", shown_of(&created));
    }
    for name in ["offsets.topic.replication.factor", "transaction.state.log.replication.factor"] {
        let found = with(name);
        if brokers.len() > 1 && found.contains_key("1") {
            let advice = format!(
                "set {name}=3 on the brokers before the topic is made, and add replicas to the one that is there \
                 (kafka-reassign-partitions): while its one broker is away nobody joins a group or commits a transaction"
            );
            sheet.warn(name, shown_of(&found), advice);
        } else if !found.is_empty() {
            sheet.fine(name, shown_of(&found));
        }
    }
}

/// The brokers of each value of a setting.
fn values_of<'a>(settings: &'a [(i32, BTreeMap<String, String>)], name: &str) -> BTreeMap<&'a str, Vec<i32>> {
    let mut found: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (id, settings) in settings {
        if let Some(value) = settings.get(name) {
            found.entry(value).or_default().push(*id);
        }
    }
    found
}

fn shown_of(values: &BTreeMap<&str, Vec<i32>>) -> String {
    let shown = |(value, ids): (&&str, &Vec<i32>)| match values.len() {
        1 => (*value).to_owned(),
        _ => format!("{value} (brokers {ids:?})"),
    };
    values.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// What one topic after the other is looked at with.
struct Topics<'a> {
    sheet: &'a Sheet,
    inspector: &'a LogInspector,
    kafka: &'a KafkaSettings,
    brokers: usize,
    /// Of the log, which is looked at first.
    log_partitions: Option<usize>,
}

impl Topics<'_> {
    fn look(&mut self, topic: &str, purpose: Purpose) -> Result<(), KafkaUseError> {
        let states = self.inspector.partitions(topic)?;
        self.partitions(topic, purpose, &states);
        let replicas = states.iter().map(|state| state.replicas).min().unwrap_or(0);
        let of = |what: &str| format!("topic {topic}, {what}");
        match self.inspector.settings(topic) {
            Ok(settings) => {
                for looked in topic_rules::look(topic, purpose, &settings, replicas) {
                    self.sheet.weigh(of(looked.setting), looked.weight, looked.found, looked.advice);
                }
                if purpose == Purpose::Log {
                    let is_brokers = settings.get(TIMESTAMP_TYPE) == Some(LOG_APPEND_TIME);
                    self.clock(topic, is_brokers, states.len());
                }
            }
            Err(error) if error.is_unreachable() => return Err(error),
            Err(error) => self.sheet.skip(of("settings"), error),
        }
        if states.iter().all(|state| state.has_leader) {
            self.transactions(topic, purpose, &states)?;
        } else {
            self.sheet.skip(of("open transactions"), "partitions have no leader");
        }
        Ok(())
    }

    fn partitions(&mut self, topic: &str, purpose: Purpose, states: &[PartitionState]) {
        let of = |what: &str| format!("topic {topic}, {what}");
        let count = states.len();
        match (purpose, self.log_partitions) {
            (Purpose::Log, _) => self.log_partitions = Some(count),
            (_, Some(expected)) if expected != count => {
                let advice = format!(
                    "expected {expected}, as many as the log has: an outcome goes to the partition number of its cause. Make the topic anew \
                     (`ledger migrate`) under another name, or give it more (kafka-topics --alter --partitions {expected})"
                );
                return self.sheet.wrong(of("partitions"), count, advice);
            }
            _ => {}
        }
        self.sheet.fine(of("partitions"), count);
        let numbers = |holds: &dyn Fn(&PartitionState) -> bool| -> Vec<i32> {
            states.iter().filter(|state| holds(state)).map(|state| state.partition).collect()
        };
        let replicas = states.iter().map(|state| state.replicas).min().unwrap_or(0);
        if replicas == 1 && self.brokers > 1 {
            let advice =
                "kafka-reassign-partitions, to three replicas: the loss of one disk is else the loss of its partitions";
            self.sheet.warn(of("replication factor"), replicas, advice);
        } else {
            self.sheet.fine(of("replication factor"), replicas);
        }
        let (leaderless, behind) =
            (numbers(&|state| !state.has_leader), numbers(&|state| state.has_leader && state.in_sync < state.replicas));
        if !leaderless.is_empty() {
            let advice = "start the brokers that have them: nothing is appended to them or read from them";
            self.sheet.wrong(of("partitions without a leader"), format!("{leaderless:?}"), advice);
        }
        if behind.is_empty() {
            self.sheet.fine(of("replicas in sync"), "all");
        } else {
            let advice = "see why a broker is away or behind (kafka-topics --describe --under-replicated-partitions)";
            self.sheet.warn(of("replicas in sync"), format!("fewer than there are, of partitions {behind:?}"), advice);
        }
    }

    fn transactions(&self, topic: &str, purpose: Purpose, states: &[PartitionState]) -> Result<(), KafkaUseError> {
        let of = |what: &str| format!("topic {topic}, {what}");
        let numbers: Vec<i32> = states.iter().map(|state| state.partition).collect();
        let marks = self.inspector.watermarks_of(topic, &numbers)?;
        let cut: Vec<String> = marks
            .iter()
            .filter(|(_, marks)| purpose == Purpose::Log && marks.low != 0)
            .map(|(partition, marks)| format!("partition {partition} begins at {}", marks.low))
            .collect();
        if !cut.is_empty() {
            let advice = "the log has lost its beginning: bring it back from a copy of the cluster; without it the tables can never be made anew";
            self.sheet.wrong(of("first offset"), cut.join(", "), advice);
        }
        let blocked: BTreeMap<i32, Watermarks> = marks.into_iter().filter(|(_, marks)| marks.is_blocked()).collect();
        if blocked.is_empty() {
            self.sheet.fine(of("open transactions"), "none");
            return Ok(());
        }
        let range = |(partition, marks): (&i32, &Watermarks)| LogRange {
            partition: *partition,
            from: marks.stable,
            to: marks.high,
        };
        let ranges: Vec<LogRange> = blocked.iter().map(range).collect();
        let first = first_records(self.kafka, topic, &ranges, Records::Written, QUESTION_LIMIT)?;
        let now = Utc::now();
        for (partition, marks) in &blocked {
            let since = match first.get(partition) {
                Some(Left::Record(record)) => record.millis.and_then(DateTime::from_timestamp_millis),
                _ => None,
            };
            self.open_transaction(topic, *partition, *marks, since, now);
        }
        Ok(())
    }

    fn open_transaction(
        &self,
        topic: &str,
        partition: i32,
        marks: Watermarks,
        since: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) {
        let what = format!("topic {topic}, open transaction on partition {partition}");
        let from = marks.stable;
        let Some(since) = since else {
            // Aborted, and its mark not yet there; or its time is not told.
            return self.sheet.warn(what, format!("from offset {from} on, since when is not told"), ABORT);
        };
        let found = format!("from offset {from} on, since {}", since.to_rfc3339_opts(SecondsFormat::Millis, true));
        match now - since {
            age if age < OPEN_FOR_A_MOMENT => self.sheet.fine(what, found),
            age if age < OPEN_FOR_LONG => self.sheet.warn(what, found, ABORT),
            _ => self.sheet.wrong(what, found, ABORT),
        }
    }

    /// A broker's clock is known only by what it has stamped: that it is ahead can be seen, that it is behind cannot.
    fn clock(&self, topic: &str, is_brokers: bool, partitions: usize) {
        let sheet = self.sheet.of(Area::Clocks);
        let what = "clock of Kafka's brokers, against this machine's";
        if !is_brokers {
            return sheet.skip(what, format!("each writer's own clock times the records of {topic}"));
        }
        let partitions: Vec<i32> = (0..).take(partitions).collect();
        let later = Utc::now() + CLOCK_TOLERANCE + TimeDelta::from_std(Duration::from_secs(1)).unwrap_or_default();
        match self.inspector.offsets_from(topic, &partitions, later.timestamp_millis()) {
            Ok(found) if found.is_empty() => {
                sheet.fine(
                    what,
                    "no record was stamped later than now (a clock that is behind cannot be seen without appending)",
                );
            }
            Ok(found) => sheet.warn(
                what,
                format!(
                    "partitions {:?} have records that were stamped later than this machine's now",
                    found.keys().collect::<Vec<_>>()
                ),
                "set the clocks of brokers and this machine by NTP (chronyc tracking)",
            ),
            Err(error) => sheet.skip(what, error),
        }
    }
}

const ABORT: &str = "what stands behind it is not folded until it ends: kafka-transactions.sh --bootstrap-server BROKERS find-hanging, then \
                     describe-producers and abort";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn an_open_transaction_is_as_bad_as_it_is_old() {
        let sheet = Sheet::new(Area::Kafka);
        let kafka = KafkaSettings::new("127.0.0.1:1", "").expect("valid");
        let inspector = LogInspector::new(&kafka).expect("valid");
        let topics = Topics { sheet: &sheet, inspector: &inspector, kafka: &kafka, brokers: 1, log_partitions: None };
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let marks = Watermarks { low: 0, stable: 5, high: 7 };
        for seconds in [1, 20, 61] {
            topics.open_transaction("orders", 0, marks, Some(now - TimeDelta::seconds(seconds)), now);
        }
        topics.open_transaction("orders", 0, marks, None, now);
        let verdicts: Vec<Verdict> = sheet.findings().iter().map(|finding| finding.verdict).collect();
        assert_eq!(verdicts, [Verdict::Fine, Verdict::Warning, Verdict::Wrong, Verdict::Warning]);
        assert_eq!(sheet.findings()[1].found, "from offset 5 on, since 1970-01-01T23:59:40.000Z");
    }

    #[test]
    fn values_name_their_brokers_where_they_differ() {
        let of = |id, value: &str| (id, BTreeMap::from([("a".to_owned(), value.to_owned())]));
        assert_eq!(shown_of(&values_of(&[of(1, "x"), of(2, "x")], "a")), "x");
        assert_eq!(shown_of(&values_of(&[of(1, "x"), of(2, "y")], "a")), "x (brokers [1]), y (brokers [2])");
        assert!(values_of(&[of(1, "x")], "b").is_empty());
    }
}
