//! The Kafka client as the group uses it: the calls that take a place in the log, and the client's callbacks. It must never
//! decide anything: what follows from a rebalance is `group.rs`.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use ledger_kafka::{KAFKA_TIMEOUT, log_line, oauth_token};
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;

use super::ConsumerError;
use super::group::Group;
use super::log_client::LogClient;
use super::positions::CheckedPositions;
use crate::relay::RelayGroup;

/// The group of a running projector.
pub(super) type LiveGroup = Group<CheckedPositions, RelayGroup>;

/// What the client calls back: our share of the group.
pub struct GroupContext {
    pub(super) group: Arc<LiveGroup>,
    /// Drives the group's waits on the consumer's own thread, which nothing else runs on.
    pub(super) runtime: Handle,
}

impl LogClient for BaseConsumer<GroupContext> {
    fn assign(&self, starts: &[(i32, i64)]) -> Result<(), ConsumerError> {
        let list = offsets(topic(self), starts.iter().copied())?;
        Consumer::assign(self, &list).map_err(ConsumerError::client("assigning"))
    }

    fn unassign(&self) -> Result<(), ConsumerError> {
        Consumer::unassign(self).map_err(ConsumerError::client("giving partitions away"))
    }

    async fn seek(&self, partition: i32, offset: i64) -> Result<(), ConsumerError> {
        // With a timeout the client answers when the seek has taken effect, so no record from before it can follow under the
        // new epoch. Just after an assignment it refuses ("Erroneous state"), and is asked again.
        Consumer::seek(self, topic(self), partition, Offset::Offset(offset), KAFKA_TIMEOUT)
            .map_err(ConsumerError::client("seeking"))
    }

    fn pause(&self, partition: i32) -> Result<(), ConsumerError> {
        Consumer::pause(self, &list(topic(self), &[partition])).map_err(ConsumerError::client("pausing"))
    }

    fn resume(&self, partitions: &[i32]) -> Result<(), ConsumerError> {
        Consumer::resume(self, &list(topic(self), partitions)).map_err(ConsumerError::client("resuming"))
    }

    fn hint(&self, positions: &BTreeMap<i32, i64>) -> Result<(), ConsumerError> {
        let list = offsets(topic(self), positions.iter().map(|(partition, offset)| (*partition, *offset)))?;
        self.commit(&list, CommitMode::Async).map_err(ConsumerError::client("committing offsets for lag tools"))
    }
}

fn topic(client: &BaseConsumer<GroupContext>) -> &str {
    client.context().group.topic()
}

fn list(topic: &str, partitions: &[i32]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(topic, *partition);
    }
    list
}

fn offsets(topic: &str, places: impl Iterator<Item = (i32, i64)>) -> Result<TopicPartitionList, ConsumerError> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in places {
        list.add_partition_offset(topic, partition, Offset::Offset(offset))
            .map_err(ConsumerError::client("setting an offset"))?;
    }
    Ok(list)
}

impl ClientContext for GroupContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        log_line(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if self.group.complains() {
            tracing::warn!(%error, reason, "the Kafka client reports an error, and continues");
        } else {
            tracing::debug!(%error, reason, "the Kafka client reports an error, and continues");
        }
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        oauth_token(config)
    }
}

impl ConsumerContext for GroupContext {
    /// Overrides the default, which would assign before the positions are known. Eager protocol: whatever is assigned is
    /// assigned whole, and revoked whole.
    fn rebalance(&self, client: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let assigned = event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let partitions: Vec<i32> = list.elements().iter().map(|element| element.partition()).collect();
        self.runtime.block_on(self.group.rebalance(client, assigned.then_some(partitions)));
    }
}
