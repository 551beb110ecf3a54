//! What must be right before the service begins, each error saying what was expected and what was found.
//!
//! It must never continue with a log that the projection was not made from, and never retry: whoever starts the service
//! decides that. Once it runs, the same faults are 503s and a `/readyz` that says no.

use std::sync::Arc;
use std::time::Duration;

use ledger_auth::AuthSettingsError;
use ledger_auth::settings::Built;
use ledger_database::requirements::{self, RequirementError, Role};
use ledger_database::{DatabaseError, DatabaseUrl, Fault, NO_SUCH_TABLE, fault_of, number_of};
use ledger_kafka::{KafkaSettings, KafkaUseError, LogInspector, PropertiesError, ask};
use ledger_schema::log::{AnotherLog, LogIdentity};
use ledger_schema::topic_settings::{Keeps, WrongSetting};
use ledger_tls::TlsError;
use thiserror::Error;

use crate::event_log::{EventLog, EventLogOptions, Found, LOOK_LIMIT, LogEnds, LogFacts};
use crate::metrics::Metrics;
use crate::outcomes::{FollowError, Follower, FollowerOptions};
use crate::reader::{ReadError, Reader, ReaderOptions};
use crate::settings::Settings;
use crate::streams::{Feed, StreamOptions, Streams};

/// Why the service does not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    KafkaProperties(#[from] PropertiesError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Auth(#[from] AuthSettingsError),
    #[error(
        "the database at {address} has no table `api_keys` that its user may read: run `ledger migrate` with the reader's URL"
    )]
    NoKeys { address: String },
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
    #[error(transparent)]
    AnotherLog(#[from] AnotherLog),
    #[error(transparent)]
    LosesRecords(#[from] WrongSetting),
    /// A column is not as it must be, or that cannot be known: all of them.
    #[error("the database at {address}: {cause}")]
    Unfit { address: String, cause: RequirementError },
    #[error("the projection was made from topic {expected}, and --orders-topic is {found}")]
    OtherTopic { expected: String, found: String },
    #[error("address {address} cannot be served on: {cause}")]
    Listen { address: String, cause: std::io::Error },
}

/// An error of the topic of outcomes, opaque outside.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct OutcomesError(#[from] FollowError);

impl StartError {
    /// 2 for properties, certificates or settings of callers that cannot be used, 3 when a server cannot be reached, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::KafkaProperties(_) | Self::Tls(_) | Self::Auth(_) => 2,
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
    /// About the log: at the start, and later.
    at_start: Arc<dyn LogFacts>,
    later: Arc<dyn LogFacts>,
}

impl Kafka {
    /// `facts` in place of what Kafka says of the log.
    pub(crate) fn new(settings: &Settings, facts: Option<Arc<dyn LogFacts>>) -> Result<Self, StartError> {
        let kafka = settings.kafka()?;
        let inspector = LogInspector::new(&kafka)?.with_timeout(settings.startup_timeout());
        let (at_start, later) = match facts {
            Some(facts) => (facts.clone(), facts),
            None => {
                let later = inspector.with_timeout(LOOK_LIMIT);
                (Arc::new(inspector.clone()) as Arc<dyn LogFacts>, Arc::new(later) as Arc<dyn LogFacts>)
            }
        };
        Ok(Self { settings: kafka, inspector, at_start, later })
    }
}

/// Opens the log: Kafka is reached, and the topic is there, keeps what it is given, and is the one that the tables are of.
pub(crate) async fn open_log(
    settings: &Settings,
    kafka: &Kafka,
    reader: &Reader,
    tables: Tables,
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
    let (facts, topic) = (kafka.at_start.clone(), settings.orders_topic.clone());
    let (identity, topic_settings) = ask(move || {
        let identity = facts.identity(&topic)?;
        Ok::<_, KafkaUseError>((identity, facts.settings(&topic)))
    })
    .await?;
    check_identity(settings, &identity, &tables.identities)?;
    // Where they cannot be read, the watch says so once the service runs.
    if let Ok(found) = topic_settings {
        Keeps::Everything.check(&settings.orders_topic, &found)?;
    }
    let (facts, is_of_tables) = (kafka.later.clone(), !tables.identities.is_empty());
    let found = Found { facts, identity, is_of_tables, folded: tables.folded };
    let (inspector, reader, metrics) = (kafka.inspector.clone(), reader.clone(), metrics.clone());
    let log = ask(move || EventLog::open(options, &inspector, found, reader, metrics)).await?;
    Ok(Arc::new(log))
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
    let (inspector, facts) = (kafka.inspector.clone(), kafka.at_start.clone());
    let follower = ask(move || Follower::open(options, &inspector, &facts, partition_count)).await;
    let later = kafka.inspector.with_timeout(LOOK_LIMIT);
    Ok(follower.map_err(OutcomesError)?.asking_by(later, kafka.later.clone()))
}

impl Kafka {
    /// The streams, fed by who follows the topic of outcomes.
    pub(crate) fn streams(&self, settings: &Settings, feed: Arc<Feed>, metrics: Arc<Metrics>) -> Streams {
        let topic = settings.outcomes_topic.clone();
        let options = StreamOptions {
            kafka: self.settings.clone(),
            topic: topic.clone(),
            max_streams: settings.events_max_streams,
            max_catch_ups: settings.events_max_catch_ups,
            buffer: settings.events_buffer,
            heartbeat: Duration::from_millis(settings.events_heartbeat_ms),
        };
        let partition_count = i32::try_from(feed.partition_count()).expect("the protocol counts partitions in 32 bits");
        let ends = LogEnds::new(self.inspector.with_timeout(LOOK_LIMIT), topic, partition_count);
        Streams::new(feed, options, ends, metrics)
    }

    /// Where the log ends, for `/status`.
    pub(crate) fn log_ends(&self, settings: &Settings, partition_count: i32) -> LogEnds {
        LogEnds::new(self.inspector.with_timeout(LOOK_LIMIT), settings.orders_topic.clone(), partition_count)
    }

    /// Whom a service that runs asks about topics.
    pub(crate) fn later(&self) -> Arc<dyn LogFacts> {
        self.later.clone()
    }
}

/// What the tables say of the log; nothing before the projector's first start.
#[derive(Debug)]
pub(crate) struct Tables {
    identities: Vec<(String, LogIdentity)>,
    /// Partition and next offset.
    folded: Vec<(i32, i64)>,
}

/// Opens the database and reads which log it was made from.
pub(crate) async fn open_reader(settings: &Settings, metrics: &Arc<Metrics>) -> Result<(Reader, Tables), StartError> {
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
    let tables = async {
        reader.check_furthest_positions().await?;
        Ok(Tables { identities: reader.identities().await?, folded: reader.next_offsets().await? })
    };
    match tables.await {
        Ok(tables) => check_columns(&url, address).await.map(|()| (reader, tables)),
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

/// The gate. With it, keys can be read.
pub(crate) async fn open_gate(settings: &Settings, reader: &Reader) -> Result<Built, StartError> {
    let built = settings.auth.build(Arc::new(reader.clone())).await?;
    if !built.gate.asks_who() {
        return Ok(built);
    }
    let url = DatabaseUrl::parse(settings.reader_database_url.reveal())
        .map_err(|problem| StartError::DatabaseUrl { problem })?;
    let address = url.server().to_owned();
    match reader.check_keys().await {
        Ok(()) => Ok(built),
        Err(ReadError::Database(error)) if matches!(number_of(&error), Some(NO_SUCH_TABLE | SELECT_DENIED)) => {
            Err(StartError::NoKeys { address })
        }
        Err(error) => Err(database_error(address, error)),
    }
}

/// A user without any right on a table.
const SELECT_DENIED: u16 = 1142;

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
    let is_refusal = match &error {
        ReadError::Database(error) if number_of(error) == Some(NO_SUCH_TABLE) => {
            return StartError::NotMigrated { address };
        }
        ReadError::Database(error) => number_of(error).is_some() && fault_of(error) != Fault::ConnectionLost,
        ReadError::Connect(error) => !error.is_unreachable(),
        // Nothing that a start reads is shared with other reads.
        ReadError::Slow { .. } | ReadError::Busy { .. } | ReadError::Stopped | ReadError::Shared(_) => false,
    };
    match is_refusal {
        true => StartError::DatabaseRefused { address, cause },
        false => StartError::DatabaseUnreachable { address, cause },
    }
}

/// The topic that was found must be the one that the tables are of.
fn check_identity(
    settings: &Settings,
    found: &LogIdentity,
    identities: &[(String, LogIdentity)],
) -> Result<(), StartError> {
    if identities.is_empty() {
        tracing::info!("the projection is empty: which log it belongs to cannot be checked yet");
    }
    for (topic, identity) in identities {
        if *topic != settings.orders_topic {
            return Err(StartError::OtherTopic { expected: topic.clone(), found: settings.orders_topic.clone() });
        }
        identity.check(topic, found)?;
    }
    Ok(())
}
