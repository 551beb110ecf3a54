//! The rules as a table of given / when / then, in their order of precedence (see the header of `batch/mod.rs`).

mod support;

use ledger_fold::{BatchEffects, Level, Partition, PartitionState, Prior, skip_detail};
use ledger_schema::MAX_SAFE_INTEGER;
use ledger_schema::wire::{Event, Outcome, decode};
use support::{ONLY, Owned, adjustment, fold, order, order_over, receipt};

/// Values with their product as the key, at offsets 0, 1, ..
fn log(values: &[(&str, String)]) -> Vec<Owned> {
    (0..)
        .zip(values)
        .map(|(offset, (key, value))| Owned {
            offset,
            key: Some(key.as_bytes().to_vec()),
            value: Some(value.clone().into_bytes()),
        })
        .collect()
}

/// One line per effect, in the order orders, movements, stock, parked; duplicates last.
fn show(effects: &BatchEffects) -> String {
    let mut lines = Vec::new();
    for row in &effects.orders {
        let reason = row.state.reason().map_or("", |reason| reason.as_str());
        lines.push(format!("order {} {} {reason}", row.offset, row.state.status()));
    }
    for row in &effects.movements {
        let reason = row.decision.reason().map_or("", |reason| reason.as_str());
        lines.push(format!("movement {} {} {reason}", row.offset, row.decision.status()));
    }
    for row in &effects.stock {
        lines.push(format!("stock {} {} at {}", row.product_id, row.level.available, row.offset));
    }
    for parked in &effects.parked {
        lines.push(format!("parked {} {}: {}", parked.offset, parked.reason, parked.detail));
    }
    if effects.duplicate_count > 0 {
        lines.push(format!("duplicates {}", effects.duplicate_count));
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

fn available(available: i64) -> Level {
    Level { available, held: 0 }
}

fn check(values: &[(&str, String)], expected: &[&str]) {
    let effects = fold(ONLY, &PartitionState::default(), &Prior::default(), 0, &log(values));
    assert_eq!(show(&effects), expected.join("\n"));
    assert_eq!(effects.next_offset, i64::try_from(values.len()).expect("few"), "INV-8: every record was folded");
    assert_eq!(effects.record_count, u64::try_from(values.len()).expect("few"), "INV-8: and counted");
    assert_eq!(effects.outcomes.len(), effects.orders.len() + effects.movements.len(), "one outcome per decision");
}

#[test]
fn rule_1_what_cannot_be_decoded_is_parked_before_the_key_is_looked_at() {
    check(
        &[("other", "garbage".to_owned()), ("p", receipt(1, "p", 5))],
        &[
            "movement 1 confirmed",
            "stock p 5 at 1",
            "parked 0 undecodable: not JSON at byte 0: expected a value, found `g`",
        ],
    );
    let no_value = Owned { offset: 0, key: Some(b"p".to_vec()), value: None };
    let effects = fold(ONLY, &PartitionState::default(), &Prior::default(), 0, &[no_value]);
    assert_eq!(show(&effects), "parked 0 empty-value: the record has no value");
}

#[test]
fn rule_2_the_key_is_the_product() {
    check(
        &[("q", receipt(1, "p", 5)), ("p", order(2, "u", "p", 1, 1))],
        &["order 1 rejected unknown-product", "parked 0 wrong-key: the key must be the product id `p`, found `q`"],
    );
    let no_key = Owned { offset: 0, key: None, value: Some(receipt(1, "p", 5).into_bytes()) };
    let effects = fold(ONLY, &PartitionState::default(), &Prior::default(), 0, &[no_key]);
    assert_eq!(show(&effects), "parked 0 wrong-key: the key must be the product id `p`, found none");
}

#[test]
fn rule_3_the_partition_is_where_the_key_hashes_to() {
    // murmur2("abc") = 479470107, so `abc` belongs in partition 1 of 2.
    let records = log(&[("abc", receipt(1, "abc", 5))]);
    let right = fold(Partition { number: 1, count: 2 }, &PartitionState::default(), &Prior::default(), 0, &records);
    assert_eq!(show(&right), "movement 0 confirmed\nstock abc 5 at 0");
    assert_eq!(right.outcomes[0].event_id.to_string(), "1-0-0");
    let wrong = fold(Partition { number: 0, count: 2 }, &PartitionState::default(), &Prior::default(), 0, &records);
    assert_eq!(show(&wrong), "parked 0 wrong-partition: the key `abc` belongs in partition 1, found in partition 0");
}

#[test]
fn rule_4_a_duplicate_changes_nothing() {
    check(
        &[
            ("p", receipt(1, "p", 5)),
            ("p", receipt(1, "p", 5)),
            ("p", order(2, "u", "p", 3, 7)),
            ("p", order(2, "u", "p", 3, 7)),
            ("p", adjustment(3, "p", -1)),
            ("p", adjustment(3, "p", -1)),
        ],
        &["order 2 confirmed", "movement 0 confirmed", "movement 4 confirmed", "stock p 1 at 4", "duplicates 3"],
    );
}

#[test]
fn rule_4_a_retry_with_another_time_is_a_duplicate() {
    let later = order(2, "u", "p", 3, 7).replace("10:00:00Z", "11:00:00Z");
    check(
        &[("p", receipt(1, "p", 5)), ("p", order(2, "u", "p", 3, 7)), ("p", later)],
        &["order 1 confirmed", "movement 0 confirmed", "stock p 2 at 1", "duplicates 1"],
    );
}

/// Both versions of the event in one log, each before and after the other.
#[test]
fn rule_4_a_retry_in_another_version_or_over_another_channel_is_a_duplicate() {
    let first = order(2, "u", "p", 3, 7);
    let [web, till] = ["web", "till-3"].map(|channel| order_over(channel, 2, "u", "p", 3, 7));
    for [earlier, later] in [[&first, &web], [&web, &first], [&web, &till]] {
        check(
            &[("p", receipt(1, "p", 5)), ("p", earlier.clone()), ("p", later.clone())],
            &["order 1 confirmed", "movement 0 confirmed", "stock p 2 at 1", "duplicates 1"],
        );
    }
    check(
        &[("p", receipt(1, "p", 9)), ("p", web), ("p", order_over("web", 2, "u", "p", 4, 7))],
        &[
            "order 1 confirmed",
            "movement 0 confirmed",
            "stock p 6 at 1",
            "parked 2 conflicting-duplicate: order 00000000-0000-4000-8000-000000000002 stands before with other contents",
        ],
    );
}

#[test]
fn rule_4_a_rejection_stands_for_ever() {
    check(
        &[("p", order(2, "u", "p", 3, 7)), ("p", receipt(1, "p", 5)), ("p", order(2, "u", "p", 3, 7))],
        &["order 0 rejected unknown-product", "movement 1 confirmed", "stock p 5 at 1", "duplicates 1"],
    );
}

#[test]
fn rule_5_other_contents_under_an_id_are_parked() {
    let other = [order(2, "u", "p", 4, 7), order(2, "u", "p", 3, 8), order(2, "v", "p", 3, 7)];
    for conflicting in other {
        check(
            &[("p", receipt(1, "p", 9)), ("p", order(2, "u", "p", 3, 7)), ("p", conflicting)],
            &[
                "order 1 confirmed",
                "movement 0 confirmed",
                "stock p 6 at 1",
                "parked 2 conflicting-duplicate: order 00000000-0000-4000-8000-000000000002 stands before with other contents",
            ],
        );
    }
    check(
        &[("p", receipt(1, "p", 9)), ("q", order(2, "u", "q", 1, 1)), ("p", order(2, "u", "p", 1, 1))],
        &[
            "order 1 rejected unknown-product",
            "movement 0 confirmed",
            "stock p 9 at 0",
            "parked 2 conflicting-duplicate: order 00000000-0000-4000-8000-000000000002 stands before with other contents",
        ],
    );
    for conflicting in [receipt(1, "p", 8), adjustment(1, "p", 9)] {
        check(
            &[("p", receipt(1, "p", 9)), ("p", conflicting)],
            &[
                "movement 0 confirmed",
                "stock p 9 at 0",
                "parked 1 conflicting-duplicate: movement 00000000-0000-4000-8000-000000000001 stands before with other contents",
            ],
        );
    }
}

#[test]
fn rules_4_and_5_hold_against_what_is_stored() {
    let stored = |value: String| match decode(Some(value.as_bytes())) {
        Ok(event) => event,
        Err(error) => panic!("{error}"),
    };
    let mut prior = Prior::default();
    let before = [receipt(9, "p", 5), order(2, "u", "p", 3, 7)].map(|value| ("p", value));
    let earlier = fold(ONLY, &PartitionState::default(), &Prior::default(), 0, &log(&before)).orders.remove(0);
    prior.orders.insert(earlier.order.order_id(), Some(earlier));
    let Event::StockMoved(earlier) = stored(receipt(1, "p", 5)) else { panic!("a movement") };
    prior.movements.insert(earlier.movement_id(), earlier);
    let records = log(&[
        ("p", order(2, "u", "p", 3, 7)),
        ("p", order(2, "u", "p", 2, 7)),
        ("p", receipt(1, "p", 5)),
        ("p", receipt(1, "p", 6)),
        // Equal ids of different kinds are different ids.
        ("p", order(1, "u", "p", 2, 7)),
    ]);
    let state = PartitionState::from_stock([(ledger_schema::ProductId::parse("p").expect("valid"), available(2))]);
    let effects = fold(ONLY, &state, &prior, 0, &records);
    assert_eq!(
        show(&effects),
        "order 4 confirmed\nstock p 0 at 4\n\
         parked 1 conflicting-duplicate: order 00000000-0000-4000-8000-000000000002 stands before with other contents\n\
         parked 3 conflicting-duplicate: movement 00000000-0000-4000-8000-000000000001 stands before with other contents\n\
         duplicates 2"
    );
}

#[test]
fn rule_0_what_an_operator_had_skipped_is_parked_and_not_looked_into() {
    let records = log(&[
        ("p", receipt(1, "p", 10)),
        ("p", order(2, "u", "p", 3, 1)),
        // Undecodable all the same, and under another key: nobody looks.
        ("q", "{".to_owned()),
        ("p", order(2, "u", "p", 4, 1)),
    ]);
    let skips = [(1, "not this one"), (2, "nor this")].map(|(offset, why)| (offset, skip_detail("ann", why)));
    let state = PartitionState::default().with_skips(skips.into());
    let effects = fold(ONLY, &state, &Prior::default(), 0, &records);
    // The id of a record that was skipped is free.
    assert_eq!(
        show(&effects),
        "order 3 confirmed\nmovement 0 confirmed\nstock p 6 at 3\nparked 1 skipped: skipped by ann: not this one\n\
         parked 2 skipped: skipped by ann: nor this"
    );
    assert_eq!(effects.next_offset, 4);
}

#[test]
fn rule_6_only_a_receipt_introduces_a_product() {
    check(
        &[
            ("p", order(1, "u", "p", 1, 1)),
            ("p", adjustment(2, "p", 5)),
            ("p", receipt(3, "p", 1)),
            ("p", order(4, "u", "p", 1, 1)),
        ],
        &[
            "order 0 rejected unknown-product",
            "order 3 confirmed",
            "movement 1 rejected unknown-product",
            "movement 2 confirmed",
            "stock p 0 at 3",
        ],
    );
}

#[test]
fn rule_7_inv_2_stock_is_never_negative() {
    check(
        &[
            ("p", receipt(1, "p", 10)),
            ("p", order(2, "a", "p", 3, 1)),
            ("p", order(3, "b", "p", 8, 1)),
            ("p", order(4, "b", "p", 7, 1)),
            ("p", order(5, "b", "p", 1, 1)),
            ("p", adjustment(6, "p", -1)),
            ("p", adjustment(7, "p", 2)),
            ("p", adjustment(8, "p", -2)),
        ],
        &[
            "order 1 confirmed",
            "order 2 rejected out-of-stock",
            "order 3 confirmed",
            "order 4 rejected out-of-stock",
            "movement 0 confirmed",
            "movement 5 rejected below-zero",
            "movement 6 confirmed",
            "movement 7 confirmed",
            "stock p 0 at 7",
        ],
    );
}

#[test]
fn rule_8_a_stock_that_no_reader_could_hold_is_parked() {
    let p = ledger_schema::ProductId::parse("p").expect("valid");
    let state = PartitionState::from_stock([(p, available(MAX_SAFE_INTEGER - 1))]);
    let records = log(&[("p", receipt(1, "p", 1)), ("p", receipt(2, "p", 1)), ("p", adjustment(3, "p", 1))]);
    let effects = fold(ONLY, &state, &Prior::default(), 0, &records);
    let detail = "stock-overflow: the stock would be 9007199254740992, at most 9007199254740991 can be held";
    assert_eq!(
        show(&effects),
        format!("movement 0 confirmed\nstock p 9007199254740991 at 0\nparked 1 {detail}\nparked 2 {detail}")
    );
}

#[test]
fn outcomes_say_what_is_left_and_why() {
    let records = log(&[
        ("p", receipt(1, "p", 10)),
        ("p", order(2, "u", "p", 3, 7)),
        ("p", order(3, "u", "p", 8, 7)),
        ("p", adjustment(4, "p", -2)),
        ("p", adjustment(5, "p", -6)),
    ]);
    let effects = fold(ONLY, &PartitionState::default(), &Prior::default(), 0, &records);
    let texts: Vec<String> =
        effects.outcomes.iter().map(|entry| String::from_utf8(entry.outcome.encode()).expect("UTF-8")).collect();
    let id = support::uuid;
    assert_eq!(
        texts,
        [
            format!(
                r#"{{"type":"StockChanged","version":1,"event_id":"0-0-0","movement_id":"{}","product_id":"p","kind":"receipt","delta":10,"available":10}}"#,
                id(1)
            ),
            format!(
                r#"{{"type":"OrderConfirmed","version":1,"event_id":"0-1-0","order_id":"{}","user_id":"u","product_id":"p","quantity":3,"unit_price":7,"total_price":21,"available":7}}"#,
                id(2)
            ),
            format!(
                r#"{{"type":"OrderRejected","version":1,"event_id":"0-2-0","order_id":"{}","user_id":"u","product_id":"p","quantity":8,"unit_price":7,"total_price":56,"reason":"out-of-stock"}}"#,
                id(3)
            ),
            format!(
                r#"{{"type":"StockChanged","version":1,"event_id":"0-3-0","movement_id":"{}","product_id":"p","kind":"adjustment","delta":-2,"available":5}}"#,
                id(4)
            ),
            format!(
                r#"{{"type":"AdjustmentRejected","version":1,"event_id":"0-4-0","movement_id":"{}","product_id":"p","delta":-6,"reason":"below-zero"}}"#,
                id(5)
            ),
        ]
    );
    for entry in &effects.outcomes {
        assert_eq!(entry.outcome.event_id(), entry.event_id.to_string());
        assert!(Outcome::decode(&entry.outcome.encode()).is_ok());
    }
}

#[test]
fn offsets_may_have_gaps_and_what_was_folded_is_passed_over() {
    let state = PartitionState::default();
    let prior = Prior::default();
    let at = |offset: i64, value: String| Owned { offset, key: Some(b"p".to_vec()), value: Some(value.into_bytes()) };
    let records =
        [at(3, receipt(1, "p", 1)), at(4, receipt(2, "p", 1)), at(9, receipt(3, "p", 1)), at(4, receipt(4, "p", 1))];
    let effects = fold(ONLY, &state, &prior, 4, &records);
    assert_eq!(show(&effects), "movement 4 confirmed\nmovement 9 confirmed\nstock p 2 at 9");
    assert_eq!((effects.from_offset, effects.next_offset), (4, 10));
    let nothing = fold(ONLY, &state, &prior, 10, &records);
    assert!(nothing.is_empty());
    assert!(!effects.is_empty());
}

#[test]
fn the_state_follows_only_what_is_applied() {
    let records = log(&[("p", receipt(1, "p", 10)), ("q", receipt(2, "q", 1)), ("p", order(3, "u", "p", 4, 1))]);
    let mut state = PartitionState::default();
    let effects = fold(ONLY, &state, &Prior::default(), 0, &records);
    let p = ledger_schema::ProductId::parse("p").expect("valid");
    assert_eq!(state.available(&p), None, "a batch that is not committed changes nothing");
    state.apply(&effects);
    assert_eq!((state.available(&p), state.product_count()), (Some(6), 2));
    state.apply(&effects);
    assert_eq!((state.available(&p), state.product_count()), (Some(6), 2));
}
