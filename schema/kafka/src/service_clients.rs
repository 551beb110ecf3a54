//! Settings of an order service's clients: the producer of the log and the follower of the outcomes. What exactly-once rests
//! on is set last, so that nothing weakens it; the rest is a default, which `--kafka-properties` may replace. It must never
//! let a record be acknowledged by fewer than all in-sync replicas (INV-7). Read next: `settings.rs`.

use std::time::Duration;

use ledger_schema::partitioner::PARTITIONER;
use rdkafka::ClientConfig;

use crate::faults::RETRY_BACKOFF;
use crate::settings::KafkaSettings;

/// How long the log's producer may take, and how much it may hold.
#[derive(Debug, Clone)]
pub struct ProducerLimits {
    pub linger: Duration,
    /// Longest time from append to acknowledgement; after it the outcome is unknown.
    pub delivery_timeout: Duration,
    pub queue_max_messages: u32,
    pub queue_max_kbytes: u32,
    /// How often the client reports its brokers' states.
    pub statistics_interval: Duration,
}

impl KafkaSettings {
    /// The producer of the log: acknowledged by all in-sync replicas, without doubles from its own retries, each record in the
    /// partition that its key hashes to, bounded in memory and in time.
    pub fn log_producer(&self, name: &str, limits: &ProducerLimits) -> ClientConfig {
        let delivery_timeout = millis(limits.delivery_timeout);
        let mut config = self.with_defaults(
            name,
            &[
                ("linger.ms", &millis(limits.linger)),
                ("queue.buffering.max.messages", &limits.queue_max_messages.to_string()),
                ("queue.buffering.max.kbytes", &limits.queue_max_kbytes.to_string()),
                // Far more than the records that are in flight at once; and no batch is larger than a topic takes that takes the
                // largest record of a service, so that only a record can be too large, never those that it was sent with.
                ("batch.size", "131072"),
                ("socket.nagle.disable", "true"),
            ],
        );
        let retry_backoff = millis(RETRY_BACKOFF);
        config
            // Whether a refusal is definite rests on it (`faults.rs`).
            .set("retry.backoff.ms", &retry_backoff)
            .set("retry.backoff.max.ms", "1000")
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("partitioner", PARTITIONER)
            .set("delivery.timeout.ms", &delivery_timeout)
            .set("request.timeout.ms", &delivery_timeout)
            .set("statistics.interval.ms", millis(limits.statistics_interval));
        config
    }

    /// The follower of the outcomes: what it holds is small, and what it misses is found in the projection.
    pub fn outcomes_follower(&self, name: &str) -> ClientConfig {
        let mut config = self.with_defaults(
            name,
            &[
                ("socket.nagle.disable", "true"),
                ("fetch.error.backoff.ms", "100"),
                // At most this much is fetched ahead, and at most so much at a time.
                ("queued.max.messages.kbytes", "4096"),
                ("fetch.message.max.bytes", "262144"),
                ("fetch.max.bytes", "2097152"),
            ],
        );
        config
            // A name only, which librdkafka asks for: assign() joins no group.
            .set("group.id", "order-service-outcomes")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("allow.auto.create.topics", "false")
            // Where its place is gone the follower finds another one itself, and says so to whoever reads its streams.
            .set("auto.offset.reset", "error")
            // Without it a fetch that found the queue full comes back a second later.
            .set("fetch.queue.backoff.ms", "2");
        config
    }

    /// What every client has, and `defaults` where the properties do not say otherwise.
    fn with_defaults(&self, name: &str, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut config = self.client(name);
        for (key, value) in defaults {
            if config.get(key).is_none() {
                config.set(*key, *value);
            }
        }
        config
    }
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ProducerLimits = ProducerLimits {
        linger: Duration::from_millis(1),
        delivery_timeout: Duration::from_secs(5),
        queue_max_messages: 100,
        queue_max_kbytes: 200,
        statistics_interval: Duration::from_millis(500),
    };

    fn check(config: &ClientConfig, expected: &[(&str, &str)]) {
        for (key, value) in expected {
            assert_eq!(config.get(key), Some(*value), "{key}");
        }
    }

    #[test]
    fn the_producer_is_safe_and_bounded_and_may_be_tuned() {
        let properties = "linger.ms=7,request.timeout.ms=1,statistics.interval.ms=0";
        let settings = KafkaSettings::new("b:1", properties).expect("valid");
        check(
            &settings.log_producer("a", &LIMITS),
            &[
                ("client.id", "a"),
                ("acks", "all"),
                ("enable.idempotence", "true"),
                ("partitioner", "murmur2_random"),
                ("delivery.timeout.ms", "5000"),
                ("request.timeout.ms", "5000"),
                ("retry.backoff.ms", "500"),
                ("retry.backoff.max.ms", "1000"),
                ("statistics.interval.ms", "500"),
                ("queue.buffering.max.messages", "100"),
                ("queue.buffering.max.kbytes", "200"),
                ("linger.ms", "7"),
            ],
        );
    }

    #[test]
    fn the_follower_joins_nothing_and_reads_what_is_committed() {
        let settings = KafkaSettings::new("b:1", "fetch.max.bytes=5,fetch.queue.backoff.ms=1000").expect("valid");
        check(
            &settings.outcomes_follower("a"),
            &[
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("isolation.level", "read_committed"),
                ("auto.offset.reset", "error"),
                ("allow.auto.create.topics", "false"),
                ("fetch.max.bytes", "5"),
                ("fetch.queue.backoff.ms", "2"),
                ("queued.max.messages.kbytes", "4096"),
            ],
        );
    }
}
