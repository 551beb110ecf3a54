//! A parked record as it is kept, with key, value and headers as received (INV-8). What is kept has limits, so that one
//! record can never make a statement that the server refuses and so stop its partition; the log still has the whole.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ledger_fold::Parked;
use ledger_kafka::record::OwnedRecord;

use crate::batch::PartitionBatch;

/// Longest value that is kept, in bytes. Above what the topic takes, so only reachable through compression.
pub const MAX_KEPT_VALUE_BYTES: usize = 16 * 1024 * 1024;
/// Longest key that is kept, in bytes.
pub const MAX_KEPT_KEY_BYTES: usize = 1024 * 1024;
/// Most bytes of headers (names and values) that are kept; the first that does not fit ends them.
pub const MAX_KEPT_HEADER_BYTES: usize = 1024 * 1024;
/// Longest detail, in bytes: far below what TEXT holds. (A detail may quote a key.)
const MAX_DETAIL_BYTES: usize = 4 * 1024;

/// A parked record as it is kept.
#[derive(Debug)]
pub struct DeadLetter<'a> {
    pub offset: i64,
    pub reason: &'static str,
    pub detail: &'a str,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Full length of the value.
    pub value_bytes: Option<i64>,
    pub headers: Vec<(String, Option<&'a [u8]>)>,
}

impl<'a> DeadLetter<'a> {
    /// What is kept of `record`.
    pub fn of(parked: &'a Parked, record: &'a OwnedRecord) -> Self {
        let kept = |bytes: Option<&'a [u8]>, max: usize| bytes.map(|bytes| &bytes[..bytes.len().min(max)]);
        let mut room = MAX_KEPT_HEADER_BYTES;
        let fits = |(name, value): &(String, Option<&[u8]>)| {
            let size = name.len() + value.map_or(0, <[u8]>::len);
            room.checked_sub(size).is_some_and(|rest| {
                room = rest;
                true
            })
        };
        Self {
            offset: parked.offset,
            reason: parked.reason.as_str(),
            detail: cut_text(&parked.detail, MAX_DETAIL_BYTES),
            key: kept(record.key(), MAX_KEPT_KEY_BYTES),
            value: kept(record.value(), MAX_KEPT_VALUE_BYTES),
            value_bytes: record
                .value()
                .map(|value| i64::try_from(value.len()).expect("no slice is longer than i64::MAX")),
            headers: record.headers().into_iter().take_while(fits).collect(),
        }
    }

    /// `[[name, base64 of the value or null], ..]`: names repeat, and values are bytes.
    pub fn headers_json(&self) -> String {
        let pairs = self.headers.iter().map(|(name, value)| (name, value.map(|value| STANDARD.encode(value))));
        serde_json::Value::from_iter(pairs.map(|(name, value)| serde_json::json!([name, value]))).to_string()
    }

    pub(crate) fn size(&self) -> usize {
        self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len)
    }
}

/// The dead letters of a batch of one partition, in log order. To pass one over would lose a record (INV-8).
pub fn of_batch<'a>(batch: &'a PartitionBatch<'_>) -> impl Iterator<Item = DeadLetter<'a>> {
    batch.effects.parked.iter().map(|parked| {
        let at = batch.records.binary_search_by_key(&parked.offset, |record| record.offset);
        DeadLetter::of(parked, &batch.records[at.expect("a parked record is one of its batch")])
    })
}

/// `text`, or its longest beginning of at most `max` bytes that ends with a whole character.
fn cut_text(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

#[cfg(test)]
mod tests {
    use ledger_schema::ParkReason;

    use super::*;

    fn parked(detail: &str) -> Parked {
        Parked { offset: 7, reason: ParkReason::Undecodable, detail: detail.to_owned() }
    }

    #[test]
    fn bytes_are_kept_as_received() {
        let headers: &[(&str, Option<&[u8]>)] = &[("a", Some(b"\xff")), ("a", None), ("b\"", Some(b""))];
        let record = OwnedRecord::from_parts(0, 7, 1, Some(b"\0k"), Some(b"\xfe"), headers);
        let parked = parked("x");
        let letter = DeadLetter::of(&parked, &record);
        assert_eq!((letter.key, letter.value, letter.value_bytes), (Some(&b"\0k"[..]), Some(&b"\xfe"[..]), Some(1)));
        assert_eq!(letter.headers_json(), r#"[["a","/w=="],["a",null],["b\"",""]]"#);
    }

    #[test]
    fn what_is_kept_has_limits() {
        let (key, value) = (vec![1; MAX_KEPT_KEY_BYTES + 1], vec![2; MAX_KEPT_VALUE_BYTES + 1]);
        let large = vec![3; MAX_KEPT_HEADER_BYTES];
        let headers: &[(&str, Option<&[u8]>)] = &[("a", Some(b"1")), ("b", Some(&large)), ("c", Some(b"1"))];
        let record = OwnedRecord::from_parts(0, 7, 1, Some(&key), Some(&value), headers);
        let parked = parked(&"é".repeat(MAX_DETAIL_BYTES));
        let letter = DeadLetter::of(&parked, &record);
        assert_eq!(letter.key.map(<[u8]>::len), Some(MAX_KEPT_KEY_BYTES));
        assert_eq!(letter.value.map(<[u8]>::len), Some(MAX_KEPT_VALUE_BYTES));
        assert_eq!(letter.value_bytes, Some(16 * 1024 * 1024 + 1));
        assert_eq!(letter.headers.len(), 1);
        assert_eq!(letter.detail.len(), MAX_DETAIL_BYTES);
    }

    #[test]
    #[should_panic(expected = "a parked record is one of its batch")]
    fn a_parked_record_without_its_record_stops_by_name() {
        let effects = ledger_fold::BatchEffects {
            partition: 3,
            from_offset: 0,
            next_offset: 8,
            orders: Vec::new(),
            movements: Vec::new(),
            stock: Vec::new(),
            parked: vec![parked("x")],
            outcomes: Vec::new(),
            duplicate_count: 0,
        };
        let records = [OwnedRecord::from_parts(3, 6, 1, None, None, &[])];
        let generation = crate::batch::GenerationKey { number: 1, id: uuid::Uuid::nil() };
        let batch = PartitionBatch { generation, effects, records: &records };
        of_batch(&batch).for_each(drop);
    }
}
