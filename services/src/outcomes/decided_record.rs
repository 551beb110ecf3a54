//! One outcome, read as far as a request needs it: which id was decided, where in the log, and what.

use ledger_schema::position::InvalidPosition;
use ledger_schema::wire::{OrderMoved, OrderRejected, Outcome, OutcomeError, OutcomeLine};
use ledger_schema::{Contents, EventId, LineStatus, MovementId, OrderId, Position, Sameness, Status, Violation};
use thiserror::Error;

use crate::decision::{Decision, RefusedLine, Subject};

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

/// An outcome whose ids were read: which request it is about, and by which record that was decided.
#[derive(Debug, Clone)]
pub(crate) struct DecidedRecord {
    pub(crate) subject: Subject,
    /// The record whose fold decided it: that of the order or movement itself, or one that came after it, such as the last
    /// line's decision, a confirmation, or the end of a hold.
    pub(crate) cause: Position,
    outcome: Outcome,
}

impl DecidedRecord {
    /// `None` for an outcome that is about no order and no movement: pieces that a line gave back.
    ///
    /// # Errors
    /// [`UndecodableOutcome`].
    pub(crate) fn decode(value: &[u8]) -> Result<Option<Self>, UndecodableOutcome> {
        let outcome = Outcome::decode(value)?;
        let event_id: EventId = outcome.event_id().parse()?;
        let subject = match &outcome {
            Outcome::OrderConfirmed(order) => order_of(&order.order_id)?,
            Outcome::OrderRejected(order) => order_of(&order.order_id)?,
            Outcome::OrderHeld(order) => order_of(&order.order_id)?,
            Outcome::OrderCancelled(order) => order_of(&order.order_id)?,
            Outcome::OfLines(order) => order_of(&order.order_id)?,
            Outcome::StockChanged(change) => Subject::Movement(MovementId::parse(&change.movement_id)?),
            Outcome::AdjustmentRejected(change) => Subject::Movement(MovementId::parse(&change.movement_id)?),
            Outcome::StockReleased(_) => return Ok(None),
        };
        Ok(Some(Self { subject, cause: event_id.cause, outcome }))
    }

    /// Where the record lies that the id was first used by, as far as the outcome says it.
    pub(crate) fn first_position(&self) -> Option<Position> {
        let is_first = match &self.outcome {
            Outcome::OrderRejected(_) | Outcome::OrderHeld(_) => true,
            // An order with a hold is confirmed by a later record.
            Outcome::OrderConfirmed(order) => order.hold_seconds.is_none(),
            Outcome::StockChanged(_) | Outcome::AdjustmentRejected(_) => true,
            Outcome::OrderCancelled(_) | Outcome::OfLines(_) | Outcome::StockReleased(_) => false,
        };
        is_first.then_some(self.cause)
    }

    /// What became of it.
    pub(crate) fn status(&self) -> Status {
        match &self.outcome {
            Outcome::OrderConfirmed(_) | Outcome::StockChanged(_) | Outcome::StockReleased(_) => Status::Confirmed,
            Outcome::OrderHeld(_) => Status::Held,
            Outcome::OrderRejected(_) | Outcome::AdjustmentRejected(_) => Status::Rejected,
            Outcome::OrderCancelled(_) => Status::Cancelled,
            Outcome::OfLines(order) => match order.moved {
                OrderMoved::Held => Status::Held,
                OrderMoved::Confirmed => Status::Confirmed,
                OrderMoved::Rejected => Status::Rejected,
                OrderMoved::Cancelled => Status::Cancelled,
            },
        }
    }

    /// The same as the tables have it; `position` is that of the record that the id was first used by.
    pub(crate) fn decision(&self, position: Position) -> Decision {
        let (mut reason, mut expires_at, mut refused) = (None, None, Vec::new());
        match &self.outcome {
            Outcome::OrderConfirmed(_) | Outcome::StockChanged(_) | Outcome::StockReleased(_) => {}
            Outcome::OrderHeld(order) => expires_at = Some(order.expires_at.clone()),
            Outcome::OrderRejected(order) => {
                reason = Some(order.reason.clone());
                refused.push(only_line(order));
            }
            Outcome::OrderCancelled(order) => reason = Some(order.reason.clone()),
            Outcome::OfLines(order) => {
                reason.clone_from(&order.reason);
                expires_at.clone_from(&order.expires_at);
                refused.extend(order.lines.iter().filter_map(refused_line));
            }
            Outcome::AdjustmentRejected(change) => reason = Some(change.reason.clone()),
        }
        Decision { position, status: self.status().to_string(), reason, expires_at, refused }
    }

    /// Whether what was decided is what `contents` ask for.
    pub(crate) fn compare(&self, contents: &Contents<'_>) -> Sameness {
        self.outcome.contents().map_or(Sameness::Different, |decided| decided.compare(contents))
    }
}

fn order_of(order_id: &str) -> Result<Subject, Violation> {
    OrderId::parse(order_id).map(Subject::Order)
}

/// The one line of an order that was rejected.
fn only_line(order: &OrderRejected) -> RefusedLine {
    let OrderRejected { product_id, quantity, reason, .. } = order;
    RefusedLine { line_no: 1, product_id: product_id.clone(), quantity: *quantity, reason: reason.clone() }
}

fn refused_line(line: &OutcomeLine) -> Option<RefusedLine> {
    let reason = line.reason.clone().filter(|_| line.status == LineStatus::Rejected.as_str())?;
    let OutcomeLine { line_no, quantity, .. } = *line;
    Some(RefusedLine { line_no, product_id: line.product_id.clone(), quantity, reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_schema::wire::{OrderHeld, OutcomeOfLines};
    use ledger_schema::{LineContents, MovementContents, Note, OrderContents};

    const ID: &str = "77a436fd-64f9-4d35-999b-a957195f5d23";
    const CAUSE: Position = Position { partition: 3, offset: 41 };
    const FIRST: Position = Position { partition: 3, offset: 7 };
    const LINE: LineContents<'_> = LineContents { product_id: "tea", quantity: 3, unit_price: 250 };

    fn decode(value: &[u8]) -> DecidedRecord {
        DecidedRecord::decode(value).expect("an outcome").expect("of an order or a movement")
    }

    fn held() -> Outcome {
        Outcome::OrderHeld(OrderHeld {
            version: Outcome::VERSION,
            event_id: "3-41-0".to_owned(),
            order_id: ID.to_owned(),
            user_id: "alice".to_owned(),
            product_id: "tea".to_owned(),
            quantity: 3,
            unit_price: 250,
            total_price: 750,
            expires_at: "2026-11-23T10:01:00.000000Z".to_owned(),
            available: 7,
            currency: Some("EUR".to_owned()),
            hold_seconds: Some(60),
        })
    }

    fn of_lines(moved: OrderMoved, reason: Option<&str>) -> Outcome {
        let line = |line_no, product_id: &str, status: &str, reason: Option<&str>| OutcomeLine {
            line_no,
            product_id: product_id.to_owned(),
            quantity: 3,
            unit_price: 250,
            total_price: 750,
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
        };
        let lines = match reason {
            Some(reason) => {
                vec![line(1, "tea", "released", Some("line-rejected")), line(2, "milk", "rejected", Some(reason))]
            }
            None => vec![line(1, "tea", "reserved", None), line(2, "milk", "reserved", None)],
        };
        Outcome::OfLines(OutcomeOfLines {
            moved,
            version: Outcome::VERSION_OF_LINES,
            event_id: "3-41-0".to_owned(),
            order_id: ID.to_owned(),
            user_id: "alice".to_owned(),
            lines,
            total_price: 1_500,
            reason: reason.map(str::to_owned),
            expires_at: None,
            currency: None,
            hold_seconds: None,
        })
    }

    #[test]
    fn an_order_is_compared_by_all_that_it_asks_for() {
        let record = decode(&held().encode());
        assert_eq!(record.subject, Subject::Order(OrderId::parse(ID).expect("valid")));
        let asked =
            OrderContents { user_id: "alice", lines: vec![LINE], currency: Some("EUR"), hold_seconds: Some(60) };
        assert_eq!(record.compare(&Contents::Order(asked.clone())), Sameness::Same);
        for other in [
            OrderContents { user_id: "bob", ..asked.clone() },
            OrderContents { currency: None, ..asked.clone() },
            OrderContents { hold_seconds: Some(61), ..asked.clone() },
            OrderContents { lines: vec![LineContents { quantity: 4, ..LINE }], ..asked.clone() },
            OrderContents { lines: vec![LINE, LineContents { product_id: "milk", ..LINE }], ..asked.clone() },
        ] {
            assert_eq!(record.compare(&Contents::Order(other.clone())), Sameness::Different, "{other:?}");
        }
        let two = OrderContents { lines: vec![LINE, LineContents { product_id: "milk", ..LINE }], ..asked };
        let two = OrderContents { currency: None, hold_seconds: None, ..two };
        let confirmed = decode(&of_lines(OrderMoved::Confirmed, None).encode());
        assert_eq!(confirmed.compare(&Contents::Order(two)), Sameness::Same);
    }

    #[test]
    fn what_was_decided_is_what_the_tables_say() {
        let decision = |outcome: &Outcome| decode(&outcome.encode()).decision(FIRST);
        let held = decision(&held());
        assert_eq!((held.status.as_str(), held.reason, held.position), ("held", None, FIRST));
        assert_eq!(held.expires_at.as_deref(), Some("2026-11-23T10:01:00.000000Z"));
        for (moved, status) in
            [(OrderMoved::Confirmed, "confirmed"), (OrderMoved::Held, "held"), (OrderMoved::Cancelled, "cancelled")]
        {
            assert_eq!(decision(&of_lines(moved, None)).status, status);
        }
        let rejected = decision(&of_lines(OrderMoved::Rejected, Some("out-of-stock")));
        assert_eq!((rejected.status.as_str(), rejected.reason.as_deref()), ("rejected", Some("out-of-stock")));
        let (product_id, reason) = ("milk".to_owned(), "out-of-stock".to_owned());
        assert_eq!(rejected.refused, [RefusedLine { line_no: 2, product_id, quantity: 3, reason }]);
    }

    #[test]
    fn only_some_outcomes_lie_at_the_first_record_of_their_id() {
        assert_eq!(decode(&held().encode()).first_position(), Some(CAUSE));
        assert_eq!(decode(&of_lines(OrderMoved::Confirmed, None).encode()).first_position(), None);
        let Outcome::OrderHeld(held) = held() else { unreachable!("it is held") };
        let value = String::from_utf8(Outcome::OrderHeld(held).encode()).expect("UTF-8");
        let confirmed = value.replace("OrderHeld", "OrderConfirmed");
        assert_eq!(decode(confirmed.as_bytes()).first_position(), None, "by a request that came later");
        let at_once = confirmed.replace(r#","hold_seconds":60"#, "");
        assert_eq!(decode(at_once.as_bytes()).first_position(), Some(CAUSE));
    }

    #[test]
    fn what_an_outcome_does_not_hold_is_not_guessed() {
        let value = format!(
            r#"{{"type":"StockChanged","version":1,"event_id":"0-1-0","movement_id":"{ID}","product_id":"tea","kind":"adjustment","delta":-3,"available":4}}"#
        );
        let record = decode(value.as_bytes());
        let movement = |kind, delta| {
            let note = Note::Held(Some("melted").filter(|_| kind == "adjustment"));
            Contents::Movement(MovementContents { product_id: "tea", kind, delta, note })
        };
        assert_eq!(record.compare(&movement("adjustment", -3)), Sameness::NotKnown, "the note may differ");
        assert_eq!(record.compare(&movement("adjustment", -4)), Sameness::Different);
        assert_eq!(record.compare(&movement("receipt", 3)), Sameness::Different);
        assert_eq!(record.compare(&Contents::Order(OrderContents::of_one_line("alice", LINE))), Sameness::Different);
    }

    #[test]
    fn what_a_line_gave_back_is_no_answer_to_anybody() {
        let value = format!(
            r#"{{"type":"StockChanged","version":2,"event_id":"0-1-0","order_id":"{ID}","line_no":2,"product_id":"tea","kind":"release","delta":3,"available":4}}"#
        );
        assert!(DecidedRecord::decode(value.as_bytes()).expect("an outcome").is_none());
    }

    #[test]
    fn what_is_no_outcome_is_an_error() {
        let good = String::from_utf8(held().encode()).expect("UTF-8");
        for bad in [
            String::new(),
            "{}".to_owned(),
            good.replace("OrderHeld", "OrderMelted"),
            good.replace("\"version\":1", "\"version\":3"),
            good.replace("3-41-0", "3-41"),
            good.replace(ID, "7"),
        ] {
            assert!(DecidedRecord::decode(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
