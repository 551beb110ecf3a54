//! Which generation is live: the live `positions` say that, and nothing else does, since they are swapped with the tables.

use ledger_database::Watched;
use ledger_fold::log_safety::LogIdentity;

use crate::error::StoreError;
use crate::positions::{self, StoredPosition};

/// The live tables, as their positions have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub generation: i32,
    pub fold_version: i32,
    pub identity: LogIdentity,
    /// One per partition, in order.
    pub positions: Vec<StoredPosition>,
}

/// The live generation; `None` when nothing was folded yet.
///
/// # Errors
/// [`StoreError::LivePositions`] when rows disagree, or the database's.
pub async fn live(connection: &mut Watched, topic: &str) -> Result<Option<Live>, StoreError> {
    let positions = positions::read(connection, topic).await?;
    let Some(first) = positions.first() else { return Ok(None) };
    let of = |position: &StoredPosition| {
        format!("{} (id {}, fold {})", position.generation.number, position.generation.id, position.fold_version)
    };
    if let Some(other) = positions.iter().find(|position| of(position) != of(first)) {
        return Err(StoreError::LivePositions { expected: of(first), found: of(other) });
    }
    let (generation, fold_version, identity) = (first.generation.number, first.fold_version, first.identity.clone());
    Ok(Some(Live { generation, fold_version, identity, positions }))
}
