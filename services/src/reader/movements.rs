//! Receipts and adjustments by id.

use chrono::{DateTime, Utc};
use ledger_schema::{MovementContents, MovementId, Note, Position, ProductId};
use sqlx::FromRow;
use uuid::Uuid;

use super::error::ReadError;
use super::pool::{Reader, Statement};
use super::standing::{Concern, Snapshot, with_standing};
use crate::decision::Decision;

/// A row of `stock_movements`, as it stands there.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct MovementRow {
    pub(crate) movement_id: Uuid,
    pub(crate) kafka_partition: i32,
    pub(crate) kafka_offset: i64,
    pub(crate) product_id: String,
    pub(crate) kind: String,
    pub(crate) delta: i64,
    pub(crate) status: String,
    /// Why it was rejected.
    pub(crate) reason: Option<String>,
    /// What the person who adjusted wrote.
    pub(crate) note: Option<String>,
    pub(crate) occurred_at: DateTime<Utc>,
}

/// The limit is never reached: a movement lies in one partition, unless another writer took its id.
macro_rules! movements {
    ($every_or_one:ident partition) => {
        with_standing!(
            $every_or_one partition,
            [movement_id, kafka_partition, kafka_offset, product_id, kind, delta, status, reason, note, occurred_at],
            "FROM stock_movements WHERE movement_id = ? LIMIT 256"
        )
    };
}

impl MovementRow {
    pub(crate) fn position(&self) -> Position {
        Position { partition: self.kafka_partition, offset: self.kafka_offset }
    }

    pub(super) fn decision(&self) -> Decision {
        let (position, status, reason) = (self.position(), self.status.clone(), self.reason.clone());
        Decision { position, status, reason, expires_at: None, refused: Vec::new() }
    }

    pub(super) fn contents(&self) -> MovementContents<'_> {
        let note = Note::Held(self.note.as_deref());
        MovementContents { product_id: &self.product_id, kind: &self.kind, delta: self.delta, note }
    }
}

impl Reader {
    /// Every row under an id, by partition.
    pub(super) async fn movements(
        &self,
        movement_id: MovementId,
        concern: Concern,
    ) -> Result<Snapshot<Vec<MovementRow>>, ReadError> {
        let bind = move |statement: Statement| statement.bind(movement_id.as_uuid());
        let text = match concern {
            Concern::Every => movements!(every partition),
            Concern::One(_) => movements!(one partition),
        };
        let snapshot = self.snapshot(text, concern, bind).await?;
        Ok(snapshot.map(|mut rows: Vec<MovementRow>| {
            rows.sort_by_key(|row| row.kafka_partition);
            rows
        }))
    }

    /// The movement of a product under an id.
    pub(crate) async fn movement_of(
        &self,
        product_id: ProductId,
        movement_id: MovementId,
        concern: Concern,
    ) -> Result<Snapshot<Option<MovementRow>>, ReadError> {
        let snapshot = self.movements(movement_id, concern).await?;
        Ok(snapshot.map(|rows| rows.into_iter().find(|row| row.product_id == product_id.as_str())))
    }
}
