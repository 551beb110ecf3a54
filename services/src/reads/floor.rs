//! What this process has reported so far, per partition, what others can have been told by an outcome, and whether a snapshot may
//! be shown after that. In memory only; what all services owe stands in `furthest_positions`, too, but a replica that lags has an
//! old one of those.

use std::sync::Arc;

use ledger_schema::Position;
use thiserror::Error;

use crate::published::Furthest;
use crate::reader::{Concern, Standing};

/// A partition that is not folded far enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Lag {
    /// It stands at `next_offset`, and was observed at `furthest` before (both exclusive).
    #[error("partition {partition} stands at {next_offset}, and was observed at {furthest}")]
    BeforeFurthest { partition: i32, next_offset: i64, furthest: i64 },
    /// It has not passed the record that the caller named.
    #[error("the record at {0} is not folded")]
    BeforeNamed(Position),
}

impl Lag {
    /// The record that has to be folded for it to be over.
    pub(super) fn last_missing(self) -> Position {
        match self {
            Self::BeforeFurthest { partition, furthest, .. } => Position { partition, offset: furthest - 1 },
            Self::BeforeNamed(position) => position,
        }
    }
}

/// By partition, how far an answer of this process reported, and how far outcomes were published.
#[derive(Debug)]
pub(super) struct Reported {
    by_us: Furthest,
    published: Arc<Furthest>,
}

/// What was observed before a read began: it must not show less.
#[derive(Debug)]
pub(super) struct Floor {
    next_offsets: Box<[i64]>,
}

impl Reported {
    pub(super) fn new(partition_count: i32, published: Arc<Furthest>) -> Self {
        Self { by_us: Furthest::new(partition_count), published }
    }

    pub(super) fn floor(&self) -> Floor {
        let mut next_offsets = self.by_us.now();
        for (known, published) in next_offsets.iter_mut().zip(self.published.now()) {
            *known = published.max(*known);
        }
        Floor { next_offsets }
    }

    pub(super) fn raise(&self, partition: i32, next_offset: i64) {
        // Partitions are below the frozen count: it was compared with the tables' and the outcomes' at start.
        assert!(self.by_us.raise_to(partition, next_offset), "a partition within the topic's count");
    }

    /// A snapshot is about to be shown, with all that is absent from it, too.
    pub(super) fn raise_to(&self, standing: &Standing, concern: Concern) {
        for (partition, standing) in standing.partitions().filter(|(partition, _)| concern.includes(*partition)) {
            self.raise(partition, standing.next_offset);
        }
    }
}

impl Floor {
    /// The first partition of the concern that stands before what was observed, or else before the record that was named.
    pub(super) fn lag_of(&self, standing: &Standing, concern: Concern, after: Option<Position>) -> Option<Lag> {
        let by_reported = (0..).zip(&self.next_offsets).map(|(partition, reported)| (partition, *reported));
        let by_furthest = standing.partitions().map(|(partition, standing)| (partition, standing.furthest));
        let before_furthest = by_reported.chain(by_furthest).find_map(|(partition, furthest)| {
            let next_offset = standing.of(partition).next_offset;
            (concern.includes(partition) && next_offset < furthest).then_some(Lag::BeforeFurthest {
                partition,
                next_offset,
                furthest,
            })
        });
        before_furthest.or_else(|| after.filter(|named| !standing.has_passed(*named)).map(Lag::BeforeNamed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::PartitionStanding;

    fn standing(partitions: &[(i32, i64, i64)]) -> Standing {
        let partition = |(partition, next_offset, furthest): &(i32, i64, i64)| {
            (*partition, PartitionStanding { next_offset: *next_offset, furthest: *furthest })
        };
        partitions.iter().map(partition).collect()
    }

    fn reported(partition_count: i32) -> Reported {
        Reported::new(partition_count, Arc::new(Furthest::new(partition_count)))
    }

    fn before(partition: i32, next_offset: i64, furthest: i64) -> Option<Lag> {
        Some(Lag::BeforeFurthest { partition, next_offset, furthest })
    }

    #[test]
    fn what_was_observed_by_anybody_is_not_followed_by_less() {
        let floor = reported(4).floor();
        for (tables, concern, expected) in [
            // Nothing known of anything: an empty ledger may be shown.
            (vec![], Concern::Every, None),
            // Tables of a database that has no furthest positions yet.
            (vec![(0, 7, 0)], Concern::Every, None),
            (vec![(0, 7, 7), (1, 3, 3)], Concern::Every, None),
            (vec![(0, 7, 7), (1, 3, 5)], Concern::Every, before(1, 3, 5)),
            (vec![(0, 7, 7), (1, 3, 5)], Concern::One(1), before(1, 3, 5)),
            (vec![(0, 7, 7), (1, 3, 5)], Concern::One(0), None),
            // The positions lost a row.
            (vec![(2, 0, 9)], Concern::Every, before(2, 0, 9)),
        ] {
            assert_eq!(floor.lag_of(&standing(&tables), concern, None), expected, "{tables:?} {concern:?}");
        }
    }

    #[test]
    fn what_this_service_reported_holds_without_the_table() {
        let reported = reported(4);
        let early = reported.floor();
        reported.raise(3, 42);
        reported.raise(3, 41);
        reported.raise_to(&standing(&[(0, 7, 7), (1, 9, 9)]), Concern::One(0));
        let floor = reported.floor();
        let lost = standing(&[]);
        assert_eq!(floor.lag_of(&lost, Concern::One(3), None), before(3, 0, 42));
        assert_eq!(floor.lag_of(&lost, Concern::One(0), None), before(0, 0, 7));
        assert_eq!(floor.lag_of(&lost, Concern::One(1), None), None, "was no concern of what was shown");
        assert_eq!(floor.lag_of(&standing(&[(0, 7, 0), (3, 42, 0)]), Concern::Every, None), None);
        assert_eq!(early.lag_of(&lost, Concern::Every, None), None, "reported only after this read began");
    }

    #[test]
    fn a_named_record_comes_second() {
        let floor = reported(4).floor();
        let named = Position { partition: 1, offset: 3 };
        let lag = |tables: &[(i32, i64, i64)]| floor.lag_of(&standing(tables), Concern::One(1), Some(named));
        assert_eq!(lag(&[(1, 4, 4)]), None);
        assert_eq!(lag(&[(1, 3, 3)]), Some(Lag::BeforeNamed(named)), "exclusive");
        assert_eq!(lag(&[]), Some(Lag::BeforeNamed(named)));
        assert_eq!(lag(&[(1, 3, 4)]), before(1, 3, 4));
    }
    #[test]
    fn what_was_published_is_not_followed_by_less() {
        let published = Arc::new(Furthest::new(4));
        let reported = Reported::new(4, published.clone());
        published.raise(Position { partition: 3, offset: 41 });
        let stands =
            |next_offset| reported.floor().lag_of(&standing(&[(3, next_offset, next_offset)]), Concern::One(3), None);
        assert_eq!(stands(41), before(3, 41, 42), "a replica, which has an old furthest position, too");
        assert_eq!(stands(42), None);
        reported.raise(3, 50);
        assert_eq!(stands(42), before(3, 42, 50), "whichever is further");
    }
}
