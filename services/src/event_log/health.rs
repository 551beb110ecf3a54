//! What librdkafka reports about itself: whether a broker is up, and that something is wrong with a producer.
//!
//! An outage is known when librdkafka said that all brokers are down and none came back for a moment. The moment
//! matters: a broker closes idle connections, which looks the same until the next connection a second later.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ledger_kafka::is_all_brokers_down;
use rdkafka::error::KafkaError;
use serde::Deserialize;
use tokio::sync::Notify;

/// How often librdkafka reports its brokers' states.
pub(super) const STATISTICS_INTERVAL: Duration = Duration::from_millis(500);
/// All brokers down for this long is an outage.
const OUTAGE_AFTER: Duration = Duration::from_millis(1_500);
const UP: u64 = u64::MAX;

/// Shared by all producers of a process, old and new.
#[derive(Debug)]
pub(super) struct BrokerHealth {
    started: Instant,
    /// Milliseconds from `started` to when all brokers went down, or [`UP`]. One relaxed load on the hot path.
    down_since_ms: AtomicU64,
    doubt: Notify,
}

impl Default for BrokerHealth {
    fn default() -> Self {
        Self { started: Instant::now(), down_since_ms: AtomicU64::new(UP), doubt: Notify::new() }
    }
}

impl BrokerHealth {
    /// Whether it is known that no broker is up.
    pub(super) fn is_away(&self) -> bool {
        let down_since_ms = self.down_since_ms.load(Ordering::Relaxed);
        down_since_ms != UP
            && self.started.elapsed().saturating_sub(Duration::from_millis(down_since_ms)) >= OUTAGE_AFTER
    }

    /// Something went wrong: whether the producer is still usable must be looked at.
    pub(super) fn raise_doubt(&self) {
        self.doubt.notify_one();
    }

    pub(super) async fn next_doubt(&self) {
        self.doubt.notified().await;
    }

    /// librdkafka's report about its brokers.
    pub(super) fn statistics(&self, statistics: &[u8]) {
        match serde_json::from_slice::<Statistics>(statistics) {
            Ok(statistics) if statistics.brokers.values().any(|broker| broker.state == "UP") => self.one_up(),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "librdkafka's statistics cannot be read"),
        }
    }

    /// What librdkafka says is wrong.
    pub(super) fn error(&self, error: &KafkaError, reason: &str) {
        if is_all_brokers_down(error) {
            tracing::warn!(reason, "all Kafka brokers are down");
            self.all_down();
        } else {
            // A fatal error arrives under the code of its cause, so it cannot be distinguished here.
            tracing::warn!(%error, reason, "librdkafka");
            self.raise_doubt();
        }
    }

    fn uptime_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).expect("a process lives for less than 584 million years")
    }

    fn all_down(&self) {
        let now_ms = self.uptime_ms();
        // The first time counts; librdkafka may repeat itself.
        let _ = self.down_since_ms.compare_exchange(UP, now_ms, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn one_up(&self) {
        self.down_since_ms.store(UP, Ordering::Relaxed);
    }
}

#[derive(Deserialize)]
struct Statistics {
    brokers: HashMap<String, BrokerStatistics>,
}

#[derive(Deserialize)]
struct BrokerStatistics {
    state: String,
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;

    #[test]
    fn an_outage_needs_a_moment_and_ends_at_once() {
        let health = BrokerHealth::default();
        assert!(!health.is_away());
        health.error(&KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "test");
        assert!(!health.is_away(), "an idle connection was closed, perhaps");
        let long_ago = BrokerHealth {
            started: Instant::now().checked_sub(OUTAGE_AFTER * 2).expect("a clock older than three seconds"),
            down_since_ms: AtomicU64::new(0),
            doubt: Notify::new(),
        };
        assert!(long_ago.is_away());
        long_ago.statistics(br#"{"brokers":{"a":{"state":"TRY_CONNECT"}}}"#);
        assert!(long_ago.is_away());
        long_ago.statistics(br#"{"brokers":{"a":{"state":"DOWN"},"b":{"state":"UP"}}}"#);
        assert!(!long_ago.is_away());
    }
}
