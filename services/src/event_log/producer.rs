//! What librdkafka calls back for the producer of the log: its brokers' states, and what became of each record. It must never
//! wait, nor leave a report out: those who wait for a record, and readiness, rest on it.

use std::error::Error;
use std::sync::Arc;

use ledger_kafka::{Reported, log_line, oauth_token, reported};
use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tokio::sync::oneshot;

use super::appends::Appends;
use super::health::BrokerHealth;

/// The context of one producer of the log.
pub(super) struct LogProducer {
    pub(super) health: Arc<BrokerHealth>,
    pub(super) appends: Arc<Appends>,
}

impl ClientContext for LogProducer {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.health.statistics(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.health.error(&error, reason);
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        oauth_token(config)
    }
}

impl ProducerContext for LogProducer {
    type DeliveryOpaque = Box<oneshot::Sender<Reported>>;

    fn delivery(&self, result: &DeliveryResult<'_>, report: Box<oneshot::Sender<Reported>>) {
        let (reported, waited) = reported(result);
        match &reported {
            Ok(_) => self.appends.succeeded(),
            Err(failed) => self.appends.failed(failed, waited),
        }
        // A client that does not wait any more: its connection was closed.
        let _ = report.send(reported);
    }
}
