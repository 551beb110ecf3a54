//! Something to publish. An entry names its topic, key and partition, so that all entries of a batch can be published in one
//! Kafka transaction.

use std::borrow::Cow;

use ledger_schema::{EventId, Position};
use serde::{Deserialize, Serialize};

/// Something to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxEntry<'a> {
    #[serde(borrow)]
    pub content: EntryContent<'a>,
    /// Of its cause, and of the topic that it goes to; the log itself gets what is told at [`EntryContent::Told`]'s.
    pub partition: i32,
    /// Offset of the cause.
    pub offset: i64,
    /// Which of the cause's entries, from 0.
    pub index: u32,
    #[serde(borrow, with = "serde_bytes")]
    pub key: Option<Cow<'a, [u8]>>,
    #[serde(borrow, with = "serde_bytes")]
    pub value: Option<Cow<'a, [u8]>>,
    /// Beyond those that follow from `content`.
    #[serde(borrow)]
    pub headers: Vec<EntryHeader<'a>>,
}

/// Which topic it goes to, with what that topic's own headers are made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryContent<'a> {
    /// To the outcomes: CloudEvents headers are made from these and the position.
    Outcome {
        #[serde(borrow)]
        event_type: Cow<'a, str>,
        /// The product id.
        #[serde(borrow)]
        subject: Cow<'a, str>,
    },
    /// To the dead letters: key, value and headers as received, and why it was parked.
    DeadLetter {
        #[serde(borrow)]
        reason: Cow<'a, str>,
        #[serde(borrow)]
        detail: Cow<'a, str>,
    },
    /// To the log: an event for another partition. The last variant, so that rows of before still decode.
    Told {
        #[serde(borrow)]
        event_type: Cow<'a, str>,
        /// The product id.
        #[serde(borrow)]
        subject: Cow<'a, str>,
        /// Of the log.
        partition: i32,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryHeader<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow, with = "serde_bytes")]
    pub value: Option<Cow<'a, [u8]>>,
}

/// What the protocol adds to a header at most: the lengths of name and value.
const HEADER_LENGTH_BYTES: usize = 10;

impl EntryHeader<'_> {
    /// Bytes that it takes in a record.
    pub fn bytes(&self) -> usize {
        self.name.len() + self.value.as_deref().map_or(0, <[u8]>::len) + HEADER_LENGTH_BYTES
    }
}

impl OutboxEntry<'_> {
    /// Bytes of key, value and headers as received.
    pub fn received_bytes(&self) -> usize {
        let part = |part: &Option<Cow<'_, [u8]>>| part.as_deref().map_or(0, <[u8]>::len);
        part(&self.key) + part(&self.value) + self.headers.iter().map(EntryHeader::bytes).sum::<usize>()
    }

    /// Identity of the entry: the position of its cause, and which of its entries it is.
    pub fn event_id(&self) -> EventId {
        EventId { cause: Position { partition: self.partition, offset: self.offset }, index: self.index }
    }
}
