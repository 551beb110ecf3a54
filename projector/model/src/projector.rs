//! The projector: receive, fold, compare-and-set, write, commit; and what it does when the compare-and-set misses, a
//! unique key objects, a statement fails, the reply to COMMIT is lost, or nothing arrives.
//!
//! Receiving, folding, the compare-and-set and the rows are one step: nobody sees a row before COMMIT, others wait for the
//! lock, and a transaction that fails halfway is rolled back as one that fails at its end. The log is complete from the
//! start, and where each batch ends is the checker's to choose.
//!
//! It must never decide what the code decides elsewhere: an unknown commit is [`ledger_fold::commit`]'s. Next:
//! [`crate::relay`].

use ledger_fold::commit::{CommitOutcome, after_unknown_commit};

use crate::actions::ProjectorAction;
use crate::coverage::Event;
use crate::database::{Database, Tables, Transaction};
use crate::log::{BATCH_MAX, FoldInput, Ids, Log, RECORD_COUNT};
use crate::protocol::{
    Furthest, GenerationCheck, Idling, OutboxInsert, OutboxWrite, PositionWrite, Protocol, StateReading, UnknownCommit,
};
use crate::vocabulary::{Batch, Generation, Process};

/// The partition's state in memory: the position, and the stock as of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Standing {
    /// Of the tables that both were read from.
    pub generation: Generation,
    pub position: u8,
    pub available: Option<u8>,
}

/// How far the projector is with its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Projector {
    /// It has to read position and state.
    #[default]
    Unread,
    /// Half of that (only [`StateReading::StockThenPosition`] does it in halves).
    StockRead(Option<u8>),
    /// Between two batches.
    Ready(Standing),
    /// A batch is folded again, knowing what is stored under its ids. Nothing is written yet.
    FoldedAgain(Batch),
    /// The compare-and-set found its row, so the lock is ours, and every row of the batch is written; only COMMIT is missing.
    RowsWritten(Batch),
    /// COMMIT was sent, and the connection died.
    CommitUnknown(Batch),
    /// The batch is committed without its outbox row, or without the furthest position (only
    /// [`OutboxWrite::AfterCommit`] and [`Furthest::AfterCommit`] come here).
    Owed(Batch),
}

impl Projector {
    /// Offers the steps that the state of the database allows. A compare-and-set waits for the lock.
    pub fn actions(&self, log: &Log, protocol: &Protocol, database: &Database, mut offer: impl FnMut(ProjectorAction)) {
        match self {
            Self::Unread => offer(match protocol.state_reading {
                StateReading::OneSnapshot => ProjectorAction::ReadPositionAndStock,
                StateReading::StockThenPosition => ProjectorAction::ReadStock,
            }),
            Self::StockRead(_) => offer(ProjectorAction::ReadPosition),
            Self::Ready(standing @ Standing { position, .. }) if *position == log.end() => {
                if protocol.idling == Idling::ChecksPosition && !standing.is_of(protocol, &database.tables) {
                    offer(ProjectorAction::CheckPosition);
                }
            }
            Self::Ready(_) | Self::FoldedAgain(_) if database.transaction.is_some() => {}
            Self::Ready(Standing { position, .. }) => {
                for next_offset in position + 1..=log.end().min(position + BATCH_MAX) {
                    offer(ProjectorAction::Write { next_offset });
                }
            }
            Self::FoldedAgain(batch) => offer(ProjectorAction::Write { next_offset: batch.input.to }),
            Self::RowsWritten(_) => offer(ProjectorAction::Commit),
            Self::CommitUnknown(_) => offer(ProjectorAction::ReadPositionAgain),
            Self::Owed(_) => offer(ProjectorAction::WriteWhatIsOwed),
        }
    }

    /// Offers what can go wrong.
    pub fn faults(&self, mut offer: impl FnMut(ProjectorAction)) {
        if matches!(self, Self::RowsWritten(_)) {
            offer(ProjectorAction::FailStatement);
            offer(ProjectorAction::LoseCommitReply);
        }
    }

    /// Whether it waits for the end of a transaction whose COMMIT it sent.
    pub fn awaits_commit(&self) -> bool {
        matches!(self, Self::CommitUnknown(_))
    }

    pub fn step(
        &mut self,
        log: &Log,
        protocol: &Protocol,
        database: &mut Database,
        process: Process,
        action: ProjectorAction,
    ) -> Option<Event> {
        let Tables { generation, position, stock, .. } = database.tables;
        let read = Standing { generation, position, available: stock.map(|stock| stock.available) };
        match (*self, action) {
            (Self::Unread, ProjectorAction::ReadStock) => *self = Self::StockRead(read.available),
            (Self::Unread, _) => *self = Self::Ready(read),
            (Self::StockRead(available), _) => *self = Self::Ready(Standing { available, ..read }),
            (Self::Ready(standing), ProjectorAction::Write { next_offset }) => {
                return self.write(log, protocol, database, process, standing.fold(next_offset));
            }
            (Self::Ready(_), _) => {
                *self = Self::Unread;
                return Some(Event::IdleAndOvertaken);
            }
            (Self::FoldedAgain(batch), _) => return self.write(log, protocol, database, process, batch),
            (Self::RowsWritten(batch), _) => self.finish(log, protocol, database, process, (batch, action)),
            (Self::CommitUnknown(batch), _) => return self.resolve_commit(log, protocol, database, batch),
            (Self::Owed(batch), _) => {
                if protocol.outbox_write == OutboxWrite::AfterCommit {
                    database.put_in_outbox(log, protocol, &batch);
                }
                database.raise_furthest(batch.input.to);
                *self = Self::Ready(Standing::after(log, &batch));
            }
        }
        None
    }

    /// COMMIT, or what comes in its place.
    fn finish(
        &mut self,
        log: &Log,
        protocol: &Protocol,
        database: &mut Database,
        process: Process,
        (batch, action): (Batch, ProjectorAction),
    ) {
        *self = match action {
            ProjectorAction::FailStatement => {
                database.roll_back(process);
                Self::Ready(Standing::before(&batch))
            }
            _ if !database.serves(process) => Self::Ready(Standing::before(&batch)), // all was lost, the connection too
            ProjectorAction::LoseCommitReply => {
                database.lose_commit_reply();
                Self::CommitUnknown(batch)
            }
            _ => {
                database.commit(log, protocol);
                Self::committed(log, protocol, batch)
            }
        };
    }

    /// BEGIN, the first statement, and the rows. No row changed by the first: somebody else advanced the position, or other
    /// tables were swapped in; drop everything and read it anew.
    fn write(
        &mut self,
        log: &Log,
        protocol: &Protocol,
        database: &mut Database,
        process: Process,
        batch: Batch,
    ) -> Option<Event> {
        let hit = protocol.position_write == PositionWrite::Overwrite
            || Standing::before(&batch).is_of(protocol, &database.tables);
        if !hit {
            *self = Self::Unread;
            let Tables { generation, position, .. } = database.tables;
            return Some(match (position == batch.input.from, generation.number == batch.generation.number) {
                (false, _) => Event::CompareAndSetMissed,
                (true, false) => Event::MissedByGeneration,
                (true, true) => Event::MissedByGenerationId,
            });
        }
        if let Some(known) = objection(log, protocol, database, &batch) {
            *self = Self::FoldedAgain(Batch { input: FoldInput { known, ..batch.input }, ..batch });
            return Some(Event::FoldedAgain);
        }
        database.transaction = Some(Transaction { by: process, batch, commit_in_flight: false });
        *self = Self::RowsWritten(batch);
        None
    }

    fn committed(log: &Log, protocol: &Protocol, batch: Batch) -> Self {
        match (protocol.outbox_write, protocol.furthest) {
            (OutboxWrite::InTransaction, Furthest::InTransaction) => Self::Ready(Standing::after(log, &batch)),
            (OutboxWrite::AfterCommit, _) | (_, Furthest::AfterCommit) => Self::Owed(batch),
        }
    }

    /// The connection died inside COMMIT; reconnected. Under another generation the position says nothing about the batch.
    fn resolve_commit(&mut self, log: &Log, protocol: &Protocol, database: &Database, batch: Batch) -> Option<Event> {
        let Batch { generation, input } = batch;
        let stored = i64::from(database.tables.position);
        let outcome = match protocol.unknown_commit {
            UnknownCommit::ReadAgain if !same_tables(protocol, generation, &database.tables) => {
                CommitOutcome::Superseded
            }
            UnknownCommit::ReadAgain => after_unknown_commit(i64::from(input.from), i64::from(input.to), stored),
            UnknownCommit::TakenForFailed => CommitOutcome::NotDone,
            UnknownCommit::TakenForDone => CommitOutcome::Done,
        };
        let (next, event) = match outcome {
            CommitOutcome::Done => (Self::committed(log, protocol, batch), Event::UnknownCommitDone),
            CommitOutcome::NotDone => (Self::Ready(Standing::before(&batch)), Event::UnknownCommitNotDone),
            CommitOutcome::Superseded => (Self::Unread, Event::UnknownCommitSuperseded),
        };
        *self = next;
        Some(event)
    }
}

impl Standing {
    /// Whether the tables are those that it was read from, and nobody advanced them since.
    fn is_of(&self, protocol: &Protocol, tables: &Tables) -> bool {
        same_tables(protocol, self.generation, tables) && tables.position == self.position
    }

    fn fold(self, next_offset: u8) -> Batch {
        let Self { generation, position, available } = self;
        Batch { generation, input: FoldInput { from: position, to: next_offset, available, known: Ids::default() } }
    }

    fn before(batch: &Batch) -> Self {
        let Batch { generation, input } = *batch;
        Self { generation, position: input.from, available: input.available }
    }

    fn after(log: &Log, batch: &Batch) -> Self {
        let Batch { generation, input } = *batch;
        let changed = log.fold(&input).stock.map(|stock| stock.available);
        Self { generation, position: input.to, available: changed.or(input.available) }
    }
}

/// When a unique key objects, the transaction is rolled back, and the batch folded again knowing which of its ids are
/// stored: these.
fn objection(log: &Log, protocol: &Protocol, database: &Database, batch: &Batch) -> Option<Ids> {
    let input = batch.input;
    let inserted = ids(log, (0..RECORD_COUNT).filter(|offset| log.fold(&input).rows[*offset].is_some()));
    let met_its_equal = database.outbox_objects(log, protocol, batch);
    let outbox_objects = protocol.outbox_insert == OutboxInsert::Objects && met_its_equal;
    if database.stored(log, inserted).is_empty() && !outbox_objects {
        return None;
    }
    Some(database.stored(log, ids(log, usize::from(input.from)..usize::from(input.to))))
}

fn same_tables(protocol: &Protocol, known: Generation, tables: &Tables) -> bool {
    match protocol.generation_check {
        GenerationCheck::NumberAndId => tables.generation == known,
        GenerationCheck::NumberAlone => tables.generation.number == known.number,
        GenerationCheck::Nothing => true,
    }
}

fn ids(log: &Log, offsets: impl Iterator<Item = usize>) -> Ids {
    offsets.fold(Ids::default(), |mut ids, offset| {
        ids.insert(log.id(offset));
        ids
    })
}
