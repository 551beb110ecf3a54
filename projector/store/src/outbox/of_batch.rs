//! Which entries a batch has, in order of position: the outcomes of a record or its dead letter (INV-6), and what it has another
//! partition told.

use std::borrow::Cow;
use std::iter::Peekable;

use ledger_fold::ToldEntry;
use ledger_kafka::record::OwnedRecord;
use ledger_schema::cloudevents::{self, CE_TIME};
use ledger_schema::wire::{self, Event};

use crate::batch::PartitionBatch;
use crate::outbox::entry::{EntryContent, EntryHeader, OutboxEntry};
use crate::outbox::error::OutboxError;
use crate::outbox::format::{EncodedEntries, encode_entries};
use crate::parked::{self, DeadLetter};

/// Encodes what a batch has to publish, in order of position; `None` when there is nothing.
///
/// # Errors
/// [`OutboxError::Encode`], which no input is known to cause.
pub fn encode(batch: &PartitionBatch<'_>) -> Result<Option<EncodedEntries>, OutboxError> {
    let entries = entries_of(batch);
    if entries.is_empty() {
        return Ok(None);
    }
    encode_entries(&entries).map(Some)
}

/// Outcomes, dead letters and what other partitions are told, merged in order of position.
fn entries_of<'a>(batch: &'a PartitionBatch<'_>) -> Vec<OutboxEntry<'a>> {
    let mut causes = Causes(batch.records.iter().peekable());
    let outcomes = batch.effects.outcomes.iter().map(|entry| OutboxEntry {
        content: EntryContent::Outcome {
            event_type: Cow::Borrowed(entry.outcome.event_type()),
            subject: Cow::Borrowed(entry.outcome.product_id()),
        },
        partition: entry.event_id.cause.partition,
        offset: entry.event_id.cause.offset,
        index: entry.event_id.index,
        key: Some(Cow::Borrowed(entry.outcome.key().as_bytes())),
        value: Some(Cow::Owned(entry.outcome.encode())),
        headers: causes.time_of(entry.event_id.cause.offset),
    });
    let mut entries: Vec<_> = outcomes.chain(parked::of_batch(batch).map(|letter| entry_of(batch, letter))).collect();
    entries.extend(batch.effects.told.iter().map(told_entry));
    if !batch.effects.parked.is_empty() || !batch.effects.told.is_empty() {
        entries.sort_by_key(|entry| (entry.offset, entry.index));
    }
    entries
}

/// The records of a batch, looked up in the order of the log: one pass finds all causes.
struct Causes<'a>(Peekable<std::slice::Iter<'a, OwnedRecord>>);

impl Causes<'_> {
    /// `ce_time` is when the log took the cause: a fact of the log, so the same whenever it is folded. A record may have several
    /// outcomes.
    fn time_of(&mut self, offset: i64) -> Vec<EntryHeader<'static>> {
        while self.0.next_if(|record| record.offset < offset).is_some() {}
        let cause = self.0.peek().filter(|record| record.offset == offset);
        let cause = cause.expect("an outcome is of a record of its batch, and outcomes are in the order of the log");
        let time = cause.time_ms.and_then(cloudevents::time);
        let header = |time: String| EntryHeader { name: CE_TIME.into(), value: Some(Cow::Owned(time.into_bytes())) };
        time.map(header).into_iter().collect()
    }
}

/// An event for another partition, as it stands in the outbox.
pub fn told_entry(told: &ToldEntry) -> OutboxEntry<'_> {
    let event = Event::LineTold(told.event.clone());
    let subject = told.event.addressee().as_str();
    OutboxEntry {
        content: EntryContent::Told {
            event_type: Cow::Borrowed(event.event_type()),
            subject: Cow::Borrowed(subject),
            partition: told.partition,
        },
        partition: told.event_id.cause.partition,
        offset: told.event_id.cause.offset,
        index: told.event_id.index,
        key: Some(Cow::Borrowed(subject.as_bytes())),
        value: Some(Cow::Owned(wire::encode(&event))),
        headers: Vec::new(),
    }
}

fn entry_of<'a>(batch: &PartitionBatch<'_>, letter: DeadLetter<'a>) -> OutboxEntry<'a> {
    let header = |(name, value): (String, Option<&'a [u8]>)| EntryHeader {
        name: Cow::Owned(name),
        value: value.map(Cow::Borrowed),
    };
    OutboxEntry {
        content: EntryContent::DeadLetter {
            reason: Cow::Borrowed(letter.reason),
            detail: Cow::Borrowed(letter.detail),
        },
        partition: batch.effects.partition,
        offset: letter.offset,
        index: 0,
        key: letter.key.map(Cow::Borrowed),
        value: letter.value.map(Cow::Borrowed),
        headers: letter.headers.into_iter().map(header).collect(),
    }
}
