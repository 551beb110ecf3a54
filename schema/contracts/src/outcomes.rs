//! The outcomes, as the projector writes them. Their reader takes more: a status or a reason of a newer projector is text to it.
//!
//! Each function takes its type apart member by member, so that a new member does not compile before it is described. Next:
//! [`crate::samples`].

use ledger_schema::wire::{
    AdjustmentRejected, OrderCancelled, OrderConfirmed, OrderHeld, OrderMoved, OrderRejected, OutcomeLine,
    OutcomeOfLines, StockChanged, StockReleased,
};
use ledger_schema::{LineStatus, OrderReason, RejectionReason};

use crate::members::{
    Described, Member, always, amount, available, currency, delta, event_id_as_written, hold_seconds, line_no, lines,
    product_id, quantity, sometimes, time_as_written, user_id, uuid_as_written, word_of,
};

const REFUSALS: [RejectionReason; 2] = [RejectionReason::UnknownProduct, RejectionReason::OutOfStock];
const OF_ADJUSTMENTS: [RejectionReason; 2] = [RejectionReason::UnknownProduct, RejectionReason::BelowZero];
const ENDS: [OrderReason; 2] = [OrderReason::Cancelled, OrderReason::Expired];

fn event_id() -> Member {
    let about =
        "PARTITION-OFFSET-INDEX of the cause: the record of the log, and which of its outcomes. Unique; `ce_id`.";
    always("event_id", about, event_id_as_written())
}

fn order_id() -> Member {
    always("order_id", "The order's id.", uuid_as_written())
}

fn product() -> Member {
    always("product_id", "The product's id.", product_id())
}

fn available_after() -> Member {
    always("available", "Pieces of the product that are left after it.", available())
}

fn refusal() -> Member {
    always("reason", "Why it is refused.", word_of(REFUSALS.map(RejectionReason::as_str)))
}

fn end() -> Member {
    always("reason", "Why it has ended.", word_of(ENDS.map(OrderReason::as_str)))
}

fn until() -> Member {
    always("expires_at", "When the hold ends, RFC 3339, UTC, to the microsecond.", time_as_written())
}

fn currency_where_there_is_one() -> Member {
    sometimes("currency", "Code of ISO 4217, where the order has one.", currency())
}

fn hold_where_it_was_asked() -> Member {
    sometimes("hold_seconds", "For how long the order asked to be held, where it did.", hold_seconds())
}

/// Says that these are all members of the type.
macro_rules! members_of {
    ($type:ident { $($member:ident),+ $(,)? }) => {
        let _: fn($type) = |$type { $($member: _),+ }| ();
    };
}

fn of_one_line(last: Vec<Member>) -> Vec<Member> {
    let first = [
        event_id(),
        order_id(),
        always("user_id", "Who ordered.", user_id()),
        product(),
        always("quantity", "In pieces.", quantity()),
        always("unit_price", "In minor units.", amount()),
        always("total_price", "In minor units.", amount()),
    ];
    first.into_iter().chain(last).chain([currency_where_there_is_one(), hold_where_it_was_asked()]).collect()
}

pub(crate) fn confirmed() -> Described {
    members_of!(OrderConfirmed {
        version,
        event_id,
        order_id,
        user_id,
        product_id,
        quantity,
        unit_price,
        total_price,
        available,
        currency,
        hold_seconds
    });
    Described::new(
        "An order of one line took its quantity, for good. The key is `order_id`.",
        of_one_line(vec![available_after()]),
    )
}

pub(crate) fn rejected() -> Described {
    members_of!(OrderRejected {
        version,
        event_id,
        order_id,
        user_id,
        product_id,
        quantity,
        unit_price,
        total_price,
        reason,
        currency,
        hold_seconds
    });
    Described::new("An order of one line changed nothing. The key is `order_id`.", of_one_line(vec![refusal()]))
}

pub(crate) fn held() -> Described {
    members_of!(OrderHeld {
        version,
        event_id,
        order_id,
        user_id,
        product_id,
        quantity,
        unit_price,
        total_price,
        expires_at,
        available,
        currency,
        hold_seconds
    });
    Described::new(
        "An order of one line took its quantity, until it is confirmed, cancelled or expires. The key is `order_id`.",
        of_one_line(vec![until(), available_after()]),
    )
}

pub(crate) fn cancelled() -> Described {
    members_of!(OrderCancelled {
        version,
        event_id,
        order_id,
        user_id,
        product_id,
        quantity,
        unit_price,
        total_price,
        reason,
        available,
        currency,
        hold_seconds
    });
    Described::new(
        "An order of one line gave its quantity back. The key is `order_id`.",
        of_one_line(vec![end(), available_after()]),
    )
}

/// Version 2 of the same, of several lines.
pub(crate) fn of_lines(moved: OrderMoved) -> Described {
    members_of!(OutcomeOfLines {
        moved,
        version,
        event_id,
        order_id,
        user_id,
        lines,
        total_price,
        reason,
        expires_at,
        currency,
        hold_seconds
    });
    members_of!(OutcomeLine { line_no, product_id, quantity, unit_price, total_price, status, reason });
    let line = vec![
        always("line_no", "From 1.", line_no()),
        product(),
        always("quantity", "In pieces.", quantity()),
        always("unit_price", "In minor units.", amount()),
        always("total_price", "In minor units.", amount()),
        always("status", "Where the line stands.", word_of(LineStatus::ALL.iter().map(|status| status.as_str()))),
        sometimes(
            "reason",
            "Why this line, or its order, was ended.",
            word_of(OrderReason::ALL.iter().map(|reason| reason.as_str())),
        ),
    ];
    let (about, own) = match moved {
        OrderMoved::Held => (
            "An order of several lines took all of them, until it is confirmed, cancelled or expires. The key is `order_id`.",
            Some(until()),
        ),
        OrderMoved::Confirmed => ("An order of several lines took all of them, for good. The key is `order_id`.", None),
        OrderMoved::Rejected => (
            "A line of an order of several lines was refused, and no line is taken. `reason` is that of the line that ended it. The key is `order_id`.",
            Some(refusal()),
        ),
        OrderMoved::Cancelled => {
            ("An order of several lines gave back what it took. The key is `order_id`.", Some(end()))
        }
    };
    let first = [
        event_id(),
        order_id(),
        always("user_id", "Who ordered.", user_id()),
        always("lines", "In their order.", lines(line)),
        always("total_price", "The sum over the lines, in minor units.", amount()),
    ];
    let members = first.into_iter().chain(own).chain([currency_where_there_is_one(), hold_where_it_was_asked()]);
    Described::new(about, members.collect())
}

fn movement_id() -> Member {
    always("movement_id", "The movement's id.", uuid_as_written())
}

pub(crate) fn stock_changed() -> Described {
    members_of!(StockChanged { version, event_id, movement_id, product_id, kind, delta, available });
    Described::new(
        "A receipt or an adjustment changed the stock. The key is `product_id`.",
        vec![
            event_id(),
            movement_id(),
            product(),
            always("kind", "What changed it.", word_of(["receipt", "adjustment"])),
            always("delta", "In pieces, not zero.", delta()),
            available_after(),
        ],
    )
}

pub(crate) fn stock_released() -> Described {
    members_of!(StockReleased { version, event_id, order_id, line_no, product_id, kind, delta, available });
    Described::new(
        "A line of an order of several lines gave its pieces back. The key is `product_id`.",
        vec![
            event_id(),
            order_id(),
            always("line_no", "Which line of it.", line_no()),
            product(),
            always("kind", "What changed the stock.", word_of([StockReleased::KIND])),
            always("delta", "In pieces.", quantity()),
            available_after(),
        ],
    )
}

pub(crate) fn adjustment_rejected() -> Described {
    members_of!(AdjustmentRejected { version, event_id, movement_id, product_id, delta, reason });
    Described::new(
        "An adjustment changed nothing. The key is `product_id`.",
        vec![
            event_id(),
            movement_id(),
            product(),
            always("delta", "What it would have added, in pieces.", delta()),
            always("reason", "Why it is refused.", word_of(OF_ADJUSTMENTS.map(RejectionReason::as_str))),
        ],
    )
}
