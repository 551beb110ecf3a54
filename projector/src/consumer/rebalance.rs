//! How partitions come and go: taken over at the position that is stored for them, handed over after the batches in flight. It
//! must never let a record be delivered before its partition's position was read, nor after the partition was given away.

use std::sync::Arc;
use std::time::Duration;

use ledger_database::Backoff;
use ledger_store::log_check::LogCheckError;
use ledger_store::positions::StoredPosition;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::ConsumerError;
use super::group::{Group, PART, RETRY_WAIT};
use super::log_client::LogClient;
use super::positions::PositionSource;
use crate::health::Waiting;
use crate::intake::{Control, Intake};
use crate::relay::Relays;

/// How long a hand-over waits for the writers' batches in flight. Whoever takes over needs no such wait to be safe: the
/// compare-and-set fences us. It only spares both a miss.
const HAND_OVER_WAIT: Duration = Duration::from_secs(5);
/// Longest pause between attempts to read positions.
const MAX_RETRY_WAIT: Duration = Duration::from_secs(2);

impl<P: PositionSource, R: Relays> Group<P, R> {
    /// Takes part in a rebalance: partitions are assigned, or all are taken away.
    pub async fn rebalance(&self, client: &impl LogClient, assigned: Option<Vec<i32>>) {
        let done = match assigned {
            Some(partitions) => self.take_over(client, &partitions).await,
            None => {
                self.hand_over(client).await;
                client.unassign()
            }
        };
        if let Err(error) = done {
            // The client waits for an answer to its callback, whatever it is.
            let _ = client.unassign();
            self.state().failure = Some(error);
        }
    }

    /// Gives all partitions away: ends their epochs, so that what is queued is dropped, and waits for batches in flight.
    pub async fn hand_over(&self, client: &impl LogClient) {
        let (assigned, paused) = {
            let mut state = self.state();
            let mut paused = std::mem::take(&mut state.paused);
            paused.append(&mut state.held);
            (std::mem::take(&mut state.assigned), paused)
        };
        // What is not ours is not waited for. That brokers are away is `log_watch.rs`'s to say, and stays.
        self.parts.shared.health.kafka_answered(PART);
        self.parts.shared.health.handed_over();
        if assigned.is_empty() {
            return;
        }
        for partition in assigned.keys() {
            self.parts.shared.end_epoch(*partition);
        }
        self.wait_for_writers().await;
        // After the last batch in flight, so that its outcomes are not left to the next owner without need.
        self.parts.relays.stop().await;
        self.hint(client);
        // The client keeps the flag with the partition, also until we are assigned it again.
        if !paused.is_empty()
            && let Err(error) = client.resume(&Vec::from_iter(paused))
        {
            tracing::debug!(%error, "paused partitions were not resumed before they were given away");
        }
    }

    async fn wait_for_writers(&self) {
        let deadline = Instant::now() + HAND_OVER_WAIT;
        let barrier = |intake: &Arc<Intake>| {
            let (done, wait) = oneshot::channel();
            intake.tell(Control::Barrier(done));
            wait
        };
        let barriers: Vec<oneshot::Receiver<()>> = self.parts.intakes.iter().map(barrier).collect();
        for barrier in barriers {
            if !matches!(tokio::time::timeout_at(deadline, barrier).await, Ok(Ok(()))) {
                tracing::info!("a batch in flight did not end in time: the compare-and-set will tell");
            }
        }
    }

    /// Takes partitions over: positions from MariaDB, checked against the log, assigned once.
    async fn take_over(&self, client: &impl LogClient, partitions: &[i32]) -> Result<(), ConsumerError> {
        let Some(stored) = self.read_until_answered(partitions).await? else { return Ok(()) };
        let starts: Vec<_> = stored.iter().map(|position| (position.partition, position.next_offset)).collect();
        client.assign(&starts)?;
        for position in &stored {
            self.hold_or_let_go(client, position)?;
            self.begin(position);
        }
        self.parts.relays.start(partitions)?;
        self.parts.shared.health.joined();
        tracing::info!(?partitions, "partitions taken over");
        Ok(())
    }

    /// Positions, once both servers answer; `None` when the projector stops first. The group waits for us meanwhile, and would
    /// wait in vain for anybody else: the servers that we wait for are theirs, too.
    async fn read_until_answered(&self, partitions: &[i32]) -> Result<Option<Vec<StoredPosition>>, LogCheckError> {
        let mut backoff = Backoff::new(RETRY_WAIT, MAX_RETRY_WAIT);
        while !self.parts.stop.is_cancelled() {
            match self.parts.positions.read(partitions).await {
                Ok(stored) => {
                    self.kafka_answers();
                    if self.parts.shared.database_answered(PART) {
                        tracing::info!("positions can be read again");
                    }
                    return Ok(Some(stored));
                }
                Err(error) if self.waits_for(&error) => {
                    let reason = format!("positions cannot be read: {error}");
                    if matches!(error, LogCheckError::Kafka(_)) {
                        // The database was asked first, and answered.
                        self.parts.shared.database_answered(PART);
                    } else if self.parts.shared.waits_for_database(PART, Waiting::Always, reason) {
                        tracing::warn!(%error, "positions cannot be read: trying again");
                    }
                    tokio::time::sleep(backoff.next_wait()).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::{BTreeMap, VecDeque};

    use ledger_fold::log_safety::{LogIdentity, LogRefusal};
    use ledger_kafka::KafkaUseError;
    use ledger_store::{FOLD_VERSION, GenerationKey, Pause};
    use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::consumer::group::GroupParts;
    use crate::intake::Limits;
    use crate::relay::RelayError;
    use crate::shared::Shared;

    const LIMITS: Limits = Limits { records: 10, bytes: 1 << 20 };

    /// Answers in this order, and looks at readiness before each.
    struct Answers {
        answers: RefCell<VecDeque<Result<Vec<StoredPosition>, LogCheckError>>>,
        shared: Arc<Shared>,
        seen: Arc<std::sync::Mutex<Vec<String>>>,
    }

    impl PositionSource for Answers {
        async fn read(&self, _partitions: &[i32]) -> Result<Vec<StoredPosition>, LogCheckError> {
            self.seen.lock().expect("no panic").push(self.shared.readiness().reasons.join("; "));
            self.answers.borrow_mut().pop_front().expect("asked no further")
        }
    }

    struct NoRelays;

    impl Relays for NoRelays {
        fn start(&self, _partitions: &[i32]) -> Result<(), RelayError> {
            Ok(())
        }

        async fn stop(&self) {}
    }

    #[derive(Default)]
    struct Client {
        assigned: RefCell<Vec<(i32, i64)>>,
        /// What it was told since it was assigned anything.
        told: RefCell<Vec<String>>,
    }

    impl LogClient for Client {
        fn assign(&self, starts: &[(i32, i64)]) -> Result<(), ConsumerError> {
            self.assigned.borrow_mut().extend(starts);
            Ok(())
        }

        fn unassign(&self) -> Result<(), ConsumerError> {
            self.assigned.borrow_mut().clear();
            Ok(())
        }

        async fn seek(&self, partition: i32, offset: i64) -> Result<(), ConsumerError> {
            self.told.borrow_mut().push(format!("seek {partition} {offset}"));
            Ok(())
        }

        fn pause(&self, partition: i32) -> Result<(), ConsumerError> {
            self.told.borrow_mut().push(format!("pause {partition}"));
            Ok(())
        }

        fn resume(&self, partitions: &[i32]) -> Result<(), ConsumerError> {
            self.told.borrow_mut().push(format!("resume {partitions:?}"));
            Ok(())
        }

        fn hint(&self, _positions: &BTreeMap<i32, i64>) -> Result<(), ConsumerError> {
            Ok(())
        }
    }

    fn failed(code: Code) -> Result<Vec<StoredPosition>, LogCheckError> {
        let cause = KafkaError::MetadataFetch(code);
        Err(KafkaUseError::Failed { action: "reading the watermarks", cause }.into())
    }

    fn stands_at(next_offset: i64) -> Result<Vec<StoredPosition>, LogCheckError> {
        let identity = LogIdentity { cluster_id: "c".into(), topic_id: "t".into(), partition_count: 1 };
        let generation = GenerationKey::draw(1);
        let (fold_version, paused) = (FOLD_VERSION, None);
        Ok(vec![StoredPosition { partition: 0, next_offset, identity, generation, fold_version, paused }])
    }

    /// A group that is assigned its partition, and what readiness said before each answer.
    async fn assigned(
        answers: Vec<Result<Vec<StoredPosition>, LogCheckError>>,
    ) -> (Client, Group<Answers, NoRelays>, Vec<String>) {
        let (shared, seen) = (Arc::new(Shared::new(1)), Arc::default());
        let positions =
            Answers { answers: RefCell::new(answers.into()), shared: Arc::clone(&shared), seen: Arc::clone(&seen) };
        let group = Group::new(GroupParts {
            topic: "orders".to_owned(),
            positions,
            intakes: vec![Arc::new(Intake::new(LIMITS))],
            shared,
            relays: NoRelays,
            stop: CancellationToken::new(),
        });
        let client = Client::default();
        group.rebalance(&client, Some(vec![0])).await;
        let seen = seen.lock().expect("no panic").clone();
        (client, group, seen)
    }

    #[tokio::test(start_paused = true)]
    async fn leaders_that_move_are_outlived_and_readiness_says_what_is_waited_for() {
        let mut answers = Vec::new();
        for _ in 0..40 {
            answers
                .extend([Code::OffsetNotAvailable, Code::NotLeaderForPartition, Code::KafkaStorageError].map(failed));
        }
        answers.push(failed(Code::UnknownTopicOrPartition));
        answers.push(stands_at(7));
        let (client, group, seen) = assigned(answers).await;
        assert_eq!(*client.assigned.borrow(), [(0, 7)]);
        assert!(group.state().failure.is_none());
        assert!(
            seen[1].contains("waiting for Kafka: reading the watermarks") && seen[1].contains("OffsetNotAvailable"),
            "{}",
            seen[1]
        );
        let now = group.parts.shared.readiness().reasons.join("; ");
        assert!(!now.contains("Kafka"), "{now}");
    }

    /// As [`stands_at`], paused by an operator.
    fn paused_at(next_offset: i64) -> Result<Vec<StoredPosition>, LogCheckError> {
        let pause = Pause { since: chrono::Utc::now(), by: "ann".to_owned(), reason: None };
        Ok(stands_at(next_offset)?
            .into_iter()
            .map(|one| StoredPosition { paused: Some(pause.clone()), ..one })
            .collect())
    }

    #[tokio::test(start_paused = true)]
    async fn inv_14_a_paused_partition_is_held_in_its_place_and_let_go_only_after_a_seek() {
        let (client, group, _) = assigned(vec![paused_at(7), stands_at(7), paused_at(9), stands_at(9)]).await;
        assert_eq!(*client.assigned.borrow(), [(0, 7)], "it stays ours");
        assert_eq!(std::mem::take(&mut *client.told.borrow_mut()), ["pause 0"]);
        assert_eq!(group.epoch_of(0), None, "what is still delivered is dropped");
        // Each time its writer finds that the tables say otherwise, it is read anew.
        for expected in [&["seek 0 7", "resume [0]"][..], &["seek 0 9", "pause 0"]] {
            group.resync(&client, &[0]).await.expect("positions");
            assert_eq!(std::mem::take(&mut *client.told.borrow_mut()), expected);
        }
        assert!(group.state().held.contains(&0) && group.state().paused.is_empty());
        // Given away, the flag is taken off: the client would keep it for the next time.
        group.rebalance(&client, None).await;
        assert_eq!(std::mem::take(&mut *client.told.borrow_mut()), ["resume [0]"]);
        group.rebalance(&client, Some(vec![0])).await;
        assert_eq!((client.told.borrow().len(), group.state().held.len()), (0, 0));
        assert!(group.epoch_of(0).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_taken_its_share_is_not_ready_until_it_has_another() {
        let (client, group, _) = assigned(vec![stands_at(7)]).await;
        let reasons = || group.parts.shared.readiness().reasons.join("; ");
        assert!(!reasons().contains("has not assigned"), "{}", reasons());
        group.parts.shared.health.waits_for_kafka("log watch", "no broker".to_owned());
        group.rebalance(&client, None).await;
        assert!(reasons().contains("has not assigned") && reasons().contains("no broker"), "{}", reasons());
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_is_gone_or_another_stops_the_projector() {
        let truncated = || LogRefusal::IncompletePositions { topic: "orders".to_owned(), expected: 2, found: 1 };
        let (client, group, _) = assigned(vec![failed(Code::OffsetNotAvailable), Err(truncated().into())]).await;
        assert!(client.assigned.borrow().is_empty());
        assert!(matches!(group.state().failure, Some(ConsumerError::Log(LogCheckError::Refused(_)))));
        let missing = || Err(KafkaUseError::MissingTopic { topic: "orders".to_owned() }.into());
        let (client, group, seen) = assigned((0..200).map(|_| missing()).collect()).await;
        assert!(client.assigned.borrow().is_empty() && seen.len() < 200, "it gives up by itself");
        assert!(matches!(&group.state().failure, Some(ConsumerError::Log(error)) if error.is_topic_missing()));
    }
}
