//! A record of the log, copied out of the Kafka client in one allocation, so that the client's buffers are free at once.
//! It must never interpret the value: that is the fold's.

use std::ffi::CStr;

use rdkafka::message::{BorrowedMessage, Message};

use crate::native;

/// The value of the last header of `message` that is called `name`; `None` where there is none, or it has no value. The others are not
/// looked at, so none of them has to be text.
pub fn last_header<'m>(message: &'m BorrowedMessage<'_>, name: &CStr) -> Option<&'m [u8]> {
    native::last_header(message, name)
}

/// Counts the times that a partition was assigned or re-read. Records of an older epoch than the partition's are dropped.
pub type Epoch = u64;

/// An owned record. `bytes` holds key, value and headers one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    pub partition: i32,
    pub offset: i64,
    pub epoch: Epoch,
    /// Kafka's time of the record, milliseconds since 1970: the broker's or the producer's, as the topic is set. `None` where it has none.
    pub time_ms: Option<i64>,
    key_len: Option<u32>,
    value_len: Option<u32>,
    bytes: Box<[u8]>,
}

/// Marks a header without a value.
const NO_VALUE: u32 = u32::MAX;

/// Kafka's protocol has signed 32-bit lengths, so none reaches [`NO_VALUE`]. A shorter one would cut a record in silence.
fn length(bytes: &[u8]) -> u32 {
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length < NO_VALUE);
    length.expect("a part of a record is shorter than 2 GiB")
}

impl OwnedRecord {
    /// Copies what Kafka delivered.
    pub fn copy(message: &BorrowedMessage<'_>, epoch: Epoch) -> Self {
        let (key, value) = (message.key(), message.payload());
        let known = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        // Headers of the services take about 200 bytes: room for them spares a second allocation.
        let mut bytes = Vec::with_capacity(known + 256);
        bytes.extend_from_slice(key.unwrap_or_default());
        bytes.extend_from_slice(value.unwrap_or_default());
        native::for_each_header(message, |name, value| push_header(&mut bytes, name, value));
        Self {
            partition: message.partition(),
            offset: message.offset(),
            epoch,
            time_ms: message.timestamp().to_millis(),
            key_len: key.map(length),
            value_len: value.map(length),
            bytes: bytes.into_boxed_slice(),
        }
    }

    /// A record from its parts, as tests and tools have them.
    pub fn from_parts(
        partition: i32,
        offset: i64,
        epoch: Epoch,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> Self {
        let mut bytes = [key.unwrap_or_default(), value.unwrap_or_default()].concat();
        for (name, value) in headers {
            push_header(&mut bytes, name.as_bytes(), *value);
        }
        let (key_len, value_len) = (key.map(length), value.map(length));
        Self { partition, offset, epoch, time_ms: None, key_len, value_len, bytes: bytes.into_boxed_slice() }
    }

    /// The same with Kafka's time.
    #[must_use]
    pub fn at_time(self, time_ms: i64) -> Self {
        Self { time_ms: Some(time_ms), ..self }
    }

    pub fn key(&self) -> Option<&[u8]> {
        self.key_len.map(|length| &self.bytes[..usize_of(length)])
    }

    pub fn value(&self) -> Option<&[u8]> {
        let start = usize_of(self.key_len.unwrap_or(0));
        self.value_len.map(|length| &self.bytes[start..start + usize_of(length)])
    }

    /// Name and value of each header, in order. Names are text by Kafka's protocol; what is not is replaced by U+FFFD.
    pub fn headers(&self) -> impl Iterator<Item = (String, Option<&[u8]>)> {
        let start = usize_of(self.key_len.unwrap_or(0)) + usize_of(self.value_len.unwrap_or(0));
        let mut rest = &self.bytes[start..];
        std::iter::from_fn(move || take_header(&mut rest))
            .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value))
    }

    /// Bytes that it holds in memory, for limits.
    pub fn size(&self) -> usize {
        self.bytes.len() + size_of::<Self>()
    }
}

fn usize_of(length: u32) -> usize {
    usize::try_from(length).expect("a usize has 32 bits or more")
}

fn push_header(bytes: &mut Vec<u8>, name: &[u8], value: Option<&[u8]>) {
    bytes.extend_from_slice(&length(name).to_le_bytes());
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(&value.map_or(NO_VALUE, length).to_le_bytes());
    bytes.extend_from_slice(value.unwrap_or_default());
}

/// The next header; `None` after the last.
fn take_header<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    if rest.is_empty() {
        return None;
    }
    let name_len = take_length(rest);
    let name = take(rest, usize_of(name_len));
    let value = match take_length(rest) {
        NO_VALUE => None,
        length => Some(take(rest, usize_of(length))),
    };
    Some((name, value))
}

fn take_length(rest: &mut &[u8]) -> u32 {
    u32::from_le_bytes(take(rest, 4).try_into().expect("four bytes were taken"))
}

/// The bytes are those that `push_header` wrote.
fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    rest.split_off(..length).expect("a header is as long as it was written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_as_they_went_in() {
        let headers: &[(&str, Option<&[u8]>)] =
            &[("ce_id", Some(b"1")), ("twice", Some(b"")), ("twice", None), ("", Some(b"\xff\0"))];
        for key in [None, Some(&b""[..]), Some(b"chocolate")] {
            for value in [None, Some(&b""[..]), Some(b"{}")] {
                let record = OwnedRecord::from_parts(3, 7, 1, key, value, headers);
                assert_eq!((record.key(), record.value()), (key, value));
                let found: Vec<_> = record.headers().collect();
                let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), *value)).collect();
                assert_eq!(found, headers);
            }
        }
        assert_eq!(OwnedRecord::from_parts(0, 0, 0, None, None, &[]).headers().count(), 0);
    }
}
