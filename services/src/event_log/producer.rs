//! The producer's settings: acknowledged by all in-sync replicas, idempotent, bounded in memory and in time.
//!
//! What exactly-once rests on is set last, so no operator's setting can weaken it.

use std::sync::Arc;
use std::time::Duration;

use ledger_schema::partitioner;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::FutureProducer;

use super::health::{self, BrokerHealth, ProducerContext};

pub(super) type EventProducer = FutureProducer<ProducerContext>;

/// How the producer behaves.
#[derive(Debug, Clone)]
pub(crate) struct EventLogOptions {
    pub(crate) brokers: String,
    /// More settings of librdkafka, by name. They cannot weaken what exactly-once rests on: those are set after them.
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) topic: Arc<str>,
    pub(crate) service_name: String,
    pub(crate) linger: Duration,
    /// Longest time from append to acknowledgement; after it the outcome is unknown.
    pub(crate) delivery_timeout: Duration,
    pub(crate) queue_max_messages: u32,
    pub(crate) queue_max_kbytes: u32,
    /// Limit of a metadata request.
    pub(crate) metadata_timeout: Duration,
}

pub(super) fn client_config(options: &EventLogOptions) -> ClientConfig {
    let mut config = ClientConfig::new();
    let delivery_timeout_ms = options.delivery_timeout.as_millis().to_string();
    config
        .set("bootstrap.servers", &options.brokers)
        .set("client.id", format!("order-service-{}", options.service_name))
        .set("linger.ms", options.linger.as_millis().to_string())
        .set("queue.buffering.max.messages", options.queue_max_messages.to_string())
        .set("queue.buffering.max.kbytes", options.queue_max_kbytes.to_string())
        .set("socket.nagle.disable", "true")
        .set("socket.keepalive.enable", "true")
        // After an outage the first connection is tried within a second, not within ten.
        .set("reconnect.backoff.max.ms", "1000");
    for (name, value) in &options.properties {
        config.set(name, value);
    }
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("partitioner", partitioner::PARTITIONER)
        .set("delivery.timeout.ms", &delivery_timeout_ms)
        .set("request.timeout.ms", &delivery_timeout_ms)
        .set("statistics.interval.ms", health::STATISTICS_INTERVAL_MS);
    config
}

pub(super) fn create(config: &ClientConfig, health: &Arc<BrokerHealth>) -> Result<EventProducer, KafkaError> {
    config.create_with_context(ProducerContext::new(health.clone()))
}
