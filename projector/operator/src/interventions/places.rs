//! What an intervention asks of the positions: which partitions there are, and where they stand. It only reads.

use ledger_database::schema_version;
use ledger_database::{DatabaseUrl, Watched};
use ledger_store::positions::{self, StoredPosition};

use super::error::InterventionError;

/// A connection of the owner's, to tables of this version.
///
/// # Errors
/// [`InterventionError`].
pub(super) async fn connect(owner: &DatabaseUrl) -> Result<Watched, InterventionError> {
    let mut connection = ledger_database::connect(owner).await?;
    schema_version::check(&mut connection).await?;
    Ok(connection)
}

/// The partition that is named, or all, in order.
///
/// # Errors
/// [`InterventionError::NoPositions`], [`InterventionError::NoPartition`], or the database's.
pub(super) async fn named(
    connection: &mut Watched,
    topic: &str,
    partition: Option<i32>,
) -> Result<Vec<StoredPosition>, InterventionError> {
    let mut stored = positions::read(connection, topic).await?;
    if stored.is_empty() {
        return Err(InterventionError::NoPositions { topic: topic.to_owned() });
    }
    if let Some(partition) = partition {
        let partitions = stored.len();
        stored.retain(|position| position.partition == partition);
        if stored.is_empty() {
            return Err(InterventionError::NoPartition { topic: topic.to_owned(), partition, partitions });
        }
    }
    Ok(stored)
}
