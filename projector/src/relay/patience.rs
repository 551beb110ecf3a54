//! A question to Kafka, asked again while brokers have troubles of their own: a topic that was just created has no leader yet, a
//! coordinator is being found. Whoever asks once, at a start, must not fail by that.

use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use ledger_kafka::{KafkaUseError, ask};

const ATTEMPTS: usize = 10;
const PAUSE: Duration = Duration::from_millis(500);

/// Asks on a thread for blocking questions, until the answer is none that `passes`, or ten attempts are over.
///
/// # Errors
/// Of the last attempt.
pub(super) async fn patiently<T, E>(
    question: impl Fn() -> Result<T, E> + Clone + Send + 'static,
    passes: impl Fn(&E) -> bool,
) -> Result<T, E>
where
    T: Send + 'static,
    E: Send + 'static + From<KafkaUseError>,
{
    let pauses = ConstantBuilder::default().with_delay(PAUSE).with_max_times(ATTEMPTS - 1);
    (|| ask(question.clone())).retry(pauses).when(passes).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn missing() -> KafkaUseError {
        KafkaUseError::MissingTopic { topic: "t".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_asked_again_within_bounds() {
        for (fails, passing, expected_attempts, is_ok) in
            [(0, true, 1, true), (3, true, 4, true), (3, false, 1, false), (99, true, 10, false)]
        {
            let attempts = Arc::new(AtomicU32::new(0));
            let asked = attempts.clone();
            let question = move || match asked.fetch_add(1, Ordering::AcqRel) < fails {
                true => Err(missing()),
                false => Ok(()),
            };
            assert_eq!(patiently(question, |_| passing).await.is_ok(), is_ok);
            assert_eq!(attempts.load(Ordering::Acquire), expected_attempts);
        }
    }
}
