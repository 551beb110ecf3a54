//! The events of the log, as the decoder reads them: what a schema refuses, the decoder refuses. What no schema can say is in the
//! description: totals, lines that are numbered without a gap, a product that stands in two lines.
//!
//! Next: `outcomes`.

use ledger_schema::{LineStatus, RejectionReason};
use serde_json::{Map, Value, json};

use crate::members::{
    Described, Member, adjustment_note, always, amount, cancel_note, channel, currency, delta, event_id, hold_seconds,
    line_no, lines, product_id, quantity, sometimes_or_null, time, user_id, uuid, word_of,
};

const ORDER_ID: &str = "The order's identity for ever, a UUID of any version. A second order under it changes nothing.";
const USER_ID: &str = "Who ordered: 1 to 64 printable characters without spaces.";
const PRODUCT_ID: &str = "1 to 64 printable characters without spaces.";
const KEY: &str = "1 to 64 printable characters without spaces. The record's key.";
const PIECES: &str = "In pieces.";
const UNIT_PRICE: &str = "Of one piece, in minor units of the currency.";
const PLACED_AT: &str = "When the order was placed, RFC 3339, of 1970 to 9999; read to the microsecond.";
const CHANNEL: &str = "Where the order was placed. No part of what a retry must repeat.";

/// Versions 1 and 2, which differ by the channel.
pub(crate) fn order_placed(says_where: bool) -> Described {
    let channel = says_where.then(|| sometimes_or_null("channel", CHANNEL, channel()));
    let about = if says_where {
        "An order of one product, and where it was placed. What version 1 can say is written as version 1."
    } else {
        "An order of one product. `total_price` is `quantity * unit_price`."
    };
    let members = vec![
        always("order_id", ORDER_ID, uuid()),
        always("user_id", USER_ID, user_id()),
        always("product_id", KEY, product_id()),
        always("quantity", PIECES, quantity()),
        always("unit_price", UNIT_PRICE, amount()),
        always("total_price", "In minor units: `quantity * unit_price`.", amount()),
        always("placed_at", PLACED_AT, time()),
    ];
    Described::new(about, members.into_iter().chain(channel).collect())
}

pub(crate) fn order_of_lines() -> Described {
    let line = vec![
        always("line_no", "1, 2, 3 and so on, without a gap.", line_no()),
        always("product_id", "In one line of the order only. That of line 1 is the record's key.", product_id()),
        always("quantity", PIECES, quantity()),
        always("unit_price", UNIT_PRICE, amount()),
        always("total_price", "In minor units: `quantity * unit_price`.", amount()),
    ];
    Described::new(
        "An order of 1 to 100 products, of a currency, or with a hold; taken as a whole or not at all. What versions 1 and 2 can say is written as those.",
        vec![
            always("order_id", ORDER_ID, uuid()),
            always("user_id", USER_ID, user_id()),
            always("lines", "What is ordered.", lines(line)),
            always("total_price", "The sum over the lines, in minor units.", amount()),
            sometimes_or_null("currency", "Code of ISO 4217, of all amounts.", currency()),
            sometimes_or_null(
                "hold_seconds",
                "The goods are held for so long, counted from `placed_at`, until somebody confirms.",
                hold_seconds(),
            ),
            always("placed_at", PLACED_AT, time()),
            sometimes_or_null("channel", CHANNEL, channel()),
        ],
    )
}

fn movement(more: Vec<Member>) -> Vec<Member> {
    let first = [
        always(
            "movement_id",
            "The movement's identity for ever, a UUID of any version. A second movement under it changes nothing.",
            uuid(),
        ),
        always("product_id", KEY, product_id()),
    ];
    let last = always("occurred_at", "RFC 3339, of 1970 to 9999; read to the microsecond.", time());
    first.into_iter().chain(more).chain([last]).collect()
}

pub(crate) fn stock_received() -> Described {
    Described::new(
        "Goods arrived. A receipt introduces its product.",
        movement(vec![always("quantity", PIECES, quantity())]),
    )
}

pub(crate) fn stock_adjusted() -> Described {
    Described::new(
        "A count differed. Refused, and recorded as refused, where the stock would go below zero.",
        movement(vec![
            always("delta", "In pieces, not zero.", delta()),
            always("reason", "Why, in somebody's words: 1 to 200 printable characters.", adjustment_note()),
        ]),
    )
}

fn request(note: Option<Member>) -> Vec<Member> {
    let first = [
        always("order_id", "Of the order that it is asked of.", uuid()),
        always("product_id", "The product of the order's line 1. The record's key.", product_id()),
    ];
    let last = always("occurred_at", "When it was asked, RFC 3339, of 1970 to 9999; read to the microsecond.", time());
    first.into_iter().chain(note).chain([last]).collect()
}

pub(crate) fn confirm_requested() -> Described {
    Described::new("A held order is wanted for good.", request(None))
}

pub(crate) fn cancel_requested() -> Described {
    let note = sometimes_or_null("note", "Why, in somebody's words. Kept on the log alone.", cancel_note());
    Described::new("An order is not wanted any more.", request(Some(note)))
}

pub(crate) fn hold_expired() -> Described {
    Described::new(
        "The time of a hold is over. Written by the projector alone; it counts when the order is still held, and the time has come.",
        request(None),
    )
}

fn line_event(more: Vec<Member>) -> Vec<Member> {
    let target = [
        always("cause", "The event that it follows from: PARTITION-OFFSET-INDEX.", event_id()),
        always("order_id", "Of the order.", uuid()),
        always("line_no", "Which line of it.", line_no()),
        always("home_product_id", "The product of line 1, whose partition is the order's home.", product_id()),
        always("product_id", PRODUCT_ID, product_id()),
        always("quantity", PIECES, quantity()),
    ];
    target.into_iter().chain(more).collect()
}

pub(crate) fn line_requested() -> Described {
    Described::new(
        "An order's home asks for a line. Written by the projector alone; the key is `product_id`.",
        line_event(Vec::new()),
    )
}

pub(crate) fn line_released() -> Described {
    Described::new(
        "An order's home gives a line back. Written by the projector alone; the key is `product_id`.",
        line_event(Vec::new()),
    )
}

pub(crate) fn line_confirmed() -> Described {
    Described::new(
        "An order is confirmed: what its line held is sold. Written by the projector alone; the key is `product_id`.",
        line_event(Vec::new()),
    )
}

pub(crate) fn line_decided() -> Described {
    let (reserved, rejected) = (LineStatus::Reserved.as_str(), LineStatus::Rejected.as_str());
    let reasons = [RejectionReason::UnknownProduct, RejectionReason::OutOfStock].map(RejectionReason::as_str);
    let is_rejected = json!({"required": ["status"], "properties": {"status": {"const": rejected}}});
    let also: [(&str, Value); 3] = [
        ("if", is_rejected),
        ("then", json!({"required": ["reason"], "properties": {"reason": {"type": "string"}}})),
        ("else", json!({"properties": {"reason": {"type": "null"}}})),
    ];
    let members = line_event(vec![
        always("status", "What was decided.", word_of([reserved, rejected])),
        sometimes_or_null("reason", "Why it is rejected; there exactly then.", word_of(reasons)),
    ]);
    Described {
        also: also.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>(),
        ..Described::new(
            "A line's partition tells the order's home what it decided. Written by the projector alone; the key is `home_product_id`.",
            members,
        )
    }
}
