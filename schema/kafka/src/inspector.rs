//! Facts about topics: identity, partition count, settings; `ends.rs` has watermarks. It only reads, and belongs to no group. Every call blocks up
//! to [`KAFKA_TIMEOUT`] or the inspector's own limit, so async code calls it on a blocking thread. The store's `log_check.rs` decides with them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ledger_schema::log::LogIdentity;
use ledger_schema::topic_settings::TopicSettings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataPartition;

use crate::context::{QuietContext, take_reports};
use crate::error::{KafkaUseError, settings_refused, use_error};
use crate::faults::{Fault, fault_of_code};
use crate::native::{self, Described, NativeFault, SettingsOf};
use crate::settings::{KAFKA_TIMEOUT, KafkaSettings};

/// Who has a partition, as a broker knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionState {
    pub partition: i32,
    /// Without one nothing is appended, and nothing read.
    pub has_leader: bool,
    pub in_sync: usize,
    pub replicas: usize,
}

impl PartitionState {
    fn of(found: &MetadataPartition) -> Self {
        Self {
            partition: found.id(),
            has_leader: found.leader() >= 0,
            in_sync: found.isr().len(),
            replicas: found.replicas().len(),
        }
    }
}

/// A client that asks.
pub(crate) type Asker = Arc<BaseConsumer<QuietContext>>;

/// Clients that ask. Cheap to clone.
#[derive(Clone)]
pub struct LogInspector {
    /// What a reader of committed records can reach: to it, a partition ends at the last stable offset.
    pub(crate) committed: Asker,
    /// To this one, it ends at the high watermark. An end is asked for at the level that a client was made with; who asks for none
    /// needs no such client, so it is made with the first.
    uncommitted: Arc<Mutex<Option<Asker>>>,
    kafka: Arc<KafkaSettings>,
    pub(crate) timeout: Duration,
}

impl LogInspector {
    /// # Errors
    /// [`KafkaUseError`] when the settings are refused. It does not connect yet.
    pub fn new(settings: &KafkaSettings) -> Result<Self, KafkaUseError> {
        let committed = asker(settings, "read_committed")?;
        Ok(Self { committed, uncommitted: Arc::default(), kafka: Arc::new(settings.clone()), timeout: KAFKA_TIMEOUT })
    }

    /// The client to which a partition ends at the high watermark.
    pub(crate) fn uncommitted(&self) -> Result<Asker, KafkaUseError> {
        let mut made = self.uncommitted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*made {
            return Ok(Arc::clone(client));
        }
        let client = asker(&self.kafka, "read_uncommitted")?;
        *made = Some(Arc::clone(&client));
        Ok(client)
    }

    pub(crate) fn brokers(&self) -> &str {
        self.kafka.brokers()
    }

    /// An answer to `client`, once its own reports are read: a question of who is not let in has no answer, and only they say why.
    pub(crate) fn explained<T>(client: &Asker, answer: Result<T, KafkaUseError>) -> Result<T, KafkaUseError> {
        take_reports(client);
        match answer {
            Err(KafkaUseError::Unreachable { brokers, cause }) => Err(match client.context().refusal() {
                Some(cause) => KafkaUseError::NotAdmitted { brokers, cause },
                None => KafkaUseError::Unreachable { brokers, cause },
            }),
            Err(error) if error.is_not_admitted() => Err(error),
            answer => {
                client.context().admitted();
                answer
            }
        }
    }

    /// The same clients, which wait for each answer up to `timeout` instead of [`KAFKA_TIMEOUT`].
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// How many partitions `topic` has.
    ///
    /// # Errors
    /// [`KafkaUseError::MissingTopic`], or why it cannot be known.
    pub fn partition_count(&self, topic: &str) -> Result<i32, KafkaUseError> {
        let count = self.partitions(topic)?.len();
        Ok(i32::try_from(count).expect("the protocol counts partitions in 32 bits"))
    }

    /// The partitions of `topic`, and who has them.
    ///
    /// # Errors
    /// As [`Self::partition_count`].
    pub fn partitions(&self, topic: &str) -> Result<Vec<PartitionState>, KafkaUseError> {
        let action = "reading the topic's metadata";
        let failed = |cause| use_error(self.brokers(), action, cause);
        let metadata = self.committed.fetch_metadata(Some(topic), self.timeout).map_err(failed);
        let metadata = Self::explained(&self.committed, metadata)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let missing = || KafkaUseError::MissingTopic { topic: topic.to_owned() };
        let found = found.ok_or_else(missing)?;
        if let Some(error) = found.error() {
            let code = RDKafkaErrorCode::from(error);
            let failed = KafkaUseError::Failed { action, cause: KafkaError::MetadataFetch(code) };
            return Err(if fault_of_code(code) == Fault::NoTopic { missing() } else { failed });
        }
        let states: Vec<_> = found.partitions().iter().map(PartitionState::of).collect();
        if states.is_empty() { Err(missing()) } else { Ok(states) }
    }

    /// What makes `topic` that topic and no other (INV-9): id and partition count of one answer, so that they are of one topic.
    ///
    /// # Errors
    /// As [`Self::partition_count`].
    pub fn identity(&self, topic: &str) -> Result<LogIdentity, KafkaUseError> {
        let described = native::describe_topic(self.committed.client(), topic, self.timeout)
            .map_err(|fault| self.unanswered(topic, "reading the topic id", fault));
        let Described { topic_id, partition_count } = Self::explained(&self.committed, described)?;
        let partition_count = i32::try_from(partition_count).expect("the protocol counts partitions in 32 bits");
        Ok(LogIdentity { cluster_id: self.cluster_id()?, topic_id, partition_count })
    }

    /// How `topic` is set, defaults of the broker included.
    ///
    /// # Errors
    /// As [`Self::partition_count`].
    pub fn settings(&self, topic: &str) -> Result<TopicSettings, KafkaUseError> {
        let action = "reading the topic's settings (for which the Kafka user needs DescribeConfigs on it)";
        let found = native::settings(self.committed.client(), SettingsOf::Topic(topic), self.timeout)
            .map(TopicSettings::from_iter)
            .map_err(|fault| self.unanswered(topic, action, fault));
        Self::explained(&self.committed, found)
    }

    /// A broker's code says whether the same question is answered a moment later; without one, nobody knows.
    pub(crate) fn unanswered(
        &self,
        topic: &str,
        action: &'static str,
        NativeFault { code, cause }: NativeFault,
    ) -> KafkaUseError {
        match code {
            None => KafkaUseError::Native { action, cause },
            Some(code) if fault_of_code(code) == Fault::NoTopic => {
                KafkaUseError::MissingTopic { topic: topic.to_owned() }
            }
            Some(code) => use_error(self.brokers(), action, KafkaError::AdminOp(code)),
        }
    }

    /// Which cluster it is.
    ///
    /// # Errors
    /// [`KafkaUseError::Unreachable`] when no broker says so in time.
    pub fn cluster_id(&self) -> Result<String, KafkaUseError> {
        let found = self.committed.client().fetch_cluster_id(self.timeout).ok_or_else(|| {
            let cause = "no broker reported the cluster id".to_owned();
            KafkaUseError::Unreachable { brokers: self.brokers().to_owned(), cause }
        });
        Self::explained(&self.committed, found)
    }

    /// How many brokers the cluster has.
    ///
    /// # Errors
    /// [`KafkaUseError`] when none answers.
    pub fn broker_count(&self) -> Result<usize, KafkaUseError> {
        let failed = |cause| use_error(self.brokers(), "reading the cluster's metadata", cause);
        // Asking for no topic by name means all of them; one name that nobody has keeps the answer small.
        let metadata = self.committed.fetch_metadata(Some("__consumer_offsets"), self.timeout).map_err(failed);
        Ok(Self::explained(&self.committed, metadata)?.brokers().len())
    }
}

fn asker(kafka: &KafkaSettings, isolation: &str) -> Result<Asker, KafkaUseError> {
    let client = kafka.inspector(isolation).create_with_context(QuietContext::default());
    let client = client.map(Arc::new).map_err(settings_refused)?;
    if kafka.logs_in_by_token() {
        // It asks for its first token when it is polled, and a question does not poll.
        take_reports(&client);
    }
    Ok(client)
}

/// Calls a blocking question on a thread for such.
///
/// # Errors
/// What the question fails with.
pub async fn ask<T, E>(question: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: Send + 'static + From<KafkaUseError>,
{
    tokio::task::spawn_blocking(question).await.unwrap_or_else(|error| {
        Err(E::from(KafkaUseError::Native { action: "asking Kafka", cause: error.to_string() }))
    })
}
