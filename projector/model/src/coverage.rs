//! What happened while the checker explored. A property that holds proves nothing when the case it is about never came
//! up; the tests demand that each of these did.
//!
//! It must never decide a step: the parts only name events. Next: [`crate::broker`].

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A case that the protocol exists for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    CompareAndSetMissed,
    /// A unique key objected, and the batch was folded again knowing what is stored.
    FoldedAgain,
    UnknownCommitDone,
    UnknownCommitNotDone,
    UnknownCommitSuperseded,
    /// A COMMIT took effect after its sender had read the position again, and found it not advanced.
    LateCommit,
    /// A producer was refused for its epoch.
    Fenced,
    /// A swap took the position back, so that records are folded again.
    SwapWentBack,
    /// A swap left the position where it was, and a compare-and-set missed by the generation alone.
    MissedByGeneration,
    /// The same after the loss of the whole database: position and number were equal, and the id was not.
    MissedByGenerationId,
    /// A projector with nothing to fold found its position taken back.
    IdleAndOvertaken,
    /// The tables of before a swap were brought back.
    RolledBack,
    /// Tables that somebody had tampered with were replaced by rebuilt ones.
    Mended,
    /// A relay's session found that a swap is under way, and waited.
    HeldByBarrier,
    /// The fence of a swap aborted a Kafka transaction of a relay.
    TransactionCutBySwap,
    /// A relay pruned, and left what a kept generation decided after the cursor.
    KeptRowsStay,
    /// What was decided from tampered tables was published while they were live.
    PublishedFromTampered,
    /// Reads stopped being answered, since the tables went back to before the furthest position.
    ReadsWait,
}

impl Event {
    pub const ALL: [Self; 18] = [
        Self::CompareAndSetMissed,
        Self::FoldedAgain,
        Self::UnknownCommitDone,
        Self::UnknownCommitNotDone,
        Self::UnknownCommitSuperseded,
        Self::LateCommit,
        Self::Fenced,
        Self::SwapWentBack,
        Self::MissedByGeneration,
        Self::IdleAndOvertaken,
        Self::RolledBack,
        Self::Mended,
        Self::MissedByGenerationId,
        Self::HeldByBarrier,
        Self::TransactionCutBySwap,
        Self::KeptRowsStay,
        Self::PublishedFromTampered,
        Self::ReadsWait,
    ];
}

/// How often each event happened.
#[derive(Debug, Default)]
pub struct Coverage([AtomicU64; Event::ALL.len()]);

impl Coverage {
    pub(crate) fn count(&self, event: Option<Event>) {
        if let Some(event) = event {
            self.counter(event).fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often `event` happened.
    pub fn of(&self, event: Event) -> u64 {
        self.counter(event).load(Ordering::Relaxed)
    }

    fn counter(&self, event: Event) -> &AtomicU64 {
        let at = Event::ALL.iter().position(|known| *known == event).expect("every event is in ALL");
        &self.0[at]
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Event::ALL.iter().try_for_each(|event| writeln!(f, "  {event:?}: {}", self.of(*event)))
    }
}
