//! How partitions come and go: taken over at the position that is stored for them, handed over after the batches in flight. It
//! must never let a record be delivered before its partition's position was read, nor after the partition was given away.

use std::sync::Arc;
use std::time::Duration;

use ledger_store::log_check::LogCheckError;
use ledger_store::positions::StoredPosition;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::ConsumerError;
use super::group::{Group, RETRY_WAIT};
use super::log_client::LogClient;
use super::positions::PositionSource;
use crate::health::Waiting;
use crate::intake::{Control, Intake};
use crate::relay::Relays;

/// How long a hand-over waits for the writers' batches in flight. Whoever takes over needs no such wait to be safe: the
/// compare-and-set fences us. It only spares both a miss.
const HAND_OVER_WAIT: Duration = Duration::from_secs(5);
/// The name under which this part waits for the database.
const PART: &str = "consumer";

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
            (std::mem::take(&mut state.assigned), std::mem::take(&mut state.paused))
        };
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
        for (partition, start_offset) in starts {
            self.begin(partition, start_offset);
        }
        self.parts.relays.start(partitions)?;
        self.parts.shared.health.joined();
        tracing::info!(?partitions, "partitions taken over");
        Ok(())
    }

    /// Positions, once both servers answer; `None` when the projector stops first. The group waits for us meanwhile, and would
    /// wait in vain for anybody else: the servers that we wait for are theirs, too.
    async fn read_until_answered(&self, partitions: &[i32]) -> Result<Option<Vec<StoredPosition>>, LogCheckError> {
        while !self.parts.stop.is_cancelled() {
            match self.parts.positions.read(partitions).await {
                Ok(stored) => {
                    if self.parts.shared.database_answered(PART) {
                        tracing::info!("positions can be read again");
                    }
                    return Ok(Some(stored));
                }
                Err(error) if error.is_retryable() => {
                    let reason = format!("positions cannot be read: {error}");
                    if self.parts.shared.waits_for_database(PART, Waiting::Always, reason) {
                        tracing::warn!(%error, "positions cannot be read: trying again");
                    }
                    tokio::time::sleep(RETRY_WAIT).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
