//! Reads the tables as other programs may read them, in the auditor's spelling.
//!
//! It must never mend a value on the way: NULL, empty and absent are different. Read [`super::effect`] for rows read
//! back.

use std::collections::BTreeMap;

use anyhow::Result;
use sqlx::mysql::MySqlRow;
use sqlx::{MySqlPool, Row};
use uuid::Uuid;

use super::Rows;
use super::expected::dead_letter_row;

/// All that the auditor compares.
#[derive(Debug, Default)]
pub struct Tables {
    pub orders: Rows,
    pub stock: Rows,
    pub movements: Rows,
    pub dead_letters: Rows,
    pub positions: Rows,
    /// Of the orders, by partition and offset.
    pub listed: BTreeMap<(i32, i64), Times>,
}

/// Times of an order, in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub placed_micros: i64,
    /// Where it stands in its user's list.
    pub listed_micros: i64,
}

const ORDERS: &str = "SELECT *, CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', placed_at) AS SIGNED) AS placed_micros, \
     CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', listed_at) AS SIGNED) AS listed_micros FROM orders";

/// # Errors
/// When MariaDB cannot be reached or a column is not there.
pub async fn read(pool: &MySqlPool, orders_topic: &str) -> Result<Tables> {
    let mut tables = Tables::default();
    for row in sqlx::query(ORDERS).fetch_all(pool).await? {
        let (key, text) = order(&row)?;
        let times =
            Times { placed_micros: row.try_get("placed_micros")?, listed_micros: row.try_get("listed_micros")? };
        tables.listed.insert((row.try_get("kafka_partition")?, row.try_get("kafka_offset")?), times);
        tables.orders.insert(key, text);
    }
    for row in
        sqlx::query("SELECT product_id, available, kafka_partition, kafka_offset FROM stock").fetch_all(pool).await?
    {
        let text = format!("available={} at={}", row.try_get::<i64, _>("available")?, position(&row)?);
        tables.stock.insert(row.try_get("product_id")?, text);
    }
    for row in sqlx::query("SELECT * FROM stock_movements").fetch_all(pool).await? {
        let (key, text) = movement(&row)?;
        tables.movements.insert(key, text);
    }
    for row in sqlx::query("SELECT * FROM dead_letters").fetch_all(pool).await? {
        let (reason, key): (String, Option<Vec<u8>>) = (row.try_get("reason")?, row.try_get("message_key")?);
        let value: Option<Vec<u8>> = row.try_get("message_value")?;
        tables.dead_letters.insert(position(&row)?, dead_letter_row(&reason, key.as_deref(), value.as_deref()));
    }
    let positions =
        sqlx::query("SELECT kafka_partition, next_offset FROM positions WHERE topic = ?").bind(orders_topic);
    for row in positions.fetch_all(pool).await? {
        let next_offset: i64 = row.try_get("next_offset")?;
        tables.positions.insert(row.try_get::<i32, _>("kafka_partition")?.to_string(), next_offset.to_string());
    }
    Ok(tables)
}

fn position(row: &MySqlRow) -> Result<String> {
    Ok(format!("{}:{}", row.try_get::<i32, _>("kafka_partition")?, row.try_get::<i64, _>("kafka_offset")?))
}

/// `confirmed`, or `rejected REASON`.
fn verdict(row: &MySqlRow) -> Result<String> {
    let (status, reason): (String, Option<String>) = (row.try_get("status")?, row.try_get("reason")?);
    Ok(reason.map_or(status.clone(), |reason| format!("{status} {reason}")))
}

fn order(row: &MySqlRow) -> Result<(String, String)> {
    let id: Uuid = row.try_get("order_id")?;
    let (user, product): (String, String) = (row.try_get("user_id")?, row.try_get("product_id")?);
    let (quantity, price): (i64, i64) = (row.try_get("quantity")?, row.try_get("unit_price")?);
    let total: i64 = row.try_get("total_price")?;
    let key = format!("{id} {}", row.try_get::<i32, _>("kafka_partition")?);
    let contents = format!("user={user} product={product} {quantity}x{price}={total}");
    Ok((key, format!("{contents} {} at={}", verdict(row)?, position(row)?)))
}

fn movement(row: &MySqlRow) -> Result<(String, String)> {
    let id: Uuid = row.try_get("movement_id")?;
    let (kind, product): (String, String) = (row.try_get("kind")?, row.try_get("product_id")?);
    let delta: i64 = row.try_get("delta")?;
    let note: Option<String> = row.try_get("note")?;
    let key = format!("{id} {}", row.try_get::<i32, _>("kafka_partition")?);
    let note = match note.as_deref() {
        None => "",
        Some("") => "(empty, not NULL)",
        Some(note) => note,
    };
    let contents = format!("{kind} product={product} delta={delta} note={note}");
    Ok((key, format!("{contents} {} at={}", verdict(row)?, position(row)?)))
}
