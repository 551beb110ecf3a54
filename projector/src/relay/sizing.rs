//! How much goes into one Kafka transaction after a topic did not take something because of its size. A topic's limit is one of
//! whole batches, so first smaller batches are tried, then the records one by one; then it is known which record is refused. Of a
//! dead letter less and less is then published; an outcome cannot be cut, and is waited with. It must never leave a record
//! out, nor let one overtake another.

use super::plan::{Publication, RECEIVED_LIMITS};
use super::seam::TooLarge;

/// Most bytes in a transaction among records one of which was refused; the last is one record.
const PIECES: [usize; 3] = [64 * 1024, 4 * 1024, 0];
/// Our headers of an outcome, about.
const OUTCOME_HEADER_BYTES: usize = 300;

/// What follows from a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Less is tried next.
    Narrowed,
    /// It is known which record is refused, and that nothing of it can be left out: only a change of the topic helps.
    Blocked,
}

/// Offsets of causes among which one is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Suspects {
    from: i64,
    to: i64,
    /// Which of [`PIECES`].
    piece: usize,
    /// The record of `from` was refused by itself: so much of it is tried next.
    refused: Option<usize>,
}

/// What a relay knows of sizes that its topics do not take. It outlives the producers.
#[derive(Debug, Default)]
pub(super) struct Sizing {
    suspects: Option<Suspects>,
}

impl Sizing {
    /// A topic did not take something.
    pub(super) fn refused(&mut self, refusal: &TooLarge) -> Verdict {
        let from = refusal.first.cause.offset;
        let before = self.suspects.take().filter(|before| (before.from..=before.to).contains(&from));
        let to = before.as_ref().map_or(from, |before| before.to).max(refusal.last.cause.offset);
        let tried = before.as_ref().filter(|before| before.from == from).and_then(|before| before.refused);
        let piece = before.as_ref().map(|before| before.piece);
        let mut suspects = Suspects { from, to, piece: piece.unwrap_or(0), refused: None };
        let verdict = if refusal.count > 1 {
            suspects.piece = piece.map_or(0, |piece| piece + 1).min(PIECES.len() - 1);
            Verdict::Narrowed
        } else {
            let is_smaller = |limit: &usize| *limit < refusal.bytes.min(tried.unwrap_or(usize::MAX));
            let smaller = RECEIVED_LIMITS.into_iter().find(is_smaller).filter(|_| !refusal.is_outcome);
            suspects.refused = Some(smaller.or(tried).unwrap_or(RECEIVED_LIMITS[0]));
            if smaller.is_some() { Verdict::Narrowed } else { Verdict::Blocked }
        };
        self.suspects = Some(suspects);
        verdict
    }

    /// Everything before this offset is published.
    pub(super) fn published(&mut self, next_offset: i64) {
        match &mut self.suspects {
            Some(suspects) if next_offset > suspects.to => self.suspects = None,
            Some(suspects) if next_offset > suspects.from => {
                (suspects.from, suspects.refused) = (next_offset, None);
            }
            _ => {}
        }
    }

    /// Cuts a publication to what may go into one transaction; whether more is left of it.
    pub(super) fn cut(&self, publication: &mut Publication<'_>) -> bool {
        let (Some(suspects), Some(first)) = (&self.suspects, publication.entries.first()) else { return false };
        let first = first.offset;
        let taken = if first < suspects.from {
            // What stands before them is not held up.
            publication.entries.partition_point(|entry| entry.offset < suspects.from)
        } else if first > suspects.to {
            return false;
        } else if let Some(limit) = suspects.refused.filter(|_| first == suspects.from) {
            publication.received_limit = limit;
            1
        } else {
            within(publication, PIECES[suspects.piece])
        };
        let last = publication.entries[taken - 1].offset;
        // Entries of one cause stay together: the cursor knows nothing between them.
        let taken = publication.entries.partition_point(|entry| entry.offset <= last);
        let Some(left) = publication.entries.get(taken) else { return false };
        publication.end_at(left.offset);
        true
    }
}

/// How many entries from the front have so many bytes; one at least.
fn within(publication: &Publication<'_>, most: usize) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&ledger_store::outbox::OutboxEntry<'_>| {
        bytes += entry.received_bytes() + OUTCOME_HEADER_BYTES;
        bytes <= most
    };
    publication.entries.iter().take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use ledger_schema::{EventId, Position};
    use ledger_store::outbox::{EntryContent, OutboxEntry};

    use super::*;

    const LARGE: usize = 100_000;

    fn event(offset: i64) -> EventId {
        EventId { cause: Position { partition: 0, offset }, index: 0 }
    }

    /// Records of these offsets, of 3 KB each.
    fn publication(offsets: std::ops::Range<i64>) -> Publication<'static> {
        let entry = |offset| OutboxEntry {
            content: EntryContent::Outcome { event_type: "OrderConfirmed".into(), subject: "p".into() },
            partition: 0,
            offset,
            index: 0,
            key: None,
            value: Some(Cow::Owned(vec![7; 3000])),
            headers: Vec::new(),
        };
        let next_offset = offsets.end;
        let (entries, told) = (offsets.map(entry).collect(), Vec::new());
        Publication { entries, told, next_offset, received_limit: RECEIVED_LIMITS[0] }
    }

    fn refusal(offsets: std::ops::RangeInclusive<i64>, is_outcome: bool, bytes: usize) -> TooLarge {
        let (first, last) = (event(*offsets.start()), event(*offsets.end()));
        TooLarge { topic: "t".to_owned(), first, last, count: offsets.count(), is_outcome, bytes }
    }

    /// How much of the records `[from, 100)` goes next: up to where, with which limit, and whether more is left.
    fn next(sizing: &Sizing, from: i64) -> (i64, usize, bool) {
        let mut publication = publication(from..100);
        let is_cut = sizing.cut(&mut publication);
        assert_eq!(publication.entries.last().map(|entry| entry.offset + 1), Some(publication.next_offset));
        (publication.next_offset, publication.received_limit, is_cut)
    }

    #[test]
    fn a_batch_is_cut_smaller_until_the_record_is_known() {
        let mut sizing = Sizing::default();
        assert_eq!(next(&sizing, 0), (100, RECEIVED_LIMITS[0], false));
        assert_eq!(sizing.refused(&refusal(10..=60, true, 3000)), Verdict::Narrowed);
        // What stands before them goes at once, they in pieces, and what comes after them at once again.
        assert_eq!(next(&sizing, 0), (10, RECEIVED_LIMITS[0], true));
        assert_eq!(next(&sizing, 10), (29, RECEIVED_LIMITS[0], true));
        assert_eq!(next(&sizing, 61), (100, RECEIVED_LIMITS[0], false));
        sizing.published(29);
        assert_eq!(sizing.refused(&refusal(31..=40, true, 3000)), Verdict::Narrowed);
        assert_eq!(next(&sizing, 31), (32, RECEIVED_LIMITS[0], true));
        assert_eq!(sizing.refused(&refusal(31..=32, true, 3000)), Verdict::Narrowed);
        assert_eq!(next(&sizing, 31), (32, RECEIVED_LIMITS[0], true));
        // An outcome cannot be cut, and nothing overtakes it.
        for _ in 0..3 {
            assert_eq!(sizing.refused(&refusal(31..=31, true, 3000)), Verdict::Blocked);
            assert_eq!(next(&sizing, 31).0, 32);
        }
        sizing.published(32);
        assert_eq!(next(&sizing, 32), (33, RECEIVED_LIMITS[0], true));
        sizing.published(61);
        assert_eq!(next(&sizing, 61), (100, RECEIVED_LIMITS[0], false));
        assert_eq!(next(&sizing, 0), (100, RECEIVED_LIMITS[0], false), "they are forgotten");
    }

    #[test]
    fn only_the_dead_letter_that_is_refused_is_published_in_part() {
        let mut sizing = Sizing::default();
        assert_eq!(sizing.refused(&refusal(5..=5, false, LARGE)), Verdict::Narrowed);
        assert_eq!(next(&sizing, 3), (5, RECEIVED_LIMITS[0], true));
        assert_eq!(next(&sizing, 5), (6, RECEIVED_LIMITS[2], true), "512 KiB would change nothing");
        assert_eq!(sizing.refused(&refusal(5..=5, false, 60_000)), Verdict::Narrowed);
        assert_eq!(next(&sizing, 5), (6, RECEIVED_LIMITS[3], true));
        // Nothing smaller is left.
        assert_eq!(sizing.refused(&refusal(5..=5, false, 4000)), Verdict::Blocked);
        assert_eq!(next(&sizing, 5), (6, RECEIVED_LIMITS[3], true));
        sizing.published(6);
        assert_eq!(next(&sizing, 6), (100, RECEIVED_LIMITS[0], false));
    }

    #[test]
    fn what_cannot_be_cut_is_published_as_it_is() {
        let mut sizing = Sizing::default();
        sizing.refused(&refusal(5..=5, true, 10));
        let mut empty = publication(5..5);
        empty.next_offset = 7;
        assert!(!sizing.cut(&mut empty));
        assert_eq!(empty.next_offset, 7);
        let mut alone = publication(5..6);
        assert!(!sizing.cut(&mut alone));
        assert_eq!((alone.next_offset, alone.entries.len()), (6, 1));
    }
}
