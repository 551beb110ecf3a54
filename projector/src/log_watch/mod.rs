//! Whether the log still is the one that the positions belong to, and can be reached, looked at while the projector runs: its
//! identity and who has its partitions every second, and every ten that it and what the relay writes keep what they must (INV-9).
//! Start and assignment look, too; between them nothing else would tell, since a topic that was made anew has the same name and
//! valid offsets, and a consumer without brokers looks like one without records.
//!
//! It must never mend anything, and never take silence for an answer: the projector is not ready then, and waits. Read next:
//! `unanswered.rs`, how long that goes without a word.

mod unanswered;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use ledger_fold::log_safety::{LogIdentity, check_identity, check_settings};
use ledger_kafka::{KafkaUseError, LogInspector, PartitionState, ask};
use ledger_schema::topic_settings::MIN_INSYNC_REPLICAS;
use ledger_store::log_check::{self, LogCheckError};
use tokio_util::sync::CancellationToken;
use unanswered::{Told, Unanswered};

use crate::relay::RelayTopics;
use crate::shared::Shared;

const INTERVAL: Duration = Duration::from_secs(1);
const LOOKS_PER_SETTINGS: u32 = 10;
/// Longest that one question of a look waits for its answer.
pub(crate) const LOOK_LIMIT: Duration = Duration::from_secs(3);
/// A topic that is missing at so many looks in a row was deleted. A broker that has just started may not know it yet.
const MISSING_LOOKS: u32 = 5;
/// Longest that a projector that stops waits to know whether the log is the cause.
const EXPLAIN_LIMIT: Duration = Duration::from_secs(2);
/// The name under which this part waits for Kafka.
const PART: &str = "log watch";

/// What is watched.
#[derive(Clone)]
pub struct LogWatch {
    pub inspector: LogInspector,
    /// The log, and what the relay writes.
    pub topics: RelayTopics,
    /// Of the log that the positions belong to.
    pub identity: LogIdentity,
    /// Told while Kafka cannot do what a projector needs.
    pub shared: Arc<Shared>,
}

/// What a look found: nothing that stops the projector.
struct Found {
    /// Why nothing is appended to the log, and nothing published, now.
    short: Option<String>,
    /// Of the settings, where they were looked at.
    settings: Option<FoundSettings>,
}

struct FoundSettings {
    min_in_sync: usize,
    /// What is wrong with a topic that the relay writes.
    output: Option<String>,
}

impl LogWatch {
    /// Looks until `stop`.
    ///
    /// # Errors
    /// The log is another one, loses records, or is gone.
    pub async fn run(self, stop: CancellationToken) -> Result<(), LogCheckError> {
        let hurried = Self { inspector: self.inspector.with_timeout(LOOK_LIMIT), ..self };
        let (mut looks, mut missing, mut min_in_sync) = (0_u32, 0, 1);
        let (mut unanswered, mut wrong_outputs) = (Unanswered::default(), BTreeSet::new());
        while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
            let begun = tokio::time::Instant::now();
            let with_settings = looks.is_multiple_of(LOOKS_PER_SETTINGS);
            looks = looks.wrapping_add(1);
            // Who stops does not wait for an answer that may not come.
            let Some(looked) = stop.run_until_cancelled(hurried.look(with_settings, min_in_sync)).await else { break };
            match looked {
                Ok(found) => {
                    missing = 0;
                    if let Some(settings) = found.settings {
                        min_in_sync = settings.min_in_sync;
                        hurried.tell_of_outputs(settings.output, &mut wrong_outputs);
                    }
                    hurried.tell(unanswered.look(begun, found.short));
                }
                Err(LogCheckError::Kafka(KafkaUseError::MissingTopic { .. })) if missing + 1 < MISSING_LOOKS => {
                    missing += 1;
                }
                Err(LogCheckError::Kafka(error)) if !matches!(error, KafkaUseError::MissingTopic { .. }) => {
                    hurried.tell(unanswered.look(begun, Some(error.to_string())));
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
        match hurried.check_log(true).await {
            Err(refused @ LogCheckError::Refused(_)) => {
                tracing::error!(%error, "this follows from another log");
                refused.into()
            }
            _ => error,
        }
    }

    /// Whether it is our log, and, where they are looked at, its settings; gives how many replicas must have a record.
    async fn check_log(&self, with_settings: bool) -> Result<Option<usize>, LogCheckError> {
        let (inspector, topic, expected) = (self.inspector.clone(), self.topics.orders.clone(), self.identity.clone());
        ask(move || {
            check_identity(&topic, &expected, &inspector.identity(&topic)?)?;
            if !with_settings {
                return Ok(None);
            }
            let settings = inspector.settings(&topic)?;
            check_settings(&topic, &settings)?;
            // A broker that does not say how many asks for one.
            Ok(Some(settings.get(MIN_INSYNC_REPLICAS).and_then(|count| count.parse().ok()).unwrap_or(1)))
        })
        .await
    }

    async fn look(&self, with_settings: bool, min_in_sync: usize) -> Result<Found, LogCheckError> {
        let asked = self.check_log(with_settings).await?;
        let settings = match asked {
            Some(min_in_sync) => Some(FoundSettings { min_in_sync, output: self.wrong_output().await? }),
            None => None,
        };
        let min_in_sync = asked.unwrap_or(min_in_sync);
        let (inspector, topic, count) =
            (self.inspector.clone(), self.topics.orders.clone(), self.identity.partition_count);
        let short = ask(move || {
            let states = inspector.partitions(&topic)?;
            let short = short_of(&topic, &states, min_in_sync);
            if short.is_none() {
                // What brokers say of each other is as old as the session of one that died.
                inspector.ask_leaders(&topic, &(0..count).collect::<Vec<_>>())?;
            }
            Ok::<_, LogCheckError>(short)
        });
        Ok(Found { short: short.await?, settings })
    }

    /// What is wrong with a topic that the relay writes. It stops nobody who runs: the next start refuses it.
    async fn wrong_output(&self) -> Result<Option<String>, LogCheckError> {
        let (inspector, topics) = (self.inspector.clone(), self.topics.clone());
        let checked = ask(move || log_check::check_outputs(&inspector, &topics.orders, &topics.outputs())).await;
        match checked {
            Ok(()) => Ok(None),
            Err(wrong @ (LogCheckError::OutputSetting(_) | LogCheckError::OutputPartitionCount { .. })) => {
                Ok(Some(wrong.to_string()))
            }
            // The relay, which needs it, looks for it at each of its sessions.
            Err(error) if error.is_topic_missing() => Ok(Some(error.to_string())),
            Err(error) => Err(error),
        }
    }

    /// Each fault once, and that all are mended.
    fn tell_of_outputs(&self, found: Option<String>, told: &mut BTreeSet<String>) {
        match found {
            Some(wrong) if told.insert(wrong.clone()) => {
                tracing::warn!("the projector goes on, and its next start refuses this: {wrong}");
            }
            Some(_) => {}
            None => {
                if !told.is_empty() {
                    told.clear();
                    tracing::info!("the topics that the relay writes are as they must be again");
                }
            }
        }
    }

    fn tell(&self, told: Told) {
        let (health, topic) = (&self.shared.health, &self.topics.orders);
        match told {
            Told::Nothing => {}
            Told::Waits(words) => {
                if health.waits_for_kafka(PART, words.clone()) {
                    tracing::warn!(topic, "the projector waits for Kafka: {words}");
                }
            }
            Told::Answered => {
                if health.kafka_answered(PART) {
                    tracing::info!(topic, "Kafka answers again");
                }
            }
        }
    }
}

/// Why nothing can be appended to the log, as brokers know its partitions: a projector that cannot tell other partitions, end a hold
/// or publish does not do its work.
fn short_of(topic: &str, states: &[PartitionState], min_in_sync: usize) -> Option<String> {
    let of = |is_short: &dyn Fn(&PartitionState) -> bool| -> Vec<i32> {
        states.iter().filter(|state| is_short(state)).map(|state| state.partition).collect()
    };
    let leaderless = of(&|state| !state.has_leader);
    if !leaderless.is_empty() {
        return Some(format!("topic {topic}: partitions {leaderless:?} have no leader"));
    }
    let behind = of(&|state| state.in_sync < min_in_sync);
    (!behind.is_empty()).then(|| {
        format!(
            "topic {topic}: partitions {behind:?} have fewer than {min_in_sync} replicas in sync (min.insync.replicas)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_can_be_appended_to_is_named() {
        let state = |partition, has_leader, in_sync| PartitionState { partition, has_leader, in_sync, replicas: 3 };
        let (whole, one_away) = (state(0, true, 3), state(1, true, 2));
        for (states, says) in [
            (vec![whole, one_away], None),
            (vec![whole, state(2, true, 1), state(3, true, 1)], Some("[2, 3] have fewer than 2 replicas in sync")),
            (vec![state(4, false, 1), state(2, true, 1)], Some("[4] have no leader")),
        ] {
            let found = short_of("orders", &states, 2);
            assert_eq!(found.is_some(), says.is_some(), "{found:?}");
            assert!(found.unwrap_or_default().contains(says.unwrap_or_default()), "{says:?}");
        }
        assert_eq!(short_of("orders", &[state(0, true, 1)], 1), None);
    }
}
