//! What to publish: a pure decision from the cursor and the outbox rows that lie after it.

use ledger_schema::topics::MAX_MESSAGE_BYTES;
use ledger_store::outbox::{EntryContent, OutboxEntry};

/// What a record has beside key, value and headers as received: our headers, of which a dead letter's detail is the longest, and
/// the protocol's own fields.
const OWN_BYTES: usize = 6 * 1024;
/// Most bytes of a dead letter's key, value and headers as received. The first fits the topic as `ledger migrate` makes it, and so
/// whatever the log takes but for its last kilobytes; the others are tried when a topic, made or changed by somebody else, refuses
/// that one as too large.
pub(super) const RECEIVED_LIMITS: [usize; 4] = [MAX_MESSAGE_BYTES - OWN_BYTES, 512 * 1024, 64 * 1024, 2 * 1024];
/// A decoded outbox row: what the records before `next_offset`, since the row's first, have to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DecodedRow<'a> {
    pub(super) next_offset: i64,
    pub(super) entries: Vec<OutboxEntry<'a>>,
}

/// One Kafka transaction: these entries, then the cursor. What other partitions are told is no part of it: it stands on the log before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication<'a> {
    pub entries: Vec<OutboxEntry<'a>>,
    /// For other partitions of the log, in order of position.
    pub told: Vec<OutboxEntry<'a>>,
    /// What the cursor will say: everything before this offset is published.
    pub next_offset: i64,
    /// Most bytes of a dead letter's key, value and headers as received; what is above is left out, and told.
    pub received_limit: usize,
}

/// Puts rows, in order of `first_offset`, into one transaction. Batches that a rebuild cut otherwise overlap: what lies before
/// the cursor, or was taken from an earlier row, is passed over by its own position. `None` when nothing lies after the
/// cursor.
pub(super) fn plan(cursor: i64, rows: Vec<DecodedRow<'_>>) -> Option<Publication<'_>> {
    let (entries, told) = (Vec::new(), Vec::new());
    let mut publication = Publication { entries, told, next_offset: cursor, received_limit: RECEIVED_LIMITS[0] };
    for row in rows {
        let reached = publication.next_offset;
        for entry in row.entries.into_iter().filter(|entry| entry.offset >= reached) {
            match entry.content {
                EntryContent::Told { .. } => publication.told.push(entry),
                EntryContent::Outcome { .. } | EntryContent::DeadLetter { .. } => publication.entries.push(entry),
            }
        }
        publication.next_offset = reached.max(row.next_offset);
    }
    (publication.next_offset > cursor).then_some(publication)
}

impl<'a> Publication<'a> {
    /// Leaves out what comes of records from `next_offset` on.
    pub(super) fn end_at(&mut self, next_offset: i64) {
        for entries in [&mut self.entries, &mut self.told] {
            entries.truncate(entries.partition_point(|entry| entry.offset < next_offset));
        }
        self.next_offset = next_offset;
    }

    /// What is told of records from `offset` on.
    pub(super) fn told_from(&self, offset: i64) -> &[OutboxEntry<'a>] {
        &self.told[self.told.partition_point(|entry| entry.offset < offset)..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(next_offset: i64, offsets: &[i64]) -> DecodedRow<'static> {
        let entry = |offset: &i64| OutboxEntry {
            content: EntryContent::Outcome { event_type: "OrderConfirmed".into(), subject: "p".into() },
            key: None,
            partition: 0,
            offset: *offset,
            index: 0,
            value: None,
            headers: Vec::new(),
        };
        DecodedRow { next_offset, entries: offsets.iter().map(entry).collect() }
    }

    fn check(cursor: i64, rows: Vec<DecodedRow<'_>>, expected: Option<(&[i64], i64)>) {
        let found = plan(cursor, rows);
        let found = found.map(|found| (found.entries.iter().map(|entry| entry.offset).collect(), found.next_offset));
        let expected: Option<(Vec<i64>, i64)> = expected.map(|(offsets, next)| (offsets.to_vec(), next));
        assert_eq!(found, expected);
    }

    #[test]
    fn what_other_partitions_are_told_is_apart_and_ends_with_the_rest() {
        let told = EntryContent::Told { event_type: "LineRequested".into(), subject: "p".into(), partition: 7 };
        let mut mixed = row(6, &[0, 1, 2, 3, 4]);
        for at in [1, 3] {
            mixed.entries[at].content = told.clone();
        }
        let mut publication = plan(0, vec![mixed]).expect("something");
        let offsets = |entries: &[OutboxEntry<'_>]| entries.iter().map(|entry| entry.offset).collect::<Vec<_>>();
        assert_eq!((offsets(&publication.entries), offsets(&publication.told)), (vec![0, 2, 4], vec![1, 3]));
        for (from, expected) in [(0, &[1, 3][..]), (1, &[1, 3]), (2, &[3]), (4, &[])] {
            assert_eq!(offsets(publication.told_from(from)), expected);
        }
        publication.end_at(3);
        assert_eq!((offsets(&publication.entries), offsets(&publication.told)), (vec![0, 2], vec![1]));
        assert_eq!(publication.next_offset, 3);
    }

    #[test]
    fn inv_6_every_outcome_once_in_order() {
        check(0, vec![], None);
        check(0, vec![row(3, &[0, 2]), row(5, &[3, 4])], Some((&[0, 2, 3, 4], 5)));
        // Published before: nothing to do.
        check(5, vec![row(3, &[0, 2]), row(5, &[3, 4])], None);
        // The cursor lies inside a row.
        check(2, vec![row(3, &[0, 2])], Some((&[2], 3)));
        // Rows of two ways to cut the same records.
        check(0, vec![row(2, &[0, 1]), row(4, &[0, 1, 2, 3]), row(6, &[2, 3, 4, 5])], Some((&[0, 1, 2, 3, 4, 5], 6)));
        // Everything in the row was published, but the cursor is not at its end: it still moves.
        check(3, vec![row(4, &[0, 2])], Some((&[], 4)));
    }
}
