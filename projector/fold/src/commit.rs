//! What a re-read position says about a commit whose outcome is unknown (the connection died inside COMMIT).
//! Position and effects share one transaction (INV-1), so the position alone is enough.
//!
//! It must never consider what was written, only where the position stands. Next: [`crate::log_safety`].

/// What became of a batch that moved a partition from `from_offset` to `next_offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// The batch stands: continue at `next_offset` with the state that includes it.
    Done,
    /// The batch does not stand: fold and write it again.
    NotDone,
    /// Somebody else wrote the position since: drop the state, read it anew, continue from there. Whether our batch stands
    /// does not matter then.
    Superseded,
}

/// Decides from the stored position, read after the connection was lost.
///
/// `Done` is also right when another projector wrote the same interval: the fold is a function of the log, so its
/// effects are equal to ours.
pub fn after_unknown_commit(from_offset: i64, next_offset: i64, stored: i64) -> CommitOutcome {
    if stored == next_offset {
        CommitOutcome::Done
    } else if stored == from_offset {
        CommitOutcome::NotDone
    } else {
        CommitOutcome::Superseded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_is_enough() {
        for (stored, outcome) in [
            (9, CommitOutcome::Superseded),
            (10, CommitOutcome::NotDone),
            (11, CommitOutcome::Superseded),
            (15, CommitOutcome::Done),
            (16, CommitOutcome::Superseded),
        ] {
            assert_eq!(after_unknown_commit(10, 15, stored), outcome, "{stored}");
        }
    }
}
