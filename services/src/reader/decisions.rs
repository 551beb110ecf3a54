//! What became of an event, found by its id: the answer to a retry, and to `Prefer: wait`.

use ledger_schema::wire::Event;
use ledger_schema::{Movement, MovementId, Position};
use sqlx::FromRow;
use uuid::Uuid;

use super::{ReadError, Reader};

/// A decision that the fold recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Of the record that was decided: the first under its id.
    pub(crate) position: Position,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
}

/// What stands under an event's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UnderId {
    Nothing,
    Same(Decision),
    /// Another request came first; the position is its own.
    Other(Position),
}

#[derive(Debug, Clone, FromRow)]
struct MovementRow {
    kafka_partition: i32,
    kafka_offset: i64,
    product_id: String,
    kind: String,
    delta: i64,
    status: String,
    reason: Option<String>,
    note: Option<String>,
}

impl MovementRow {
    fn same_contents(&self, movement: &Movement) -> bool {
        self.product_id == movement.product_id().as_str()
            && self.kind == movement.kind_word()
            && self.delta == movement.delta().get()
            && self.note.as_deref() == movement.note().map(|note| note.as_str())
    }
}

/// The row with the same contents, if any; two products under one id (a race of two services) stand side by side, and
/// each request is answered by its own.
fn under_id(rows: impl IntoIterator<Item = (bool, Decision)>) -> UnderId {
    let mut found = UnderId::Nothing;
    for (same, decision) in rows {
        if same {
            return UnderId::Same(decision);
        }
        if found == UnderId::Nothing {
            found = UnderId::Other(decision.position);
        }
    }
    found
}

impl Reader {
    /// What stands under the id of `event`, compared by contents.
    pub(crate) async fn under_id_of(&self, event: &Event) -> Result<UnderId, ReadError> {
        Ok(match event {
            Event::OrderPlaced(order) => under_id(self.order(order.order_id()).await?.into_iter().map(|row| {
                let position = row.position();
                (row.same_contents(order), Decision { position, status: row.status, reason: row.reason })
            })),
            Event::StockMoved(movement) => {
                under_id(self.movement(movement.movement_id()).await?.into_iter().map(|row| {
                    let position = Position { partition: row.kafka_partition, offset: row.kafka_offset };
                    (row.same_contents(movement), Decision { position, status: row.status, reason: row.reason })
                }))
            }
        })
    }

    async fn movement(&self, movement_id: MovementId) -> Result<Vec<MovementRow>, ReadError> {
        let id: Uuid = movement_id.as_uuid();
        self.run(move |connection| {
            Box::pin(
                sqlx::query_as(
                    "SELECT kafka_partition, kafka_offset, product_id, kind, delta, status, reason, note \
                     FROM stock_movements WHERE movement_id = ? ORDER BY kafka_partition LIMIT 256",
                )
                .bind(id)
                .fetch_all(connection),
            )
        })
        .await
    }

    /// Why the record at a position was parked, if it was.
    pub(crate) async fn parked_at(&self, position: Position) -> Result<Option<String>, ReadError> {
        self.run(move |connection| {
            Box::pin(
                sqlx::query_scalar("SELECT reason FROM dead_letters WHERE kafka_partition = ? AND kafka_offset = ?")
                    .bind(position.partition)
                    .bind(position.offset)
                    .fetch_optional(connection),
            )
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(partition: i32) -> Decision {
        Decision { position: Position { partition, offset: 0 }, status: "confirmed".into(), reason: None }
    }

    #[test]
    fn the_own_row_wins_wherever_it_stands() {
        assert_eq!(under_id([]), UnderId::Nothing);
        assert_eq!(under_id([(false, decision(0)), (false, decision(1))]), UnderId::Other(decision(0).position));
        assert_eq!(under_id([(false, decision(0)), (true, decision(1))]), UnderId::Same(decision(1)));
    }
}
