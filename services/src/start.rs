//! What must be right before the service begins, each error saying what was expected and what was found.
//!
//! It must never go on with a log that the projection was not made from, and never retry: whoever starts the service
//! decides that. Once it runs, the same faults are 503s and a `/readyz` that says no.

use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::MySqlConnectOptions;
use thiserror::Error;

use crate::event_log::{EventLog, EventLogOptions, TopicError};
use crate::metrics::Metrics;
use crate::outcomes::{FollowError, Follower, FollowerOptions};
use crate::reader::{LogIdentity, ReadError, Reader, ReaderOptions};
use crate::settings::Settings;

/// Why the service does not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    Topic(#[from] LogError),
    #[error(transparent)]
    Outcomes(#[from] OutcomesError),
    #[error("--reader-database-url is not of the form mysql://USER:PASSWORD@HOST:PORT/DATABASE")]
    DatabaseUrl,
    #[error("the database at {address} cannot be reached: {cause}")]
    DatabaseUnreachable { address: String, cause: String },
    #[error("the database at {address} refuses: {cause}")]
    DatabaseRefused { address: String, cause: String },
    #[error("the database at {address} lacks a table (`positions`, `furthest_positions`): run `ledger migrate`")]
    NotMigrated { address: String },
    #[error("topic {topic}: expected {expected} partitions, as the projection was made from, found {found}")]
    PartitionCount { topic: String, expected: i32, found: i32 },
    #[error("the projection was made from topic {expected}, and --orders-topic is {found}")]
    OtherTopic { expected: String, found: String },
    #[error("the projection was made from the Kafka cluster {expected}, found the cluster {found}")]
    OtherCluster { expected: String, found: String },
    #[error("Kafka at {brokers} did not say which cluster it is; the projection was made from {expected}")]
    UnknownCluster { expected: String, brokers: String },
    #[error("address {address} cannot be served on: {cause}")]
    Listen { address: String, cause: std::io::Error },
}

/// An error of the log, opaque outside.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct LogError(#[from] TopicError);

/// An error of the topic of outcomes, opaque outside.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct OutcomesError(#[from] FollowError);

impl StartError {
    /// 3 when a server cannot be reached, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Topic(LogError(TopicError::Unreachable { .. }))
            | Self::Outcomes(OutcomesError(FollowError::Topic(TopicError::Unreachable { .. })))
            | Self::DatabaseUnreachable { .. }
            | Self::UnknownCluster { .. } => 3,
            _ => 1,
        }
    }
}

/// Opens the log: Kafka is reached and the topic is there.
pub(crate) async fn open_log(settings: &Settings, metrics: &Arc<Metrics>) -> Result<Arc<EventLog>, StartError> {
    let options = EventLogOptions {
        brokers: settings.kafka_brokers.clone(),
        properties: settings.kafka_properties.0.clone(),
        topic: Arc::from(settings.orders_topic.as_str()),
        service_name: settings.name.clone(),
        linger: Duration::from_millis(settings.linger_ms),
        delivery_timeout: Duration::from_millis(settings.delivery_timeout_ms),
        queue_max_messages: settings.queue_max_messages,
        queue_max_kbytes: settings.queue_max_kbytes,
        metadata_timeout: settings.startup_timeout(),
    };
    let metrics = metrics.clone();
    let log = in_background(move || EventLog::open(&options, metrics)).await;
    Ok(Arc::new(log.map_err(LogError)?))
}

/// Runs what blocks on a thread where that harms nobody.
async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Opens the topic of outcomes: it is there, with the log's partition count, and followed from its present end.
pub(crate) async fn open_outcomes(settings: &Settings, partition_count: i32) -> Result<Follower, StartError> {
    let options = FollowerOptions {
        brokers: settings.kafka_brokers.clone(),
        properties: settings.kafka_properties.0.clone(),
        topic: settings.outcomes_topic.clone(),
        service_name: settings.name.clone(),
        metadata_timeout: settings.startup_timeout(),
    };
    let follower = in_background(move || Follower::open(&options, partition_count)).await;
    Ok(follower.map_err(OutcomesError)?)
}

/// Opens the database and reads which log it was made from; none before the projector's first start.
pub(crate) async fn open_reader(
    settings: &Settings,
    metrics: &Arc<Metrics>,
) -> Result<(Reader, Vec<LogIdentity>), StartError> {
    let connect: MySqlConnectOptions =
        settings.reader_database_url.reveal().parse().map_err(|_| StartError::DatabaseUrl)?;
    let address = format!("{}:{}", connect.get_host(), connect.get_port());
    let options = ReaderOptions {
        connect,
        connections: settings.database_connections,
        timeout: settings.database_timeout(),
        orders_topic: Arc::from(settings.orders_topic.as_str()),
    };
    let reader = Reader::new(options, metrics.clone());
    let identities = async {
        reader.check_furthest_positions().await?;
        reader.identities().await
    };
    match identities.await {
        Ok(identities) => Ok((reader, identities)),
        Err(error) => Err(database_error(address, error)),
    }
}

/// MariaDB's "table does not exist".
const NO_SUCH_TABLE: u16 = 1146;

fn database_error(address: String, error: ReadError) -> StartError {
    match error {
        ReadError::Database(sqlx::Error::Database(error)) => {
            let number = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(|error| error.number());
            match number {
                Some(NO_SUCH_TABLE) => StartError::NotMigrated { address },
                _ => StartError::DatabaseRefused { address, cause: error.to_string() },
            }
        }
        error => StartError::DatabaseUnreachable { address, cause: error.to_string() },
    }
}

/// The topic that was opened must be the one that the projection was made from.
pub(crate) async fn check_identity(
    settings: &Settings,
    log: &Arc<EventLog>,
    identities: &[LogIdentity],
) -> Result<(), StartError> {
    let Some(first) = identities.first() else {
        tracing::info!("the projection is empty: which log it belongs to cannot be checked yet");
        return Ok(());
    };
    if let Some(other) = identities.iter().find(|identity| identity.topic != settings.orders_topic) {
        return Err(StartError::OtherTopic { expected: other.topic.clone(), found: settings.orders_topic.clone() });
    }
    let found = log.partition_count();
    if let Some(other) = identities.iter().find(|identity| identity.partition_count != found) {
        let (topic, expected) = (other.topic.clone(), other.partition_count);
        return Err(StartError::PartitionCount { topic, expected, found });
    }
    let opened = log.clone();
    let expected = first.cluster_id.clone();
    match in_background(move || opened.cluster_id()).await {
        Some(found) if found == expected => Ok(()),
        Some(found) => Err(StartError::OtherCluster { expected, found }),
        None => Err(StartError::UnknownCluster { expected, brokers: settings.kafka_brokers.clone() }),
    }
}
