//! MariaDB: tables, the outbox, the furthest positions, one row lock, the guard's named lock, and a server that finishes
//! a COMMIT whose client is dead.
//!
//! The lock on the partition's position is held from the compare-and-set until the transaction ends, so at most one
//! transaction is open; whoever comes meanwhile waits (its step is not enabled). Nothing of an open transaction is seen
//! by others.
//!
//! It must never know who reads or writes it, but by name. Next: [`crate::projector`].

use crate::actions::DatabaseAction;
use crate::log::{FoldInput, Ids, LEVEL_MAX, Log, Outcome, PerOffset, RECORD_COUNT, Row, Stock};
use crate::protocol::{
    BarrierEnd, FirstStart, Furthest, OutboxGeneration, OutboxWrite, Protocol, Pruning, Reading, Swap,
};
use crate::vocabulary::{Batch, Generation, Process};

/// What a rebuild makes anew: orders and movements (by the offset of their record), stock, positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tables {
    pub generation: Generation,
    pub position: u8,
    pub rows: PerOffset<Row>,
    pub stock: Option<Stock>,
    /// Somebody changed the stock by hand. No program reads it: it is here for the properties.
    pub tampered: bool,
}

/// A row of the outbox: the outcomes of records `first..next`, as the tables of a generation have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OutboxRow {
    pub generation: u8,
    pub first: u8,
    pub next: u8,
    pub outcomes: PerOffset<Outcome>,
}

impl OutboxRow {
    fn key(&self) -> (u8, u8, u8) {
        (self.generation, self.first, self.next)
    }
}

/// The transaction that holds the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transaction {
    pub by: Process,
    pub batch: Batch,
    /// COMMIT was sent and the connection died: the server will finish it one way or the other, at a time of its own.
    pub commit_in_flight: bool,
}

/// The whole server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Database {
    pub tables: Tables,
    /// The tables of before the last swap, while a rollback may still ask for them.
    pub kept: Option<Tables>,
    /// In the order of its key.
    pub outbox: Vec<OutboxRow>,
    /// `furthest_positions`: how far any generation was ever folded and committed. A swap leaves it alone.
    pub furthest: u8,
    pub transaction: Option<Transaction>,
    /// `generation_guard.swapping`.
    pub swapping: bool,
    /// The guard's named lock is held. It ends with its holder's connection.
    pub guarded: bool,
    /// `generation_numbers.last_number`: a number is given once.
    pub last_number: u8,
    /// How many generations there ever were. No program reads it: ids are made from it, since a random id comes once.
    pub generation_count: u8,
}

impl Default for Database {
    /// Before there was any record: a first start found an empty log, so nobody can have seen anything yet.
    fn default() -> Self {
        Self::empty(0, 0)
    }
}

impl Database {
    fn empty(generation_count: u8, furthest: u8) -> Self {
        let generation = Generation { number: 1, id: generation_count + 1 };
        let rows = PerOffset::default();
        Self {
            tables: Tables { generation, position: 0, rows, stock: None, tampered: false },
            kept: None,
            outbox: Vec::new(),
            furthest,
            transaction: None,
            swapping: false,
            guarded: false,
            last_number: 1,
            generation_count: generation_count + 1,
        }
    }

    /// Offers what the server can do by itself, faults aside.
    pub fn actions(&self, mut offer: impl FnMut(DatabaseAction)) {
        if self.transaction.is_some_and(|transaction| transaction.commit_in_flight) {
            offer(DatabaseAction::ApplyCommit);
            offer(DatabaseAction::RollBack);
        }
    }

    pub fn step(&mut self, log: &Log, protocol: &Protocol, action: DatabaseAction) {
        match action {
            DatabaseAction::ApplyCommit => self.commit(log, protocol),
            DatabaseAction::RollBack => self.transaction = None,
            DatabaseAction::LoseEverything => {
                // Nobody can have seen more than what the log held by now.
                let furthest = if protocol.first_start == FirstStart::FurthestIsZero { 0 } else { log.end() };
                *self = Self::empty(self.generation_count, furthest);
            }
            DatabaseAction::Tamper => {
                if let Some(stock) = &mut self.tables.stock {
                    stock.available = LEVEL_MAX.min(stock.available + 1);
                    self.tables.tampered = true;
                }
            }
        }
    }

    /// The open transaction takes effect, all of it.
    pub fn commit(&mut self, log: &Log, protocol: &Protocol) {
        let Transaction { batch, .. } = self.transaction.take().expect("only an open transaction is committed");
        let effects = log.fold(&batch.input);
        for (stored, new) in self.tables.rows.iter_mut().zip(effects.rows) {
            *stored = new.or(*stored);
        }
        self.tables.stock = effects.stock.or(self.tables.stock);
        self.tables.position = batch.input.to;
        if protocol.furthest == Furthest::InTransaction {
            self.raise_furthest(batch.input.to);
        }
        if protocol.outbox_write == OutboxWrite::InTransaction {
            self.put_in_outbox(log, protocol, &batch);
        }
    }

    pub fn raise_furthest(&mut self, position: u8) {
        self.furthest = self.furthest.max(position);
    }

    /// Whether a service answers a read: its one statement reads position, furthest position and rows.
    pub fn answers_reads(&self, protocol: &Protocol) -> bool {
        protocol.reading == Reading::Unchecked || self.tables.position >= self.furthest
    }

    /// Whether a relay's session finds that a swap is under way.
    pub fn barrier_is_up(&self, protocol: &Protocol) -> bool {
        self.swapping && (self.guarded || protocol.barrier_end == BarrierEnd::OnlyWhenCleared)
    }

    /// One row per batch, under the generation that it was folded from; none for a batch without outcomes.
    pub fn put_in_outbox(&mut self, log: &Log, protocol: &Protocol, batch: &Batch) {
        let row = outbox_row(log, protocol, batch);
        if row.outcomes.iter().all(Option::is_none) {
            return;
        }
        match self.outbox.binary_search_by_key(&row.key(), OutboxRow::key) {
            Ok(at) => self.outbox[at] = row,
            Err(at) => self.outbox.insert(at, row),
        }
    }

    /// Whether the outbox holds a row under the key of the one that the batch would write.
    pub fn outbox_objects(&self, log: &Log, protocol: &Protocol, batch: &Batch) -> bool {
        let new = outbox_row(log, protocol, batch);
        new.outcomes.iter().any(Option::is_some) && self.outbox.iter().any(|row| row.key() == new.key())
    }

    /// The rows of the live generation that reach past the cursor, in one snapshot with the generation.
    pub fn outbox_after(&self, protocol: &Protocol, cursor: u8) -> impl Iterator<Item = &OutboxRow> {
        let live = self.tables.generation.number;
        let any_generation = protocol.outbox_generation == OutboxGeneration::Missing;
        self.outbox.iter().filter(move |row| row.next > cursor && (any_generation || row.generation == live))
    }

    /// Whether `row` may go when everything before `cursor` is published. What a kept generation decided past the cursor
    /// is needed when it is brought back.
    pub fn is_prunable(&self, protocol: &Protocol, row: &OutboxRow, cursor: u8) -> bool {
        let replaced = row.generation != self.tables.generation.number;
        row.next <= cursor || protocol.pruning == Pruning::AlsoKeptGenerations && replaced
    }

    /// Whether `process` has a transaction open that it can still use.
    pub fn serves(&self, process: Process) -> bool {
        self.transaction.is_some_and(|transaction| transaction.by == process && !transaction.commit_in_flight)
    }

    /// The connection of the open transaction's client dies inside COMMIT.
    pub fn lose_commit_reply(&mut self) {
        let transaction = self.transaction.as_mut().expect("only an open transaction is committed");
        transaction.commit_in_flight = true;
    }

    /// Ends the transaction of a client that died before it sent COMMIT.
    pub fn roll_back(&mut self, by: Process) {
        if self.serves(by) {
            self.transaction = None;
        }
    }

    /// Which of `ids` are stored.
    pub fn stored(&self, log: &Log, ids: Ids) -> Ids {
        let mut stored = Ids::default();
        for offset in (0..RECORD_COUNT).filter(|offset| self.tables.rows[*offset].is_some()) {
            stored.insert(log.id(offset));
        }
        stored.both(ids)
    }

    /// Shadow tables, folded from the log up to `end`, with a number and an id of their own.
    pub fn build(&mut self, log: &Log, end: u8) -> Tables {
        let effects = log.prefix(end);
        self.last_number += 1;
        self.generation_count += 1;
        let generation = Generation { number: self.last_number, id: self.generation_count };
        Tables { generation, position: end, rows: effects.rows, stock: effects.stock, tampered: false }
    }

    /// One atomic `RENAME TABLE`: other tables take the place of the live ones, which are given back. Outbox and furthest
    /// positions are not derived tables, and stay.
    pub fn swap(&mut self, protocol: &Protocol, tables: Tables) -> Tables {
        let old = std::mem::replace(&mut self.tables, tables);
        if protocol.swap == Swap::WithoutPositions {
            self.tables.position = old.position;
            self.tables.generation = old.generation;
        }
        old
    }
}

fn outbox_row(log: &Log, protocol: &Protocol, batch: &Batch) -> OutboxRow {
    let Batch { generation, input: FoldInput { from: first, to: next, .. } } = *batch;
    let generation = match protocol.outbox_generation {
        OutboxGeneration::Stored => generation.number,
        OutboxGeneration::Missing => 0,
    };
    OutboxRow { generation, first, next, outcomes: log.fold(&batch.input).outcomes }
}
