//! MariaDB: tables, the outbox, one row lock, and a server that finishes a COMMIT whose client has gone.
//!
//! The lock on the partition's position is held from the compare-and-set until the transaction ends, so at most one
//! transaction is open; whoever comes meanwhile waits (its step is not enabled). Nothing of an open transaction is seen
//! by others.

use crate::log::{FoldInput, Ids, LEVEL_MAX, Log, Outcome, PerOffset, RECORD_COUNT, Row, Stock};
use crate::projector::Batch;
use crate::protocol::{OutboxWrite, Protocol, Swap};
use crate::system::Process;

/// What a rebuild makes anew: orders and movements (by the offset of their record), stock, positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tables {
    /// The number of the set, which stands in its positions.
    pub generation: u8,
    pub position: u8,
    pub rows: PerOffset<Row>,
    pub stock: Option<Stock>,
    /// Somebody changed the stock by hand. No program reads it: it is here for the properties.
    pub tampered: bool,
}

/// A row of the outbox: the outcomes of records `first..next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OutboxRow {
    pub first: u8,
    pub next: u8,
    pub outcomes: PerOffset<Outcome>,
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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Database {
    pub tables: Tables,
    /// In the order of its key (first, next).
    pub outbox: Vec<OutboxRow>,
    pub transaction: Option<Transaction>,
    /// The furthest position that was ever committed. No program reads it: it is here for the properties.
    pub furthest: u8,
    /// The highest number that a generation ever had: a number is given once.
    pub last_generation: u8,
    /// A batch was committed that a projector had folded from tampered tables, so that its outcomes may be wrong, and
    /// told to everybody. No rebuild takes that back. Here for the properties.
    pub misled: bool,
}

/// What the server does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseAction {
    /// A COMMIT whose client has gone is executed.
    ApplyCommit,
    /// It never arrived: the transaction is rolled back.
    RollBack,
    /// All is lost; `migrate` made empty tables.
    LoseEverything,
    /// Somebody adds a piece to the stock by hand, which is in no record of the log.
    Tamper,
}

impl Database {
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
                *self = Self { furthest: self.furthest, misled: self.misled, ..Self::default() };
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
        let Some(Transaction { batch: Batch { input, .. }, .. }) = self.transaction.take() else { return };
        let effects = log.fold(&input);
        let right = log.prefix(input.from).stock.map(|stock| stock.available);
        self.misled |= self.tables.tampered && input.available != right;
        for (stored, new) in self.tables.rows.iter_mut().zip(effects.rows) {
            *stored = new.or(*stored);
        }
        self.tables.stock = effects.stock.or(self.tables.stock);
        self.tables.position = input.to;
        self.furthest = self.furthest.max(input.to);
        if protocol.outbox_write == OutboxWrite::InTransaction {
            self.put_in_outbox(log, &input);
        }
    }

    /// One row per batch; none for a batch without outcomes.
    pub fn put_in_outbox(&mut self, log: &Log, input: &FoldInput) {
        let outcomes = log.fold(input).outcomes;
        if outcomes.iter().all(Option::is_none) {
            return;
        }
        let row = OutboxRow { first: input.from, next: input.to, outcomes };
        match self.outbox.binary_search_by_key(&(row.first, row.next), |row| (row.first, row.next)) {
            Ok(at) => self.outbox[at] = row,
            Err(at) => self.outbox.insert(at, row),
        }
    }

    /// Whether the outbox holds a row of the batch's interval, and the batch would write one.
    pub fn outbox_objects(&self, log: &Log, input: &FoldInput) -> bool {
        let has_outcomes = log.fold(input).outcomes.iter().any(Option::is_some);
        has_outcomes && self.outbox.iter().any(|row| (row.first, row.next) == (input.from, input.to))
    }

    /// Whether `process` has a transaction open that it can still use.
    pub fn serves(&self, process: Process) -> bool {
        self.transaction.is_some_and(|transaction| transaction.by == process && !transaction.commit_in_flight)
    }

    /// Ends the transaction of a client that went before it sent COMMIT.
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

    /// Shadow tables, folded from the log up to `end`, with a number of their own.
    pub fn build(&mut self, log: &Log, end: u8) -> Tables {
        let effects = log.prefix(end);
        self.last_generation += 1;
        let generation = self.last_generation;
        Tables { generation, position: end, rows: effects.rows, stock: effects.stock, tampered: false }
    }

    /// One atomic `RENAME TABLE`: other tables take the place of the live ones, which are given back. The outbox is not a
    /// derived table and stays.
    pub fn swap(&mut self, protocol: &Protocol, tables: Tables) -> Tables {
        let old = std::mem::replace(&mut self.tables, tables);
        if protocol.swap == Swap::WithoutPositions {
            self.tables.position = old.position;
            self.tables.generation = old.generation;
        }
        self.furthest = self.furthest.max(self.tables.position);
        old
    }
}
