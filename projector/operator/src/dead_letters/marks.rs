//! The table `redrives`: which parked records are mended, and by what. A mark is claimed before the append and finished after
//! it; it must never be changed once it is finished, nor taken away.

use ledger_database::{Fault, Watched, fault_of};
use ledger_schema::Position;
use serde::Serialize;

use super::error::DeadLettersError;

/// How far the redrive of a parked record has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "position", rename_all = "camelCase")]
pub enum Mark {
    /// The event that mends it stands there.
    Appended(#[serde(serialize_with = "as_text")] Position),
    /// Claimed; whether its event is in the log is not known.
    Unfinished,
}

fn as_text<S: serde::Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(position)
}

impl Mark {
    /// From the columns `appended_partition`, `appended_offset` of a row that is there.
    pub(super) fn of(partition: Option<i32>, offset: Option<i64>) -> Self {
        match (partition, offset) {
            (Some(partition), Some(offset)) => Self::Appended(Position { partition, offset }),
            _ => Self::Unfinished,
        }
    }
}

/// A claim that stands, ours or an earlier one.
pub(super) struct Claim {
    pub(super) mark: Mark,
    pub(super) event: Vec<u8>,
    /// Whether it stood before.
    pub(super) earlier: bool,
}

/// Claims the record for `event`; where it is claimed already, gives that claim.
pub(super) async fn claim(connection: &mut Watched, mended: Position, event: &[u8]) -> Result<Claim, DeadLettersError> {
    let inserted = sqlx::query("INSERT INTO redrives (kafka_partition, kafka_offset, event) VALUES (?, ?, ?)")
        .bind(mended.partition)
        .bind(mended.offset)
        .bind(event)
        .execute(&mut *connection)
        .await;
    match inserted {
        Ok(_) => Ok(Claim { mark: Mark::Unfinished, event: event.to_vec(), earlier: false }),
        Err(error) if fault_of(&error) == Fault::DuplicateKey => read(connection, mended).await,
        Err(error) => Err(error.into()),
    }
}

async fn read(connection: &mut Watched, mended: Position) -> Result<Claim, DeadLettersError> {
    find(connection, mended).await?.ok_or(DeadLettersError::Query(sqlx::Error::RowNotFound))
}

/// The claim that stands, if any.
pub(super) async fn find(connection: &mut Watched, mended: Position) -> Result<Option<Claim>, DeadLettersError> {
    let found = sqlx::query_as::<_, (Vec<u8>, Option<i32>, Option<i64>)>(
        "SELECT event, appended_partition, appended_offset FROM redrives WHERE kafka_partition = ? AND kafka_offset = ?",
    )
    .bind(mended.partition)
    .bind(mended.offset)
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|(event, partition, offset)| Claim { mark: Mark::of(partition, offset), event, earlier: true }))
}

/// Finishes a claim; where somebody else, with the same event, was faster, gives where theirs stands.
pub(super) async fn finish(
    connection: &mut Watched,
    mended: Position,
    appended: Position,
) -> Result<Mark, DeadLettersError> {
    sqlx::query(
        "UPDATE redrives SET appended_partition = ?, appended_offset = ? \
         WHERE kafka_partition = ? AND kafka_offset = ? AND appended_partition IS NULL",
    )
    .bind(appended.partition)
    .bind(appended.offset)
    .bind(mended.partition)
    .bind(mended.offset)
    .execute(&mut *connection)
    .await?;
    Ok(read(connection, mended).await?.mark)
}
