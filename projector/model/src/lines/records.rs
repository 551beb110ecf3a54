//! The records of both partitions, as small as states want them, and the bytes that the real fold reads.
//!
//! Chocolate lives in partition 1, the order's home; tea in partition 0. One piece of each arrives, so a rival order for tea decides
//! whether the second line can be had.
//!
//! It must never decide anything. Next: [`super::tables`].

use ledger_fold::Partition;
use ledger_schema::wire::{Event, encode};
use ledger_schema::{
    EventId, LineDecision, LineEvent, LineNo, LineStep, LineTarget, OrderId, Position, ProductId, Quantity,
    RejectionReason,
};

/// Where the order is at home, and where its second line lives.
pub const HOME: usize = 1;
pub const AWAY: usize = 0;
pub const PARTITIONS: [Partition; 2] = [Partition { number: 0, count: 2 }, Partition { number: 1, count: 2 }];

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Says {
    /// One piece of the partition's product arrives.
    Receipt,
    /// The order of two lines; with a hold or without.
    Basket {
        hold: bool,
    },
    /// Another order, of the one piece of tea.
    Rival,
    Confirm,
    Cancel,
    Expire,
    Told {
        step: Told,
        cause_offset: u8,
        cause_index: u8,
    },
}

/// What one partition tells the other about line 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Told {
    Requested,
    Reserved,
    Refused,
    Released,
    Confirmed,
}

impl Told {
    pub fn of(step: LineStep) -> Self {
        match step {
            LineStep::Requested => Self::Requested,
            LineStep::Decided(LineDecision::Reserved) => Self::Reserved,
            LineStep::Decided(LineDecision::Rejected(_)) => Self::Refused,
            LineStep::Released => Self::Released,
            LineStep::Confirmed => Self::Confirmed,
        }
    }

    /// Which partition sends it.
    pub fn sender(self) -> usize {
        match self {
            Self::Requested | Self::Released | Self::Confirmed => HOME,
            Self::Reserved | Self::Refused => AWAY,
        }
    }

    fn step(self) -> LineStep {
        match self {
            Self::Requested => LineStep::Requested,
            Self::Reserved => LineStep::Decided(LineDecision::Reserved),
            Self::Refused => LineStep::Decided(LineDecision::Rejected(RejectionReason::OutOfStock)),
            Self::Released => LineStep::Released,
            Self::Confirmed => LineStep::Confirmed,
        }
    }
}

pub fn order_id() -> OrderId {
    OrderId::parse("00000000-0000-4000-8000-000000000001").expect("a UUID")
}

/// The product of a partition.
pub fn product(partition: usize) -> ProductId {
    ProductId::parse(if partition == HOME { "chocolate" } else { "tea" }).expect("a product's id")
}

/// Key and value of a record of `partition`.
pub fn bytes(partition: usize, says: Says) -> (Vec<u8>, Vec<u8>) {
    let key = product(partition).as_str().as_bytes().to_vec();
    let line = |line_no: u8, product: &str| {
        format!(r#"{{"line_no":{line_no},"product_id":"{product}","quantity":1,"unit_price":5,"total_price":5}}"#)
    };
    let id = order_id();
    let asked = |word: &str| {
        let at = "2026-11-23T11:00:00Z";
        format!(r#"{{"type":"{word}","version":1,"order_id":"{id}","product_id":"chocolate","occurred_at":"{at}"}}"#)
    };
    let value = match says {
        Says::Receipt => format!(
            r#"{{"type":"StockReceived","version":1,"movement_id":"00000000-0000-4000-8000-000000000002","product_id":"{}","quantity":1,"occurred_at":"2026-11-23T10:00:00Z"}}"#,
            product(partition)
        ),
        Says::Basket { hold } => {
            let hold = if hold { r#""hold_seconds":600,"# } else { "" };
            format!(
                r#"{{"type":"OrderPlaced","version":3,"order_id":"{id}","user_id":"u","lines":[{},{}],"total_price":10,{hold}"placed_at":"2026-11-23T10:00:00Z"}}"#,
                line(1, "chocolate"),
                line(2, "tea")
            )
        }
        Says::Rival => r#"{"type":"OrderPlaced","version":1,"order_id":"00000000-0000-4000-8000-000000000003","user_id":"v","product_id":"tea","quantity":1,"unit_price":5,"total_price":5,"placed_at":"2026-11-23T10:00:00Z"}"#.to_owned(),
        Says::Confirm => asked("OrderConfirmRequested"),
        Says::Cancel => asked("OrderCancelRequested"),
        Says::Expire => asked("HoldExpired"),
        Says::Told { step, cause_offset, cause_index } => {
            let sender = i32::try_from(step.sender()).expect("two partitions");
            let cause = Position { partition: sender, offset: i64::from(cause_offset) };
            let target = LineTarget {
                order_id: id,
                line_no: LineNo::at(1),
                home_product_id: product(HOME),
                product_id: product(AWAY),
                quantity: Quantity::new(1).expect("one piece"),
            };
            let cause = EventId { cause, index: u32::from(cause_index) };
            return (key, encode(&Event::LineTold(LineEvent { cause, target, step: step.step() })));
        }
    };
    (key, value.into_bytes())
}

#[cfg(test)]
mod tests {
    use ledger_schema::wire::decode;

    use super::*;

    #[test]
    fn every_record_lies_where_it_belongs() {
        for (partition, says) in [
            (HOME, Says::Receipt),
            (AWAY, Says::Receipt),
            (HOME, Says::Basket { hold: true }),
            (AWAY, Says::Rival),
            (HOME, Says::Confirm),
            (HOME, Says::Cancel),
            (HOME, Says::Expire),
            (AWAY, Says::Told { step: Told::Requested, cause_offset: 1, cause_index: 0 }),
            (HOME, Says::Told { step: Told::Refused, cause_offset: 1, cause_index: 0 }),
        ] {
            let (key, value) = bytes(partition, says);
            let event = decode(Some(&value)).expect("an event");
            assert_eq!(event.product_id().as_str().as_bytes(), key, "{says:?}");
            assert!(PARTITIONS[partition].has(event.product_id()), "{says:?}");
        }
    }
}
