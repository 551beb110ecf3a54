//! Orders as the projector writes them and the relay publishes them: a row per line, and one outcome per change.

use ledger_schema::Position;
use ledger_schema::wire::{
    OrderCancelled, OrderConfirmed, OrderHeld, OrderMoved, OrderRejected, Outcome, OutcomeLine, OutcomeOfLines,
};
use uuid::Uuid;

use super::World;

/// A line: its product, quantity and price, where it stands, and why it was ended.
pub(crate) type Line<'a> = (&'a str, i64, i64, &'a str, Option<&'a str>);

/// An order, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Basket<'a> {
    pub(crate) order_id: Uuid,
    pub(crate) position: Position,
    pub(crate) user_id: &'a str,
    pub(crate) status: &'a str,
    pub(crate) lines: &'a [Line<'a>],
    pub(crate) currency: Option<&'a str>,
    pub(crate) hold_seconds: Option<i64>,
    pub(crate) placed_at: &'a str,
    /// As `placed_at` unless it says otherwise.
    pub(crate) listed_at: Option<&'a str>,
}

impl Default for Basket<'_> {
    fn default() -> Self {
        Self {
            order_id: Uuid::nil(),
            position: Position { partition: 0, offset: 0 },
            user_id: "alice",
            status: "confirmed",
            lines: &[],
            currency: None,
            hold_seconds: None,
            placed_at: "2026-11-23 10:00:00.123456",
            listed_at: None,
        }
    }
}

impl World {
    /// The order's rows are these from now on.
    pub(crate) async fn write(&self, order: &Basket<'_>) {
        let mut transaction = Box::pin(self.sql.begin()).await.expect("a transaction");
        for (line_no, (product_id, quantity, unit_price, line_status, reason)) in (1_i16..).zip(order.lines) {
            sqlx::query(
                "REPLACE INTO orders (order_id, kafka_partition, line_no, kafka_offset, user_id, product_id, quantity, \
                 unit_price, total_price, status, line_status, reason, currency, expires_at, placed_at, listed_at) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? + INTERVAL ? SECOND, ?, ?)",
            )
            .bind(order.order_id)
            .bind(order.position.partition)
            .bind(line_no)
            .bind(order.position.offset)
            .bind(order.user_id)
            .bind(product_id)
            .bind(quantity)
            .bind(unit_price)
            .bind(quantity * unit_price)
            .bind(order.status)
            .bind(line_status)
            .bind(reason)
            .bind(order.currency)
            .bind(order.placed_at)
            .bind(order.hold_seconds)
            .bind(order.placed_at)
            .bind(order.listed_at.unwrap_or(order.placed_at))
            .execute(&mut *transaction)
            .await
            .expect("orders");
        }
        transaction.commit().await.expect("committed");
    }
}

impl Basket<'_> {
    /// Why it ended.
    fn reason(&self) -> Option<String> {
        let refused = self.lines.iter().find(|line| line.3 == "rejected");
        refused.or(self.lines.first()).and_then(|line| line.4).map(str::to_owned)
    }

    /// When its hold ends, for a hold of a minute that began at the default time.
    fn expires_at(&self) -> String {
        assert_eq!((self.hold_seconds, self.placed_at), (Some(60), Self::default().placed_at));
        "2026-11-23T10:01:00.123456Z".to_owned()
    }

    /// What the relay publishes of it when the record at `cause` moved it here.
    pub(crate) fn outcome(&self, cause: Position) -> Outcome {
        let event_id = format!("{}-{}-0", cause.partition, cause.offset);
        if let [line] = self.lines {
            return self.outcome_of_one_line(event_id, *line);
        }
        let line = |(line_no, line): (i16, &Line<'_>)| OutcomeLine {
            line_no,
            product_id: line.0.to_owned(),
            quantity: line.1,
            unit_price: line.2,
            total_price: line.1 * line.2,
            status: line.3.to_owned(),
            reason: line.4.map(str::to_owned),
        };
        let moved = match self.status {
            "held" => OrderMoved::Held,
            "confirmed" => OrderMoved::Confirmed,
            "rejected" => OrderMoved::Rejected,
            "cancelled" => OrderMoved::Cancelled,
            other => panic!("{other} has no outcome"),
        };
        Outcome::OfLines(OutcomeOfLines {
            moved,
            version: Outcome::VERSION_OF_LINES,
            event_id,
            order_id: self.order_id.to_string(),
            user_id: self.user_id.to_owned(),
            lines: (1..).zip(self.lines).map(line).collect(),
            total_price: self.lines.iter().map(|line| line.1 * line.2).sum(),
            reason: self.reason(),
            expires_at: (self.status == "held").then(|| self.expires_at()),
            currency: self.currency.map(str::to_owned),
            hold_seconds: self.hold_seconds,
        })
    }

    fn outcome_of_one_line(&self, event_id: String, line: Line<'_>) -> Outcome {
        let (version, order_id, user_id) = (Outcome::VERSION, self.order_id.to_string(), self.user_id.to_owned());
        let (product_id, quantity, unit_price) = (line.0.to_owned(), line.1, line.2);
        let (total_price, available) = (quantity * unit_price, 7);
        let (currency, hold_seconds) = (self.currency.map(str::to_owned), self.hold_seconds);
        let reason = || self.reason().expect("why it ended");
        macro_rules! outcome {
            ($name:ident { $($member:ident: $value:expr),+ }) => {
                Outcome::$name($name {
                    version, event_id, order_id, user_id, product_id, quantity, unit_price, total_price,
                    $($member: $value,)+ currency, hold_seconds,
                })
            };
        }
        match self.status {
            "held" => outcome!(OrderHeld { expires_at: self.expires_at(), available: available }),
            "confirmed" => outcome!(OrderConfirmed { available: available }),
            "rejected" => outcome!(OrderRejected { reason: reason() }),
            "cancelled" => outcome!(OrderCancelled { reason: reason(), available: available }),
            other => panic!("{other} has no outcome"),
        }
    }
}
