//! Where partitions stand: read from MariaDB, and held against the log before anything is delivered from there (INV-8,
//! INV-9). It must never hand out a position that was not checked.

use std::future::Future;

use ledger_database::DatabaseUrl;
use ledger_kafka::LogInspector;
use ledger_store::StoreError;
use ledger_store::log_check::{self, LogCheckError};
use ledger_store::positions::{self, StoredPosition};

/// Positions of the log that the group consumes. Besides MariaDB, the simulator has one.
pub trait PositionSource {
    /// Stored positions of `partitions`, checked against the log as it is now.
    fn read(&self, partitions: &[i32]) -> impl Future<Output = Result<Vec<StoredPosition>, LogCheckError>>;
}

/// The positions of a running projector. Checking them blocks: for the consumer's own thread only.
pub struct CheckedPositions {
    pub topic: String,
    pub database: DatabaseUrl,
    pub inspector: LogInspector,
}

impl PositionSource for CheckedPositions {
    async fn read(&self, partitions: &[i32]) -> Result<Vec<StoredPosition>, LogCheckError> {
        let mut connection = ledger_database::connect(&self.database).await.map_err(StoreError::from)?;
        let stored = positions::read(&mut connection, &self.topic).await?;
        let stored = of_partitions(&self.topic, stored, partitions)?;
        log_check::check(&self.inspector, &self.topic, &stored)?;
        Ok(stored)
    }
}

/// Those of `partitions`, each of which must be there.
///
/// # Errors
/// [`StoreError::PositionGone`].
pub fn of_partitions(
    topic: &str,
    mut stored: Vec<StoredPosition>,
    partitions: &[i32],
) -> Result<Vec<StoredPosition>, StoreError> {
    stored.retain(|position| partitions.contains(&position.partition));
    let missing = |partition: &&i32| !stored.iter().any(|position| position.partition == **partition);
    match partitions.iter().find(missing) {
        Some(partition) => Err(StoreError::PositionGone { topic: topic.to_owned(), partition: *partition }),
        None => Ok(stored),
    }
}
