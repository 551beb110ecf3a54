//! The way of the log's records to the writers, on a thread of its own: the client's calls block. It must never hand over a
//! record twice, or out of order within its partition.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ledger_kafka::KafkaSettings;
use ledger_kafka::record::{Epoch, OwnedRecord};
use ledger_kafka::replay::{LogRange, LogReader, Polled};
use projector::intake::Intake;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::error::RebuildCause;

/// How late a stop is noticed.
const WAIT: Duration = Duration::from_millis(50);

/// One past the last record of each partition that had any.
pub(super) type Fed = BTreeMap<i32, i64>;

/// Where a partition's records go.
pub(super) struct Lane {
    pub(super) epoch: Epoch,
    pub(super) intake: Arc<Intake>,
}

pub(super) struct Feed {
    reader: LogReader,
    lanes: BTreeMap<i32, Lane>,
    runtime: Handle,
    stop: CancellationToken,
}

impl Feed {
    pub(super) fn open(
        kafka: &KafkaSettings,
        topic: &str,
        ranges: &[LogRange],
        lanes: BTreeMap<i32, Lane>,
        stop: CancellationToken,
    ) -> Result<Self, RebuildCause> {
        Ok(Self { reader: LogReader::open(kafka, topic, ranges)?, lanes, runtime: Handle::current(), stop })
    }

    /// Reads the ranges to their ends.
    pub(super) fn run(mut self) -> Result<Fed, RebuildCause> {
        let mut fed = Fed::new();
        while !self.stop.is_cancelled() {
            match self.reader.poll(WAIT)? {
                Polled::Record(record) => {
                    fed.insert(record.partition, record.offset + 1);
                    self.hand_over(record);
                }
                Polled::Nothing => {}
                Polled::End => return Ok(fed),
            }
        }
        Err(RebuildCause::Stopped)
    }

    /// Waits for room. When the writer has ended, the record is dropped: its failure ends everything.
    fn hand_over(&self, mut record: OwnedRecord) {
        let lane = self.lanes.get(&record.partition).expect("each range that is read has a lane");
        record.epoch = lane.epoch;
        record = match lane.intake.try_push(record) {
            Ok(()) => return,
            Err(back) => back,
        };
        while !self.stop.is_cancelled() {
            match self.runtime.block_on(lane.intake.push_within(record, WAIT)) {
                Ok(()) => return,
                Err(back) => record = back,
            }
        }
    }
}
