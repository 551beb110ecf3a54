//! How many records a transaction may have: as many as there are, until one took long, or broke off. A server that has become slow, or
//! a way that keeps no connection for long, then gets less at a time, down to a single record, and more again while that goes well. It
//! must never leave a partition without a record: what cannot be tried cannot succeed.

use std::time::Duration;

use ledger_database::{Fault, Refusal};
use ledger_fold::BatchEffects;
use ledger_store::{StoreError, Written};

/// A transaction that takes longer is too large: nothing is seen of it meanwhile, and all of it is lost when it breaks off.
const LONG: Duration = Duration::from_secs(10);
/// One that takes less could have been larger.
const SHORT: Duration = Duration::from_secs(2);

/// So many short transactions, one after the other, before a larger one is tried.
const GOOD: u32 = 4;

/// Records of all partitions together.
#[derive(Debug)]
pub(super) struct Allowance {
    records: usize,
    /// Short transactions since it was changed.
    good: u32,
}

impl Allowance {
    pub(super) fn new() -> Self {
        Self { records: usize::MAX, good: 0 }
    }

    /// Of each of so many partitions.
    pub(super) fn of_each(&self, partitions: usize) -> usize {
        (self.records / partitions.max(1)).max(1)
    }

    /// How large the next transaction may be, by how this one went.
    pub(super) fn learn(&mut self, written: &Result<Written, StoreError>, effects: &[BatchEffects], took: Duration) {
        let records = effects.iter().map(|effects| effects.record_count).sum::<u64>();
        let records = usize::try_from(records).expect("a batch is held in memory");
        match written {
            Ok(Written::Committed) => self.committed(records, took),
            Ok(Written::CommitUnknown(_)) => self.broke_off(records),
            Err(error) if error.fault().is_some_and(depends_on_size) => self.broke_off(records),
            Ok(Written::Missed(_) | Written::IdKnown) | Err(_) => {}
        }
    }

    /// A transaction of so many records was committed.
    fn committed(&mut self, records: usize, took: Duration) {
        if took > LONG {
            return self.broke_off(records);
        }
        self.good = if took < SHORT { self.good + 1 } else { 0 };
        if self.good == GOOD {
            (self.records, self.good) = (self.records.saturating_mul(2), 0);
        }
    }

    /// A transaction of so many records ended with its connection.
    fn broke_off(&mut self, records: usize) {
        (self.records, self.good) = (self.records.min((records / 2).max(1)), 0);
    }
}

/// Whether a smaller transaction may get through.
fn depends_on_size(fault: Fault) -> bool {
    use Refusal::{Limit, NoRoom};
    matches!(fault, Fault::ConnectionLost | Fault::Ended | Fault::Refused(NoRoom | Limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_or_breaks_off_is_halved_and_what_goes_well_grows() {
        let mut allowance = Allowance::new();
        assert_eq!(allowance.of_each(8), usize::MAX / 8);
        allowance.broke_off(5_000);
        assert_eq!((allowance.of_each(1), allowance.of_each(8)), (2_500, 312));
        allowance.committed(2_500, LONG + SHORT);
        assert_eq!(allowance.of_each(1), 1_250);
        allowance.committed(1_250, LONG);
        assert_eq!(allowance.of_each(1), 1_250, "neither long nor short");
        for left in [625, 312, 156, 78, 39, 19, 9, 4, 2, 1, 1] {
            allowance.broke_off(allowance.of_each(1));
            assert_eq!(allowance.of_each(1), left);
        }
        assert_eq!(allowance.of_each(8), 1, "each partition has one");
        for allowed in [1, 1, 1, 2, 2, 2, 2, 4] {
            allowance.committed(1, Duration::ZERO);
            assert_eq!(allowance.of_each(1), allowed);
        }
        // Not one after the other.
        for took in [Duration::ZERO, Duration::ZERO, Duration::ZERO, SHORT, Duration::ZERO] {
            allowance.committed(4, took);
            assert_eq!(allowance.of_each(1), 4);
        }
        for _ in 0..1_000 {
            allowance.committed(1, Duration::ZERO);
        }
        assert_eq!(allowance.of_each(1), usize::MAX);
    }

    #[test]
    fn a_refusal_of_everything_makes_nothing_smaller() {
        for (fault, expected) in [
            (Fault::ConnectionLost, true),
            (Fault::Ended, true),
            (Fault::Refused(Refusal::NoRoom), true),
            (Fault::Refused(Refusal::Limit), true),
            (Fault::Refused(Refusal::ReadOnly), false),
            (Fault::Refused(Refusal::Denied), false),
            (Fault::Retry, false),
            (Fault::Other, false),
        ] {
            assert_eq!(depends_on_size(fault), expected, "{fault:?}");
        }
    }
}
