//! Which entries a batch has, in order of position: an outcome or a dead letter for each record that has one (INV-6).

use std::borrow::Cow;

use ledger_kafka::record::OwnedRecord;
use ledger_schema::cloudevents::{self, CE_TIME};

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
    let mut causes = batch.records.iter();
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
        headers: time_of_cause(&mut causes, entry.event_id.cause.offset),
    });
    let mut entries: Vec<_> = outcomes.chain(parked::of_batch(batch).map(|letter| entry_of(batch, letter))).collect();
    if !batch.effects.parked.is_empty() {
        entries.sort_by_key(|entry| (entry.offset, entry.index));
    }
    entries
}

/// `ce_time` is when the log took the cause: a fact of the log, so the same whenever it is folded. Both lists are in log order,
/// so one pass over the records finds all causes.
fn time_of_cause(records: &mut std::slice::Iter<'_, OwnedRecord>, offset: i64) -> Vec<EntryHeader<'static>> {
    let cause = records.find(|record| record.offset == offset);
    let cause = cause.expect("an outcome is of a record of its batch, one at most of each");
    let time = cause.time_ms.and_then(cloudevents::time);
    let header = |time: String| EntryHeader { name: CE_TIME.into(), value: Some(Cow::Owned(time.into_bytes())) };
    time.map(header).into_iter().collect()
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
