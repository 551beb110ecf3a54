//! The parked rows, read for an operator, each with its redrive's mark. It only reads.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ledger_database::{DatabaseUrl, Watched};
use ledger_schema::{ParkReason, Position};
use serde::Serialize;
use sqlx::FromRow;
use sqlx::mysql::MySqlRow;

use super::error::DeadLettersError;
use super::marks::Mark;
use super::shown::Shown;

/// How much of a key a list reads: keys may be a megabyte.
const LISTED_KEY_BYTES: i64 = 256;

/// Which dead letters are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter {
    pub reason: Option<ParkReason>,
    pub partition: Option<i32>,
    /// Most that are listed.
    pub limit: u32,
}

/// Some dead letters, in order of position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listing {
    pub items: Vec<Listed>,
    /// Whether there are more than were asked for.
    pub more: bool,
}

/// A dead letter in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    pub position: String,
    pub reason: String,
    pub detail: String,
    /// A beginning, where it is long.
    pub key: Option<Shown>,
    pub value_bytes: Option<i64>,
    pub redriven: Option<Mark>,
}

/// A dead letter, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    pub position: String,
    pub reason: String,
    pub detail: String,
    pub key: Option<Shown>,
    pub value: Option<Shown>,
    /// Full length of the value as received; more than is kept for one above 16 MiB.
    pub value_bytes: Option<i64>,
    pub headers: Vec<Header>,
    pub redriven: Option<Mark>,
}

/// A header; names repeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    pub name: String,
    pub value: Option<Shown>,
}

/// The mark's columns; where `claimed` is NULL there is none.
#[derive(FromRow)]
struct MarkColumns {
    claimed: Option<i32>,
    appended_partition: Option<i32>,
    appended_offset: Option<i64>,
}

impl MarkColumns {
    fn of(row: &MySqlRow) -> Result<Option<Mark>, sqlx::Error> {
        let columns = Self::from_row(row)?;
        Ok(columns.claimed.map(|_| Mark::of(columns.appended_partition, columns.appended_offset)))
    }
}

#[derive(FromRow)]
struct ListedRow {
    kafka_partition: i32,
    kafka_offset: i64,
    reason: String,
    detail: String,
    message_key: Option<Vec<u8>>,
    value_bytes: Option<i64>,
}

#[derive(FromRow)]
struct LetterRow {
    reason: String,
    detail: String,
    message_key: Option<Vec<u8>>,
    message_value: Option<Vec<u8>>,
    value_bytes: Option<i64>,
    message_headers: String,
}

/// Lists dead letters with a connection of its own.
///
/// # Errors
/// The database's.
pub async fn list(url: &DatabaseUrl, filter: Filter) -> Result<Listing, DeadLettersError> {
    let mut connection = ledger_database::connect(url).await?;
    let limit = usize::try_from(filter.limit).expect("a usize has 32 bits or more");
    let rows = sqlx::query(
        "SELECT d.kafka_partition, d.kafka_offset, d.reason, d.detail, LEFT(d.message_key, ?) AS message_key, d.value_bytes, \
         r.kafka_partition AS claimed, r.appended_partition, r.appended_offset \
         FROM dead_letters d LEFT JOIN redrives r USING (kafka_partition, kafka_offset) \
         WHERE (? IS NULL OR d.reason = ?) AND (? IS NULL OR d.kafka_partition = ?) \
         ORDER BY d.kafka_partition, d.kafka_offset LIMIT ?",
    )
    .bind(LISTED_KEY_BYTES)
    .bind(filter.reason.map(ParkReason::as_str))
    .bind(filter.reason.map(ParkReason::as_str))
    .bind(filter.partition)
    .bind(filter.partition)
    .bind(i64::from(filter.limit) + 1)
    .fetch_all(&mut connection)
    .await?;
    let item = |row: &MySqlRow| {
        let ListedRow { kafka_partition: partition, kafka_offset: offset, reason, detail, message_key, value_bytes } =
            ListedRow::from_row(row)?;
        let position = Position { partition, offset }.to_string();
        let redriven = MarkColumns::of(row)?;
        Ok(Listed { position, reason, detail, key: message_key.map(Shown::of), value_bytes, redriven })
    };
    let items = rows.iter().take(limit).map(item).collect::<Result<Vec<_>, sqlx::Error>>()?;
    Ok(Listing { more: rows.len() > limit, items })
}

/// Reads one dead letter whole, with a connection of its own.
///
/// # Errors
/// [`DeadLettersError::Unknown`], or the database's.
pub async fn show(url: &DatabaseUrl, position: Position) -> Result<Letter, DeadLettersError> {
    let mut connection = ledger_database::connect(url).await?;
    let row = sqlx::query(
        "SELECT d.reason, d.detail, d.message_key, d.message_value, d.value_bytes, d.message_headers, \
         r.kafka_partition AS claimed, r.appended_partition, r.appended_offset \
         FROM dead_letters d LEFT JOIN redrives r USING (kafka_partition, kafka_offset) \
         WHERE d.kafka_partition = ? AND d.kafka_offset = ?",
    )
    .bind(position.partition)
    .bind(position.offset)
    .fetch_optional(&mut connection)
    .await?
    .ok_or(DeadLettersError::Unknown { position })?;
    let LetterRow { reason, detail, message_key, message_value, value_bytes, message_headers } =
        LetterRow::from_row(&row)?;
    Ok(Letter {
        position: position.to_string(),
        reason,
        detail,
        key: message_key.map(Shown::of),
        value: message_value.map(Shown::of),
        value_bytes,
        headers: headers(&message_headers).map_err(|problem| DeadLettersError::CorruptHeaders { position, problem })?,
        redriven: MarkColumns::of(&row)?,
    })
}

/// Whether a record is parked there.
///
/// # Errors
/// [`DeadLettersError::Unknown`], or the database's.
pub(super) async fn check_parked(connection: &mut Watched, position: Position) -> Result<(), DeadLettersError> {
    let found = sqlx::query("SELECT 1 FROM dead_letters WHERE kafka_partition = ? AND kafka_offset = ?")
        .bind(position.partition)
        .bind(position.offset)
        .fetch_optional(connection)
        .await?;
    found.map(drop).ok_or(DeadLettersError::Unknown { position })
}

/// `[[name, base64 of the value or null], ..]`, as the projector writes them.
fn headers(json: &str) -> Result<Vec<Header>, String> {
    let pairs: Vec<(String, Option<String>)> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let header = |(name, value): (String, Option<String>)| {
        let value = value.map(|value| STANDARD.decode(value)).transpose().map_err(|error| error.to_string())?;
        Ok(Header { name, value: value.map(Shown::of) })
    };
    pairs.into_iter().map(header).collect()
}
