//! Whether the topic that is appended to still is the log that the tables are folded from: its id, its partition count, and that
//! it keeps what it is given (INV-9). An order that is acknowledged by another topic, or by one that loses it, is lost to
//! the ledger, so while one of these is wrong nothing is appended, and `/readyz` says what was expected and found.
//!
//! **What remains.** Brokers know topics by name here: between two looks an append may reach a topic that was just made anew. Its
//! acknowledgement is held against what this service knows ([`super::acknowledged`]): an offset that was taken before gives the
//! topic away at once. Only in a partition that was empty, or where the new topic is as long as the old one already, does an
//! append within one interval pass for good.
//!
//! It must never change a topic, and never take silence for an answer: what cannot be asked leaves the last answer standing.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use ledger_kafka::{KafkaUseError, LogInspector, ask};
use ledger_schema::log::{AnotherLog, LogIdentity};
use ledger_schema::topic_settings::{Keeps, TopicSettings, WrongSetting, check_clock};
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::acknowledged::Acknowledged;
use crate::reader::Reader;

/// Between two looks: how long an append may reach a topic that was just made anew.
const INTERVAL: Duration = Duration::from_secs(1);
/// Longest that one look waits for Kafka.
pub(crate) const LOOK_LIMIT: Duration = Duration::from_secs(1);
/// The settings are asked for at every so many looks, and at each while something is wrong.
const LOOKS_PER_SETTINGS: u32 = 10;

/// What the service asks Kafka about its log. Blocks.
pub trait LogFacts: Send + Sync {
    /// # Errors
    /// There is no such topic, or why it cannot be known.
    fn identity(&self, topic: &str) -> Result<LogIdentity, KafkaUseError>;

    /// # Errors
    /// As of [`Self::identity`].
    fn settings(&self, topic: &str) -> Result<TopicSettings, KafkaUseError>;
}

impl LogFacts for LogInspector {
    fn identity(&self, topic: &str) -> Result<LogIdentity, KafkaUseError> {
        self.identity(topic)
    }

    fn settings(&self, topic: &str) -> Result<TopicSettings, KafkaUseError> {
        self.settings(topic)
    }
}

/// The log as it was found at start.
pub(crate) struct Found {
    /// Whom the watch asks.
    pub(crate) facts: Arc<dyn LogFacts>,
    pub(crate) identity: LogIdentity,
    /// Whether the tables know the log: they do not before the projector's first start.
    pub(crate) is_of_tables: bool,
    /// Partition and next offset of what is folded.
    pub(crate) folded: Vec<(i32, i64)>,
}

/// The log as it is known, and what was found last.
struct Known {
    identity: LogIdentity,
    /// The tables said so; before the projector's first start it is what the service found at its own.
    is_of_tables: bool,
    looks: u32,
    wrong_setting: Option<WrongSetting>,
    /// Something was said about the settings: once is enough.
    has_told: bool,
}

pub(crate) struct LogWatch {
    topic: String,
    /// How far the log that is known reaches.
    pub(super) acknowledged: Acknowledged,
    facts: Arc<dyn LogFacts>,
    reader: Reader,
    /// Frozen: the service's tables and waits are made for so many.
    partition_count: i32,
    known: Mutex<Known>,
    /// Why nothing may be appended. One load on the hot path.
    fault: ArcSwapOption<String>,
    doubt: Notify,
}

impl LogWatch {
    /// `found` was checked at start.
    pub(super) fn new(topic: String, reader: Reader, found: Found) -> Self {
        let Found { facts, identity, is_of_tables, folded } = found;
        let partition_count = identity.partition_count;
        let known = Known { identity, is_of_tables, looks: 0, wrong_setting: None, has_told: false };
        Self {
            topic,
            acknowledged: Acknowledged::new(partition_count, &folded),
            facts,
            reader,
            partition_count,
            known: Mutex::new(known),
            fault: ArcSwapOption::empty(),
            doubt: Notify::new(),
        }
    }

    /// Why nothing may be appended.
    pub(crate) fn fault(&self) -> Option<Arc<String>> {
        self.fault.load_full()
    }

    /// Something speaks for another topic: look now.
    pub(crate) fn raise_doubt(&self) {
        self.doubt.notify_one();
    }

    /// Looks until `stop`.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.look().await {
                tracing::debug!(topic = self.topic, %error, "the log cannot be looked at");
            }
            // Doubts come with every failed append: they hurry a look, and never make one follow the other without a rest.
            let rest = async {
                tokio::time::sleep(INTERVAL / 4).await;
                let _ = timeout(INTERVAL, self.doubt.notified()).await;
            };
            if stop.run_until_cancelled(rest).await.is_none() {
                return;
            }
        }
    }

    /// Looks once.
    ///
    /// # Errors
    /// Kafka could not be asked: what was known stands.
    pub(crate) async fn look(&self) -> Result<(), KafkaUseError> {
        let mut known = self.known.lock().await;
        let (facts, topic) = (self.facts.clone(), self.topic.clone());
        let found = match ask(move || facts.identity(&topic)).await {
            Ok(found) => found,
            Err(error @ KafkaUseError::MissingTopic { .. }) => {
                self.tell(Some(error.to_string()));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if !known.is_of_tables || known.identity.check(&self.topic, &found).is_err() {
            self.ask_tables(&mut known).await;
        }
        let another = self.judge(&known.identity, &found).err().map(|another| another.to_string());
        if another.is_none() {
            self.look_at_settings(&mut known).await;
        }
        self.tell(another.or_else(|| known.wrong_setting.as_ref().map(ToString::to_string)));
        Ok(())
    }

    /// The log that the tables know, and the number of partitions that this service was started for.
    fn judge(&self, expected: &LogIdentity, found: &LogIdentity) -> Result<(), AnotherLog> {
        expected.check(&self.topic, found)?;
        LogIdentity { partition_count: self.partition_count, ..expected.clone() }.check(&self.topic, found)
    }

    /// Tables that were made anew from another topic are another ledger, which this service may serve.
    async fn ask_tables(&self, known: &mut Known) {
        match self.reader.log_identity().await {
            Ok(Some(identity)) => {
                if identity.topic_id != known.identity.topic_id {
                    self.acknowledged.forget();
                }
                known.identity = identity;
                known.is_of_tables = true;
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "which log the tables are of cannot be read"),
        }
    }

    async fn look_at_settings(&self, known: &mut Known) {
        let is_due = known.looks.is_multiple_of(LOOKS_PER_SETTINGS);
        known.looks = known.looks.wrapping_add(1);
        if !is_due && known.wrong_setting.is_none() {
            return;
        }
        let (facts, topic) = (self.facts.clone(), self.topic.clone());
        let found: Result<TopicSettings, KafkaUseError> = ask(move || facts.settings(&topic)).await;
        match found {
            Ok(settings) => {
                known.wrong_setting = Keeps::Everything.check(&self.topic, &settings).err();
                if let Err(clock) = check_clock(&self.topic, &settings)
                    && !std::mem::replace(&mut known.has_told, true)
                {
                    tracing::warn!("{clock}");
                }
            }
            Err(error) if error.is_unreachable() || error.is_not_admitted() => {}
            // A user without the right: the projector, which has it, watches, too.
            Err(error) if !std::mem::replace(&mut known.has_told, true) => {
                tracing::warn!(%error, "whether the log keeps every record is not watched by this service");
            }
            Err(_) => {}
        }
    }

    fn tell(&self, fault: Option<String>) {
        let before = self.fault.swap(fault.clone().map(Arc::new));
        match (before, fault) {
            (before, Some(fault)) if before.as_deref() != Some(&fault) => {
                tracing::error!("{fault}: nothing is appended while that is so");
            }
            (Some(_), None) => tracing::info!(topic = self.topic, "the log is the ledger's: orders are taken again"),
            _ => {}
        }
    }
}
