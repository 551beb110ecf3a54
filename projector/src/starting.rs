//! A projector that is not started yet: it answers the probes while Kafka is waited for. It must never wait for what somebody
//! has to mend, and never be ready.

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ledger_database::Backoff;
use ledger_tls::ServerTls;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::health::Health;
use crate::http;

const FIRST_WAIT: Duration = Duration::from_millis(500);
const MAX_WAIT: Duration = Duration::from_secs(3);
/// How long answers that are under way may take when the start is over.
const CLOSING_WAIT: Duration = Duration::from_secs(1);
/// The name under which the start waits for Kafka.
const PART: &str = "start";

/// Asks until Kafka answers, for as long as what it says `passes`: in readiness, and in one warning.
///
/// # Errors
/// Whatever does not pass by itself.
pub(crate) async fn until_kafka_answers<T, E: Display>(
    health: &Health,
    passes: impl Fn(&E) -> bool,
    question: impl AsyncFn() -> Result<T, E>,
) -> Result<T, E> {
    let mut backoff = Backoff::new(FIRST_WAIT, MAX_WAIT);
    loop {
        match question().await {
            Err(error) if passes(&error) => {
                if health.waits_for_kafka(PART, error.to_string()) {
                    tracing::warn!(%error, "the start waits for Kafka");
                }
                tokio::time::sleep(backoff.next_wait()).await;
            }
            answer => {
                if health.kafka_answered(PART) {
                    tracing::info!("Kafka answers");
                }
                return answer;
            }
        }
    }
}

/// Liveness and readiness before the start is over.
pub(crate) struct StartingHttp {
    serving: JoinHandle<()>,
    stop: CancellationToken,
}

impl StartingHttp {
    /// Answers on `listener`'s address, by TLS where that was asked for.
    ///
    /// # Errors
    /// A listener that cannot be shared.
    pub(crate) fn on(
        listener: &std::net::TcpListener,
        tls: Option<ServerTls>,
        health: Arc<Health>,
    ) -> io::Result<Self> {
        let listener = TcpListener::from_std(listener.try_clone()?)?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let serving = tokio::spawn(http::serve(listener, http::starting_router(health), tls, stopped));
        Ok(Self { serving, stop })
    }

    /// Ends; whoever accepts next is another.
    pub(crate) async fn end(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(CLOSING_WAIT, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use ledger_kafka::KafkaUseError;
    use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

    use super::*;

    fn failed(code: Code) -> KafkaUseError {
        KafkaUseError::Failed { action: "asking", cause: KafkaError::MetadataFetch(code) }
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_waited_for_and_readiness_says_so() {
        let (health, asked) = (Health::default(), AtomicU32::new(0));
        let reasons = || health.readiness(&[], |_, _| true).reasons.join("; ");
        let answer =
            until_kafka_answers(&health, KafkaUseError::passes, async || match asked.fetch_add(1, Ordering::Relaxed) {
                0 => Err(failed(Code::OffsetNotAvailable)),
                count if count < 99 => {
                    assert!(reasons().contains("waiting for Kafka: asking"), "{}", reasons());
                    Err(failed(Code::LeaderNotAvailable))
                }
                count => Ok(count),
            });
        assert_eq!(answer.await.expect("answered"), 99);
        assert!(!reasons().contains("Kafka"), "{}", reasons());
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_has_to_mend_is_told_at_once() {
        let health = Health::default();
        for code in [Code::TopicAuthorizationFailed, Code::UnknownTopicOrPartition] {
            let asked = AtomicU32::new(0);
            let answer: Result<(), _> = until_kafka_answers(&health, KafkaUseError::passes, async || {
                asked.fetch_add(1, Ordering::Relaxed);
                Err(failed(code))
            })
            .await;
            answer.expect_err("refused");
            assert_eq!(asked.load(Ordering::Relaxed), 1, "{code}");
        }
    }
}
