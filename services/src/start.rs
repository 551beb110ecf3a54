//! What must be right before the service begins, each error saying what was expected and what was found.
//!
//! It must never continue with a log that the projection was not made from, and never retry: whoever starts the service
//! decides that. Once it runs, the same faults are 503s and a `/readyz` that says no.

use std::sync::Arc;
use std::time::Duration;

use ledger_database::requirements::{self, RequirementError, Role};
use ledger_database::{DatabaseError, DatabaseUrl, Fault, NO_SUCH_TABLE, fault_of, number_of};
use ledger_kafka::{KafkaSettings, KafkaUseError, LogInspector, PropertiesError, ask};
use thiserror::Error;

use crate::event_log::{EventLog, EventLogOptions};
use crate::metrics::Metrics;
use crate::outcomes::{FollowError, Follower, FollowerOptions};
use crate::reader::{LogIdentity, ReadError, Reader, ReaderOptions};
use crate::settings::Settings;

/// Why the service does not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("--kafka-properties: {0}")]
    KafkaProperties(#[from] PropertiesError),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error(transparent)]
    Outcomes(#[from] OutcomesError),
    #[error("--reader-database-url is not of the form mysql://USER:PASSWORD@HOST:PORT/DATABASE: {problem}")]
    DatabaseUrl { problem: String },
    #[error("the database at {address} cannot be reached: {cause}")]
    DatabaseUnreachable { address: String, cause: String },
    #[error("the database at {address} refuses: {cause}")]
    DatabaseRefused { address: String, cause: String },
    #[error("the database at {address} lacks a table (`positions`, `furthest_positions`): run `ledger migrate`")]
    NotMigrated { address: String },
    /// A column is not as it must be, or that cannot be known: all of them.
    #[error("the database at {address}: {cause}")]
    Unfit { address: String, cause: RequirementError },
    #[error("topic {topic}: expected {expected} partitions, as the projection was made from, found {found}")]
    PartitionCount { topic: String, expected: i32, found: i32 },
    #[error("the projection was made from topic {expected}, and --orders-topic is {found}")]
    OtherTopic { expected: String, found: String },
    #[error("the projection was made from the Kafka cluster {expected}, found the cluster {found}")]
    OtherCluster { expected: String, found: String },
    #[error("address {address} cannot be served on: {cause}")]
    Listen { address: String, cause: std::io::Error },
}

/// An error of the topic of outcomes, opaque outside.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct OutcomesError(#[from] FollowError);

impl StartError {
    /// 2 for properties that cannot be used, 3 when a server cannot be reached, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::KafkaProperties(_) => 2,
            Self::Kafka(error) | Self::Outcomes(OutcomesError(FollowError::Kafka(error))) if error.is_unreachable() => {
                3
            }
            Self::DatabaseUnreachable { .. } => 3,
            Self::Unfit { cause, .. } if cause.is_unreachable() => 3,
            _ => 1,
        }
    }
}

/// Kafka as the whole service uses it.
#[derive(Clone)]
pub(crate) struct Kafka {
    settings: KafkaSettings,
    /// Waits for an answer as long as a start may.
    inspector: LogInspector,
}

impl Kafka {
    pub(crate) fn new(settings: &Settings) -> Result<Self, StartError> {
        let kafka = settings.kafka()?;
        let inspector = LogInspector::new(&kafka)?.with_timeout(settings.startup_timeout());
        Ok(Self { settings: kafka, inspector })
    }
}

/// Opens the log: Kafka is reached and the topic is there.
pub(crate) async fn open_log(
    settings: &Settings,
    kafka: &Kafka,
    metrics: &Arc<Metrics>,
) -> Result<Arc<EventLog>, StartError> {
    let options = EventLogOptions {
        kafka: kafka.settings.clone(),
        topic: settings.orders_topic.clone(),
        service_name: settings.name.clone(),
        linger: Duration::from_millis(settings.linger_ms),
        delivery_timeout: Duration::from_millis(settings.delivery_timeout_ms),
        queue_max_messages: settings.queue_max_messages,
        queue_max_kbytes: settings.queue_max_kbytes,
    };
    let (inspector, metrics) = (kafka.inspector.clone(), metrics.clone());
    let log: Result<_, KafkaUseError> = ask(move || EventLog::open(options, inspector, metrics)).await;
    Ok(Arc::new(log?))
}

/// Opens the topic of outcomes: it is there, with the log's partition count, and followed from its present end.
pub(crate) async fn open_outcomes(
    settings: &Settings,
    kafka: &Kafka,
    partition_count: i32,
) -> Result<Follower, StartError> {
    let options = FollowerOptions {
        kafka: kafka.settings.clone(),
        topic: settings.outcomes_topic.clone(),
        service_name: settings.name.clone(),
    };
    let inspector = kafka.inspector.clone();
    let follower = ask(move || Follower::open(options, &inspector, partition_count)).await;
    Ok(follower.map_err(OutcomesError)?)
}

/// Opens the database and reads which log it was made from; none before the projector's first start.
pub(crate) async fn open_reader(
    settings: &Settings,
    metrics: &Arc<Metrics>,
) -> Result<(Reader, Vec<LogIdentity>), StartError> {
    let url = DatabaseUrl::parse(settings.reader_database_url.reveal())
        .map_err(|problem| StartError::DatabaseUrl { problem })?;
    let address = url.server().to_owned();
    let options = ReaderOptions {
        url: url.clone(),
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
        Ok(identities) => check_columns(&url, address).await.map(|()| (reader, identities)),
        // The pool's errors have only words for a way of authentication that the client does not know.
        Err(error @ ReadError::Database(sqlx::Error::Protocol(_))) => match ledger_database::connect(&url).await {
            Err(plugin @ DatabaseError::Plugin { .. }) => {
                Err(StartError::DatabaseRefused { address, cause: plugin.to_string() })
            }
            _ => Err(database_error(address, error)),
        },
        Err(error) => Err(database_error(address, error)),
    }
}

/// The columns that are read are what they should be: with another collation, ids that differ would be one.
async fn check_columns(url: &DatabaseUrl, address: String) -> Result<(), StartError> {
    let mut connection = match ledger_database::connect(url).await {
        Ok(connection) => connection,
        Err(error) if error.is_unreachable() => {
            return Err(StartError::DatabaseUnreachable { address, cause: error.to_string() });
        }
        Err(error) => return Err(StartError::DatabaseRefused { address, cause: error.to_string() }),
    };
    match requirements::check(&mut connection, Role::Reader).await {
        Ok(_) => Ok(()),
        Err(cause) => Err(StartError::Unfit { address, cause }),
    }
}

fn database_error(address: String, error: ReadError) -> StartError {
    let cause = error.to_string();
    let ReadError::Database(error) = error else { return StartError::DatabaseUnreachable { address, cause } };
    match (number_of(&error), fault_of(&error)) {
        (Some(NO_SUCH_TABLE), _) => StartError::NotMigrated { address },
        (None, _) | (_, Fault::ConnectionLost) => StartError::DatabaseUnreachable { address, cause },
        (Some(_), _) => StartError::DatabaseRefused { address, cause: error.to_string() },
    }
}

/// The topic that was opened, of `found` partitions, must be the one that the projection was made from.
pub(crate) async fn check_identity(
    settings: &Settings,
    kafka: &Kafka,
    found: i32,
    identities: &[LogIdentity],
) -> Result<(), StartError> {
    let Some(first) = identities.first() else {
        tracing::info!("the projection is empty: which log it belongs to cannot be checked yet");
        return Ok(());
    };
    if let Some(other) = identities.iter().find(|identity| identity.topic != settings.orders_topic) {
        return Err(StartError::OtherTopic { expected: other.topic.clone(), found: settings.orders_topic.clone() });
    }
    if let Some(other) = identities.iter().find(|identity| identity.partition_count != found) {
        let (topic, expected) = (other.topic.clone(), other.partition_count);
        return Err(StartError::PartitionCount { topic, expected, found });
    }
    let inspector = kafka.inspector.clone();
    let found: Result<_, KafkaUseError> = ask(move || inspector.cluster_id()).await;
    let (expected, found) = (first.cluster_id.clone(), found?);
    if found == expected { Ok(()) } else { Err(StartError::OtherCluster { expected, found }) }
}
