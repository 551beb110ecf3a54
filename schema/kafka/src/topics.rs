//! Creating topics where they are missing, and checking those that are there. It must never alter a topic: a partition
//! count or retention that is wrong is for a person to decide about.

use std::time::{Duration, Instant};

use ledger_schema::topic_settings::{COMPRESSION_TYPE, WrongSetting, check_clock, check_uncompressed};
use ledger_schema::topics::TopicSpec;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use thiserror::Error;

use crate::error::{KafkaUseError, use_error};
use crate::inspector::{LogInspector, ask};
use crate::native;
use crate::settings::{KAFKA_TIMEOUT, KafkaSettings};
use crate::token::oauth_token;

const SERVED_POLL: Duration = Duration::from_millis(50);

/// What became of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicOutcome {
    Created,
    /// `clock`: each writer's own clock times its records, and what to do about it.
    Unchanged {
        clock: Option<WrongSetting>,
    },
}

/// What was found of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicCheck {
    Missing,
    /// As specified; `clock` as of [`TopicOutcome`].
    There {
        clock: Option<WrongSetting>,
    },
}

/// A topic is not as it must be.
#[derive(Debug, Error)]
pub enum TopicsError {
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error(
        "topic {topic} has the wrong partition count: expected {expected}, found {found}; give the number that it has \
         (--partitions), or another name"
    )]
    PartitionCount { topic: String, expected: i32, found: i32 },
    #[error(transparent)]
    Setting(#[from] WrongSetting),
    #[error("topic {topic} was not created: {cause}")]
    NotCreated { topic: String, cause: RDKafkaErrorCode },
}

/// What is there already of `specs`, each checked: partition count and what it must keep. Nothing is created.
///
/// # Errors
/// [`TopicsError`], the first that is not as specified.
pub async fn check_topics(inspector: &LogInspector, specs: &[TopicSpec]) -> Result<Vec<TopicCheck>, TopicsError> {
    let (inspector, specs) = (inspector.clone(), specs.to_vec());
    ask(move || specs.iter().map(|spec| check(&inspector, spec)).collect()).await
}

fn check(inspector: &LogInspector, spec: &TopicSpec) -> Result<TopicCheck, TopicsError> {
    let (topic, expected) = (spec.name.as_str(), spec.partition_count);
    let found = match inspector.partition_count(topic) {
        Err(KafkaUseError::MissingTopic { .. }) => return Ok(TopicCheck::Missing),
        found => found?,
    };
    if found != expected {
        return Err(TopicsError::PartitionCount { topic: topic.to_owned(), expected, found });
    }
    let settings = inspector.settings(topic)?;
    spec.keeps.check(topic, &settings)?;
    if spec.config.iter().any(|(setting, _)| *setting == COMPRESSION_TYPE) {
        check_uncompressed(topic, &settings)?;
    }
    Ok(TopicCheck::There { clock: check_clock(topic, &settings).err() })
}

/// Creates those of `specs` that are missing, once all others are found to be as specified.
///
/// # Errors
/// [`TopicsError`].
pub async fn ensure_topics(
    settings: &KafkaSettings,
    inspector: &LogInspector,
    specs: &[TopicSpec],
) -> Result<Vec<TopicOutcome>, TopicsError> {
    let checked = check_topics(inspector, specs).await?;
    let failed = |cause| use_error(settings.brokers(), "Kafka's administration", cause);
    let admin: AdminClient<DefaultClientContext> = settings.client("ledger-migrate").create().map_err(failed)?;
    if let Some(config) = settings.token_config() {
        let action = "a token for Kafka's administration";
        let unusable = |cause| KafkaUseError::Native { action, cause };
        let token = oauth_token(Some(config)).map_err(|error| unusable(error.to_string()))?;
        native::set_token(admin.inner(), &token).map_err(unusable)?;
    }
    let mut outcomes = Vec::new();
    for (spec, found) in specs.iter().zip(checked) {
        outcomes.push(match found {
            TopicCheck::There { clock } => TopicOutcome::Unchanged { clock },
            TopicCheck::Missing => {
                let outcome = create(settings, &admin, spec).await?;
                wait_until_served(inspector, spec).await?;
                outcome
            }
        });
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
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(TopicOutcome::Unchanged { clock: None }),
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

/// One topic was named, so one answer is due.
fn unanswered(action: &'static str) -> KafkaUseError {
    KafkaUseError::Native { action, cause: "the broker's answer does not name the topic".to_owned() }
}
