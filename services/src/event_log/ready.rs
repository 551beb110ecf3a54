//! Whether the log can be appended to, as `/readyz` says it. It appends nothing to find out: whether appends succeed, those of
//! clients tell (`appends`).

use std::time::{Duration, Instant};

use async_trait::async_trait;
use ledger_kafka::{KafkaUseError, PartitionState, ask};
use rdkafka::producer::Producer;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use super::log::{EventLog, PROBE_LIMIT};
use crate::readiness::Dependency;

/// How often it is looked whether appends succeed.
const APPENDS_LOOK: Duration = Duration::from_millis(500);

/// How often a producer whose appends fail is made to look at the topic anew.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

impl EventLog {
    /// Looks whether appends succeed, and says so when that changes, until `stop`.
    pub(crate) async fn watch_appends(&self, stop: CancellationToken) {
        let mut looks = interval(APPENDS_LOOK);
        let (mut failing, mut refreshed) = (false, Instant::now());
        while stop.run_until_cancelled(looks.tick()).await.is_some() {
            let in_flight = self.producer.load().in_flight_count();
            self.metrics.appends_in_flight.set(f64::from(in_flight));
            self.appends.look(in_flight > 0);
            let trouble = self.appends.trouble();
            self.metrics.appends_failing.set(if trouble.is_some() { 1.0 } else { 0.0 });
            match &trouble {
                Some(cause) if !failing => tracing::warn!(topic = %self.topic, cause, "no append succeeds: not ready"),
                None if failing => tracing::info!(topic = %self.topic, "appends succeed, or may be tried again"),
                _ => {}
            }
            failing = trouble.is_some();
            if failing && refreshed.elapsed() >= REFRESH_INTERVAL {
                refreshed = Instant::now();
                self.refresh().await;
            }
        }
    }

    /// Has the producer ask for the topic's metadata. After a refusal for lack of a right it sends nothing more until it has
    /// seen the topic again, for which it takes five minutes by itself.
    async fn refresh(&self) {
        let (producer, topic) = (self.producer.load_full(), self.topic.clone());
        let asked = move || producer.client().fetch_metadata(Some(&topic), PROBE_LIMIT).map(|_| ());
        if let Ok(Err(error)) = tokio::task::spawn_blocking(asked).await {
            tracing::debug!(%error, "the producer's metadata was not refreshed");
        }
    }
}

#[async_trait]
impl Dependency for EventLog {
    fn name(&self) -> &'static str {
        "kafka"
    }

    /// Ready when the topic is whole, each partition has a leader, and appends do not fail. It appends nothing: whether appends
    /// succeed, those of clients tell.
    async fn probe(&self) -> Result<(), String> {
        let found = self.probe_log().await;
        if let Err(trouble) = &found
            && self.appends.trouble().is_none()
            && self.producer.load().in_flight_count() > 0
        {
            self.appends.hold(trouble);
        }
        found
    }
}

impl EventLog {
    async fn probe_log(&self) -> Result<(), String> {
        self.watch.look().await.map_err(|error| error.to_string())?;
        if let Some(fault) = self.watch.fault() {
            return Err(fault.to_string());
        }
        let (inspector, topic) = (self.inspector.with_timeout(PROBE_LIMIT), self.topic.clone());
        let found = ask(move || inspector.partitions(&topic)).await;
        let found = found.map_err(|error: KafkaUseError| error.to_string());
        if let Some(trouble) = self.appends.trouble() {
            let behind = found.map_or_else(|error| error, |partitions| behind(&partitions));
            return Err(if behind.is_empty() { trouble } else { format!("{trouble}; {behind}") });
        }
        let (partitions, expected) = (found?, self.partition_count);
        if i32::try_from(partitions.len()) != Ok(expected) {
            let found = partitions.len();
            return Err(format!("topic {}: expected {expected} partitions, found {found}", self.topic));
        }
        let leaderless: Vec<_> =
            partitions.iter().filter(|state| !state.has_leader).map(|state| state.partition).collect();
        if !leaderless.is_empty() {
            return Err(format!("topic {}: partitions {leaderless:?} have no leader", self.topic));
        }
        // Who asked has a connection of its own, which comes back in its own time.
        if self.health.is_away() {
            return Err("the producer has no connection to a broker yet: it refuses what is appended".to_owned());
        }
        Ok(())
    }
}

/// Which partitions have fewer replicas in sync than they have replicas: too few of them, and nothing is acknowledged.
fn behind(partitions: &[PartitionState]) -> String {
    let mut behind = partitions.iter().filter(|state| state.in_sync < state.replicas).peekable();
    if behind.peek().is_none() {
        return String::new();
    }
    let shown: Vec<_> = behind
        .map(|PartitionState { partition, in_sync, replicas, .. }| format!("{partition} ({in_sync} of {replicas})"))
        .collect();
    format!("in-sync replicas of partitions: {}", shown.join(", "))
}
