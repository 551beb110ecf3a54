//! The published messages as the schema's golden samples have them: each member is read, and a message without one is none.

use serde_json::Value;

use super::world::message;
use crate::auditor::published::Published;
use crate::auditor::published::{Announcement, Said, dead_letters, differences};
use crate::auditor::topic::{RawLog, RawRecord};

fn golden(name: &str) -> Value {
    let file = xtask::repository::root().join("schema/golden").join(name);
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// Members that a message of the type may lack.
const OPTIONAL: [&str; 4] = ["currency", "hold_seconds", "expires_at", "reason"];

#[test]
fn every_member_of_every_outcome_is_read() {
    for (name, says) in [
        ("order_confirmed.v1.json", "CATALOG-002 4x71000=284000"),
        ("order_rejected.v1.json", "out-of-stock"),
        ("order_held.v1.json", "hold="),
        ("order_cancelled.v1.json", "OrderCancelled"),
        ("order_confirmed.v2.json", "sum="),
        ("order_rejected.v2.json", "line-rejected"),
        ("order_held.v2.json", "expires_at: Some"),
        ("order_cancelled.v2.json", "released"),
        ("stock_changed.v1.json", "receipt"),
        ("stock_changed.v2.json", "Released"),
        ("adjustment_rejected.v1.json", "below-zero"),
    ] {
        let value = golden(name);
        let whole = Announcement::read(&message(&value)).unwrap_or_else(|| panic!("{name} is not read"));
        let spelled = format!("{whole:?}");
        assert!(spelled.contains(says), "{name}: {spelled}");
        let several = matches!(&whole.said, Said::Order(said) if !said.lines.is_empty());
        for member in value.as_object().unwrap().keys() {
            let mut record = message(&value);
            let mut poorer = value.clone();
            poorer.as_object_mut().unwrap().remove(member);
            record.value = Some(poorer.to_string().into_bytes());
            let read = Announcement::read(&record);
            let may_lack = matches!(member.as_str(), "currency" | "hold_seconds")
                || several && OPTIONAL.contains(&member.as_str());
            // Without it, it is unreadable, or at least something else; and never what looks the same.
            match read {
                None => assert!(!may_lack, "{name} without {member} is none"),
                Some(read) => assert!(may_lack && read != whole, "{name} without {member}: {read:?}"),
            }
        }
        for header in 0..2 {
            let mut record = message(&value);
            record.headers.remove(header);
            assert_eq!(Announcement::read(&record), None, "{name} without header {header}");
        }
    }
}

#[test]
fn a_dead_letter_without_its_reason_is_not_taken_for_one_with_it() {
    let mut record = RawRecord { offset: 0, time_ms: None, key: None, value: None, headers: Vec::new() };
    record.headers.push(("ledger_event_id".to_owned(), Some(b"0-4-0".to_vec())));
    let log = RawLog { partitions: [(0, vec![record])].into() };
    let found = &dead_letters(&log)[&0][0];
    assert!(found.starts_with("without event id or reason"), "{found}");
}

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
