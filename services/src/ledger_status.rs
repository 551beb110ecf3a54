//! Where the ledger stands as a service can know it: positions and dead letters from the tables, ends from Kafka. Read at most once a second,
//! however many ask.
//!
//! It must never make up what nobody said: an end that Kafka did not give in time is left out.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::event_log::LogEnds;
use crate::reader::{ReadError, Reader};
use crate::texts::{DeadLetterReasonWord, PositionText};

/// How long an answer is repeated.
const REPEATED_FOR: Duration = Duration::from_secs(1);
/// Dead letters that are named.
pub(crate) const NAMED_DEAD_LETTERS: u16 = 20;
/// Dead letters that are counted.
pub(crate) const COUNTED_DEAD_LETTERS: u32 = 10_000;

/// One partition of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartitionStatus {
    pub(crate) partition: i32,
    /// Next offset to fold.
    pub(crate) next_offset: i64,
    /// Where the partition ends (exclusive); not there where Kafka did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) end_offset: Option<i64>,
    /// Offsets from the one to the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) left: Option<i64>,
}

/// A record that could not be folded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterView {
    #[schema(value_type = PositionText)]
    pub(crate) position: String,
    #[schema(value_type = DeadLetterReasonWord)]
    pub(crate) reason: String,
}

/// The records that could not be folded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLettersStatus {
    /// At most 10000 are counted.
    pub(crate) count: i64,
    /// At most 20, those of the highest offsets.
    pub(crate) items: Vec<DeadLetterView>,
}

/// Where the ledger stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LedgerStatus {
    pub(crate) partitions: Vec<PartitionStatus>,
    /// Of the tables that are read: one; none before the projector's first start.
    pub(crate) generations: Vec<i32>,
    pub(crate) dead_letters: DeadLettersStatus,
}

/// Asks, and remembers for a moment.
pub(crate) struct StatusBoard {
    reader: Reader,
    ends: LogEnds,
    partition_count: i32,
    /// Held while it is asked, so that one answer serves all who ask meanwhile.
    last: Mutex<Option<(Instant, LedgerStatus)>>,
}

impl StatusBoard {
    pub(crate) fn new(reader: Reader, ends: LogEnds, partition_count: i32) -> Self {
        Self { reader, ends, partition_count, last: Mutex::new(None) }
    }

    /// # Errors
    /// [`ReadError`]: the tables cannot be read.
    pub(crate) async fn now(&self) -> Result<LedgerStatus, ReadError> {
        let mut last = self.last.lock().await;
        if let Some((at, status)) = &*last
            && at.elapsed() < REPEATED_FOR
        {
            return Ok(status.clone());
        }
        let status = self.ask().await?;
        *last = Some((Instant::now(), status.clone()));
        Ok(status)
    }

    async fn ask(&self) -> Result<LedgerStatus, ReadError> {
        let positions = self.reader.positions_of_generations().await?;
        let folded = positions.iter().map(|position| position.partition).collect();
        let dead_letters = self.reader.dead_letters(folded, COUNTED_DEAD_LETTERS, NAMED_DEAD_LETTERS).await?;
        let ends = self.ends.of_all().await;
        let mut partitions = Vec::new();
        for partition in 0..self.partition_count {
            let position = positions.iter().find(|position| position.partition == partition);
            let next_offset = position.map_or(0, |position| position.next_offset);
            let end_offset = ends.as_ref().and_then(|ends| ends.get(&partition).copied());
            let left = end_offset.map(|end| (end - next_offset).max(0));
            partitions.push(PartitionStatus { partition, next_offset, end_offset, left });
        }
        let mut generations: Vec<i32> = positions.into_iter().map(|position| position.generation).collect();
        generations.sort_unstable();
        generations.dedup();
        Ok(LedgerStatus { partitions, generations, dead_letters })
    }
}
