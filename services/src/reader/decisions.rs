//! What became of an event, found by its id: the answer to a retry, and to `Prefer: wait`.

use ledger_schema::{Contents, Position, Sameness};
use sqlx::FromRow;

use super::error::ReadError;
use super::pool::{Reader, Statement};
use super::standing::{Concern, Snapshot, with_standing};
use crate::decision::{Decision, Subject};

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

/// The one with the same contents, if any; two orders under one id (a race for it over two home partitions) stand side by side,
/// and each request is answered by its own.
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
    /// What stands under an id, compared by contents. `partition` is the one that the request's product hashes to. The id of
    /// an order may stand in any; that of a movement is made for its product, so it concerns that partition alone.
    pub(crate) async fn under_id_of(
        &self,
        subject: Subject,
        contents: &Contents<'_>,
        partition: i32,
    ) -> Result<Snapshot<UnderId>, ReadError> {
        let is_same = |stored: &Contents<'_>| contents.compare(stored) == Sameness::Same;
        Ok(match subject {
            Subject::Order(order_id) => self.order(order_id).await?.map(|orders| {
                under_id(orders.iter().map(|order| (is_same(&Contents::Order(order.contents())), order.decision())))
            }),
            Subject::Movement(movement_id) => self.movements(movement_id, Concern::One(partition)).await?.map(|rows| {
                under_id(rows.iter().map(|row| (is_same(&Contents::Movement(row.contents())), row.decision())))
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
        let position = Position { partition, offset: 0 };
        Decision { position, status: "confirmed".into(), reason: None, expires_at: None, refused: vec![] }
    }

    #[test]
    fn the_own_row_wins_wherever_it_stands() {
        assert_eq!(under_id([]), UnderId::Nothing);
        assert_eq!(under_id([(false, decision(0)), (false, decision(1))]), UnderId::Other(decision(0).position));
        assert_eq!(under_id([(false, decision(0)), (true, decision(1))]), UnderId::Same(decision(1)));
    }
}
