//! One outcome, read as far as a request needs it: which id was decided, where in the log, and what.

use ledger_schema::position::InvalidPosition;
use ledger_schema::wire::{Event, Outcome, OutcomeError};
use ledger_schema::{EventId, MovementId, OrderId, Position, Sameness, Status, Violation};
use thiserror::Error;

use crate::decision::{Decision, Subject};

/// A record of the topic that is no outcome. Not retryable; it is skipped.
#[derive(Debug, Error)]
pub(crate) enum UndecodableOutcome {
    #[error("the record has no value")]
    NoValue,
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
    #[error("event_id {0}")]
    EventId(#[from] InvalidPosition),
    #[error("the id of the order or movement {0}")]
    Id(#[from] Violation),
}

/// An outcome whose ids were read: which request it is about, and where that stands in the log.
#[derive(Debug, Clone)]
pub(crate) struct DecidedRecord {
    pub(crate) subject: Subject,
    /// Of the record that was decided: the first under its id in its partition.
    pub(crate) position: Position,
    outcome: Outcome,
}

impl DecidedRecord {
    /// # Errors
    /// [`UndecodableOutcome`].
    pub(crate) fn decode(value: &[u8]) -> Result<Self, UndecodableOutcome> {
        let outcome = Outcome::decode(value)?;
        let event_id: EventId = outcome.event_id().parse()?;
        let subject = match &outcome {
            Outcome::OrderConfirmed(order) => Subject::Order(OrderId::parse(&order.order_id)?),
            Outcome::OrderRejected(order) => Subject::Order(OrderId::parse(&order.order_id)?),
            Outcome::StockChanged(change) => Subject::Movement(MovementId::parse(&change.movement_id)?),
            Outcome::AdjustmentRejected(change) => Subject::Movement(MovementId::parse(&change.movement_id)?),
        };
        Ok(Self { subject, position: event_id.cause, outcome })
    }

    /// The decision, as the tables have it.
    pub(crate) fn decision(&self) -> Decision {
        let (status, reason) = match &self.outcome {
            Outcome::OrderConfirmed(_) | Outcome::StockChanged(_) => (Status::Confirmed, None),
            Outcome::OrderRejected(order) => (Status::Rejected, Some(order.reason.clone())),
            Outcome::AdjustmentRejected(change) => (Status::Rejected, Some(change.reason.clone())),
        };
        Decision { position: self.position, status: status.to_string(), reason }
    }

    /// Whether the record that was decided asked for what `event` asks for.
    pub(crate) fn compare(&self, event: &Event) -> Sameness {
        self.outcome.contents().compare(event.contents())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use ledger_schema::wire::OrderConfirmed;
    use ledger_schema::{AdjustmentNote, Delta, Movement, MovementKind, Order, ProductId, Quantity, UnitPrice, UserId};

    const ID: &str = "77a436fd-64f9-4d35-999b-a957195f5d23";

    fn confirmed() -> Outcome {
        Outcome::OrderConfirmed(OrderConfirmed {
            version: Outcome::VERSION,
            event_id: "3-41-0".to_owned(),
            order_id: ID.to_owned(),
            user_id: "alice".to_owned(),
            product_id: "tea".to_owned(),
            quantity: 3,
            unit_price: 250,
            total_price: 750,
            available: 7,
        })
    }

    fn order(user: &str, product: &str, quantity: i64, price: i64) -> Event {
        let parsed = Order::new(
            OrderId::parse(ID).expect("valid"),
            UserId::parse(user).expect("valid"),
            ProductId::parse(product).expect("valid"),
            Quantity::new(quantity).expect("valid"),
            UnitPrice::new(price).expect("valid"),
            None,
            DateTime::UNIX_EPOCH,
        );
        Event::OrderPlaced(parsed.expect("valid"))
    }

    #[test]
    fn an_order_is_compared_by_all_that_it_asks_for() {
        let record = DecidedRecord::decode(&confirmed().encode()).expect("an outcome");
        assert_eq!(record.subject, Subject::Order(OrderId::parse(ID).expect("valid")));
        let position = Position { partition: 3, offset: 41 };
        assert_eq!(record.decision(), Decision { position, status: "confirmed".to_owned(), reason: None });
        assert_eq!(record.compare(&order("alice", "tea", 3, 250)), Sameness::Same);
        for other in [
            order("bob", "tea", 3, 250),
            order("alice", "milk", 3, 250),
            order("alice", "tea", 4, 250),
            order("alice", "tea", 3, 251),
        ] {
            assert_eq!(record.compare(&other), Sameness::Different, "{other:?}");
        }
    }

    #[test]
    fn what_an_outcome_does_not_hold_is_not_guessed() {
        let value = format!(
            r#"{{"type":"StockChanged","version":1,"event_id":"0-1-0","movement_id":"{ID}","product_id":"tea","kind":"adjustment","delta":-3,"available":4}}"#
        );
        let record = DecidedRecord::decode(value.as_bytes()).expect("an outcome");
        let movement = |kind: MovementKind| {
            let id = MovementId::parse(ID).expect("valid");
            Event::StockMoved(Movement::new(id, ProductId::parse("tea").expect("valid"), kind, DateTime::UNIX_EPOCH))
        };
        let adjustment = |delta: i64| {
            let note = AdjustmentNote::parse("melted").expect("valid");
            movement(MovementKind::Adjustment { delta: Delta::new(delta).expect("valid"), note })
        };
        assert_eq!(record.compare(&adjustment(-3)), Sameness::NotKnown, "the note may differ");
        assert_eq!(record.compare(&adjustment(-4)), Sameness::Different);
        let receipt = movement(MovementKind::Receipt(Quantity::new(3).expect("valid")));
        assert_eq!(record.compare(&receipt), Sameness::Different);
        assert_eq!(record.compare(&order("alice", "tea", 3, 250)), Sameness::Different);
    }

    #[test]
    fn what_is_no_outcome_is_an_error() {
        let good = String::from_utf8(confirmed().encode()).expect("UTF-8");
        for bad in [
            String::new(),
            "{}".to_owned(),
            good.replace("OrderConfirmed", "OrderMelted"),
            good.replace("\"version\":1", "\"version\":2"),
            good.replace("3-41-0", "3-41"),
            good.replace(ID, "7"),
        ] {
            assert!(DecidedRecord::decode(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
