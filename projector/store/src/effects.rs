//! The part of a transaction that every store has: the compare-and-set, then the rows. Whoever calls it has begun the
//! transaction, and commits or rolls back.

use ledger_database::{Tables, Watched};
use ledger_failpoints::FailPoint;
use ledger_fold::{PartitionState, Prior};
use sqlx::Executor;

use crate::batch::{Ids, Loaded, PartitionBatch, Standing};
use crate::dead_letters::DeadLetterStatements;
use crate::error::{StoreError, at};
use crate::open_orders::OpenOrderStatements;
use crate::positions::{Move, MoveStatements, PositionStatements};
use crate::prior::PriorStatements;
use crate::reservations::ReservationStatements;
use crate::rows::{Inserted, RowStatements};
use crate::stock::StockStatements;

/// What the steps came to.
#[derive(Debug)]
pub enum Steps {
    Done,
    /// Somebody else moved the positions of these partitions. To be rolled back.
    Missed(Vec<i32>),
    /// A unique key objects to an id of the batch. To be rolled back.
    IdKnown,
}

/// The statements on one set of tables, for the positions of one topic.
#[derive(Debug, Clone)]
pub struct EffectStatements {
    topic: String,
    is_live: bool,
    positions: PositionStatements,
    moves: MoveStatements,
    rows: RowStatements,
    reservations: ReservationStatements,
    open_orders: OpenOrderStatements,
    dead_letters: DeadLetterStatements,
    prior: PriorStatements,
    stock: StockStatements,
}

impl EffectStatements {
    pub fn new(tables: &Tables, topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            is_live: *tables == Tables::live(),
            positions: PositionStatements::new(tables),
            moves: MoveStatements::new(tables),
            rows: RowStatements::new(tables),
            reservations: ReservationStatements::new(tables),
            open_orders: OpenOrderStatements::new(tables),
            dead_letters: DeadLetterStatements::new(tables),
            prior: PriorStatements::new(tables),
            stock: StockStatements::new(tables),
        }
    }

    /// Moves the positions, then writes the rows: the order that INV-1 rests on. One function per writing step.
    ///
    /// # Errors
    /// The database's. The transaction must then be rolled back, whatever the error.
    pub async fn write(&self, connection: &mut Watched, batch: &[PartitionBatch<'_>]) -> Result<Steps, StoreError> {
        let missed = self.move_positions(connection, batch).await?;
        if !missed.is_empty() {
            return Ok(Steps::Missed(missed));
        }
        if self.rows.insert_orders(connection, batch).await? == Inserted::IdKnown {
            return Ok(Steps::IdKnown);
        }
        if self.rows.insert_movements(connection, batch).await? == Inserted::IdKnown {
            return Ok(Steps::IdKnown);
        }
        if self.reservations.insert_reservations(connection, batch).await? == Inserted::IdKnown {
            return Ok(Steps::IdKnown);
        }
        self.rows.change_orders(connection, batch).await?;
        self.reservations.change_reservations(connection, batch).await?;
        // In this order: an order that was pending and is held is in both lists.
        self.open_orders.remove_open(connection, batch).await?;
        self.open_orders.add_open(connection, batch).await?;
        self.stock.write_stock(connection, batch).await?;
        self.dead_letters.insert_dead_letters(connection, batch).await?;
        Ok(Steps::Done)
    }

    /// The compare-and-set of each partition (INV-1); gives those that somebody else moved.
    async fn move_positions(
        &self,
        connection: &mut Watched,
        batch: &[PartitionBatch<'_>],
    ) -> Result<Vec<i32>, StoreError> {
        let mut missed = Vec::new();
        for PartitionBatch { generation, effects, .. } in batch {
            let (partition, from, to) = (effects.partition, effects.from_offset, effects.next_offset);
            let step = Move { partition, generation: *generation, from, to };
            if self.moves.compare_and_set(connection, &self.topic, step).await? {
                ledger_failpoints::reach(FailPoint::StorePositionMoved);
            } else {
                missed.push(partition);
            }
        }
        Ok(missed)
    }

    /// Position, stock and open orders of a partition, in one snapshot.
    ///
    /// # Errors
    /// The database's, or a row that cannot be.
    pub async fn load(&self, connection: &mut Watched, partition: i32) -> Result<Loaded, StoreError> {
        if self.is_live {
            self.moves.ensure_furthest(connection, &self.topic, partition).await?;
        }
        // For this one transaction REPEATABLE READ: its first read fixes what all of them see.
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await.map_err(at("loading"))?;
        connection.execute("START TRANSACTION READ ONLY").await.map_err(at("loading"))?;
        let (standing, fold_version) = self.positions.of_partition(connection, &self.topic, partition).await?;
        let state = PartitionState::from_stock(self.stock.of_partition(connection, partition).await?);
        let open = self.open_orders.count(connection, partition).await?;
        connection.execute("COMMIT").await.map_err(at("loading"))?;
        Ok(Loaded { standing, fold_version, state, open })
    }

    /// What is stored in `partition` under these ids.
    ///
    /// # Errors
    /// The database's, or a row that cannot be.
    pub async fn prior(&self, connection: &mut Watched, partition: i32, ids: &Ids) -> Result<Prior, StoreError> {
        self.prior.look_up(connection, partition, ids).await
    }

    /// All positions of the topic, by partition.
    ///
    /// # Errors
    /// The database's.
    pub async fn positions(
        &self,
        connection: &mut Watched,
    ) -> Result<std::collections::BTreeMap<i32, Standing>, StoreError> {
        self.positions.of_topic(connection, &self.topic).await
    }
}
