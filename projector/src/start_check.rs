//! Checks before a projector joins the group. In order: the database answers and its schema is ours, Kafka answers and its
//! topics are there, the tables are of our version of the fold, the log is the one that they were folded from. Nothing is
//! changed when one fails; the last step creates positions for a log that nothing was folded from.

use ledger_database::schema_version::{self, SchemaVersionError};
use ledger_database::{DatabaseError, DatabaseUrl};
use ledger_fold::log_safety::LogIdentity;
use ledger_kafka::{KafkaSettings, KafkaUseError, LogInspector, TopicsError, ask, check_uncompressed};
use ledger_store::generations::allot_number;
use ledger_store::log_check::{self, LogCheckError};
use ledger_store::positions::{self, Origin, StoredPosition};
use ledger_store::{FOLD_VERSION, GenerationKey, MixedFolds, StoreError, at};
use sqlx::MySqlConnection;
use thiserror::Error;

use crate::relay::{self, RelayError, RelayTopics};

/// What one statement may need: the largest record that is kept, with its headers.
pub const NEEDED_PACKET_BYTES: u64 = ledger_store::parked::MAX_STATEMENT_BYTES as u64;

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
    #[error(transparent)]
    Topics(#[from] TopicsError),
    #[error(
        "the database server's max_allowed_packet is too small for large records: expected at least {expected}, found {found}"
    )]
    PacketTooSmall { expected: u64, found: u64 },
}

impl StartError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Database(error) => error.is_unreachable(),
            Self::Kafka(error) => error.is_unreachable(),
            Self::Log(error) => error.is_unreachable(),
            Self::Cursor(error) => error.is_unreachable(),
            Self::Topics(error) => error.is_unreachable(),
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

/// Runs all checks; gives the identity of the log.
///
/// # Errors
/// [`StartError`], the first that applies.
pub async fn run(start: &Start<'_>, inspector: &LogInspector) -> Result<LogIdentity, StartError> {
    let Start { topics, .. } = *start;
    let mut connection = ledger_database::connect(start.database).await?;
    schema_version::check(&mut connection).await?;
    check_packet(&mut connection).await?;
    let (asked, RelayTopics { orders, outcomes, dead_letters, cursors }) = (inspector.clone(), topics.clone());
    let identity = ask(move || {
        let identity = asked.identity(&orders)?;
        log_check::check_outputs(&asked, &orders, &[&outcomes, &dead_letters, &cursors])?;
        Ok::<_, LogCheckError>(identity)
    })
    .await?;
    let mut stored = positions::read(&mut connection, &topics.orders).await?;
    if stored.is_empty() {
        log_check::check_unused(&mut connection, &topics.orders).await?;
        let generation = GenerationKey::draw(allot_number(&mut connection).await?);
        let origin = Origin { generation, fold_version: FOLD_VERSION };
        check_log(inspector, &topics.orders, unfolded(&identity, origin)).await?;
        check_uncompressed(start.kafka, &topics.orders).await?;
        let furthest = observable(start, &identity).await?;
        log_check::create_positions(&mut connection, &topics.orders, &identity, origin, &furthest).await?;
        stored = positions::read(&mut connection, &topics.orders).await?;
    }
    log_check::check_complete(&topics.orders, &stored).map_err(LogCheckError::from)?;
    check_fold(&stored, start.mixed_folds)?;
    check_log(inspector, &topics.orders, stored).await?;
    check_uncompressed(start.kafka, &topics.orders).await?;
    Ok(identity)
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
    let position =
        |partition| StoredPosition { partition, next_offset: 0, identity: identity.clone(), generation, fold_version };
    (0..identity.partition_count).map(position).collect()
}

async fn check_log(inspector: &LogInspector, topic: &str, stored: Vec<StoredPosition>) -> Result<(), LogCheckError> {
    let (inspector, topic) = (inspector.clone(), topic.to_owned());
    ask(move || log_check::check(&inspector, &topic, &stored)).await
}

/// A statement above the server's limit ends the connection, and nothing distinguishes that from an outage.
pub async fn check_packet(connection: &mut MySqlConnection) -> Result<(), StartError> {
    let found: u64 = sqlx::query_scalar("SELECT CAST(@@max_allowed_packet AS UNSIGNED)")
        .fetch_one(connection)
        .await
        .map_err(at("reading max_allowed_packet"))?;
    if found < NEEDED_PACKET_BYTES {
        return Err(StartError::PacketTooSmall { expected: NEEDED_PACKET_BYTES, found });
    }
    Ok(())
}
