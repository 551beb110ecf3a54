//! Waiting for the log: what is asked of it again, and for how long. Leaders that move and brokers that are away are outlived, and
//! readiness says what they say. It must never wait for a log that is gone, or another: that stops the projector.

use std::time::Duration;

use ledger_store::log_check::LogCheckError;
use tokio::time::Instant;

use super::ConsumerError;
use super::group::{Group, PART};
use super::positions::PositionSource;
use crate::relay::Relays;

/// Between looks at a topic that brokers do not know.
const TOPIC_LOOK: Duration = Duration::from_secs(1);

impl<P: PositionSource, R: Relays> Group<P, R> {
    /// Brokers do not know the topic: [`Group::look_at_topic`] is due.
    pub(super) fn doubt_topic(&self) {
        self.state().topic_in_doubt.get_or_insert_with(Instant::now);
    }

    /// Whether it is time to look at a topic that is in doubt.
    pub(super) fn topic_look_is_due(&self) -> bool {
        self.state().topic_in_doubt.is_some_and(|looked| looked.elapsed() >= TOPIC_LOOK)
    }

    /// Whether the topic is there after all, and still the one that is folded. The client continues by itself when it is.
    ///
    /// # Errors
    /// It is gone, or another.
    pub(super) async fn look_at_topic(&self) -> Result<(), ConsumerError> {
        let owned: Vec<i32> = self.state().assigned.keys().copied().collect();
        let looked = self.parts.positions.read(&owned).await;
        let mut state = self.state();
        state.topic_in_doubt = Some(Instant::now());
        match looked {
            Ok(_) => {
                state.topic_in_doubt = None;
                drop(state);
                self.kafka_answers();
                tracing::info!("the topic is known again");
                Ok(())
            }
            Err(error) => {
                drop(state);
                if self.waits_for(&error) { Ok(()) } else { Err(error.into()) }
            }
        }
    }

    /// Whether the log's state may be asked for again after `error`; readiness says so meanwhile.
    pub(super) fn waits_for(&self, error: &LogCheckError) -> bool {
        let waits = self.state().patience.waits_for(error);
        if waits
            && matches!(error, LogCheckError::Kafka(_))
            && self.parts.shared.health.waits_for_kafka(PART, error.to_string())
        {
            tracing::warn!(%error, "the log cannot be looked at: trying again");
        }
        waits
    }

    /// Kafka answered what the group asked.
    pub(super) fn kafka_answers(&self) {
        self.state().patience.answered();
        if self.parts.shared.health.kafka_answered(PART) {
            tracing::info!("Kafka answers again");
        }
    }
}
