//! A rebuild from its beginning to its end: what may refuse it, the guard, the build. It must never change anything before all
//! that can refuse it was looked at.

use futures_util::future::LocalBoxFuture;
use ledger_database::requirements::Role;
use ledger_database::schema_version::{self, SchemaVersionError};
use ledger_database::{NO_SUCH_TABLE, number_of};
use ledger_fold::log_safety::{LogIdentity, LogRefusal};
use ledger_kafka::{LogInspector, ask};
use ledger_store::generations::Work;
use ledger_store::log_check::{self, LogCheckError};
use ledger_store::positions::{self, StoredPosition};
use ledger_store::{FOLD_VERSION, GenerationKey};
use projector::relay::{RelayTopics, ends_of_log};
use projector::start_check;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::build::{Build, Log};
use super::error::{Left, RebuildCause, RebuildError, sql};
use super::options::RebuildOptions;
use super::report::Summary;
use crate::ends::EndReader;
use crate::generations::{GenerationsError, Guard, swap};

/// Rebuilds, until it is done or `stop`.
///
/// # Errors
/// [`RebuildError`]: why it did not, and what it left.
pub fn run<'a>(
    options: &'a RebuildOptions,
    stop: &'a CancellationToken,
) -> LocalBoxFuture<'a, Result<Summary, RebuildError>> {
    // Boxed here, so that it is compiled here, once, and not again in each program that awaits it.
    Box::pin(rebuild(options, stop))
}

async fn rebuild(options: &RebuildOptions, stop: &CancellationToken) -> Result<Summary, RebuildError> {
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
async fn guarded(
    options: &RebuildOptions,
    guard: &mut Guard,
    stop: &CancellationToken,
) -> Result<Summary, RebuildError> {
    let user = options.database.user();
    let begun = begin(options, guard, stop).await;
    let mut build = begun.map_err(|cause| RebuildError { cause: cause.named(user), left: Left::Untouched })?;
    let outcome = build.run(guard).await;
    let left = build.left();
    outcome.map_err(|cause| RebuildError { cause: cause.named(user), left })
}

/// Everything that may refuse a rebuild before it changes anything.
async fn begin<'a>(
    options: &'a RebuildOptions,
    guard: &mut Guard,
    stop: &'a CancellationToken,
) -> Result<Build<'a>, RebuildCause> {
    let topic = &options.topics.orders;
    let live = ledger_store::generations::live(guard.connection(), topic).await?;
    if let Some(found) = positions::other_topic(guard.connection(), topic).await.map_err(GenerationsError::Store)? {
        let refusal = LogRefusal::PositionsOfAnotherTopic { expected: topic.clone(), found };
        return Err(LogCheckError::from(refusal).into());
    }
    swap::check_names(guard.connection(), live.as_ref()).await?;
    let inspector = LogInspector::new(&options.kafka)?;
    let stored = live.as_ref().map(|live| live.positions.clone());
    let identity = inspect(&inspector, &options.topics, stored).await?;
    let ends = EndReader {
        kafka: options.kafka.clone(),
        inspector: inspector.clone(),
        topics: options.topics.clone(),
        topic_id: identity.topic_id.clone(),
    };
    if live.is_none() {
        // The database may have been lost: what stood in it was observed up to the log's end at most. Before the first table is
        // made, so that no read is answered from fewer records meanwhile (INV-13).
        let ends = ends_of_log(&options.kafka, &options.topics, &identity).await?;
        positions::raise_furthest(guard.connection(), topic, &ends).await?;
    }
    // Only to see that they can be read: a rebuild that does not know where to end is refused before it begins.
    tokio::select! {
        known = ends.read(identity.partition_count) => drop(known?),
        () = stop.cancelled() => return Err(RebuildCause::Stopped),
    }
    ends.name_blocked(identity.partition_count).await?;
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
        let stored = stored.unwrap_or_else(|| unfolded(&identity));
        log_check::check_complete(&topics.orders, &stored)?;
        log_check::check(&inspector, &topics.orders, &stored)?;
        log_check::check_outputs(&inspector, &topics.orders, &topics.outputs())?;
        Ok(identity)
    })
    .await
}

/// Positions of a log that nothing was folded from: it only has to have its beginning.
fn unfolded(identity: &LogIdentity) -> Vec<StoredPosition> {
    let position = |partition| StoredPosition {
        paused: None,
        partition,
        next_offset: 0,
        identity: identity.clone(),
        generation: GenerationKey { number: 0, id: Uuid::nil() },
        fold_version: FOLD_VERSION,
    };
    (0..identity.partition_count).map(position).collect()
}

/// The tables are of this version, and everything in the database is as a rebuild needs it, up to the RENAME at its end.
async fn check_schema(options: &RebuildOptions) -> Result<(), RebuildCause> {
    let mut connection = ledger_database::connect(&options.database).await?;
    match schema_version::check(&mut connection).await {
        // A user who may not read the versions gets the same answer as where there are none.
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
    Ok(start_check::check_database(&mut connection, Role::Owner).await?)
}
