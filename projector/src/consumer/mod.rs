//! The consumer of the log: one client on a thread of its own, which hands records to the writers' intakes. It must never
//! skip a record, and never let Kafka decide where to begin: positions are MariaDB's. Read next: `group.rs` (partitions
//! come, are re-read, and go).

mod client;
mod doubt;
mod errors;
mod group;
mod log_client;
mod positions;
mod rebalance;

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use client::LiveGroup;
use errors::Judged;
use ledger_kafka::KafkaSettings;
use ledger_kafka::record::OwnedRecord;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::shared::Resync;
pub use client::GroupContext;
pub use errors::ConsumerError;
pub use group::{Group, GroupParts};
pub use log_client::LogClient;
pub use positions::{CheckedPositions, PositionSource, of_partitions};

/// How long one poll waits: how late a resync or a stop is noticed.
const POLL_WAIT: Duration = Duration::from_millis(50);
/// How often committed positions are published, as a hint for lag tools. Nothing reads them.
const HINT_INTERVAL: Duration = Duration::from_secs(5);

/// The consumer, on its thread.
pub struct LogConsumer {
    client: BaseConsumer<GroupContext>,
    resyncs: Receiver<Resync>,
    stop: CancellationToken,
    hinted: Instant,
}

impl LogConsumer {
    /// Makes the client, which joins `group_id` when it is first polled.
    ///
    /// # Errors
    /// [`ConsumerError::Client`] when the settings are refused.
    pub fn new(
        settings: &KafkaSettings,
        group_id: &str,
        group: Arc<LiveGroup>,
        runtime: Handle,
        resyncs: Receiver<Resync>,
        stop: CancellationToken,
    ) -> Result<Self, ConsumerError> {
        let topic = group.topic().to_owned();
        let client: BaseConsumer<GroupContext> = settings
            .group_consumer(group_id)
            .create_with_context(GroupContext { group, runtime })
            .map_err(ConsumerError::client("creating the consumer"))?;
        client.subscribe(&[&topic]).map_err(ConsumerError::client("subscribing"))?;
        Ok(Self { client, resyncs, stop, hinted: Instant::now() })
    }

    /// Runs until it is stopped, then hands its partitions over and leaves the group. Blocks.
    ///
    /// # Errors
    /// The first error that no retry would mend.
    pub fn run(mut self) -> Result<(), ConsumerError> {
        let outcome = self.consume();
        self.runtime().block_on(self.group().hand_over(&self.client));
        // Dropping the client leaves the group, so that others need not wait for the session to end.
        outcome
    }

    fn group(&self) -> Arc<LiveGroup> {
        self.client.context().group.clone()
    }

    fn runtime(&self) -> Handle {
        self.client.context().runtime.clone()
    }

    fn consume(&mut self) -> Result<(), ConsumerError> {
        let (group, runtime) = (self.group(), self.runtime());
        while !self.stop.is_cancelled() {
            match self.client.poll(POLL_WAIT) {
                None => {}
                Some(Ok(message)) => {
                    // Without an epoch the partition was given away, or is being re-read: its records come again.
                    if let Some(epoch) = group.epoch_of(message.partition())
                        && let Err(record) = group.deliver(OwnedRecord::copy(&message, epoch))
                    {
                        runtime.block_on(group.deliver_late(&self.client, record))?;
                    }
                }
                Some(Err(error)) => match errors::judge(group.topic(), error)? {
                    Judged::TopicInDoubt => group.doubt_topic(),
                    Judged::Passes => {}
                },
            }
            if group.topic_look_is_due() {
                runtime.block_on(group.look_at_topic())?;
            }
            let ended = group.between_polls(&self.client, &self.resyncs)?;
            if !ended.is_empty() {
                runtime.block_on(group.resync(&self.client, &ended))?;
            }
            if self.hinted.elapsed() >= HINT_INTERVAL {
                self.hinted = Instant::now();
                group.hint(&self.client);
            }
        }
        Ok(())
    }
}
