//! The blob of an outbox row. Postcard of a list of [`OutboxEntry`], in an LZ4 frame with a checksum of the content. It must
//! never guess: what does not decode exactly is refused with what was expected and found.

use std::io::{self, Read, Write};

use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use crate::outbox::entry::OutboxEntry;
use crate::outbox::error::{OutboxError, OutboxKey};

/// Most plain bytes of a row. A row that we wrote has far fewer; one that claims more must not fill the memory.
const MAX_PLAIN_BYTES: u64 = 256 * 1024 * 1024;

/// A row of `outbox` without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedEntries {
    pub entry_count: i32,
    pub entries: Vec<u8>,
}

/// Encodes entries.
///
/// # Errors
/// [`OutboxError::Encode`].
pub fn encode_entries(entries: &[OutboxEntry<'_>]) -> Result<EncodedEntries, OutboxError> {
    let entry_count = i32::try_from(entries.len()).map_err(|error| OutboxError::Encode(error.to_string()))?;
    let plain = postcard::to_extend(entries, Vec::with_capacity(entries.len() * 400))
        .map_err(|error| OutboxError::Encode(error.to_string()))?;
    // Blocks of 256 KiB: hardly larger output than one block, and a small buffer per row.
    let frame = FrameInfo::new().block_size(BlockSize::Max256KB).block_mode(BlockMode::Linked).content_checksum(true);
    let compress = || -> io::Result<Vec<u8>> {
        let mut encoder = FrameEncoder::with_frame_info(frame, Vec::with_capacity(plain.len() / 2));
        encoder.write_all(&plain)?;
        encoder.finish().map_err(io::Error::other)
    };
    let entries = compress().map_err(|error| OutboxError::Encode(error.to_string()))?;
    Ok(EncodedEntries { entry_count, entries })
}

/// The plain bytes of a row's blob, checked by the frame's checksum. Entries borrow from them.
///
/// # Errors
/// [`OutboxError::Corrupt`] for bytes that are no frame, a frame that ends early, a wrong checksum, and what follows it.
pub fn decompress(key: OutboxKey, entries: &[u8]) -> Result<Vec<u8>, OutboxError> {
    let corrupt = |found: String| OutboxError::Corrupt { key, expected: "one whole LZ4 frame".to_owned(), found };
    // The decoder takes an end of input between two blocks for the end of the frame. With these bytes after it, a frame
    // that was cut there continues and fails, and a whole one leaves exactly them.
    const AFTER: [u8; 4] = [0; 4];
    let mut decoder = FrameDecoder::new(entries.chain(&AFTER[..])).take(MAX_PLAIN_BYTES);
    let mut plain = Vec::new();
    decoder.read_to_end(&mut plain).map_err(|error| corrupt(error.to_string()))?;
    let mut after = Vec::new();
    decoder.into_inner().into_inner().read_to_end(&mut after).map_err(|error| corrupt(error.to_string()))?;
    match after.len().checked_sub(AFTER.len()) {
        _ if plain.is_empty() => Err(corrupt("nothing".to_owned())),
        None => Err(corrupt("one that ends early".to_owned())),
        Some(0) => Ok(plain),
        Some(rest) => Err(corrupt(format!("{rest} bytes after it"))),
    }
}

/// Decodes what [`decompress`] gave, and checks it against the row's other columns.
///
/// # Errors
/// [`OutboxError::Corrupt`] for another count, bytes left over, an entry of another partition, one outside the row's interval,
/// or one that is not after the one before it.
pub fn decode_entries(key: OutboxKey, entry_count: i32, plain: &[u8]) -> Result<Vec<OutboxEntry<'_>>, OutboxError> {
    let corrupt = |expected: &str, found: String| OutboxError::Corrupt { key, expected: expected.to_owned(), found };
    let (entries, rest) = postcard::take_from_bytes::<Vec<OutboxEntry<'_>>>(plain)
        .map_err(|error| corrupt("a list of entries", error.to_string()))?;
    if !rest.is_empty() {
        return Err(corrupt("nothing after the entries", format!("{} bytes", rest.len())));
    }
    if i32::try_from(entries.len()) != Ok(entry_count) {
        return Err(corrupt(&format!("{entry_count} entries"), entries.len().to_string()));
    }
    for entry in &entries {
        if entry.partition != key.partition || !(key.first_offset..key.next_offset).contains(&entry.offset) {
            return Err(corrupt("entries of the row's own interval", format!("entry {}", entry.event_id())));
        }
    }
    if let Some([earlier, later]) =
        entries.array_windows().find(|[earlier, later]| earlier.event_id() >= later.event_id())
    {
        let found = format!("{} before {}", earlier.event_id(), later.event_id());
        return Err(corrupt("entries in order of position", found));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::outbox::entry::{EntryContent, EntryHeader};

    const KEY: OutboxKey = OutboxKey { partition: 3, first_offset: 10, next_offset: 20 };

    fn outcome(offset: i64) -> OutboxEntry<'static> {
        OutboxEntry {
            content: EntryContent::Outcome { event_type: "OrderConfirmed".into(), subject: "chocolate".into() },
            partition: 3,
            offset,
            index: 0,
            key: Some(Cow::Borrowed(b"k")),
            value: Some(Cow::Owned(vec![7; 300])),
            headers: Vec::new(),
        }
    }

    fn letter(offset: i64) -> OutboxEntry<'static> {
        let header = |name: &'static str, value: Option<&'static [u8]>| EntryHeader {
            name: name.into(),
            value: value.map(Cow::Borrowed),
        };
        OutboxEntry {
            content: EntryContent::DeadLetter { reason: "undecodable".into(), detail: "é".into() },
            key: None,
            value: None,
            headers: vec![header("a", None), header("a", Some(b"\xff")), header("", Some(b""))],
            ..outcome(offset)
        }
    }

    fn read(entry_count: i32, blob: &[u8]) -> Result<usize, String> {
        let plain = decompress(KEY, blob).map_err(|error| error.to_string())?;
        decode_entries(KEY, entry_count, &plain).map(|entries| entries.len()).map_err(|error| error.to_string())
    }

    fn check(entry_count: i32, blob: &[u8], says: &str) {
        let prefix = "outbox row of partition 3, offsets 10 to 20: expected ";
        let error = read(entry_count, blob).expect_err(says);
        assert!(error.starts_with(prefix) && error.contains(says), "{error}");
    }

    #[test]
    fn entries_come_back() {
        let entries: Vec<_> =
            (10..20).map(|offset| if offset % 3 == 0 { letter(offset) } else { outcome(offset) }).collect();
        let row = encode_entries(&entries).expect("encodable");
        assert_eq!(row.entry_count, 10);
        let plain = decompress(KEY, &row.entries).expect("a frame");
        assert_eq!(decode_entries(KEY, 10, &plain).expect("entries"), entries);
    }

    #[test]
    fn anything_else_is_refused() {
        let row = encode_entries(&[outcome(10), letter(11)]).expect("encodable").entries;
        check(3, &row, "3 entries, found 2");
        check(2, b"", "one whole LZ4 frame, found nothing");
        check(2, b"garbage", "one whole LZ4 frame");
        for end in 1..row.len() {
            check(2, &row[..end], "one whole LZ4 frame");
        }
        check(2, &[&row[..], b"x"].concat(), "found 1 bytes after it");
        for at in 0..row.len() {
            let mut flipped = row.clone();
            flipped[at] ^= 0x10;
            assert!(read(2, &flipped).is_err(), "byte {at}");
        }
    }

    #[test]
    fn entries_must_fit_their_row() {
        for (entries, says) in [
            (vec![outcome(9)], "found entry 3-9-0"),
            (vec![outcome(20)], "found entry 3-20-0"),
            (vec![OutboxEntry { partition: 4, ..outcome(10) }], "found entry 4-10-0"),
            (vec![outcome(11), outcome(10)], "entries in order of position, found 3-11-0 before 3-10-0"),
            (vec![outcome(10), outcome(10)], "entries in order of position, found 3-10-0 before 3-10-0"),
        ] {
            let row = encode_entries(&entries).expect("encodable");
            check(row.entry_count, &row.entries, says);
        }
        let plain = postcard::to_extend(&[outcome(10)][..], Vec::new()).expect("encodable");
        let error = decode_entries(KEY, 1, &[&plain[..], b"x"].concat()).expect_err("trailing").to_string();
        assert!(error.ends_with("expected nothing after the entries, found 1 bytes"), "{error}");
    }
}
