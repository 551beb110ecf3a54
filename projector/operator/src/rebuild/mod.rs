//! The tables folded anew from the log's beginning, beside the live ones, and swapped in when they are right.
//!
//! The argument. The fold is the projector's own ([`projector::writer`]); only the store is another, and it has no outbox
//! ([`ledger_store::ShadowStore`]), so a rebuild cannot publish. It ends at the relay's cursor ([`ends`]): everything before it is
//! published, everything behind it the live projector folds after the swap, with its outcomes. One RENAME swaps data and
//! positions together ([`crate::generations::swap`]), and the projector notices by its next compare-and-set.
//!
//! Whatever dies, and whenever: until the RENAME nothing but tables with the new number in their names, and the rows that tell of
//! them, was written. The positions of the new tables say how far they are, each phase may be run again, and the next run goes
//! on. After the RENAME it finds the new generation live.
//!
//! | phase | does | dying in it leaves |
//! |---|---|---|
//! | load | folds up to the cursor as it was then | tables without indexes, positions anywhere |
//! | index | adds the secondary indexes | each table with all of them, or none |
//! | catch-up | folds up to the cursor again, until it hardly moves | positions anywhere |
//! | compare | live against new; asks where rows would change | nothing |
//! | swap | catches up once more, then the RENAME | either generation live, both whole |
//!
//! Reading order: [`build`] (the phases), [`unfinished`] (what an earlier run left), [`tables`], [`ends`], [`load`], [`feed`]; then [`consent`], [`report`], [`error`].

mod build;
mod consent;
mod ends;
mod error;
mod feed;
mod load;
mod progress;
mod report;
mod tables;
mod unfinished;

use build::{Build, Log};
use ledger_database::schema_version::{self, SchemaVersionError};
use ledger_database::{DatabaseUrl, NO_SUCH_TABLE, number_of};
use ledger_fold::log_safety::{LogIdentity, LogRefusal};
use ledger_kafka::{KafkaSettings, LogInspector, ask};
use ledger_store::generations::Work;
use ledger_store::log_check::{self, LogCheckError};
use ledger_store::positions::{self, StoredPosition};
use ledger_store::{FOLD_VERSION, GenerationKey};
use projector::relay::RelayTopics;
use projector::start_check;
use projector::writer::BatchSettings;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::generations::swap::Patience;
use crate::generations::{GenerationsError, Guard};
pub use consent::Consent;
use ends::EndReader;
use error::sql;
pub use error::{Left, RebuildCause, RebuildError};
pub use report::{Outcome, PhaseTime, Summary, TableSummary};

/// What a rebuild is told.
#[derive(Debug, Clone)]
pub struct Options {
    pub kafka: KafkaSettings,
    /// The owner's.
    pub database: DatabaseUrl,
    pub topics: RelayTopics,
    pub writers: usize,
    pub batch: BatchSettings,
    /// What an earlier run left is dropped, instead of gone on with.
    pub restart: bool,
    /// Builds, compares and drops.
    pub dry_run: bool,
    pub consent: Consent,
    /// Of differences between live and new tables, how many are listed.
    pub difference_limit: usize,
    /// How long others may hold the tables when they are to be swapped.
    pub patience: Patience,
}

/// Rebuilds, until it is done or `stop`.
///
/// # Errors
/// [`RebuildError`]: why it did not, and what it left.
pub async fn run(options: &Options, stop: &CancellationToken) -> Result<Summary, RebuildError> {
    let failed =
        |cause: RebuildCause| RebuildError { cause: cause.named(options.database.user()), left: Left::Untouched };
    check_schema(options).await.map_err(failed)?;
    let taken = Guard::take(&options.database, Work::Rebuild).await;
    let mut guard = taken.map_err(|error| failed(error.into()))?;
    let outcome = guarded(options, &mut guard, stop).await;
    guard.release().await;
    outcome
}

/// With the guard held: nobody else rebuilds, rolls back or drops.
async fn guarded(options: &Options, guard: &mut Guard, stop: &CancellationToken) -> Result<Summary, RebuildError> {
    let user = options.database.user();
    let begun = begin(options, guard, stop).await;
    let mut build = begun.map_err(|cause| RebuildError { cause: cause.named(user), left: Left::Untouched })?;
    let outcome = build.run(guard).await;
    let left = build.left();
    outcome.map_err(|cause| RebuildError { cause: cause.named(user), left })
}

/// Everything that may refuse a rebuild before it changes anything.
async fn begin<'a>(
    options: &'a Options,
    guard: &mut Guard,
    stop: &'a CancellationToken,
) -> Result<Build<'a>, RebuildCause> {
    let topic = &options.topics.orders;
    let live = ledger_store::generations::live(guard.connection(), topic).await?;
    if let Some(found) = positions::other_topic(guard.connection(), topic).await.map_err(GenerationsError::Store)? {
        let refusal = LogRefusal::PositionsOfAnotherTopic { expected: topic.clone(), found };
        return Err(LogCheckError::from(refusal).into());
    }
    let inspector = LogInspector::new(&options.kafka)?;
    let stored = live.as_ref().map(|live| live.positions.clone());
    let identity = inspect(&inspector, &options.topics, stored).await?;
    let ends = EndReader {
        kafka: options.kafka.clone(),
        inspector: inspector.clone(),
        topics: options.topics.clone(),
        topic_id: identity.topic_id.clone(),
    };
    // Only to see that they can be read: a rebuild that does not know where to end is refused before it begins.
    tokio::select! {
        known = ends.read(identity.partition_count) => drop(known?),
        () = stop.cancelled() => return Err(RebuildCause::Stopped),
    }
    Build::choose(options, guard, Log { inspector, identity, ends }, live, stop).await
}

/// The log's identity, once it is sure that the live positions, if there are any, are of this log, and that it is whole.
async fn inspect(
    inspector: &LogInspector,
    topics: &RelayTopics,
    stored: Option<Vec<StoredPosition>>,
) -> Result<LogIdentity, LogCheckError> {
    let (inspector, topics) = (inspector.clone(), topics.clone());
    ask(move || {
        let identity = inspector.identity(&topics.orders)?;
        let outputs = [&topics.outcomes, &topics.dead_letters, &topics.cursors];
        let stored = stored.unwrap_or_else(|| unfolded(&identity));
        log_check::check_complete(&topics.orders, &stored)?;
        log_check::check(&inspector, &topics.orders, &stored)?;
        log_check::check_outputs(&inspector, &topics.orders, &outputs.map(String::as_str))?;
        Ok(identity)
    })
    .await
}

/// Positions of a log that nothing was folded from: it only has to have its beginning.
fn unfolded(identity: &LogIdentity) -> Vec<StoredPosition> {
    let position = |partition| StoredPosition {
        partition,
        next_offset: 0,
        identity: identity.clone(),
        generation: GenerationKey { number: 0, id: Uuid::nil() },
        fold_version: FOLD_VERSION,
    };
    (0..identity.partition_count).map(position).collect()
}

async fn check_schema(options: &Options) -> Result<(), RebuildCause> {
    let mut connection = ledger_database::connect(&options.database).await?;
    match schema_version::check(&mut connection).await {
        // Whoever may not read the versions is told the same as where there are none.
        Err(SchemaVersionError::NotMigrated) => {
            let found = sqlx::query("SELECT 1 FROM _sqlx_migrations LIMIT 1").execute(&mut connection).await;
            match found {
                Err(cause) if number_of(&cause) != Some(NO_SUCH_TABLE) => {
                    return Err(sql("reading the version of the tables")(cause));
                }
                _ => return Err(SchemaVersionError::NotMigrated.into()),
            }
        }
        checked => checked?,
    }
    Ok(start_check::check_packet(&mut connection).await?)
}
