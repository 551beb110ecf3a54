//! What was published, in the auditor's spelling: exactly one message per effect, in order, in the cause's partition.

use std::collections::BTreeMap;

use serde_json::Value;

use super::expected::dead_letter_row;
use super::topic::{RawLog, RawRecord};

/// Published messages by partition, in order.
pub(super) type Published = BTreeMap<i32, Vec<String>>;

fn collect(log: &RawLog, show: impl Fn(&RawRecord) -> String) -> Published {
    let partitions = log.partitions.iter().filter(|(_, records)| !records.is_empty());
    partitions.map(|(partition, records)| (*partition, records.iter().map(&show).collect())).collect()
}

fn header<'a>(record: &'a RawRecord, name: &str) -> &'a str {
    let found = record.headers.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.as_deref());
    found.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or("none")
}

/// Event id (which the value and `ce_id` must agree on), type, id, and what is left or why not.
pub(super) fn outcomes(log: &RawLog) -> Published {
    collect(log, |record| {
        let value: Value =
            record.value.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
        let text = |name: &str| value[name].as_str().unwrap_or("none");
        let is_order = value.get("order_id").is_some();
        let id = text(if is_order { "order_id" } else { "movement_id" });
        let key = if is_order { id } else { text("product_id") };
        if header(record, "ce_id") != text("event_id")
            || header(record, "ce_type") != text("type")
            || record.key.as_deref() != Some(key.as_bytes())
        {
            return format!("key or headers that disagree with the value: {record:?}");
        }
        let rest = match value["available"].as_i64() {
            Some(available) => format!("available={available}"),
            None => format!("reason={}", text("reason")),
        };
        format!("{} {} {id} {rest}", text("event_id"), text("type"))
    })
}

/// Event id, reason, key and value.
pub(super) fn dead_letters(log: &RawLog) -> Published {
    collect(log, |record| {
        let row = dead_letter_row(header(record, "ledger_reason"), record.key.as_deref(), record.value.as_deref());
        format!("{} {row}", header(record, "ledger_event_id"))
    })
}

/// The first difference of each partition: after it the rest is shifted.
pub(super) fn differences(what: &str, expected: &Published, found: &Published) -> Vec<String> {
    let none = Vec::new();
    let partitions = expected.keys().chain(found.keys().filter(|partition| !expected.contains_key(partition)));
    partitions
        .filter_map(|partition| {
            let (expected, found) = (expected.get(partition).unwrap_or(&none), found.get(partition).unwrap_or(&none));
            let at = (0..expected.len().max(found.len())).find(|at| expected.get(*at) != found.get(*at))?;
            let show = |list: &[String]| list.get(at).map_or("nothing".to_owned(), Clone::clone);
            let (wanted, got) = (show(expected), show(found));
            let counts = format!("{} expected, {} found", expected.len(), found.len());
            Some(format!("{what} {partition}, message {at}: expected {wanted}, found {got} ({counts})"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_a_double_and_a_stranger_are_named() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let expected = Published::from([(0, list(&["a", "b", "c"])), (1, list(&["x"]))]);
        let gap = Published::from([(0, list(&["a", "c"])), (1, list(&["x"]))]);
        let text = "outcomes 0, message 1: expected b, found c (3 expected, 2 found)";
        assert_eq!(differences("outcomes", &expected, &gap), [text]);
        let double = Published::from([(0, list(&["a", "b", "c"])), (1, list(&["x", "x"])), (2, list(&["y"]))]);
        assert_eq!(
            differences("outcomes", &expected, &double),
            [
                "outcomes 1, message 1: expected nothing, found x (1 expected, 2 found)",
                "outcomes 2, message 0: expected nothing, found y (0 expected, 1 found)"
            ]
        );
        assert!(differences("outcomes", &expected, &expected).is_empty());
    }
}
