//! Creating topics where they are missing, and checking those that are there. It must never alter a topic: a partition
//! count or retention that is wrong is for a person to decide about.

use std::time::{Duration, Instant};

use ledger_schema::topics::{COMPRESSION, TopicSpec};
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use thiserror::Error;

use crate::error::{KafkaUseError, use_error};
use crate::inspector::{LogInspector, ask};
use crate::settings::{KAFKA_TIMEOUT, KafkaSettings};

const SERVED_POLL: Duration = Duration::from_millis(50);

/// What became of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicOutcome {
    Created,
    Unchanged,
}

/// A topic is not as it must be.
#[derive(Debug, Error)]
pub enum TopicsError {
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error("topic {topic} has the wrong {property}: expected {expected}, found {found}")]
    Wrong { topic: String, property: String, expected: String, found: String },
    #[error(
        "topic {topic} has the wrong {property}: expected {expected}, found {found}; without it nothing bounds what a record is unpacked to: \
         kafka-configs.sh --bootstrap-server {brokers} --alter --entity-type topics --entity-name {topic} --add-config {property}={expected}"
    )]
    Compressed { topic: String, property: &'static str, expected: &'static str, found: String, brokers: String },
    #[error("topic {topic} was not created: {cause}")]
    NotCreated { topic: String, cause: RDKafkaErrorCode },
    #[error("the settings of topic {topic} cannot be read: {cause}")]
    SettingsUnknown { topic: String, cause: RDKafkaErrorCode },
}

impl TopicsError {
    /// Whether no broker answered.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Kafka(error) if error.is_unreachable())
    }
}

/// Settings of an existing topic that must be as specified, since another value loses records.
const CHECKED: &[&str] = &["cleanup.policy", "retention.ms", "retention.bytes"];

/// Creates `spec`, or checks that the topic is as specified. Settings are checked where `keeps_all`.
///
/// # Errors
/// [`TopicsError`].
pub async fn ensure_topics(
    settings: &KafkaSettings,
    inspector: &LogInspector,
    specs: &[(TopicSpec, bool)],
) -> Result<Vec<TopicOutcome>, TopicsError> {
    let failed = |cause| use_error(settings.brokers(), "Kafka's administration", cause);
    let admin: AdminClient<DefaultClientContext> = settings.client("ledger-migrate").create().map_err(failed)?;
    let mut outcomes = Vec::new();
    for (spec, keeps_all) in specs {
        let (asked, name) = (inspector.clone(), spec.name.clone());
        let outcome = match ask(move || asked.partition_count(&name)).await {
            Err(KafkaUseError::MissingTopic { .. }) => {
                let outcome = create(settings, &admin, spec).await?;
                wait_until_served(inspector, spec).await?;
                outcome
            }
            Err(error) => return Err(error.into()),
            Ok(found) => {
                check("partition count", spec, &spec.partition_count.to_string(), &found.to_string())?;
                if *keeps_all {
                    check_settings(settings, &admin, spec).await?;
                }
                TopicOutcome::Unchanged
            }
        };
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(KAFKA_TIMEOUT)).operation_timeout(Some(KAFKA_TIMEOUT))
}

async fn create(
    settings: &KafkaSettings,
    admin: &AdminClient<DefaultClientContext>,
    spec: &TopicSpec,
) -> Result<TopicOutcome, TopicsError> {
    let replication = TopicReplication::Fixed(spec.replication_factor);
    let mut topic = NewTopic::new(&spec.name, spec.partition_count, replication);
    for (key, value) in &spec.config {
        topic = topic.set(key, value);
    }
    let failed = |cause| use_error(settings.brokers(), "creating the topic", cause);
    let results = admin.create_topics([&topic], &options()).await.map_err(failed)?;
    match results.into_iter().next() {
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(TopicOutcome::Unchanged),
        Some(Err((topic, cause))) => Err(TopicsError::NotCreated { topic, cause }),
        Some(Ok(_)) => Ok(TopicOutcome::Created),
        None => Err(unanswered("creating the topic").into()),
    }
}

/// The controller answers before the brokers know: until every partition has a leader that answers, whoever starts
/// next would find that the topic does not exist.
async fn wait_until_served(inspector: &LogInspector, spec: &TopicSpec) -> Result<(), TopicsError> {
    let begin = Instant::now();
    loop {
        let (asked, name, count) = (inspector.clone(), spec.name.clone(), spec.partition_count);
        let served = ask(move || {
            asked.partition_count(&name)?;
            (0..count).try_for_each(|partition| asked.watermarks(&name, partition).map(|_| ()))
        });
        match served.await {
            Ok(()) => return Ok(()),
            Err(error) if begin.elapsed() > KAFKA_TIMEOUT => return Err(error.into()),
            Err(_) => tokio::time::sleep(SERVED_POLL).await,
        }
    }
}

/// Checks that the broker keeps the log's records uncompressed ([`COMPRESSION`]): who folds it asks before it reads it.
///
/// # Errors
/// [`TopicsError::Compressed`], or why it cannot be known.
pub async fn check_uncompressed(settings: &KafkaSettings, topic: &str) -> Result<(), TopicsError> {
    let failed = |cause| use_error(settings.brokers(), "Kafka's administration", cause);
    let admin: AdminClient<DefaultClientContext> = settings.client("ledger-settings").create().map_err(failed)?;
    check_compression(settings, topic, &described(settings, &admin, topic).await?)
}

fn check_compression(settings: &KafkaSettings, topic: &str, found: &ConfigResource) -> Result<(), TopicsError> {
    let (property, expected) = COMPRESSION;
    match value_of(found, property) {
        found if found == expected => Ok(()),
        found => Err(TopicsError::Compressed {
            topic: topic.to_owned(),
            property,
            expected,
            found: found.to_owned(),
            brokers: settings.brokers().to_owned(),
        }),
    }
}

async fn described(
    settings: &KafkaSettings,
    admin: &AdminClient<DefaultClientContext>,
    topic: &str,
) -> Result<ConfigResource, TopicsError> {
    let failed = |cause| use_error(settings.brokers(), "reading the topic's settings", cause);
    let resource = ResourceSpecifier::Topic(topic);
    let described = admin.describe_configs([&resource], &options()).await.map_err(failed)?;
    match described.into_iter().next() {
        Some(Ok(found)) => Ok(found),
        Some(Err(cause)) => Err(TopicsError::SettingsUnknown { topic: topic.to_owned(), cause }),
        None => Err(unanswered("reading the topic's settings").into()),
    }
}

async fn check_settings(
    settings: &KafkaSettings,
    admin: &AdminClient<DefaultClientContext>,
    spec: &TopicSpec,
) -> Result<(), TopicsError> {
    let found = described(settings, admin, &spec.name).await?;
    for (property, expected) in spec.config.iter().filter(|(property, _)| CHECKED.contains(property)) {
        check(property, spec, expected, value_of(&found, property))?;
    }
    if spec.config.iter().any(|(property, _)| *property == COMPRESSION.0) {
        check_compression(settings, &spec.name, &found)?;
    }
    Ok(())
}

/// One topic was named, so one answer is due.
fn unanswered(action: &'static str) -> KafkaUseError {
    KafkaUseError::Native { action, cause: "the broker's answer does not name the topic".to_owned() }
}

fn value_of<'a>(found: &'a ConfigResource, property: &str) -> &'a str {
    found.get(property).and_then(|entry| entry.value.as_deref()).unwrap_or("nothing")
}

fn check(property: &str, spec: &TopicSpec, expected: &str, found: &str) -> Result<(), TopicsError> {
    if expected == found {
        return Ok(());
    }
    Err(TopicsError::Wrong {
        topic: spec.name.clone(),
        property: property.to_owned(),
        expected: expected.to_owned(),
        found: found.to_owned(),
    })
}
