//! The part of a transaction that every store has: the compare-and-set, then the rows. Whoever calls it
//! commits or rolls back.

use ledger_database::{Tables, Watched};
use ledger_fold::{PartitionState, Prior};
use ledger_schema::ParkReason;
use sqlx::Executor;

use crate::batch::{Ids, Loaded, PartitionBatch, Standing};
use crate::dead_letters::DeadLetterStatements;
use crate::error::{StoreError, at};
use crate::open_orders::OpenOrderStatements;
use crate::outbox_rows;
use crate::positions::{Move, MoveStatements, PositionStatements};
use crate::prior::PriorStatements;
use crate::reservations::ReservationStatements;
use crate::rows::RowStatements;
use crate::script::{Halt, Script};
use crate::skips::SkipStatements;
use crate::stock::StockStatements;

/// What the steps came to.
#[derive(Debug)]
pub enum Steps {
    Done,
    /// Somebody else moved the positions of these partitions, or an operator paused them, or had a record skipped. To be rolled back.
    Missed(Vec<i32>),
    /// A unique key objects to an id of the batch. To be rolled back.
    IdKnown,
}

/// Whether what a batch has to publish is written. Only the live store has an outbox; a rebuild's store cannot publish anything by construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outbox {
    Written,
    None,
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
    skips: SkipStatements,
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
            skips: SkipStatements::new(tables),
        }
    }

    /// Begins the transaction, moves the positions, then writes the rows: the order that INV-1 rests on. One function per writing step.
    ///
    /// # Errors
    /// The database's. The transaction must then be rolled back, whatever the error.
    pub(crate) async fn write(
        &self,
        connection: &mut Watched,
        batch: &[PartitionBatch<'_>],
        outbox: Outbox,
    ) -> Result<Steps, StoreError> {
        let missed = self.begin(connection, batch).await?;
        if !missed.is_empty() {
            return Ok(Steps::Missed(missed));
        }
        let mut script = Script::on(connection);
        match self.gather(&mut script, batch, outbox).await {
            Ok(()) => {}
            Err(Halt::IdKnown) => return Ok(Steps::IdKnown),
            Err(Halt::Failed(error)) => return Err(error),
        }
        match script.finish().await {
            Ok(()) => Ok(Steps::Done),
            Err(Halt::IdKnown) => Ok(Steps::IdKnown),
            Err(Halt::Failed(error)) => Err(error),
        }
    }

    /// Every writing step, in order.
    async fn gather(&self, script: &mut Script<'_>, batch: &[PartitionBatch<'_>], outbox: Outbox) -> Result<(), Halt> {
        self.rows.insert_orders(script, batch).await?;
        self.rows.insert_movements(script, batch).await?;
        self.reservations.insert_reservations(script, batch).await?;
        self.rows.change_orders(script, batch).await?;
        self.reservations.change_reservations(script, batch).await?;
        // In this order: an order that was pending and is held is in both lists.
        self.open_orders.remove_open(script, batch).await?;
        self.open_orders.add_open(script, batch).await?;
        self.stock.write_stock(script, batch).await?;
        self.dead_letters.insert_dead_letters(script, batch).await?;
        match outbox {
            Outbox::Written => outbox_rows::write(script, batch).await,
            Outbox::None => Ok(()),
        }
    }

    /// The compare-and-set of each partition (INV-1) in a new transaction; gives those that missed.
    async fn begin(&self, connection: &mut Watched, batch: &[PartitionBatch<'_>]) -> Result<Vec<i32>, StoreError> {
        let step = |PartitionBatch { generation, effects, .. }: &PartitionBatch<'_>| Move {
            partition: effects.partition,
            generation: *generation,
            from: effects.from_offset,
            to: effects.next_offset,
            last_skip: effects
                .parked
                .iter()
                .rfind(|parked| parked.reason == ParkReason::Skipped)
                .map(|parked| parked.offset),
        };
        let moves: Vec<Move> = batch.iter().map(step).collect();
        self.moves.begin(connection, &self.topic, &moves).await
    }

    /// Position, stock, skips and open orders of a partition, in one snapshot.
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
        // Of the same snapshot as the position: whoever finds a skip that is not in it finds another position, or misses (INV-14).
        let state = state.with_skips(self.skips.of_partition(connection, &self.topic, partition).await?);
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
