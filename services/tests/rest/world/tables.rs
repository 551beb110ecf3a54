//! The projector, played by SQL.

use ledger_schema::Position;
use ledger_schema::wire::Outcome;
use uuid::Uuid;

use super::orders::{Basket, Line};
use super::{PARTITIONS, World};

impl World {
    /// The projector has folded up to `position`, which is furthest now unless it was further.
    pub(crate) async fn pass(&self, position: Position) {
        self.set_position(position.partition, position.offset + 1).await;
        sqlx::query(
            "INSERT INTO furthest_positions (topic, kafka_partition, next_offset) VALUES (?, ?, ?) \
             ON DUPLICATE KEY UPDATE next_offset = GREATEST(next_offset, VALUES(next_offset))",
        )
        .bind(&self.topic)
        .bind(position.partition)
        .bind(position.offset + 1)
        .execute(&self.sql)
        .await
        .expect("furthest_positions");
    }

    /// Tables were swapped in that stand there: nothing is raised.
    pub(crate) async fn set_position(&self, partition: i32, next_offset: i64) {
        sqlx::query(
            "INSERT INTO positions \
             (topic, kafka_partition, next_offset, cluster_id, topic_id, partition_count, generation_id) \
             VALUES (?, ?, ?, ?, ?, ?, REPEAT('g', 16)) ON DUPLICATE KEY UPDATE next_offset = VALUES(next_offset)",
        )
        .bind(&self.topic)
        .bind(partition)
        .bind(next_offset)
        .bind(&self.known_identity().cluster_id)
        .bind(&self.known_identity().topic_id)
        .bind(PARTITIONS)
        .execute(&self.sql)
        .await
        .expect("positions");
    }

    /// The projector decided an order as `row` says.
    pub(crate) async fn decide(&self, row: &OrderLine<'_>) {
        let line = [(row.product_id, row.quantity, row.unit_price, row.line_status(), row.reason)];
        self.write(&row.as_order(&line)).await;
    }

    /// The projector decided a movement.
    pub(crate) async fn decide_movement(
        &self,
        id: Uuid,
        at: Position,
        row: (&str, &str, i64, Option<&str>, Option<&str>),
    ) {
        let (product_id, kind, delta, note, reason) = row;
        sqlx::query(
            "INSERT INTO stock_movements (movement_id, kafka_partition, kafka_offset, product_id, kind, delta, status, \
             reason, note, occurred_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '2026-11-23 10:00:00')",
        )
        .bind(id)
        .bind(at.partition)
        .bind(at.offset)
        .bind(product_id)
        .bind(kind)
        .bind(delta)
        .bind(if reason.is_some() { "rejected" } else { "confirmed" })
        .bind(reason)
        .bind(note)
        .execute(&self.sql)
        .await
        .expect("stock_movements");
    }

    pub(crate) async fn stock(&self, product_id: &str, available: i64, at: Position) {
        self.stock_with_held(product_id, available, 0, at).await;
    }

    pub(crate) async fn stock_with_held(&self, product_id: &str, available: i64, held: i64, at: Position) {
        sqlx::query(
            "INSERT INTO stock (product_id, available, held, kafka_partition, kafka_offset) VALUES (?, ?, ?, ?, ?) \
             ON DUPLICATE KEY UPDATE available = VALUES(available), held = VALUES(held), kafka_offset = VALUES(kafka_offset)",
        )
        .bind(product_id)
        .bind(available)
        .bind(held)
        .bind(at.partition)
        .bind(at.offset)
        .execute(&self.sql)
        .await
        .expect("stock");
    }

    pub(crate) async fn park(&self, at: Position, reason: &str) {
        sqlx::query(
            "INSERT INTO dead_letters (kafka_partition, kafka_offset, reason, detail, message_headers) \
             VALUES (?, ?, ?, '', '[]')",
        )
        .bind(at.partition)
        .bind(at.offset)
        .bind(reason)
        .execute(&self.sql)
        .await
        .expect("dead_letters");
    }
}

/// What the projector writes into `orders`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OrderLine<'a> {
    pub(crate) order_id: Uuid,
    pub(crate) position: Position,
    pub(crate) user_id: &'a str,
    pub(crate) product_id: &'a str,
    pub(crate) quantity: i64,
    pub(crate) unit_price: i64,
    pub(crate) reason: Option<&'a str>,
    pub(crate) placed_at: &'a str,
    /// As `placed_at` unless it says otherwise.
    pub(crate) listed_at: Option<&'a str>,
}

impl Default for OrderLine<'_> {
    /// The order of [`ORDER`], confirmed.
    fn default() -> Self {
        Self {
            order_id: Uuid::nil(),
            position: Position { partition: 0, offset: 0 },
            user_id: "alice",
            product_id: "chocolate",
            quantity: 3,
            unit_price: 250,
            reason: None,
            placed_at: "2026-11-23 10:00:00.123456",
            listed_at: None,
        }
    }
}

impl OrderLine<'_> {
    fn line_status(&self) -> &'static str {
        if self.reason.is_some() { "rejected" } else { "reserved" }
    }

    /// The same as an order of one line that is decided.
    fn as_order<'a>(&'a self, lines: &'a [Line<'a>]) -> Basket<'a> {
        Basket {
            order_id: self.order_id,
            position: self.position,
            user_id: self.user_id,
            status: if self.reason.is_some() { "rejected" } else { "confirmed" },
            lines,
            placed_at: self.placed_at,
            listed_at: self.listed_at,
            ..Basket::default()
        }
    }

    /// What the relay publishes of it; `available` is made up.
    pub(crate) fn outcome(&self) -> Outcome {
        let line = [(self.product_id, self.quantity, self.unit_price, self.line_status(), self.reason)];
        self.as_order(&line).outcome(self.position)
    }
}
