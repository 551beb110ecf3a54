//! Golden samples: what is on somebody's topic today must decode for ever, and what we write must be what is
//! documented. A new version adds a file; no file here is ever edited.

use ledger_schema::wire::{Event, Outcome, decode, encode};
use ledger_schema::{
    CancelNote, Channel, Contents, EventId, LineDecision, LineStep, MovementKind, RejectionReason, RequestKind, Terms,
};

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
    let line = order.first_line();
    assert_eq!((line.quantity().get(), line.unit_price().get(), order.total_price().get()), (4, 71_000, 284_000));
    assert_eq!((order.line_count(), order.terms()), (1, Terms::default()));
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
fn order_placed_v3_has_lines_currency_and_hold() {
    let sample = golden!("order_placed.v3.json");
    let Event::OrderPlaced(order) = event(sample) else { panic!("an order") };
    let lines: Vec<_> = order
        .lines()
        .map(|(no, line)| (no.get(), line.product_id().as_str(), line.quantity().get(), line.total_price().get()))
        .collect();
    assert_eq!(lines, [(1, "chocolate", 2, 500), (2, "CATALOG-001", 1, 71_000)]);
    assert_eq!((order.product_id().as_str(), order.total_price().get()), ("chocolate", 71_500));
    assert_eq!(order.terms().currency.map(|currency| currency.to_string()).as_deref(), Some("JPY"));
    let expires_at = order.expires_at().expect("it has a hold");
    assert_eq!((expires_at - order.placed_at()).num_seconds(), 600);
    // Nothing but lines has to be there.
    let bare = sample.replace(",\"currency\":\"JPY\",\"hold_seconds\":600", "").replace(",\"channel\":\"web\"", "");
    let Event::OrderPlaced(bare) = event(&bare) else { panic!("an order") };
    assert_eq!((bare.terms(), bare.expires_at(), bare.channel()), (Terms::default(), None, None));
}

/// What version 1 or 2 can say is written as that, also when it came as version 3.
#[test]
fn order_placed_v3_of_one_line_is_an_order_as_ever() {
    let v1 = golden!("order_placed.v1.json");
    let Event::OrderPlaced(first) = event(v1) else { panic!("an order") };
    let v3 = v1.replace("\"version\":1", "\"version\":3").replace(
        "\"product_id\":\"CATALOG-002\",\"quantity\":4,\"unit_price\":71000,\"total_price\":284000",
        "\"lines\":[{\"line_no\":1,\"product_id\":\"CATALOG-002\",\"quantity\":4,\"unit_price\":71000,\"total_price\":284000}],\
         \"total_price\":284000",
    );
    assert_eq!(decode(Some(v3.as_bytes())), Ok(Event::OrderPlaced(first)));
}

#[test]
fn what_is_asked_of_an_order_v1() {
    for (sample, event_type) in [
        (golden!("order_confirm_requested.v1.json"), "OrderConfirmRequested"),
        (golden!("order_cancel_requested.v1.json"), "OrderCancelRequested"),
        (golden!("hold_expired.v1.json"), "HoldExpired"),
    ] {
        let event = event(sample);
        assert_eq!((event.event_type(), event.product_id().as_str()), (event_type, "chocolate"));
        assert_eq!((event.id().as_str(), event.contents()), ("77a436fd-64f9-4d35-999b-a957195f5d26", None));
    }
    let Event::OrderRequested(cancel) = event(golden!("order_cancel_requested.v1.json")) else { panic!("a request") };
    let RequestKind::Cancel { note } = cancel.kind() else { panic!("a cancel") };
    assert_eq!(note.as_ref().map(CancelNote::as_str), Some("changed my mind"));
    event(&golden!("order_cancel_requested.v1.json").replace("\"note\":\"changed my mind\",", ""));
}

#[test]
fn what_partitions_tell_each_other_v1() {
    let out = LineDecision::Rejected(RejectionReason::OutOfStock);
    for (sample, event_type, key, step) in [
        (golden!("line_requested.v1.json"), "LineRequested", "CATALOG-001", LineStep::Requested),
        (golden!("line_decided.v1.json"), "LineDecided", "chocolate", LineStep::Decided(LineDecision::Reserved)),
        (golden!("line_decided_rejected.v1.json"), "LineDecided", "chocolate", LineStep::Decided(out)),
        (golden!("line_released.v1.json"), "LineReleased", "CATALOG-001", LineStep::Released),
        (golden!("line_confirmed.v1.json"), "LineConfirmed", "CATALOG-001", LineStep::Confirmed),
    ] {
        let event = event(sample);
        assert_eq!((event.event_type(), event.product_id().as_str()), (event_type, key));
        let Event::LineTold(told) = &event else { panic!("told") };
        assert_eq!((told.step, told.target.line_no.get(), told.target.quantity.get()), (step, 2, 1));
        assert_eq!(told.cause.to_string(), event.id());
        assert_ne!(told.sender(), told.addressee());
    }
}

fn outcome(sample: &str, event_type: &str, key: &str, newer: (&str, &str)) -> Outcome {
    let outcome = Outcome::decode(sample.as_bytes()).expect("a golden sample decodes");
    assert_eq!(outcome.event_type(), event_type);
    assert_eq!(outcome.key(), key);
    assert!(outcome.event_id().parse::<EventId>().is_ok());
    assert_eq!(String::from_utf8(outcome.encode()).expect("UTF-8"), sample);
    let (version, expected) = newer;
    let [one, two] = ["1", "2"].map(|known| format!("\"version\":{known}"));
    let unknown = sample.replacen(&one, &format!("\"version\":{version}"), 1);
    let unknown = unknown.replacen(&two, &format!("\"version\":{version}"), 1);
    let error = Outcome::decode(unknown.as_bytes()).expect_err("an unknown version is an error");
    assert_eq!(error.to_string(), format!("version {version} of {event_type} is not known, expected {expected}"));
    outcome
}

#[test]
fn outcomes_v1() {
    const BOTH: (&str, &str) = ("3", "1 or 2");
    for (sample, event_type, key, newer) in [
        (golden!("order_confirmed.v1.json"), "OrderConfirmed", "77a436fd-64f9-4d35-999b-a957195f5d23", BOTH),
        (golden!("order_rejected.v1.json"), "OrderRejected", "77a436fd-64f9-4d35-999b-a957195f5d24", BOTH),
        (golden!("order_held.v1.json"), "OrderHeld", "77a436fd-64f9-4d35-999b-a957195f5d27", BOTH),
        (golden!("order_cancelled.v1.json"), "OrderCancelled", "77a436fd-64f9-4d35-999b-a957195f5d23", BOTH),
        (golden!("stock_changed.v1.json"), "StockChanged", "chocolate", BOTH),
        (golden!("adjustment_rejected.v1.json"), "AdjustmentRejected", "chocolate", ("2", "1")),
    ] {
        assert!(outcome(sample, event_type, key, newer).contents().is_some());
    }
    let melted = golden!("order_held.v1.json").replace("OrderHeld", "OrderMelted");
    let error = Outcome::decode(melted.as_bytes()).expect_err("an unknown type is an error");
    assert_eq!(error.to_string(), "not an outcome: type `OrderMelted` is not known");
}

#[test]
fn outcomes_v2_have_lines() {
    const ID: &str = "77a436fd-64f9-4d35-999b-a957195f5d26";
    const BOTH: (&str, &str) = ("3", "1 or 2");
    let Event::OrderPlaced(order) = event(golden!("order_placed.v3.json")) else { panic!("an order") };
    for (sample, event_type) in [
        (golden!("order_held.v2.json"), "OrderHeld"),
        (golden!("order_confirmed.v2.json"), "OrderConfirmed"),
        (golden!("order_rejected.v2.json"), "OrderRejected"),
        (golden!("order_cancelled.v2.json"), "OrderCancelled"),
    ] {
        let outcome = outcome(sample, event_type, ID, BOTH);
        assert_eq!(outcome.product_id(), "chocolate", "that of line 1");
        // What a retry must repeat can be told from each.
        assert_eq!(outcome.contents(), Some(Contents::Order(order.contents())), "{event_type}");
    }
    let released = outcome(golden!("stock_changed.v2.json"), "StockChanged", "CATALOG-001", BOTH);
    assert_eq!(released.contents(), None, "it is no movement");
}

#[test]
fn unknown_fields_are_ignored() {
    let newer = golden!("order_placed.v1.json").replace("\"version\":1,", "\"version\":1,\"colour\":{\"a\":[1]},");
    assert_eq!(decode(Some(newer.as_bytes())), decode(Some(golden!("order_placed.v1.json").as_bytes())));
}
