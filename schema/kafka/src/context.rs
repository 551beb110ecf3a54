//! What clients report beside their answers: their own lines, and that brokers do not let them in. It must never show a
//! property's value; what a broker says of it is shown. Read next: `inspector.rs`, which tells such a refusal from silence.

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::faults::is_not_admitted;
use crate::token::oauth_token;

/// A client that is not let in tries again every second, and reports the same error every 30 s at least.
const REPORTED_AGAIN_WITHIN: Duration = Duration::from_secs(40);
/// How long a client's reports are waited for. They lie there when its question ends.
const REPORTS_WAIT: Duration = Duration::from_millis(1);
/// Reports of one question, at most: a client that is refused gives some dozens a second.
const REPORTS: usize = 10_000;

/// Routes librdkafka's own lines into our logs, and keeps why a client was not let in. A broker that is away is reported once,
/// by the part that needs it; the client's own lines about it are for debugging.
#[derive(Debug, Default)]
pub struct QuietContext {
    refusal: Mutex<Option<Refused>>,
}

/// That a client was not let in.
#[derive(Debug)]
struct Refused {
    words: String,
    at: Instant,
}

impl QuietContext {
    /// Why brokers did not let this client in, where they said so last; in their words, or the client's.
    pub(crate) fn refusal(&self) -> Option<String> {
        self.kept()
            .as_ref()
            .filter(|refused| refused.at.elapsed() < REPORTED_AGAIN_WITHIN)
            .map(|last| last.words.clone())
    }

    /// A broker answered.
    pub(crate) fn admitted(&self) {
        *self.kept() = None;
    }

    fn kept(&self) -> MutexGuard<'_, Option<Refused>> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes in what the client of a question has reported meanwhile. Nobody polls it else: it consumes nothing.
pub(crate) fn take_reports(client: &BaseConsumer<QuietContext>) {
    for _ in 0..REPORTS {
        if client.poll(REPORTS_WAIT).is_none() {
            return;
        }
    }
}

impl ClientContext for QuietContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        log_line(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the Kafka client reports an error");
        if is_not_admitted(&error) || is_refused_by_tls(&error, reason) {
            *self.kept() = Some(Refused { words: reason.to_owned(), at: Instant::now() });
        }
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        oauth_token(config)
    }
}

impl ConsumerContext for QuietContext {}

/// A broker that does not take the client's certificate, or misses it, says so after the client's part of the handshake (TLS 1.3): as
/// the client sees it, the connection broke, and only its words tell of the alert.
fn is_refused_by_tls(error: &KafkaError, reason: &str) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::BrokerTransportFailure)
        && reason.contains("SSL routines")
        && reason.contains(" alert ")
}

pub fn log_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, "{message}");
        }
        _ => tracing::debug!(facility, "{message}"),
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode as Code;

    use super::*;

    #[test]
    fn a_refusal_is_kept_until_a_broker_answers() {
        let context = QuietContext::default();
        assert_eq!(context.refusal(), None);
        context.error(KafkaError::Global(Code::Authentication), "no such user");
        context.error(KafkaError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(context.refusal().as_deref(), Some("no such user"));
        context.admitted();
        assert_eq!(context.refusal(), None);
        context.error(KafkaError::Global(Code::BrokerTransportFailure), "Connection refused");
        assert_eq!(context.refusal(), None, "an outage is none");
        let alert = "Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert number 42";
        context.error(KafkaError::Global(Code::BrokerTransportFailure), alert);
        assert_eq!(context.refusal().as_deref(), Some(alert));
    }
}
