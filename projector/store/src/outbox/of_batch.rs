//! Which entries a batch has, in order of position: an outcome or a dead letter for each record that has one (INV-6).

use std::borrow::Cow;

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

/// Outcomes and dead letters of a batch, merged in order of position.
fn entries_of<'a>(batch: &'a PartitionBatch<'_>) -> Vec<OutboxEntry<'a>> {
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
        headers: Vec::new(),
    });
    let mut entries: Vec<_> = outcomes.chain(parked::of_batch(batch).map(|letter| entry_of(batch, letter))).collect();
    if !batch.effects.parked.is_empty() {
        entries.sort_by_key(|entry| (entry.offset, entry.index));
    }
    entries
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
