//! Having a record skipped: parked, as whatever cannot be folded is, since an operator says so (INV-14).
//!
//! Which record: only the next one, the first at or after the live position, and only where no tables were ever folded further. So
//! whoever folds it for the first time does so after the skip was written, and everybody who folds it again (a rebuild, `verify`, the
//! projector after a rollback) finds the skip with the state that it loads. Position and furthest position are locked while that is looked
//! at and the skip is written: a batch that is under way is waited for, and moves the position; one that was folded before, and is written
//! after it, is refused by its compare-and-set, which knows of the last skip (`positions/moving.rs`).
//!
//! Dying before the COMMIT leaves nothing. When the COMMIT gives no answer, the same command says what became of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;
use ledger_database::{DatabaseUrl, Tables, Watched};
use ledger_fold::log_safety::check_identity;
use ledger_kafka::replay::LogRange;
use ledger_kafka::tail::{Left, Records, first_records};
use ledger_kafka::{KAFKA_TIMEOUT, KafkaSettings, LogInspector, ask};
use ledger_schema::Position;
use ledger_store::positions::{MoveStatements, StoredPosition};
use projector::blocked::blocked_among;
use serde::Serialize;
use sqlx::Executor;

use super::error::{InterventionError, sql};
use super::places;
use super::said::{Reason, Said};

/// Looks at a partition that moves meanwhile, or whose rows others have locked.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// Which record, who says so, and why.
#[derive(Debug)]
pub struct SkipOptions {
    pub kafka: KafkaSettings,
    pub owner: DatabaseUrl,
    pub topic: String,
    pub place: Position,
    pub said: Said<Reason>,
}

/// A record that is parked as soon as it is folded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Skipped {
    pub position: String,
    pub by: String,
    pub at: DateTime<Utc>,
    pub reason: String,
    /// Whether it was skipped before, and is not folded yet: nothing was changed.
    pub was_skipped: bool,
    /// Whether its partition is paused: it is parked when that is resumed.
    pub is_paused: bool,
}

/// What one attempt came to.
enum Attempt {
    Done(Skipped),
    /// The position moved, or others' locks were in the way.
    Again,
}

/// Has a record skipped.
///
/// # Errors
/// [`InterventionError`]; nothing is skipped then, but where the connection was lost inside the COMMIT.
pub fn skip(options: SkipOptions) -> LocalBoxFuture<'static, Result<Skipped, InterventionError>> {
    // Boxed here, so that it is compiled here, once, and not again in each program that awaits it.
    Box::pin(skip_one(options))
}

async fn skip_one(options: SkipOptions) -> Result<Skipped, InterventionError> {
    let mut connection = places::connect(&options.owner).await?;
    let inspector = LogInspector::new(&options.kafka)?;
    for _ in 0..ATTEMPTS {
        match attempt(&options, &inspector, &mut connection).await {
            Ok(Attempt::Done(skipped)) => return Ok(skipped),
            Ok(Attempt::Again) => {}
            Err(error) if error.passes() => {}
            Err(error) => return Err(error),
        }
        // Whatever is open of it.
        connection.execute("ROLLBACK").await.map_err(sql("rolling back"))?;
        tokio::time::sleep(PAUSE).await;
    }
    Err(InterventionError::Moves { place: options.place })
}

async fn attempt(
    options: &SkipOptions,
    inspector: &LogInspector,
    connection: &mut Watched,
) -> Result<Attempt, InterventionError> {
    let SkipOptions { topic, place, .. } = options;
    let found = places::named(connection, topic, Some(place.partition)).await?;
    let Some(stands) = found.into_iter().next() else { unreachable!("one that is not there is refused by its name") };
    let (asked, of) = (inspector.clone(), topic.clone());
    let log = ask(move || asked.identity(&of)).await?;
    check_identity(topic, &stands.identity, &log)?;
    let next_offset = stands.next_offset;
    if place.offset < next_offset {
        return Err(InterventionError::Folded { place: *place, next_offset });
    }
    if let Some(skipped) = earlier(connection, *place, &stands).await? {
        return Ok(Attempt::Done(skipped));
    }
    if !is_next(options, inspector, next_offset).await? {
        return Ok(Attempt::Again);
    }
    write(options, connection, &stands).await
}

/// A skip of the record that was written before.
async fn earlier(
    connection: &mut Watched,
    place: Position,
    stands: &StoredPosition,
) -> Result<Option<Skipped>, InterventionError> {
    let row = sqlx::query_as::<_, (String, DateTime<Utc>, String)>(
        "SELECT skipped_by, skipped_at, reason FROM skips WHERE topic_id = ? AND kafka_partition = ? AND kafka_offset = ?",
    );
    let row = row.bind(&stands.identity.topic_id).bind(place.partition).bind(place.offset);
    let row = row.fetch_optional(connection).await.map_err(sql("looking for the skip"))?;
    let (position, is_paused) = (place.to_string(), stands.paused.is_some());
    Ok(row.map(|(by, at, reason)| Skipped { position, by, at, reason, was_skipped: true, is_paused }))
}

/// Refuses every record but the first at or after `next_offset`; false where the log cannot tell yet.
async fn is_next(options: &SkipOptions, inspector: &LogInspector, next_offset: i64) -> Result<bool, InterventionError> {
    let place = options.place;
    let (inspector, kafka, topic) = (inspector.clone(), options.kafka.clone(), options.topic.clone());
    let partition = place.partition;
    ask(move || {
        let marks = inspector.watermarks_of(&topic, &[partition])?;
        let Some(found) = marks.get(&partition).copied() else { return Ok(false) };
        let range = LogRange { partition, from: next_offset, to: found.stable };
        let first = first_records(&kafka, &topic, &[range], Records::Committed, KAFKA_TIMEOUT)?;
        match first.get(&partition) {
            Some(Left::Record(record)) if record.offset == place.offset => Ok(true),
            Some(Left::Record(record)) => Err(InterventionError::NotNext { place, next: record.offset }),
            Some(Left::Nothing) => match blocked_among(&kafka, &topic, &marks)?.first() {
                Some(blocked) if place.offset < blocked.end_offset => {
                    Err(InterventionError::Blocked { place, blocked: *blocked })
                }
                _ => Err(InterventionError::NothingLeft { place, next_offset }),
            },
            Some(Left::NothingYet) | None => Ok(false),
        }
    })
    .await
}

/// The check of the position and the skip, in one transaction under the position's lock.
async fn write(
    options: &SkipOptions,
    connection: &mut Watched,
    stands: &StoredPosition,
) -> Result<Attempt, InterventionError> {
    const STEP: &str = "writing the skip";
    let SkipOptions { topic, place, said, .. } = options;
    MoveStatements::new(&Tables::live()).ensure_furthest(connection, topic, place.partition).await?;
    connection.execute("START TRANSACTION").await.map_err(sql(STEP))?;
    let locked = sqlx::query_as::<_, (i64, i64)>(
        "SELECT p.next_offset, f.next_offset FROM positions p JOIN furthest_positions f USING (topic, kafka_partition) \
         WHERE p.topic = ? AND p.kafka_partition = ? AND p.topic_id = ? FOR UPDATE",
    );
    let locked = locked.bind(topic).bind(place.partition).bind(&stands.identity.topic_id);
    let Some((next_offset, furthest)) = locked.fetch_optional(&mut *connection).await.map_err(sql(STEP))? else {
        return Ok(Attempt::Again);
    };
    if next_offset != stands.next_offset {
        return Ok(Attempt::Again);
    }
    if place.offset < furthest {
        connection.execute("ROLLBACK").await.map_err(sql("rolling back"))?;
        return Err(InterventionError::FoldedBefore { place: *place, furthest });
    }
    let insert = sqlx::query(
        "INSERT INTO skips (topic_id, kafka_partition, kafka_offset, reason, skipped_by, skipped_at) \
         VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6))",
    );
    let insert = insert.bind(&stands.identity.topic_id).bind(place.partition).bind(place.offset);
    let insert = insert.bind(said.reason.as_str()).bind(said.by.as_str());
    // A duplicate key: somebody was faster, and the next look says who.
    match insert.execute(&mut *connection).await {
        Err(error) if ledger_database::fault_of(&error) == ledger_database::Fault::DuplicateKey => {
            return Ok(Attempt::Again);
        }
        done => done.map_err(sql(STEP))?,
    };
    let mark = sqlx::query("UPDATE furthest_positions SET last_skip = ? WHERE topic = ? AND kafka_partition = ?");
    let mark = mark.bind(place.offset).bind(topic).bind(place.partition);
    mark.execute(&mut *connection).await.map_err(sql(STEP))?;
    connection.execute("COMMIT").await.map_err(sql("committing the skip"))?;
    let written = earlier(connection, *place, stands).await?;
    Ok(written.map_or(Attempt::Again, |skipped| Attempt::Done(Skipped { was_skipped: false, ..skipped })))
}
