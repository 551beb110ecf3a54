//! Whether the log still is the one that the positions belong to, looked at while the projector runs: its identity every second,
//! and every ten that it keeps every record (INV-9). Start and assignment look, too; between them nothing else would tell, since
//! a topic that was made anew has the same name and valid offsets.
//!
//! It must never mend anything, and never take silence for an answer.

use std::fmt::Display;
use std::time::Duration;

use ledger_fold::log_safety::{LogIdentity, check_identity, check_settings};
use ledger_kafka::{KafkaUseError, LogInspector, ask};
use ledger_store::log_check::LogCheckError;
use tokio_util::sync::CancellationToken;

const INTERVAL: Duration = Duration::from_secs(1);
const LOOKS_PER_SETTINGS: u32 = 10;
/// A topic that is missing at so many looks in a row was deleted. A broker that has just started may not know it yet.
const MISSING_LOOKS: u32 = 5;
/// Longest that a projector that stops waits to know whether the log is the cause.
const EXPLAIN_LIMIT: Duration = Duration::from_secs(2);

/// What is watched.
#[derive(Clone)]
pub struct LogWatch {
    pub inspector: LogInspector,
    pub topic: String,
    /// Of the log that the positions belong to.
    pub identity: LogIdentity,
}

impl LogWatch {
    /// Looks until `stop`.
    ///
    /// # Errors
    /// The log is another one, loses records, or is gone.
    pub async fn run(self, stop: CancellationToken) -> Result<(), LogCheckError> {
        let (mut looks, mut missing) = (0_u32, 0);
        while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
            looks = looks.wrapping_add(1);
            match self.look(looks.is_multiple_of(LOOKS_PER_SETTINGS)).await {
                Ok(()) => missing = 0,
                Err(LogCheckError::Kafka(KafkaUseError::MissingTopic { .. })) if missing + 1 < MISSING_LOOKS => {
                    missing += 1;
                }
                Err(LogCheckError::Kafka(error)) if !matches!(error, KafkaUseError::MissingTopic { .. }) => {
                    tracing::debug!(topic = self.topic, %error, "the log cannot be looked at");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A projector whose log is taken away may first meet what follows from it: a missing topic, an offset that is not there, a
    /// partition without a position. What it stops with is then the log's name.
    pub async fn explain<E: From<LogCheckError> + Display>(&self, error: E) -> E {
        let hurried = Self { inspector: self.inspector.with_timeout(EXPLAIN_LIMIT), ..self.clone() };
        match hurried.look(true).await {
            Err(refused @ LogCheckError::Refused(_)) => {
                tracing::error!(%error, "this follows from another log");
                refused.into()
            }
            _ => error,
        }
    }

    async fn look(&self, with_settings: bool) -> Result<(), LogCheckError> {
        let (inspector, topic, expected) = (self.inspector.clone(), self.topic.clone(), self.identity.clone());
        ask(move || {
            check_identity(&topic, &expected, &inspector.identity(&topic)?)?;
            if with_settings {
                check_settings(&topic, &inspector.settings(&topic)?)?;
            }
            Ok(())
        })
        .await
    }
}
