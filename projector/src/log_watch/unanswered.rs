//! How long Kafka may leave a projector without what it needs before that is told: leaders move and brokers restart within seconds.
//! It must never forget an outage because one look of it was answered late.

use std::time::Duration;

use tokio::time::Instant;

/// Looks that fail for so long are no broker that changes roles.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is to be told after a look.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    /// Kafka does not do what is needed, and has not for a while.
    Waits(String),
    Answered,
}

/// Looks that failed in a row.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    /// When the first of them began.
    since: Option<Instant>,
}

impl Unanswered {
    /// Takes in a look that began then, and why it failed.
    pub(super) fn look(&mut self, begun: Instant, failed: Option<String>) -> Told {
        let Some(words) = failed else {
            self.since = None;
            return Told::Answered;
        };
        let since = *self.since.get_or_insert(begun);
        if since.elapsed() >= PATIENCE { Told::Waits(words) } else { Told::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_told_and_a_broker_that_restarts_is_not() {
        let mut unanswered = Unanswered::default();
        let failed = || Some("no broker".to_owned());
        let first = Instant::now();
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(unanswered.look(first, failed()), Told::Nothing);
        let second = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(unanswered.look(second, None), Told::Answered);
        let third = Instant::now();
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(unanswered.look(third, failed()), Told::Nothing, "another one");
        // It counts from the beginning of the first that failed: a question waits for its answer.
        let fourth = Instant::now();
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(unanswered.look(fourth, failed()), Told::Waits("no broker".to_owned()));
        assert_eq!(unanswered.look(Instant::now(), None), Told::Answered);
    }
}
