//! Whether the log is the one that the tables were folded from, whole (INV-8, INV-9). It gathers the facts from Kafka and
//! MariaDB; `ledger_fold::log_safety` decides. It must never mend anything: positions are created only for a log that
//! nothing was folded from.

use ledger_database::{Fault, Watched, fault_of};
use ledger_fold::log_safety::{
    LogIdentity, LogRefusal, check_bounded, check_identity, check_settings, check_watermarks,
};
use ledger_kafka::{KafkaUseError, LogInspector};
use ledger_schema::topic_settings::{Keeps, WrongSetting, check_clock};
use thiserror::Error;

use crate::error::StoreError;
use crate::positions::{self, Origin, StoredPosition};

/// Why the log is not folded.
#[derive(Debug, Error)]
pub enum LogCheckError {
    #[error(transparent)]
    Refused(#[from] LogRefusal),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "table {table} has rows, and there are no positions of topic {topic}: nobody can know what was folded; `ledger rebuild` makes all \
         tables anew"
    )]
    RowsWithoutPositions { table: &'static str, topic: String },
    #[error("topic {topic} must have as many partitions as {orders_topic}: expected {expected}, found {found}")]
    OutputPartitionCount { topic: String, orders_topic: String, expected: i32, found: i32 },
    #[error(transparent)]
    OutputSetting(#[from] WrongSetting),
}

impl LogCheckError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Kafka(error) => error.is_unreachable(),
            Self::Store(error) => error.is_unreachable(),
            _ => false,
        }
    }

    /// Whether the same question may be answered a moment later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Kafka(error) => error.passes(),
            Self::Store(error) => error.is_retryable(),
            _ => false,
        }
    }

    /// Whether brokers do not let us in.
    pub fn is_not_admitted(&self) -> bool {
        matches!(self, Self::Kafka(error) if error.is_not_admitted())
    }

    /// Whether brokers do not know a topic: gone, or not heard of yet.
    pub fn is_topic_missing(&self) -> bool {
        matches!(self, Self::Kafka(error) if error.is_topic_missing())
    }
}

/// Compares the stored positions of some partitions with the log, which must be theirs, keep every record, and have all that was
/// folded. Blocks.
///
/// # Errors
/// The first difference, in this order, or why it cannot be known.
pub fn check(inspector: &LogInspector, topic: &str, stored: &[StoredPosition]) -> Result<(), LogCheckError> {
    let found = inspector.identity(topic)?;
    for position in stored {
        check_identity(topic, &position.identity, &found)?;
    }
    let settings = inspector.settings(topic)?;
    check_settings(topic, &settings)?;
    check_bounded(topic, &settings)?;
    let partitions: Vec<i32> = stored.iter().map(|position| position.partition).collect();
    let watermarks = inspector.watermarks_of(topic, &partitions)?;
    for position in stored {
        let found = *watermarks.get(&position.partition).expect("they were read of each of these partitions");
        check_watermarks(topic, position.partition, position.next_offset, found)?;
    }
    Ok(())
}

/// Which of `topics` have their records timed by each writer's own clock. That loses nothing, so it refuses nothing. Blocks.
///
/// # Errors
/// Why it cannot be known.
pub fn writers_clocks(inspector: &LogInspector, topics: &[&str]) -> Result<Vec<WrongSetting>, LogCheckError> {
    let mut found = Vec::new();
    for topic in topics {
        found.extend(check_clock(topic, &inspector.settings(topic)?).err());
    }
    Ok(found)
}

/// Whether there is one position for each partition that the positions themselves speak of.
///
/// # Errors
/// [`LogRefusal::IncompletePositions`].
pub fn check_complete(topic: &str, stored: &[StoredPosition]) -> Result<(), LogRefusal> {
    let Some(first) = stored.first() else { return Ok(()) };
    let expected = first.identity.partition_count;
    let complete = (0..expected).eq(stored.iter().map(|position| position.partition));
    if complete {
        return Ok(());
    }
    Err(LogRefusal::IncompletePositions { topic: topic.to_owned(), expected, found: stored.len() })
}

/// Checks that the topics that the projector writes have the partition count of the log, since an outcome goes to the partition
/// number of its cause, and keep what they must. Blocks.
///
/// # Errors
/// [`LogCheckError::OutputPartitionCount`], [`LogCheckError::OutputSetting`], or why it cannot be known.
pub fn check_outputs(
    inspector: &LogInspector,
    orders_topic: &str,
    outputs: &[(&str, Keeps)],
) -> Result<(), LogCheckError> {
    let expected = inspector.partition_count(orders_topic)?;
    for (topic, keeps) in outputs {
        let found = inspector.partition_count(topic)?;
        if found != expected {
            let (topic, orders_topic) = ((*topic).to_owned(), orders_topic.to_owned());
            return Err(LogCheckError::OutputPartitionCount { topic, orders_topic, expected, found });
        }
        keeps.check(topic, &inspector.settings(topic)?)?;
    }
    Ok(())
}

/// Refuses tables that belong to another topic, or to no known position.
///
/// # Errors
/// [`LogRefusal::PositionsOfAnotherTopic`], [`LogCheckError::RowsWithoutPositions`], or the database's.
pub async fn check_unused(connection: &mut Watched, topic: &str) -> Result<(), LogCheckError> {
    if let Some(found) = positions::other_topic(connection, topic).await? {
        return Err(LogRefusal::PositionsOfAnotherTopic { expected: topic.to_owned(), found }.into());
    }
    match positions::table_with_rows(connection).await? {
        Some(table) => Err(LogCheckError::RowsWithoutPositions { table, topic: topic.to_owned() }),
        None => Ok(()),
    }
}

/// Creates the positions of a log that nothing was folded from, and how far each partition may have been observed. Where another projector was faster, its positions stand.
///
/// # Errors
/// The database's.
pub async fn create_positions(
    connection: &mut Watched,
    topic: &str,
    identity: &LogIdentity,
    origin: Origin,
    furthest: &[i64],
) -> Result<(), StoreError> {
    match positions::create(connection, topic, identity, origin, furthest).await {
        Err(StoreError::Database { cause, .. }) if fault_of(&cause) == Fault::DuplicateKey => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_must_be_complete() {
        let identity = |count| LogIdentity { cluster_id: "c".into(), topic_id: "t".into(), partition_count: count };
        let stored = |partitions: &[i32]| -> Vec<_> {
            let position = |partition: &i32| StoredPosition {
                partition: *partition,
                next_offset: 0,
                identity: identity(3),
                generation: crate::batch::GenerationKey { number: 1, id: uuid::Uuid::nil() },
                fold_version: 1,
                paused: None,
            };
            partitions.iter().map(position).collect()
        };
        for (partitions, complete) in
            [(&[][..], true), (&[0, 1, 2], true), (&[0, 1], false), (&[1, 2], false), (&[0, 1, 2, 3], false)]
        {
            assert_eq!(check_complete("orders", &stored(partitions)).is_ok(), complete, "{partitions:?}");
        }
    }
}
