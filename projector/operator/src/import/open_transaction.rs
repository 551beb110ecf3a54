//! Transactions of the old topic that are open while it is read. What stands behind one is acknowledged, and nobody is given it before the
//! transaction ends: the end of what a client is served is not the end of the topic. It must never let a bounded run end there.
//! Next: [`super::source`], which asks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ledger_fold::log_safety::Watermarks;
use ledger_kafka::{KafkaSettings, KafkaUseError, LogInspector};
use projector::blocked::{Blocked, blocked_among};

/// How often it is looked whether the client waits at an open transaction.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// How long one look may wait for an answer: a stop is not noticed meanwhile.
const LOOK_LIMIT: Duration = Duration::from_secs(3);

/// Waits for open transactions.
pub(super) struct OpenTransactions {
    kafka: KafkaSettings,
    inspector: LogInspector,
    topic: String,
    /// How long one transaction is waited for; `None` for ever.
    patience: Option<Duration>,
    /// Partitions whose client met the end of what it is served, and got nothing since.
    at_end: BTreeSet<i32>,
    waited: BTreeMap<i32, (Blocked, Instant)>,
    looked: Instant,
}

impl OpenTransactions {
    pub(super) fn new(kafka: &KafkaSettings, topic: &str, patience: Option<Duration>) -> Result<Self, KafkaUseError> {
        Ok(Self {
            kafka: kafka.clone(),
            inspector: LogInspector::new(kafka)?.with_timeout(LOOK_LIMIT),
            topic: topic.to_owned(),
            patience,
            at_end: BTreeSet::new(),
            waited: BTreeMap::new(),
            looked: Instant::now(),
        })
    }

    /// The client met the end of what it is served.
    pub(super) fn met_end(&mut self, partition: i32) {
        self.at_end.insert(partition);
    }

    /// A record came, or no more is wanted of the partition.
    pub(super) fn moves_on(&mut self, partition: i32) {
        self.at_end.remove(&partition);
        self.waited.remove(&partition);
    }

    /// Looks now and then whether the client waits at open transactions, and says so, once of each; gives one that was waited for in
    /// vain. Whether it can be known does not matter: then it is looked again.
    pub(super) fn in_vain(&mut self) -> Option<Blocked> {
        if self.at_end.is_empty() || self.looked.elapsed() < LOOK_INTERVAL {
            return None;
        }
        self.looked = Instant::now();
        match self.blocked() {
            Ok(blocked) => self.take(&blocked),
            Err(error) => tracing::debug!(%error, "open transactions of the old topic cannot be looked for"),
        }
        let patience = self.patience?;
        self.waited.values().find(|(_, since)| since.elapsed() >= patience).map(|(blocked, _)| *blocked)
    }

    fn blocked(&self) -> Result<Vec<Blocked>, KafkaUseError> {
        let partitions: Vec<i32> = self.at_end.iter().copied().collect();
        let mut marks: BTreeMap<i32, Watermarks> = self.inspector.watermarks_of(&self.topic, &partitions)?;
        let still = |blocked: &Blocked| {
            let now = marks.get(&blocked.partition);
            now.is_some_and(|now| now.is_blocked() && now.stable == blocked.stable_offset)
        };
        let mut blocked: Vec<Blocked> = self.waited.values().map(|(blocked, _)| *blocked).filter(still).collect();
        marks.retain(|partition, _| blocked.iter().all(|known| known.partition != *partition));
        blocked.extend(blocked_among(&self.kafka, &self.topic, &marks)?);
        Ok(blocked)
    }

    fn take(&mut self, blocked: &[Blocked]) {
        self.waited.retain(|partition, (waited, _)| {
            blocked.iter().any(|now| now.partition == *partition && now.stable_offset == waited.stable_offset)
        });
        for found in blocked {
            self.waited.entry(found.partition).or_insert_with(|| {
                let up_to =
                    self.patience.map_or_else(String::new, |patience| format!(" up to {} s", patience.as_secs()));
                tracing::warn!("topic {} {found}: waiting{up_to} for the transaction to end", self.topic);
                (*found, Instant::now())
            });
        }
    }
}
