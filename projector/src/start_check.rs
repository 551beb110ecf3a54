//! Checks before a projector joins the group. In order: the database answers, its schema is ours, and its settings and
//! tables are as they must be; Kafka answers and its
//! topics are there, the tables are of our version of the fold, the log is the one that they were folded from. Nothing is
//! changed when one fails; the last step creates positions for a log that nothing was folded from. While Kafka answers that it
//! will answer later (leaders move, some brokers are away) it is waited for; where no broker answers at all, the start is over.

use ledger_database::requirements::{self, RequirementError, Role};
use ledger_database::schema_version::{self, SchemaVersionError};
use ledger_database::{DatabaseError, DatabaseUrl, Watched};
use ledger_fold::log_safety::LogIdentity;
use ledger_kafka::{KafkaSettings, KafkaUseError, LogInspector, ask};
use ledger_store::generations::allot_number;
use ledger_store::log_check::{self, LogCheckError};
use ledger_store::positions::{self, Origin, StoredPosition};
use ledger_store::{FOLD_VERSION, GenerationKey, MixedFolds, StoreError};
use thiserror::Error;

use crate::health::Health;
use crate::relay::{self, RelayError, RelayTopics};
use crate::starting::until_kafka_answers;

/// The projector may not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error(transparent)]
    Log(#[from] LogCheckError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log's end cannot be known.
    #[error(transparent)]
    Cursor(#[from] RelayError),
    #[error(transparent)]
    Schema(#[from] SchemaVersionError),
    /// A setting or a table is not as it must be: all of them.
    #[error(transparent)]
    Requirement(#[from] RequirementError),
}

impl StartError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Database(error) => error.is_unreachable(),
            Self::Kafka(error) => error.is_unreachable(),
            Self::Log(error) => error.is_unreachable(),
            Self::Cursor(error) => error.is_unreachable(),
            Self::Requirement(error) => error.is_unreachable(),
            Self::Store(error) => error.is_unreachable(),
            Self::Schema(error) => error.is_unreachable(),
        }
    }

    /// Whether Kafka may answer the same question a moment later.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Kafka(error)
            | Self::Log(LogCheckError::Kafka(error))
            | Self::Cursor(RelayError::Kafka(error) | RelayError::Topics(LogCheckError::Kafka(error))) => {
                error.passes()
            }
            _ => false,
        }
    }
}

/// What is checked, and with what.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    pub kafka: &'a KafkaSettings,
    pub database: &'a DatabaseUrl,
    pub topics: &'a RelayTopics,
    pub mixed_folds: MixedFolds,
}

/// Runs all checks; gives the identity of the log. What is waited for stands in `health`.
///
/// # Errors
/// [`StartError`], the first that applies.
pub async fn run(start: &Start<'_>, inspector: &LogInspector, health: &Health) -> Result<LogIdentity, StartError> {
    let Start { topics, .. } = *start;
    let mut connection = ledger_database::connect(start.database).await?;
    schema_version::check(&mut connection).await?;
    check_database(&mut connection, Role::Projector).await?;
    drop(connection);
    let identity = identity(inspector, topics, health).await?;
    // Anew: Kafka may have been waited for, and a connection that nobody uses is closed by the server.
    let mut connection = ledger_database::connect(start.database).await?;
    let mut stored = positions::read(&mut connection, &topics.orders).await?;
    if stored.is_empty() {
        log_check::check_unused(&mut connection, &topics.orders).await?;
        let generation = GenerationKey::draw(allot_number(&mut connection).await?);
        let origin = Origin { generation, fold_version: FOLD_VERSION };
        check_log(inspector, &topics.orders, unfolded(&identity, origin), health).await?;
        let furthest =
            until_kafka_answers(health, StartError::passes, async || observable(start, &identity).await).await?;
        log_check::create_positions(&mut connection, &topics.orders, &identity, origin, &furthest).await?;
        stored = positions::read(&mut connection, &topics.orders).await?;
    }
    log_check::check_complete(&topics.orders, &stored).map_err(LogCheckError::from)?;
    check_fold(&stored, start.mixed_folds)?;
    check_log(inspector, &topics.orders, stored, health).await?;
    let clocks = until_kafka_answers(health, StartError::passes, async || {
        let (asked, topics) = (inspector.clone(), topics.clone());
        let RelayTopics { orders, outcomes, dead_letters, cursors } = topics;
        let clocks = ask(move || log_check::writers_clocks(&asked, &[&orders, &outcomes, &dead_letters, &cursors]));
        Ok(clocks.await?)
    })
    .await?;
    clocks.iter().for_each(|clock| tracing::warn!("{clock}"));
    Ok(identity)
}

/// Which log it is, once the topics were looked at. That no broker answers the first question ends the start.
async fn identity(inspector: &LogInspector, topics: &RelayTopics, health: &Health) -> Result<LogIdentity, StartError> {
    let (asked, orders) = (inspector.clone(), topics.orders.clone());
    match ask(move || asked.partition_count(&orders)).await {
        Err(error) if error.is_unreachable() || !error.passes() => return Err(error.into()),
        Ok(_) | Err(_) => {}
    }
    until_kafka_answers(health, StartError::passes, async || {
        let (asked, topics) = (inspector.clone(), topics.clone());
        let looked = ask(move || {
            let identity = asked.identity(&topics.orders)?;
            log_check::check_outputs(&asked, &topics.orders, &topics.outputs())?;
            Ok::<_, LogCheckError>(identity)
        });
        Ok(looked.await?)
    })
    .await
}

/// How far each partition may have been observed: the log's end, once no relay can publish any more. A database without positions
/// may be one that was lost and made anew: then it takes the place of tables that others still hold state of, as a swap does.
/// Their relays are fenced, so that nothing is published that the lost tables decided (INV-6). Nobody can have observed more
/// than the log holds, so reads wait until the new tables are as far (INV-13). On a new system the log is empty.
async fn observable(start: &Start<'_>, identity: &LogIdentity) -> Result<Vec<i64>, StartError> {
    relay::fence_all(start.kafka, &start.topics.cursors, identity.partition_count).await?;
    Ok(relay::ends_of_log(start.kafka, start.topics, identity).await?)
}

/// Refuses tables that another version of the fold made, where that is not accepted.
fn check_fold(stored: &[StoredPosition], mixed: MixedFolds) -> Result<(), StoreError> {
    for position in stored {
        mixed.check(position.generation.number, position.fold_version)?;
    }
    if let Some(other) = stored.iter().find(|position| position.fold_version != FOLD_VERSION) {
        let (tables, ours) = (other.fold_version, FOLD_VERSION);
        tracing::warn!(
            tables,
            ours,
            "the tables were folded by another version of the rules: rows of both will stand in them"
        );
    }
    Ok(())
}

/// The positions of a log that nothing was folded from, before they are stored.
fn unfolded(identity: &LogIdentity, origin: Origin) -> Vec<StoredPosition> {
    let Origin { generation, fold_version } = origin;
    let position = |partition| StoredPosition {
        partition,
        next_offset: 0,
        identity: identity.clone(),
        generation,
        fold_version,
        paused: None,
    };
    (0..identity.partition_count).map(position).collect()
}

async fn check_log(
    inspector: &LogInspector,
    topic: &str,
    stored: Vec<StoredPosition>,
    health: &Health,
) -> Result<(), StartError> {
    until_kafka_answers(health, StartError::passes, async || {
        let (inspector, topic, stored) = (inspector.clone(), topic.to_owned(), stored.clone());
        Ok(ask(move || log_check::check(&inspector, &topic, &stored)).await?)
    })
    .await
}

/// Whether settings and tables of the database are as `role` needs them. What is only worth a warning is logged.
///
/// # Errors
/// [`RequirementError`], with all that is wrong.
pub async fn check_database(connection: &mut Watched, role: Role) -> Result<(), RequirementError> {
    for warning in requirements::check(connection, role).await? {
        tracing::warn!(%warning, "the database could be better");
    }
    Ok(())
}
