//! The decoder of the log and the schemas, held against each other: by every sample with every member removed, repeated as another
//! kind, or set to what is at a border, and by every record of the fold's corpus.
//!
//! What is decoded fits. What is refused does not fit, but for what no schema can say: [`beyond_a_schema`].

use ledger_contracts::{Contract, Topic, samples};
use ledger_schema::ParkReason;
use ledger_schema::wire::{DecodeError, Event, decode};
use serde_json::{Value, json};

use crate::validator::VALIDATOR;

/// What one schema of one value cannot say.
fn beyond_a_schema(error: &DecodeError) -> bool {
    error.reason == ParkReason::WrongTotal
        || error.reason == ParkReason::TooLarge
        // Lines that are numbered with a gap, a product in two lines, a hold that ends after time does, a 30th of February.
        || ["line_no must be ", "must stand in one line only", "hold_seconds must end", "RFC 3339 time"].iter().any(|words| error.detail.contains(words))
        // JSON Schema knows numbers, not how they are written.
        || ["without fraction or exponent", "zero has no sign"].iter().any(|words| error.detail.contains(words))
        // A parser of JSON has dropped one of them.
        || error.detail.contains("found more than once")
        // Digits without end are a number all the same.
        || error.detail.contains("PARTITION-OFFSET-INDEX")
}

/// Compares both, and says whether the value was taken.
fn check(text: &str) -> Result<Event, DecodeError> {
    let decoded = decode(Some(text.as_bytes()));
    let Ok(value) = serde_json::from_str::<Value>(text) else { return decoded };
    let fits = VALIDATOR.takes(Topic::Orders, &value);
    match (&decoded, fits) {
        (Ok(_), Err(error)) => panic!("decoded, and does not fit: {text}\n{error}"),
        (Err(error), Ok(())) if !beyond_a_schema(error) => panic!("fits, and is refused: {text}\n{error}"),
        _ => {}
    }
    decoded
}

/// What stands at a border of what the schema says of a member, and what is of another kind.
fn others(schema: &Value) -> Vec<Value> {
    let mut others = vec![
        Value::Null,
        json!(true),
        json!(7),
        json!(0),
        json!(-1),
        json!(7.5),
        json!([]),
        json!([1]),
        json!({}),
        json!({"a": 1}),
        json!(""),
        json!("a b"),
        json!("word"),
        json!("\u{202e}"),
        json!("\u{85}"),
        json!("チョコ"),
        json!("eur"),
        json!("EUR"),
        json!("EURO"),
        json!("77A436FD-64F9-4D35-999B-A957195F5D23"),
        json!("77a436fd64f94d35999ba957195f5d23"),
        json!("00000000-0000-0000-0000-000000000000"),
        json!("3-44-0"),
        json!("03-044-00"),
        json!("3:44"),
        json!("-3-44-0"),
        json!("2026-11-23T10:00:00Z"),
        json!("2026-11-23 10:00:00.5+02:00"),
        json!("2026-11-23T10:00:00-00:00"),
        json!("1969-12-31T23:00:00-01:00"),
        json!("1969-12-30T23:00:00-01:00"),
        json!("2026-11-23T24:00:00Z"),
        json!("2026-11-23T10:00:00"),
        json!("2026-13-01T00:00:00Z"),
        json!("2026-11-23T10:00:60Z"),
        json!("２026-11-23T10:00:00Z"),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(i64::MIN),
    ];
    let number = |keyword: &str| schema.get(keyword).and_then(Value::as_i64);
    for bound in [number("minimum"), number("maximum")].into_iter().flatten() {
        others.extend([bound - 1, bound, bound + 1].map(Value::from));
    }
    if let Some(length) = number("maxLength").and_then(|length| usize::try_from(length).ok()) {
        others.extend([length, length + 1].map(|length| Value::from("𝄞".repeat(length))));
    }
    for word in schema.get("enum").and_then(Value::as_array).into_iter().flatten() {
        others.push(word.clone());
    }
    others
}

/// Every member of an object and of what is in it, as pointers, with its schema.
fn members(schema: &Value, value: &Value, at: &str, found: &mut Vec<(String, Value)>) {
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let pointer = format!("{at}/{name}");
        found.push((pointer.clone(), member.clone()));
        for (index, item) in value[name].as_array().into_iter().flatten().enumerate() {
            members(&member["items"], item, &format!("{pointer}/{index}"), found);
        }
    }
}

fn with(value: &Value, pointer: &str, change: Option<&Value>) -> Value {
    let mut value = value.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = value.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match change {
        Some(other) => drop(parent.insert(name.to_owned(), other.clone())),
        None => drop(parent.remove(name)),
    }
    value
}

#[test]
fn a_sample_with_any_member_changed() {
    let (mut taken, mut refused) = (0, 0);
    for sample in samples::ALL.iter().filter(|sample| sample.contract.topic() == Topic::Orders) {
        let value: Value = serde_json::from_str(sample.json).unwrap();
        let mut all = Vec::new();
        members(&sample.contract.schema(), &value, "", &mut all);
        for (pointer, schema) in all {
            let mut changed = vec![with(&value, &pointer, None)];
            changed.extend(others(&schema).iter().map(|other| with(&value, &pointer, Some(other))));
            for value in changed {
                match check(&value.to_string()) {
                    Ok(_) => taken += 1,
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(taken > 500 && refused > 3_000, "{taken} taken, {refused} refused");
}

/// What a schema says that is refused, is refused: a table for people, each by the member that it changes.
#[test]
fn what_is_refused_does_not_fit() {
    let sample = |contract: Contract| samples::of(contract).next().unwrap().json;
    for (contract, from, to) in [
        (Contract::OrderPlacedV1, "\"quantity\":4", "\"quantity\":0"),
        (Contract::OrderPlacedV1, "\"quantity\":4", "\"quantity\":\"4\""),
        (Contract::OrderPlacedV1, "\"quantity\":4,", ""),
        (Contract::OrderPlacedV1, "71000", "9007199254740992"),
        (Contract::OrderPlacedV1, "CATALOG-002", "CATALOG 002"),
        (Contract::OrderPlacedV1, "CATALOG-002", ""),
        (Contract::OrderPlacedV1, "77a436fd-", ""),
        (Contract::OrderPlacedV1, "2026-11-23T", "2026-11-23 at "),
        (Contract::OrderPlacedV1, "\"version\":1", "\"version\":4"),
        (Contract::OrderPlacedV1, "\"type\":\"OrderPlaced\"", "\"type\":\"OrderEaten\""),
        (Contract::OrderPlacedV2, "\"web\"", "7"),
        (Contract::OrderPlacedV3, "\"JPY\"", "\"yen\""),
        (Contract::OrderPlacedV3, "\"hold_seconds\":600", "\"hold_seconds\":86401"),
        (Contract::OrderPlacedV3, "\"line_no\":1", "\"line_no\":0"),
        (Contract::StockAdjustedV1, "-3", "0"),
        (Contract::StockAdjustedV1, "three bars melted", ""),
        (Contract::LineDecidedV1, "\"reserved\"", "\"released\""),
        (Contract::LineDecidedV1, "\"reserved\"", "\"rejected\""),
        (Contract::LineDecidedV1, "\"reserved\"", "\"reserved\",\"reason\":\"out-of-stock\""),
        (Contract::LineDecidedV1, "\"reserved\"", "\"rejected\",\"reason\":\"below-zero\""),
        (Contract::LineRequestedV1, "5-12-0", "5-12"),
    ] {
        let text = sample(contract).replace(from, to);
        assert_ne!(text, sample(contract), "{from} is in the sample");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(VALIDATOR.takes(Topic::Orders, &value).is_err(), "{text}");
        assert!(decode(Some(text.as_bytes())).is_err(), "{text}");
    }
}

/// `%NN` is a byte there.
fn record(line: &str) -> Option<String> {
    let (_key, value) = line.strip_prefix("> ")?.split_once(' ')?;
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).ok()
}

#[test]
fn every_record_of_the_folds_corpus() {
    const CORPUS: &str = include_str!("../../../../projector/fold/tests/corpus/log.txt");
    let records: Vec<String> = CORPUS.lines().filter_map(record).collect();
    let taken = records.iter().filter(|text| check(text).is_ok()).count();
    assert!(records.len() > 300 && taken > 100, "{taken} of {} were taken", records.len());
}
