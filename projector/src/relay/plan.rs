//! What to publish: a pure decision from the cursor and the outbox rows that lie after it.

use ledger_schema::topics::MAX_MESSAGE_BYTES;
use ledger_store::outbox::OutboxEntry;

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

/// One Kafka transaction: these entries, then the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication<'a> {
    pub entries: Vec<OutboxEntry<'a>>,
    /// What the cursor will say: everything before this offset is published.
    pub next_offset: i64,
    /// Most bytes of a dead letter's key, value and headers as received; what is above is left out, and told.
    pub received_limit: usize,
}

/// Puts rows, in order of `first_offset`, into one transaction. Batches that a rebuild cut otherwise overlap: what lies before
/// the cursor, or was taken from an earlier row, is passed over by its own position. `None` when nothing lies after the
/// cursor.
pub(super) fn plan(cursor: i64, rows: Vec<DecodedRow<'_>>) -> Option<Publication<'_>> {
    let mut publication = Publication { entries: Vec::new(), next_offset: cursor, received_limit: RECEIVED_LIMITS[0] };
    for row in rows {
        let reached = publication.next_offset;
        publication.entries.extend(row.entries.into_iter().filter(|entry| entry.offset >= reached));
        publication.next_offset = reached.max(row.next_offset);
    }
    (publication.next_offset > cursor).then_some(publication)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_store::outbox::EntryContent;

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
