//! Whether the old topic is still the one that the import began with. A topic that was deleted and made anew under the same name
//! is another one, and what stands in it has other ids; one that grew has partitions that nobody reads yet. It must never take
//! an answer that does not come for a change. Next: [`super::reader`].

use std::time::{Duration, Instant};

use ledger_kafka::{KafkaSettings, KafkaUseError, LogInspector, TOPIC_PATIENCE};
use ledger_schema::log::LogIdentity;
use thiserror::Error;

/// How often it is looked while the topic is followed.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// How long one look may wait for an answer.
const LOOK_LIMIT: Duration = Duration::from_secs(3);

/// The old topic is not the one that the import began with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OldTopicChanged {
    #[error(
        "topic {topic} was made anew while it was imported: it began with topic id {expected}, found {found}; what stands in it now is \
         another topic's: import it by a run of its own"
    )]
    MadeAnew { topic: String, expected: String, found: String },
    #[error("topic {topic} was deleted while it was imported")]
    Deleted { topic: String },
}

pub(super) struct TopicWatch {
    inspector: LogInspector,
    topic: String,
    expected: LogIdentity,
    missing_since: Option<Instant>,
    looked: Instant,
}

impl TopicWatch {
    /// `expected` is the topic as the import found it.
    pub(super) fn new(kafka: &KafkaSettings, topic: &str, expected: LogIdentity) -> Result<Self, KafkaUseError> {
        let inspector = LogInspector::new(kafka)?.with_timeout(LOOK_LIMIT);
        Ok(Self { inspector, topic: topic.to_owned(), expected, missing_since: None, looked: Instant::now() })
    }

    /// Looks now and then; gives the number of partitions where there are more than before.
    pub(super) fn look_sometimes(&mut self) -> Result<Option<i32>, OldTopicChanged> {
        if self.looked.elapsed() < LOOK_INTERVAL {
            return Ok(None);
        }
        self.look()
    }

    /// Looks, and gives the number of partitions where there are more than before.
    pub(super) fn look(&mut self) -> Result<Option<i32>, OldTopicChanged> {
        let found = self.inspector.identity(&self.topic);
        self.looked = Instant::now();
        let topic = || self.topic.clone();
        match found {
            Ok(found) if found.topic_id != self.expected.topic_id => {
                let (expected, found) = (self.expected.topic_id.clone(), found.topic_id);
                Err(OldTopicChanged::MadeAnew { topic: topic(), expected, found })
            }
            Ok(found) => {
                self.missing_since = None;
                let grown = found.partition_count > self.expected.partition_count;
                self.expected.partition_count = found.partition_count;
                Ok(grown.then_some(found.partition_count))
            }
            // A broker may not know a topic for a moment, after a restart or while it is made.
            Err(KafkaUseError::MissingTopic { .. }) => {
                let since = *self.missing_since.get_or_insert(self.looked);
                if since.elapsed() < TOPIC_PATIENCE {
                    Ok(None)
                } else {
                    Err(OldTopicChanged::Deleted { topic: topic() })
                }
            }
            Err(error) => {
                tracing::debug!(%error, "it cannot be looked whether the old topic is still the same");
                Ok(None)
            }
        }
    }
}
