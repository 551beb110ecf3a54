//! What a relay is doing just now, reported by the relay and looked at by a watch. Every step of a relay has a limit of its own,
//! but most of them are calls into the Kafka client; one that never came back would leave a partition's outcomes
//! unpublished in silence. The watch finds that out, and the projector ends with an error that names the step: whoever
//! supervises it starts it again, and the cursor tells where to go on.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often the watch looks.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// Looks that may find a relay in the same step. A Kafka transaction has 40 s, and waiting for what is delivered before it 30 s.
const LOOKS: u32 = 120;

#[derive(Debug)]
struct Current {
    /// Counts steps, so that the same step begun again is known from one that lasts.
    number: u64,
    name: &'static str,
    /// The number that the last look found, and how many looks in a row did. Looks are counted, not time: while the whole
    /// process stands still, nobody looks.
    seen: (u64, u32),
}

/// The step of one relay.
#[derive(Debug)]
pub struct CurrentStep(Mutex<Current>);

impl Default for CurrentStep {
    fn default() -> Self {
        Self(Mutex::new(Current { number: 0, name: "starting", seen: (0, 0) }))
    }
}

impl CurrentStep {
    /// The relay begins something.
    pub(super) fn begin(&self, name: &'static str) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.number += 1;
        current.name = name;
    }

    /// One look of the watch: the step and its seconds when it lasts beyond all limits.
    pub(super) fn look(&self) -> Option<(&'static str, u32)> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, looks) = current.seen;
        current.seen = if number == current.number { (number, looks + 1) } else { (current.number, 0) };
        (current.seen.1 >= LOOKS).then_some((current.name, current.seen.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_lasts_is_found_and_one_that_is_repeated_is_not() {
        let step = CurrentStep::default();
        for _ in 0..LOOKS * 2 {
            step.begin("reading the outbox");
            assert_eq!(step.look(), None);
        }
        for _ in 1..LOOKS {
            assert_eq!(step.look(), None);
        }
        assert_eq!(step.look(), Some(("reading the outbox", LOOKS)));
        step.begin("publishing");
        assert_eq!(step.look(), None);
    }
}
