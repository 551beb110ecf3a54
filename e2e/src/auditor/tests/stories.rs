//! What must come of orders over two partitions, story by story.

use serde_json::json;

use super::world::{Found, MILK, TEA, World, id};
use crate::auditor::Expected;
use crate::auditor::topic::{RawLog, RawRecord};

/// Available and held of tea, then of milk.
fn stock(expected: &Expected) -> [(i64, i64); 2] {
    [TEA, MILK].map(|product| (expected.stock[product].available, expected.stock[product].held))
}

fn status(expected: &Expected, number: u32) -> (String, Option<String>) {
    let lines: Vec<_> = expected.orders.iter().filter(|(key, _)| key.order_id == id(number)).collect();
    assert_eq!(lines.len(), 2);
    (lines[0].1.status.clone(), lines[0].1.reason.clone())
}

fn kinds(expected: &Expected) -> Vec<String> {
    let all = expected.outcomes.values().flatten().map(|announcement| format!("{:?}", announcement.said));
    all.map(|said| said.split([' ', '(']).next().unwrap().to_owned()).collect()
}

/// Nothing is found in a world where all is right.
fn right(world: &World, expected: &Expected) {
    assert_eq!(Found::right(world, expected).differences(world), Vec::<String>::new());
}

#[test]
fn a_basket_is_confirmed_once_every_line_is_reserved() {
    let mut world = World::with_stock(10, 10);
    world.order(1, 3, 4, None);
    let before = world.expected();
    assert_eq!((status(&before, 1).0.as_str(), stock(&before)), ("pending", [(7, 3), (10, 0)]));
    let expected = world.relay();
    assert_eq!((status(&expected, 1).0.as_str(), stock(&expected)), ("confirmed", [(7, 0), (6, 0)]));
    // Asked, answered, and told that it is sold.
    assert_eq!(expected.heard.len(), 3);
    right(&world, &expected);
}

#[test]
fn one_refused_line_gives_everything_back() {
    let mut world = World::with_stock(10, 3);
    world.order(1, 3, 4, None);
    let expected = world.relay();
    assert_eq!(status(&expected, 1), ("rejected".to_owned(), Some("line-rejected".to_owned())));
    assert_eq!(stock(&expected), [(10, 0), (3, 0)]);
    assert_eq!(kinds(&expected), ["Changed", "Order", "Released", "Changed"]);
    right(&world, &expected);
}

#[test]
fn a_line_refused_at_home_asks_nobody() {
    let mut world = World::with_stock(2, 10);
    world.order(1, 3, 4, None);
    let expected = world.relay();
    assert_eq!(status(&expected, 1), ("rejected".to_owned(), Some("out-of-stock".to_owned())));
    assert!(expected.heard.is_empty());
    right(&world, &expected);
}

#[test]
fn a_hold_is_confirmed_cancelled_or_expires_and_the_log_decides() {
    let (early, late) = ("2026-11-23T10:00:59.999999Z", "2026-11-23T10:01:00Z");
    for (asks, ends, reason, left) in [
        (&[("OrderConfirmRequested", early)][..], "confirmed", None, [(7, 0), (6, 0)]),
        (&[("OrderConfirmRequested", early), ("HoldExpired", late)], "confirmed", None, [(7, 0), (6, 0)]),
        (&[("HoldExpired", late), ("OrderConfirmRequested", early)], "cancelled", Some("expired"), [(10, 0), (10, 0)]),
        (&[("HoldExpired", late), ("HoldExpired", late)], "cancelled", Some("expired"), [(10, 0), (10, 0)]),
        (
            &[("OrderCancelRequested", early), ("OrderCancelRequested", early)],
            "cancelled",
            Some("cancelled"),
            [(10, 0), (10, 0)],
        ),
        (
            &[("OrderConfirmRequested", early), ("OrderCancelRequested", late)],
            "cancelled",
            Some("cancelled"),
            [(10, 0), (10, 0)],
        ),
        (&[], "held", None, [(7, 3), (6, 4)]),
    ] {
        let mut world = World::with_stock(10, 10);
        world.order(1, 3, 4, Some(60));
        world.relay();
        for (kind, at) in asks {
            world.ask(kind, 1, at);
        }
        let expected = world.relay();
        assert_eq!(status(&expected, 1), (ends.to_owned(), reason.map(str::to_owned)), "{asks:?}");
        assert_eq!(stock(&expected), left, "{asks:?}");
        right(&world, &expected);
    }
}

#[test]
fn a_hold_does_not_end_early() {
    let mut world = World::with_stock(10, 10);
    world.order(1, 3, 4, Some(60));
    world.relay();
    world.ask("HoldExpired", 1, "2026-11-23T10:00:59.999999Z");
    let expected = world.relay();
    assert_eq!(status(&expected, 1).0, "held");
    assert!(
        expected.dead_letters.values().all(|row| row.starts_with("hold-not-over")) && expected.dead_letters.len() == 1
    );
}

/// The answer comes after the order has ended: what was taken meanwhile is given back.
#[test]
fn a_cancel_before_the_answer_leaves_nothing_taken() {
    let mut world = World::with_stock(10, 10);
    world.order(1, 3, 4, None);
    world.ask("OrderCancelRequested", 1, "2026-11-23T10:00:01Z");
    let expected = world.relay();
    assert_eq!(status(&expected, 1), ("cancelled".to_owned(), Some("cancelled".to_owned())));
    assert_eq!(stock(&expected), [(10, 0), (10, 0)]);
    right(&world, &expected);
}

#[test]
fn strangers_events_are_parked_or_counted_and_move_nothing() {
    let mut world = World::with_stock(10, 10);
    world.order(1, 3, 4, None);
    world.relay();
    let told = |kind: &str, cause: &str, line_no: i64, quantity: i64| {
        json!({ "type": kind, "version": 1, "cause": cause, "order_id": id(1), "line_no": line_no, "home_product_id": TEA,
            "product_id": MILK, "quantity": quantity })
    };
    for event in [
        told("LineReleased", "1-0-0", 2, 4),
        told("LineReleased", "0-0-0", 3, 4),
        told("LineReleased", "0-0-0", 2, 5),
        told("LineRequested", "0-0-0", 2, 5),
        told("LineRequested", "0-0-0", 1, 4),
    ] {
        world.append(&event);
    }
    world.ask("OrderCancelRequested", 7, "2026-11-23T10:00:01Z");
    let expected = world.relay();
    let mut reasons: Vec<_> = expected.dead_letters.values().map(|row| row.split(' ').next().unwrap()).collect();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        ["conflicting-duplicate", "unknown-line", "unknown-line", "unknown-line", "unknown-order", "wrong-cause"]
    );
    assert_eq!((status(&expected, 1).0.as_str(), stock(&expected)), ("confirmed", [(7, 0), (6, 0)]));
}

#[test]
fn the_auditor_knows_the_chocolate() {
    let receipt = r#"{"type":"StockReceived","version":1,"movement_id":"00000000-0000-4000-8000-000000000001","product_id":"chocolate","quantity":10,"occurred_at":"2026-11-23T10:00:00Z"}"#;
    let order = |id: u32, quantity: i64| {
        format!(
            r#"{{"type":"OrderPlaced","version":1,"order_id":"00000000-0000-4000-8000-{id:012}","user_id":"u","product_id":"chocolate","quantity":{quantity},"unit_price":2,"total_price":{},"placed_at":"2026-11-23T10:00:00Z"}}"#,
            quantity * 2
        )
    };
    let (three, eight, other) = (order(2, 3), order(3, 8), order(2, 4));
    let values = [
        ("chocolate", receipt),
        ("chocolate", &three),
        ("chocolate", &eight),
        ("chocolate", &three),
        ("chocolate", &other),
        ("tea", &eight),
        ("chocolate", "{}"),
    ];
    let records = (0..).zip(values).map(|(offset, (key, value))| RawRecord {
        offset,
        time_ms: None,
        key: Some(key.as_bytes().to_vec()),
        value: Some(value.as_bytes().to_vec()),
        headers: Vec::new(),
    });
    let expected = Expected::of(&RawLog { partitions: [(0, records.collect())].into() });
    let stock = &expected.stock["chocolate"];
    assert_eq!((stock.available, stock.held, stock.offset), (7, 0, 1));
    assert_eq!((expected.count("confirmed"), expected.count("rejected"), expected.duplicate_count), (1, 1, 1));
    let parked: Vec<&str> = expected.dead_letters.keys().map(String::as_str).collect();
    assert_eq!(parked, ["0:4", "0:5", "0:6"]);
    assert_eq!(expected.positions[&0], 7);
}
