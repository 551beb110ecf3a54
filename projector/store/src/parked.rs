//! A parked record as it is kept, with key, value and headers as received (INV-8). What is kept has limits, so that one
//! record can never make a statement that the server refuses and so stop its partition; the log still has the whole.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ledger_database::requirements::NEEDED_PACKET_BYTES;
use ledger_fold::Parked;
use ledger_kafka::record::OwnedRecord;

use crate::batch::PartitionBatch;

/// Longest value that is kept, in bytes. Above what the topic takes, so only reachable through compression.
pub const MAX_KEPT_VALUE_BYTES: usize = 16 * 1024 * 1024;
/// Longest key that is kept, in bytes.
pub const MAX_KEPT_KEY_BYTES: usize = 1024 * 1024;
/// Most bytes of headers (names and values) that are kept; the first that does not fit ends them.
pub const MAX_KEPT_HEADER_BYTES: usize = 1024 * 1024;
/// What a statement of one record may need at most, and so what the server's `max_allowed_packet` has to allow. In it go the largest
/// record that the log takes, its headers as text, and what is kept of a larger one that an old topic holds compressed.
pub const MAX_STATEMENT_BYTES: usize = 32 * 1024 * 1024;
const _: () = assert!(MAX_STATEMENT_BYTES as u64 <= NEEDED_PACKET_BYTES);
/// The statement's text and the protocol's own fields.
const STATEMENT_OWN_BYTES: usize = 4 * 1024;
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
        let detail = cut_text(&parked.detail, MAX_DETAIL_BYTES);
        let (key, value) = (kept(record.key(), MAX_KEPT_KEY_BYTES), kept(record.value(), MAX_KEPT_VALUE_BYTES));
        let others = bytes_of(key) + bytes_of(value) + detail.len() + STATEMENT_OWN_BYTES;
        // Names and values have a limit, and so has their text: an empty header, which a record may have millions of, is
        // nothing to the one, and ten characters to the other.
        let (mut room, mut text_room) = (MAX_KEPT_HEADER_BYTES, MAX_STATEMENT_BYTES.saturating_sub(others));
        let fits = |(name, value): &(String, Option<&[u8]>)| {
            let rest = room.checked_sub(name.len() + bytes_of(*value));
            let text_rest = text_room.checked_sub(json_bytes(name, *value));
            (room, text_room) = (rest.unwrap_or(0), text_rest.unwrap_or(0));
            rest.is_some() && text_rest.is_some()
        };
        Self {
            offset: parked.offset,
            reason: parked.reason.as_str(),
            detail,
            key,
            value,
            value_bytes: record
                .value()
                .map(|value| i64::try_from(value.len()).expect("no slice is longer than i64::MAX")),
            headers: record.headers().take_while(fits).collect(),
        }
    }

    /// `[[name, base64 of the value or null], ..]`: names repeat, and values are bytes.
    pub fn headers_json(&self) -> String {
        let mut json = String::with_capacity(self.headers_json_bytes() + 2);
        json.push('[');
        for (index, (name, value)) in self.headers.iter().enumerate() {
            json.push_str(if index == 0 { "[" } else { ",[" });
            json.push_str(&serde_json::Value::from(name.as_str()).to_string());
            match value {
                None => json.push_str(",null]"),
                Some(value) => {
                    json.push_str(",\"");
                    STANDARD.encode_string(value, &mut json);
                    json.push_str("\"]");
                }
            }
        }
        json.push(']');
        json
    }

    fn headers_json_bytes(&self) -> usize {
        self.headers.iter().map(|(name, value)| json_bytes(name, *value)).sum()
    }

    /// What it takes in a statement.
    pub(crate) fn statement_bytes(&self) -> usize {
        bytes_of(self.key) + bytes_of(self.value) + self.detail.len() + self.headers_json_bytes()
    }
}

fn bytes_of(part: Option<&[u8]>) -> usize {
    part.map_or(0, <[u8]>::len)
}

/// Bytes of a header in [`DeadLetter::headers_json`], with the comma before it.
fn json_bytes(name: &str, value: Option<&[u8]>) -> usize {
    let character = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    let value = value.map_or(4, |value| 2 + value.len().div_ceil(3) * 4);
    ",[\"\",]".len() + name.bytes().map(character).sum::<usize>() + value
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
    fn what_headers_take_in_a_statement_is_known_before() {
        let every_byte: String = (1..0x80_u8).map(char::from).collect();
        let headers: &[(&str, Option<&[u8]>)] =
            &[(every_byte.as_str(), Some(b"")), ("é\u{fffd}", Some(b"\xff")), ("", None), ("a", Some(b"1234"))];
        for count in 0..=headers.len() {
            let record = OwnedRecord::from_parts(0, 7, 1, Some(b"key"), Some(b"value"), &headers[..count]);
            let parked = parked("detail");
            let letter = DeadLetter::of(&parked, &record);
            let json = letter.headers_json();
            // Around all of them are brackets, and the first has no comma before it.
            assert_eq!(json.len(), letter.headers_json_bytes() + if count == 0 { 2 } else { 1 }, "{json}");
            assert_eq!(letter.statement_bytes(), "keyvaluedetail".len() + letter.headers_json_bytes());
            let read: Vec<(String, Option<String>)> = serde_json::from_str(&json).expect("JSON");
            let names: Vec<_> = headers[..count].iter().map(|(name, _)| (*name).to_owned()).collect();
            assert_eq!(read.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), names);
        }
    }

    #[test]
    fn the_text_of_headers_leaves_a_statement_its_limit() {
        let value = vec![2; MAX_KEPT_VALUE_BYTES];
        // Without a byte of their own.
        let headers: Vec<(&str, Option<&[u8]>)> = vec![("", None); 2_000_000];
        let record = OwnedRecord::from_parts(0, 7, 1, None, Some(&value), &headers);
        let parked = parked("x");
        let letter = DeadLetter::of(&parked, &record);
        assert!(letter.headers.len() > 1_000_000, "{}", letter.headers.len());
        assert!(letter.statement_bytes() + STATEMENT_OWN_BYTES <= MAX_STATEMENT_BYTES);
        assert_eq!(letter.headers_json().len(), letter.headers_json_bytes() + 1);
    }

    #[test]
    #[should_panic(expected = "a parked record is one of its batch")]
    fn a_parked_record_without_its_record_stops_by_name() {
        let (state, prior) = Default::default();
        let empty = ledger_fold::BatchFold::new(ledger_fold::Partition { number: 3, count: 4 }, &state, &prior, 0);
        let effects = ledger_fold::BatchEffects { next_offset: 8, parked: vec![parked("x")], ..empty.finish() };
        let records = [OwnedRecord::from_parts(3, 6, 1, None, None, &[])];
        let generation = crate::batch::GenerationKey { number: 1, id: uuid::Uuid::nil() };
        let batch = PartitionBatch { generation, effects, records: &records };
        of_batch(&batch).for_each(drop);
    }
}
