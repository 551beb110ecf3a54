//! Where partitions begin and end, and which offset a time has.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ledger_schema::log::Watermarks;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::error::KafkaUseError;
use crate::inspector::{Asker, LogInspector};
use crate::native::{NativeFault, look_up_offsets};

const READING_WATERMARKS: &str = "reading the watermarks";
/// Before a question that met a leader that moves is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(100);

impl LogInspector {
    /// First offset, last stable offset and high watermark of a partition.
    ///
    /// # Errors
    /// [`KafkaUseError`] when no broker answers.
    pub fn watermarks(&self, topic: &str, partition: i32) -> Result<Watermarks, KafkaUseError> {
        let found = self.watermarks_of(topic, &[partition])?;
        Ok(found[&partition])
    }

    /// As [`Self::watermarks`], of several partitions at the price of one.
    ///
    /// # Errors
    /// [`KafkaUseError`] when no broker answers, of the first partition that has none.
    pub fn watermarks_of(&self, topic: &str, partitions: &[i32]) -> Result<BTreeMap<i32, Watermarks>, KafkaUseError> {
        let uncommitted = self.uncommitted()?;
        let ends = |client, bound| self.ends(client, topic, partitions, bound);
        let low = ends(&self.committed, Offset::Beginning)?;
        // The high watermark first. Asked the other way round, what is appended in between would look like an open transaction.
        let high = ends(&uncommitted, Offset::End)?;
        let stable = ends(&self.committed, Offset::End)?;
        let marks = low.iter().zip(&stable).zip(&high).map(|(((partition, low), (_, stable)), (_, high))| {
            (*partition, Watermarks { low: *low, stable: *stable, high: *high.max(stable) })
        });
        Ok(marks.collect())
    }

    /// Whether the leader of each of these partitions answers.
    ///
    /// # Errors
    /// [`KafkaUseError`] of the first that does not.
    pub fn ask_leaders(&self, topic: &str, partitions: &[i32]) -> Result<(), KafkaUseError> {
        self.ends(&self.committed, topic, partitions, Offset::Beginning).map(|_| ())
    }

    /// Per partition, the first offset whose record has at least that time (Kafka's, in milliseconds since 1970); none where no record
    /// is so late.
    ///
    /// # Errors
    /// [`KafkaUseError`] when no broker answers.
    pub fn offsets_from(
        &self,
        topic: &str,
        partitions: &[i32],
        millis: i64,
    ) -> Result<BTreeMap<i32, i64>, KafkaUseError> {
        self.offsets(&self.committed, topic, partitions, Offset::Offset(millis), "looking a time up")
    }

    /// One bound of each partition: none is missing.
    fn ends(
        &self,
        client: &Asker,
        topic: &str,
        partitions: &[i32],
        bound: Offset,
    ) -> Result<BTreeMap<i32, i64>, KafkaUseError> {
        let offsets = self.offsets(client, topic, partitions, bound, READING_WATERMARKS)?;
        if partitions.iter().all(|partition| offsets.contains_key(partition)) {
            return Ok(offsets);
        }
        let cause = format!("expected the offsets of the partitions {partitions:?}, found {offsets:?}");
        let code = Some(RDKafkaErrorCode::LeaderNotAvailable);
        Err(self.unanswered(topic, READING_WATERMARKS, NativeFault { code, cause }))
    }

    /// The offsets that were found. Asked again while leaders move.
    fn offsets(
        &self,
        client: &Asker,
        topic: &str,
        partitions: &[i32],
        sought: Offset,
        action: &'static str,
    ) -> Result<BTreeMap<i32, i64>, KafkaUseError> {
        // The client refuses to be asked about nothing.
        if partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let begun = Instant::now();
        loop {
            let asked = question(topic, partitions, sought).map_err(|cause| KafkaUseError::Failed { action, cause })?;
            let left = self.timeout.saturating_sub(begun.elapsed());
            match look_up_offsets(client.client(), &asked, left) {
                Ok(()) => return Self::explained(client, Ok(answer(&asked))),
                Err(fault) if fault.passes() && left > ASK_AGAIN => std::thread::sleep(ASK_AGAIN),
                Err(fault) => return Self::explained(client, Err(self.unanswered(topic, action, fault))),
            }
        }
    }
}

fn question(topic: &str, partitions: &[i32], sought: Offset) -> Result<TopicPartitionList, KafkaError> {
    let mut asked = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        asked.add_partition_offset(topic, *partition, sought)?;
    }
    Ok(asked)
}

/// A partition that nobody answered for, or that has no such record, keeps an offset that is none.
fn answer(found: &TopicPartitionList) -> BTreeMap<i32, i64> {
    let offset = |found: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match found.offset() {
        Offset::Offset(offset) => Some((found.partition(), offset)),
        _ => None,
    };
    found.elements().into_iter().filter_map(offset).collect()
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;

    use super::*;
    use crate::settings::KafkaSettings;

    #[test]
    fn partitions_without_a_leader_are_waited_for_and_not_taken_for_a_missing_topic() {
        let cluster = MockCluster::new(1).expect("starts");
        cluster.create_topic("orders", 2, 1).expect("created");
        let settings = KafkaSettings::new(&cluster.bootstrap_servers(), "").expect("valid");
        let asked = LogInspector::new(&settings).expect("valid").with_timeout(Duration::from_secs(3));
        let none = Watermarks { low: 0, stable: 0, high: 0 };
        assert_eq!(asked.watermarks_of("orders", &[0, 1]).expect("answered"), BTreeMap::from([(0, none), (1, none)]));
        assert_eq!(asked.watermarks_of("orders", &[]).expect("nothing to ask"), BTreeMap::new());
        // Both, as while the only broker is fenced; then one, as while one of several brokers is away.
        for partition in [0, 1] {
            cluster.partition_leader("orders", partition, None).expect("set");
        }
        for restored in [None, Some(1)] {
            cluster.partition_leader("orders", 1, restored).expect("set");
            let mut error = asked.watermarks_of("orders", &[0, 1]);
            // What the client had heard of leaders is as old as its last question.
            let begun = Instant::now();
            while error.is_ok() && begun.elapsed() < Duration::from_secs(20) {
                asked.partition_count("orders").expect("there");
                error = asked.watermarks_of("orders", &[0, 1]);
            }
            let error = error.expect_err("no leader");
            assert!(error.passes() && !error.is_topic_missing(), "{error}");
        }
    }
}
