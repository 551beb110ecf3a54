//! An order as its rows say it, put together.
//!
//! It must never hold a part of an order's lines. Next: [`super::orders`], which reads the rows.

use chrono::{DateTime, SecondsFormat, Utc};
use ledger_schema::{LineContents, LineStatus, OrderContents, OrderReason, Position, Status};
use uuid::Uuid;

use crate::decision::{Decision, RefusedLine};
use crate::list_cursor::OrderCursor;

/// An order and its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredOrder {
    pub(crate) order_id: Uuid,
    /// Where it is at home: that of the product of line 1.
    pub(crate) partition: i32,
    pub(super) offset: i64,
    pub(crate) user_id: String,
    pub(crate) status: String,
    pub(crate) currency: Option<String>,
    /// When its hold ends, or was to end, where it asked for one.
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) placed_at: DateTime<Utc>,
    pub(super) listed_at: DateTime<Utc>,
    /// At least one; numbered from 1 without a gap.
    pub(crate) lines: Vec<StoredLine>,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredLine {
    pub(crate) line_no: i16,
    pub(crate) product_id: String,
    /// In pieces.
    pub(crate) quantity: i64,
    /// In minor units.
    pub(crate) unit_price: i64,
    /// In minor units.
    pub(crate) total_price: i64,
    pub(crate) status: String,
    /// Why it, or its order, was ended.
    pub(crate) reason: Option<String>,
}

impl StoredOrder {
    /// Of several orders under one id, by partition, the one that is meant, and the others: the one at home where the record lies
    /// that the caller named, else the first.
    pub(crate) fn meant(mut orders: Vec<Self>, named: Option<Position>) -> Option<(Self, Vec<Self>)> {
        let is_named = |order: &Self| named.is_some_and(|named| named.partition == order.partition);
        let at = orders.iter().position(is_named).unwrap_or(0);
        let meant = (at < orders.len()).then(|| orders.remove(at))?;
        Some((meant, orders))
    }

    /// Of the record that placed it.
    pub(crate) fn position(&self) -> Position {
        Position { partition: self.partition, offset: self.offset }
    }

    pub(crate) fn cursor(&self) -> OrderCursor {
        OrderCursor { listed_at: self.listed_at, partition: self.partition, offset: self.offset }
    }

    pub(crate) fn first_line(&self) -> &StoredLine {
        self.lines.first().expect("an order has at least one line")
    }

    fn refused(&self) -> impl Iterator<Item = &StoredLine> {
        self.lines.iter().filter(|line| line.status == LineStatus::Rejected.as_str())
    }

    /// Why it ended: of a rejection, the reason of the first line that was refused.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.refused().next().unwrap_or(self.first_line()).reason.as_deref()
    }

    /// In minor units.
    pub(crate) fn total_price(&self) -> i64 {
        self.lines.iter().map(|line| line.total_price).sum()
    }

    /// When its hold ends, as long as it can, or ended, where that ended the order; RFC 3339.
    pub(crate) fn shown_expiry(&self) -> Option<String> {
        let can_expire = [Status::Pending, Status::Held].iter().any(|status| self.status == status.as_str());
        let has_expired = self.reason() == Some(OrderReason::Expired.as_str());
        self.expires_at.filter(|_| can_expire || has_expired).map(rfc3339)
    }

    /// What it asks for under its id.
    pub(super) fn contents(&self) -> OrderContents<'_> {
        let lines = self.lines.iter().map(|line| LineContents {
            product_id: &line.product_id,
            quantity: line.quantity,
            unit_price: line.unit_price,
        });
        OrderContents {
            user_id: &self.user_id,
            lines: lines.collect(),
            currency: self.currency.as_deref(),
            // Both times are of the record, which says the seconds between them.
            hold_seconds: self.expires_at.map(|end| (end - self.placed_at).num_seconds()),
        }
    }

    pub(crate) fn decision(&self) -> Decision {
        let refused = self.refused().map(|line| RefusedLine {
            line_no: line.line_no,
            product_id: line.product_id.clone(),
            quantity: line.quantity,
            reason: line.reason.clone().expect("a line is refused for a reason: a CHECK of the table"),
        });
        Decision {
            position: self.position(),
            status: self.status.clone(),
            reason: self.reason().map(str::to_owned),
            expires_at: self.shown_expiry(),
            refused: refused.collect(),
        }
    }
}

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(status: &str, lines: &[(&str, Option<&str>)]) -> StoredOrder {
        let line = |(line_no, (status, reason)): (i16, &(&str, Option<&str>))| StoredLine {
            line_no,
            product_id: format!("p{line_no}"),
            quantity: 2,
            unit_price: 5,
            total_price: 10,
            status: (*status).to_owned(),
            reason: reason.map(str::to_owned),
        };
        StoredOrder {
            order_id: Uuid::nil(),
            partition: 3,
            offset: 41,
            user_id: "alice".to_owned(),
            status: status.to_owned(),
            currency: None,
            expires_at: DateTime::from_timestamp_micros(60_000_000),
            placed_at: DateTime::UNIX_EPOCH,
            listed_at: DateTime::UNIX_EPOCH,
            lines: (1..).zip(lines).map(line).collect(),
        }
    }

    #[test]
    fn the_reason_of_an_order_is_that_of_the_line_that_ended_it() {
        let reserved = ("reserved", None);
        for (status, lines, reason, refused) in [
            ("confirmed", vec![reserved, reserved], None, vec![]),
            ("pending", vec![reserved, ("pending", None)], None, vec![]),
            (
                "rejected",
                vec![("released", Some("line-rejected")), ("rejected", Some("out-of-stock"))],
                Some("out-of-stock"),
                vec![2],
            ),
            ("cancelled", vec![("released", Some("expired")); 2], Some("expired"), vec![]),
        ] {
            let decision = order(status, &lines).decision();
            assert_eq!((decision.status.as_str(), decision.reason.as_deref()), (status, reason));
            assert_eq!(decision.refused.iter().map(|line| line.line_no).collect::<Vec<_>>(), refused, "{status}");
        }
        assert_eq!(order("confirmed", &[reserved, reserved]).total_price(), 20);
    }

    #[test]
    fn of_several_the_one_that_is_named_is_meant() {
        let at = |partition| StoredOrder { partition, ..order("held", &[("reserved", None)]) };
        let meant = |orders, named: Option<i32>| {
            let named = named.map(|partition| Position { partition, offset: 9 });
            let partitions = |(meant, others): (StoredOrder, Vec<StoredOrder>)| {
                (meant.partition, others.iter().map(|order| order.partition).collect::<Vec<_>>())
            };
            StoredOrder::meant(orders, named).map(partitions)
        };
        assert_eq!(meant(vec![], None), None);
        assert_eq!(meant(vec![at(1)], Some(4)), Some((1, vec![])), "its lines may lie where the record lies");
        assert_eq!(meant(vec![at(1), at(3)], None), Some((1, vec![3])));
        assert_eq!(meant(vec![at(1), at(3), at(5)], Some(3)), Some((3, vec![1, 5])));
    }

    #[test]
    fn the_end_of_a_hold_is_shown_while_it_can_come_and_when_it_came() {
        let end = Some("1970-01-01T00:01:00.000000Z");
        for (status, reason, shown) in [
            ("pending", None, end),
            ("held", None, end),
            ("confirmed", None, None),
            ("rejected", Some("out-of-stock"), None),
            ("cancelled", Some("cancelled"), None),
            ("cancelled", Some("expired"), end),
        ] {
            assert_eq!(order(status, &[("reserved", reason)]).shown_expiry().as_deref(), shown, "{status} {reason:?}");
        }
        let without = StoredOrder { expires_at: None, ..order("held", &[("reserved", None)]) };
        assert_eq!(without.shown_expiry(), None);
    }
}
