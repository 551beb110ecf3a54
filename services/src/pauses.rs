//! Growing pauses between attempts: each twice the one before, from a shortest to a longest. The one home of such waits in
//! this service.
//!
//! It never gives up: when to stop is the caller's to decide.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

#[derive(Debug)]
pub(crate) struct Pauses {
    shortest: Duration,
    longest: Duration,
    growing: ExponentialBackoff,
}

impl Pauses {
    pub(crate) fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, growing: doubling(shortest, longest) }
    }

    /// How long to pause now.
    pub(crate) fn next_pause(&mut self) -> Duration {
        self.growing.next().expect("a sequence without a limit has a next pause")
    }

    /// After a success, the next pause is the shortest again.
    pub(crate) fn reset(&mut self) {
        self.growing = doubling(self.shortest, self.longest);
    }
}

fn doubling(shortest: Duration, longest: Duration) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(shortest)
        .with_max_delay(longest)
        .with_factor(2.0)
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew() {
        let mut pauses = Pauses::new(Duration::from_millis(3), Duration::from_millis(20));
        let found: Vec<u128> = (0..6).map(|_| pauses.next_pause().as_millis()).collect();
        assert_eq!(found, [3, 6, 12, 20, 20, 20]);
        for _ in 0..10_000 {
            assert_eq!(pauses.next_pause().as_millis(), 20);
        }
        pauses.reset();
        assert_eq!(pauses.next_pause().as_millis(), 3);
    }
}
