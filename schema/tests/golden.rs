//! Golden samples: what is on somebody's topic today must decode for ever, and what we write must be what is
//! documented. A new version adds a file; no file here is ever edited.

use ledger_schema::wire::{Event, Outcome, decode, encode};
use ledger_schema::{Channel, EventId, MovementKind};

/// A sample with its line end cut off.
macro_rules! golden {
    ($name:literal) => {
        include_str!(concat!("../golden/", $name)).trim_end()
    };
}

fn event(sample: &str) -> Event {
    let event = decode(Some(sample.as_bytes())).expect("a golden sample decodes");
    assert_eq!(String::from_utf8(encode(&event)).expect("UTF-8"), sample, "encodes to the same bytes");
    event
}

#[test]
fn order_placed_v1() {
    let Event::OrderPlaced(order) = event(golden!("order_placed.v1.json")) else { panic!("an order") };
    assert_eq!(order.order_id().to_string(), "77a436fd-64f9-4d35-999b-a957195f5d23");
    assert_eq!(order.product_id().as_str(), "CATALOG-002");
    assert_eq!((order.quantity().get(), order.unit_price().get(), order.total_price().get()), (4, 71_000, 284_000));
    assert_eq!(order.placed_at().timestamp_subsec_micros(), 123_456);
}

#[test]
fn order_placed_v2_says_where() {
    let Event::OrderPlaced(order) = event(golden!("order_placed.v2.json")) else { panic!("an order") };
    assert_eq!(order.channel().map(Channel::as_str), Some("web"));
    assert_eq!(order.total_price().get(), 284_000);
    // Without a channel it is what version 1 says, and is written as that.
    for absent in ["", ",\"channel\":null"] {
        let silent = golden!("order_placed.v2.json").replace(",\"channel\":\"web\"", absent);
        let as_v1 = silent.replace("\"version\":2", "\"version\":1").replace(absent, "");
        let decoded = decode(Some(silent.as_bytes())).expect("the channel is optional");
        assert_eq!(String::from_utf8(encode(&decoded)).expect("UTF-8"), as_v1);
    }
}

#[test]
fn the_channel_is_no_part_of_what_a_retry_must_repeat() {
    let web = golden!("order_placed.v2.json");
    let [web, till, silent] =
        [web.to_owned(), web.replace("web", "till-3"), web.replace("\"version\":2", "\"version\":1")].map(|value| {
            match decode(Some(value.as_bytes())) {
                Ok(Event::OrderPlaced(order)) => order,
                other => panic!("an order, found {other:?}"),
            }
        });
    assert_eq!(silent.channel(), None, "version 1 has no channel: there it is a field that nobody knows");
    assert!(web.same_contents(&till) && till.same_contents(&web));
    assert!(web.same_contents(&silent) && silent.same_contents(&web));
}

#[test]
fn stock_received_v1() {
    let Event::StockMoved(movement) = event(golden!("stock_received.v1.json")) else { panic!("a movement") };
    assert!(matches!(movement.kind(), MovementKind::Receipt(quantity) if quantity.get() == 10));
    assert_eq!(movement.delta().get(), 10);
}

#[test]
fn stock_adjusted_v1() {
    let Event::StockMoved(movement) = event(golden!("stock_adjusted.v1.json")) else { panic!("a movement") };
    assert_eq!(movement.delta().get(), -3);
    assert_eq!(movement.note().map(|note| note.as_str().to_owned()), Some("three bars melted".to_owned()));
}

#[test]
fn outcomes_v1() {
    for (sample, event_type, key) in [
        (golden!("order_confirmed.v1.json"), "OrderConfirmed", "77a436fd-64f9-4d35-999b-a957195f5d23"),
        (golden!("order_rejected.v1.json"), "OrderRejected", "77a436fd-64f9-4d35-999b-a957195f5d24"),
        (golden!("stock_changed.v1.json"), "StockChanged", "chocolate"),
        (golden!("adjustment_rejected.v1.json"), "AdjustmentRejected", "chocolate"),
    ] {
        let outcome = Outcome::decode(sample.as_bytes()).expect("a golden sample decodes");
        assert_eq!(outcome.event_type(), event_type);
        assert_eq!(outcome.key(), key);
        assert!(outcome.event_id().parse::<EventId>().is_ok());
        assert_eq!(String::from_utf8(outcome.encode()).expect("UTF-8"), sample);
        let newer = sample.replace("\"version\":1", "\"version\":2");
        let error = Outcome::decode(newer.as_bytes()).expect_err("an unknown version is an error");
        assert_eq!(error.to_string(), format!("version 2 of {event_type} is not known, expected 1"));
    }
}

#[test]
fn unknown_fields_are_ignored() {
    let newer = golden!("order_placed.v1.json").replace("\"version\":1,", "\"version\":1,\"colour\":{\"a\":[1]},");
    assert_eq!(decode(Some(newer.as_bytes())), decode(Some(golden!("order_placed.v1.json").as_bytes())));
}
