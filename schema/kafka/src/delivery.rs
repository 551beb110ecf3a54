//! What became of a record that a producer took: its place in the log, or what is known besides the code. It must never say that
//! a record is not in the log by itself: [`append_fault`] decides that, with what stands here.

use std::fmt;
use std::time::Duration;

use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::DeliveryResult;

use crate::faults::{AppendFault, AppendStep, append_fault};
use crate::native;

/// Partition and offset of a record that all in-sync replicas have, or why it is not known to be there.
pub type Reported = Result<(i32, i64), NotDelivered>;

/// A record that was not delivered, or not known to be.
#[derive(Debug, Clone, PartialEq)]
pub struct NotDelivered {
    pub fault: AppendFault,
    pub error: KafkaError,
    /// The broker's own words, where it gave any.
    pub words: Option<String>,
}

impl fmt::Display for NotDelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.words {
            Some(words) => write!(f, "{}: {words}", self.error),
            None => write!(f, "{}", self.error),
        }
    }
}

/// Reads a delivery report, and how long ago the record was queued. Only from the producer's own callback: the time counts up to
/// now, and a report that is read late looks as if there had been more than one attempt.
pub fn reported(result: &DeliveryResult<'_>) -> (Reported, Duration) {
    match result {
        Ok(message) => (Ok((message.partition(), message.offset())), native::waited(message)),
        Err((error, message)) => {
            let waited = native::waited(message);
            let step = AppendStep::Delivery { persistence: native::persistence(message), waited };
            let (fault, error) = (append_fault(step, error), error.clone());
            (Err(NotDelivered { fault, error, words: native::refusal_text(message) }), waited)
        }
    }
}
