//! Reads the tables as other programs may read them.
//!
//! It must never mend a value on the way: NULL, empty and absent are different. Read [`super::rows`] for what a row has.

use std::collections::BTreeMap;

use anyhow::Result;
use sqlx::mysql::MySqlRow;
use sqlx::{MySqlPool, Row};
use uuid::Uuid;

use super::dead_letter::dead_letter_row;
use super::rows::{Movement, MovementKey, OpenOrders, OrderKey, OrderLine, Reservation, ReservationKey, Rows, Stock};

/// All that the auditor compares.
#[derive(Debug, Default)]
pub struct Tables {
    pub orders: Rows<OrderKey, OrderLine>,
    pub stock: Rows<String, Stock>,
    pub movements: Rows<MovementKey, Movement>,
    pub reservations: Rows<ReservationKey, Reservation>,
    pub open_orders: OpenOrders,
    /// Keyed by position.
    pub dead_letters: Rows<String, String>,
    pub positions: Rows<i32, i64>,
    /// Of the orders, by partition and offset.
    pub listed: BTreeMap<(i32, i64), Times>,
}

impl Tables {
    /// The lines under an order id, in whichever partition the order is at home.
    pub fn lines_of<'a>(&'a self, order_id: &str) -> impl Iterator<Item = (&'a OrderKey, &'a OrderLine)> + use<'a> {
        let order_id = order_id.to_owned();
        let first = OrderKey { order_id: order_id.clone(), home: i32::MIN, line_no: i64::MIN };
        self.orders.range(first..).take_while(move |(key, _)| key.order_id == order_id)
    }

    /// The reservations under an order id.
    pub fn reservations_of<'a>(
        &'a self,
        order_id: &str,
    ) -> impl Iterator<Item = (&'a ReservationKey, &'a Reservation)> + use<'a> {
        let order_id = order_id.to_owned();
        let (home, line_no, partition) = (i32::MIN, i64::MIN, i32::MIN);
        let first = ReservationKey { order_id: order_id.clone(), home, line_no, partition };
        self.reservations.range(first..).take_while(move |(key, _)| key.order_id == order_id)
    }
}

/// Times of an order, in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub placed_micros: i64,
    /// Where it stands in its user's list.
    pub listed_micros: i64,
}

const ORDERS: &str = "SELECT *, CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', placed_at) AS SIGNED) AS placed_micros, \
     CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', listed_at) AS SIGNED) AS listed_micros, \
     CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', expires_at) AS SIGNED) AS expires_micros FROM orders";
const OPEN_ORDERS: &str = "SELECT kafka_partition, order_id, status, \
     CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', due_at) AS SIGNED) AS due_micros FROM open_orders";

/// # Errors
/// When MariaDB cannot be reached or a column is not there.
pub async fn read(pool: &MySqlPool, orders_topic: &str) -> Result<Tables> {
    let mut tables = Tables::default();
    for row in sqlx::query(ORDERS).fetch_all(pool).await? {
        let (key, line) = order(&row)?;
        let times = Times { placed_micros: line.placed_at, listed_micros: row.try_get("listed_micros")? };
        tables.listed.insert((key.home, line.offset), times);
        tables.orders.insert(key, line);
    }
    for row in sqlx::query("SELECT * FROM stock").fetch_all(pool).await? {
        let stock = Stock {
            available: row.try_get("available")?,
            held: row.try_get("held")?,
            partition: row.try_get("kafka_partition")?,
            offset: row.try_get("kafka_offset")?,
        };
        tables.stock.insert(row.try_get("product_id")?, stock);
    }
    for row in sqlx::query("SELECT * FROM stock_movements").fetch_all(pool).await? {
        let (key, movement) = movement(&row)?;
        tables.movements.insert(key, movement);
    }
    for row in sqlx::query("SELECT * FROM reservations").fetch_all(pool).await? {
        let (key, reservation) = reservation(&row)?;
        tables.reservations.insert(key, reservation);
    }
    for row in sqlx::query(OPEN_ORDERS).fetch_all(pool).await? {
        let key = (row.try_get("kafka_partition")?, row.try_get::<Uuid, _>("order_id")?.to_string());
        tables.open_orders.insert(key, (row.try_get("status")?, row.try_get("due_micros")?));
    }
    for row in sqlx::query("SELECT * FROM dead_letters").fetch_all(pool).await? {
        let (reason, key): (String, Option<Vec<u8>>) = (row.try_get("reason")?, row.try_get("message_key")?);
        let value: Option<Vec<u8>> = row.try_get("message_value")?;
        let at = format!("{}:{}", row.try_get::<i32, _>("kafka_partition")?, row.try_get::<i64, _>("kafka_offset")?);
        tables.dead_letters.insert(at, dead_letter_row(&reason, key.as_deref(), value.as_deref()));
    }
    let positions =
        sqlx::query("SELECT kafka_partition, next_offset FROM positions WHERE topic = ?").bind(orders_topic);
    for row in positions.fetch_all(pool).await? {
        tables.positions.insert(row.try_get("kafka_partition")?, row.try_get("next_offset")?);
    }
    Ok(tables)
}

fn order(row: &MySqlRow) -> Result<(OrderKey, OrderLine)> {
    let key = OrderKey {
        order_id: row.try_get::<Uuid, _>("order_id")?.to_string(),
        home: row.try_get("kafka_partition")?,
        line_no: row.try_get::<i16, _>("line_no")?.into(),
    };
    let line = OrderLine {
        user: row.try_get("user_id")?,
        product: row.try_get("product_id")?,
        quantity: row.try_get("quantity")?,
        unit_price: row.try_get("unit_price")?,
        total_price: row.try_get("total_price")?,
        currency: row.try_get("currency")?,
        placed_at: row.try_get("placed_micros")?,
        expires_at: row.try_get("expires_micros")?,
        status: row.try_get("status")?,
        line_status: row.try_get("line_status")?,
        reason: row.try_get("reason")?,
        offset: row.try_get("kafka_offset")?,
    };
    Ok((key, line))
}

fn movement(row: &MySqlRow) -> Result<(MovementKey, Movement)> {
    let key = (row.try_get::<Uuid, _>("movement_id")?.to_string(), row.try_get("kafka_partition")?);
    let movement = Movement {
        kind: row.try_get("kind")?,
        product: row.try_get("product_id")?,
        delta: row.try_get("delta")?,
        note: row.try_get("note")?,
        status: row.try_get("status")?,
        reason: row.try_get("reason")?,
        offset: row.try_get("kafka_offset")?,
    };
    Ok((key, movement))
}

fn reservation(row: &MySqlRow) -> Result<(ReservationKey, Reservation)> {
    let key = ReservationKey {
        order_id: row.try_get::<Uuid, _>("order_id")?.to_string(),
        home: row.try_get("home_partition")?,
        line_no: row.try_get::<i16, _>("line_no")?.into(),
        partition: row.try_get("kafka_partition")?,
    };
    let reservation = Reservation {
        product: row.try_get("product_id")?,
        quantity: row.try_get("quantity")?,
        status: row.try_get("status")?,
        reason: row.try_get("reason")?,
        confirmed: row.try_get("confirmed")?,
        offset: row.try_get("kafka_offset")?,
    };
    Ok((key, reservation))
}
