//! What became of an event, found by its id: the answer to a retry, and to `Prefer: wait`.

use ledger_schema::Position;
use ledger_schema::wire::Event;
use sqlx::FromRow;

use super::error::ReadError;
use super::pool::{Reader, Statement};
use super::standing::{Concern, Snapshot, with_standing};
use crate::decision::Decision;

/// What stands under an event's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UnderId {
    Nothing,
    Same(Decision),
    /// Another request came first; the position is its own.
    Other(Position),
}

#[derive(Debug, FromRow)]
struct ParkedRow {
    reason: String,
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

const PARKED: &str =
    with_standing!(one partition, [reason], "FROM dead_letters WHERE kafka_partition = ? AND kafka_offset = ?");

impl Reader {
    /// What stands under the id of `event`, compared by contents. `partition` is the one that its product hashes to. The id of
    /// an order may stand in any; that of a movement is made for its product, so it concerns that partition alone.
    pub(crate) async fn under_id_of(&self, event: &Event, partition: i32) -> Result<Snapshot<UnderId>, ReadError> {
        Ok(match event {
            Event::OrderPlaced(order) => self.order(order.order_id()).await?.map(|rows| {
                under_id(rows.into_iter().map(|row| {
                    let position = row.position();
                    (row.contents() == order.contents(), Decision { position, status: row.status, reason: row.reason })
                }))
            }),
            Event::StockMoved(movement) => self.movements(movement.movement_id(), partition).await?.map(|rows| {
                under_id(rows.into_iter().map(|row| {
                    let position = row.position();
                    (
                        row.contents() == movement.contents(),
                        Decision { position, status: row.status, reason: row.reason },
                    )
                }))
            }),
        })
    }

    /// Why the record at a position was parked, if it was.
    pub(crate) async fn parked_at(&self, position: Position) -> Result<Snapshot<Option<String>>, ReadError> {
        let bind = move |statement: Statement| statement.bind(position.partition).bind(position.offset);
        let snapshot = self.snapshot(PARKED, Concern::One(position.partition), bind).await?;
        Ok(snapshot.map(|mut rows: Vec<ParkedRow>| rows.pop().map(|row| row.reason)))
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
