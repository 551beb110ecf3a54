//! Outcomes, as the fold decides them: of its corpus, and of a little shop that is made up. (Their reader takes more than their schemas
//! say: what is written is promised, not what is read.)

use std::collections::BTreeMap;

use ledger_contracts::{Contract, Topic, samples};
use ledger_fold::{BatchFold, Partition, PartitionState, Prior, Record};
use ledger_schema::wire::{Event, Outcome, encode};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::validator::{VALIDATOR, fits};

#[test]
fn every_outcome_of_the_folds_corpus() {
    const CORPUS: &str = include_str!("../../../../projector/fold/tests/corpus/log.txt");
    let mut seen = BTreeMap::new();
    for line in CORPUS.lines() {
        for (_, after) in line.match_indices("outcome {").map(|(at, _)| line.split_at(at + "outcome ".len())) {
            let json = serde_json::Deserializer::from_str(after).into_iter::<Value>().next().unwrap().unwrap();
            let contract = Contract::of_value(Topic::Outcomes, &json).unwrap();
            fits(contract, json.to_string().as_bytes());
            *seen.entry(contract).or_insert(0) += 1;
        }
    }
    let all: Vec<Contract> =
        Contract::ALL.iter().copied().filter(|contract| contract.topic() == Topic::Outcomes).collect();
    let missing: Vec<String> =
        all.iter().filter(|contract| !seen.contains_key(contract)).map(|contract| contract.title()).collect();
    assert!(missing.is_empty(), "the corpus has none of {missing:?}");
}

/// What fits is read, so that nobody who keeps to the schema can write what a service cannot read.
#[test]
fn what_fits_is_read() {
    for sample in samples::ALL.iter().filter(|sample| sample.contract.topic() == Topic::Outcomes) {
        let value: Value = serde_json::from_str(sample.json).unwrap();
        let schema = sample.contract.schema();
        let mut taken = 0;
        for (name, member) in schema["properties"].as_object().unwrap() {
            let number = |keyword: &str| member.get(keyword).cloned();
            let words = member.get("enum").and_then(Value::as_array).cloned().unwrap_or_default();
            let others = [Value::Null, json!(7), json!("x"), json!([]), json!(-1), json!(i64::MAX)];
            let others = others.into_iter().chain(words).chain(number("minimum")).chain(number("maximum")).map(Some);
            for other in others.chain([None]) {
                let mut changed = value.clone();
                match other {
                    Some(other) => drop(changed.as_object_mut().unwrap().insert(name.clone(), other)),
                    None => drop(changed.as_object_mut().unwrap().remove(name)),
                }
                if VALIDATOR.takes(Topic::Outcomes, &changed).is_ok() {
                    let read = Outcome::decode(changed.to_string().as_bytes());
                    assert!(read.is_ok(), "{changed}: {read:?}");
                    taken += 1;
                }
            }
        }
        assert!(taken > 5, "{}", sample.file);
    }
}

const PRODUCTS: [&str; 3] = ["p", "q", "tea"];

fn uuid(n: u8) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

/// One thing that is asked of the shop, as JSON.
fn step() -> impl Strategy<Value = Value> {
    let product = || prop::sample::select(PRODUCTS.to_vec());
    let at = "2026-11-23T10:00:00Z";
    let order = (
        0..8_u8,
        prop::sample::subsequence(PRODUCTS.to_vec(), 1..=3),
        1..=4_i64,
        prop::option::of(1..=60_i64),
        any::<bool>(),
    );
    prop_oneof![
        3 => (0..6_u8, product(), 1..=9_i64).prop_map(move |(n, product, quantity)| json!({
            "type": "StockReceived", "version": 1, "movement_id": uuid(n), "product_id": product, "quantity": quantity, "occurred_at": at,
        })),
        1 => (6..9_u8, product(), -9..=-1_i64).prop_map(move |(n, product, delta)| json!({
            "type": "StockAdjusted", "version": 1, "movement_id": uuid(n), "product_id": product, "delta": delta, "reason": "r", "occurred_at": at,
        })),
        4 => order.prop_map(move |(n, products, quantity, hold, has_currency)| {
            let lines: Vec<Value> = (1..).zip(&products).map(|(line_no, product)| json!({
                "line_no": line_no, "product_id": product, "quantity": quantity, "unit_price": 2, "total_price": 2 * quantity,
            })).collect();
            json!({
                "type": "OrderPlaced", "version": 3, "order_id": uuid(n), "user_id": "u", "total_price": 2 * quantity * i64::try_from(products.len()).unwrap(),
                "lines": lines, "hold_seconds": hold, "currency": has_currency.then_some("EUR"), "placed_at": at,
            })
        }),
        3 => (0..8_u8, product(), prop::sample::select(vec!["OrderConfirmRequested", "OrderCancelRequested", "HoldExpired"])).prop_map(
            |(n, product, event_type)| json!({
                "type": event_type, "version": 1, "order_id": uuid(n), "product_id": product, "occurred_at": "2026-11-23T11:00:00Z",
            }),
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// All in one batch, since the fold of a batch knows the orders that stand in it.
    #[test]
    fn what_a_shop_decides_fits(steps in prop::collection::vec(step(), 1..40)) {
        let mut log: Vec<(String, Vec<u8>)> = steps.into_iter().map(|step| {
            let key = step["product_id"].as_str().or(step["lines"][0]["product_id"].as_str()).unwrap().to_owned();
            (key, step.to_string().into_bytes())
        }).collect();
        let only = Partition { number: 0, count: 1 };
        // What lines tell each other follows on the log, until nobody has anything to tell.
        let mut outcomes = Vec::new();
        for _round in 0..4 {
            let (state, prior) = (PartitionState::default(), Prior::default());
            let mut batch = BatchFold::new(only, &state, &prior, 0);
            for (offset, (key, value)) in (0..).zip(&log) {
                batch.fold(&Record { offset, time_ms: Some(offset), key: Some(key.as_bytes()), value: Some(value) });
            }
            let effects = batch.finish();
            outcomes = effects.outcomes.iter().map(|entry| entry.outcome.clone()).collect();
            let told: Vec<(String, Vec<u8>)> = effects.told.iter().map(|told| {
                let event = Event::LineTold(told.event.clone());
                (event.product_id().to_string(), encode(&event))
            }).filter(|record| !log.contains(record)).collect();
            if told.is_empty() { break }
            log.extend(told);
        }
        for outcome in outcomes {
            let value: Value = serde_json::from_slice(&outcome.encode()).unwrap();
            let contract = Contract::of_outcome(&outcome);
            prop_assert_eq!((&value["type"], &value["version"]), (&contract.event_type().into(), &contract.version().into()));
            let fits = VALIDATOR.against(contract, &value);
            prop_assert!(fits.is_ok(), "{} {:?}", value, fits);
            let schema = contract.schema();
            for name in value.as_object().unwrap().keys() {
                prop_assert!(schema["properties"].get(name).is_some(), "{} is not described", name);
            }
        }
    }
}
