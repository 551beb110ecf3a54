//! The relay: init_transactions, THEN the cursor, THEN publish; after any doubt a new producer and the cursor again.
//!
//! It must never hold a Kafka transaction open over a statement to the database: rows are read before it begins, and
//! pruned after it is committed.

use crate::broker::{Broker, Neighbour};
use crate::coverage::Event;
use crate::database::Database;
use crate::log::{Outcome, PerOffset};
use crate::protocol::{CursorReading, CursorWrite, Doubt, Protocol, Pruning, RelayStart};
use crate::system::Process;

/// What is to be published in one Kafka transaction, and the cursor after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Load {
    pub outcomes: PerOffset<Outcome>,
    pub next_cursor: u8,
}

/// How far the relay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Relay {
    /// It has no producer.
    #[default]
    NoProducer,
    /// No producer, and the cursor read already (only [`RelayStart::CursorThenInit`] comes here).
    CursorWithoutProducer(u8),
    /// Its producer had the newest epoch; the cursor is to be read.
    Initialised,
    /// Everything before this cursor is published.
    Standing { cursor: u8 },
    /// Outbox rows are read. The Kafka transaction has not begun.
    RowsRead(Load),
    /// Begun, and outcomes sent.
    OutcomesSent(Load),
    /// The cursor sent, too.
    CursorSent(Load),
    /// Committed, without the cursor (only [`CursorWrite::AfterCommit`] comes here).
    CursorOwed(Load),
}

/// A step of the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayAction {
    InitTransactions,
    ReadCursor,
    ReadOutbox,
    SendOutcomes,
    SendCursor,
    Commit,
    Prune,
    /// A fault: a timeout or an error in the middle of a transaction. The producer is thrown away.
    Doubt,
    /// A fault: the commit is sent, and no reply comes.
    LoseCommitReply,
}

impl Relay {
    /// Offers the steps that the states of database and broker allow.
    pub fn actions(
        &self,
        protocol: &Protocol,
        database: &Database,
        broker: &Broker,
        mut offer: impl FnMut(RelayAction),
    ) {
        let cursor_first = protocol.relay_start == RelayStart::CursorThenInit;
        // The high watermark lies behind the neighbour's open transaction: reading that far waits for its end.
        let can_read_cursor =
            protocol.cursor_reading == CursorReading::LastStableOffset || broker.neighbour == Neighbour::Idle;
        match self {
            Self::NoProducer if cursor_first => offer(RelayAction::ReadCursor),
            Self::NoProducer | Self::CursorWithoutProducer(_) => offer(RelayAction::InitTransactions),
            Self::Initialised if can_read_cursor => offer(RelayAction::ReadCursor),
            Self::Initialised => {}
            Self::Standing { cursor } => {
                if database.outbox.iter().any(|row| row.next > *cursor) {
                    offer(RelayAction::ReadOutbox);
                }
                if database.outbox.iter().any(|row| row.next <= *cursor) {
                    offer(RelayAction::Prune);
                }
            }
            Self::RowsRead(_) => offer(RelayAction::SendOutcomes),
            Self::OutcomesSent(_) if protocol.cursor_write == CursorWrite::AfterCommit => offer(RelayAction::Commit),
            Self::OutcomesSent(_) | Self::CursorOwed(_) => offer(RelayAction::SendCursor),
            Self::CursorSent(load) => {
                offer(RelayAction::Commit);
                let early = protocol.pruning == Pruning::BeforeCommit;
                if early && database.outbox.iter().any(|row| row.next <= load.next_cursor) {
                    offer(RelayAction::Prune);
                }
            }
        }
    }

    /// Offers what can go wrong.
    pub fn faults(&self, broker: &Broker, process: Process, mut offer: impl FnMut(RelayAction)) {
        match self {
            Self::OutcomesSent(_) => offer(RelayAction::Doubt),
            Self::CursorSent(_) => {
                offer(RelayAction::Doubt);
                if !broker.fences(process) {
                    offer(RelayAction::LoseCommitReply);
                }
            }
            _ => {}
        }
    }

    pub fn step(
        &mut self,
        protocol: &Protocol,
        database: &mut Database,
        broker: &mut Broker,
        process: Process,
        action: RelayAction,
    ) -> Option<Event> {
        match (*self, action) {
            (Self::NoProducer, RelayAction::ReadCursor) => *self = Self::CursorWithoutProducer(broker.cursor),
            (Self::NoProducer, _) => {
                broker.init_transactions(process);
                *self = Self::Initialised;
            }
            (Self::CursorWithoutProducer(cursor), _) => {
                broker.init_transactions(process);
                *self = Self::Standing { cursor };
            }
            (Self::Initialised, _) => *self = Self::Standing { cursor: read_cursor(protocol, broker) },
            (Self::Standing { cursor } | Self::CursorSent(Load { next_cursor: cursor, .. }), RelayAction::Prune) => {
                database.outbox.retain(|row| row.next > cursor);
            }
            (Self::Standing { cursor }, _) => *self = Self::RowsRead(load(database, cursor)),
            (Self::RowsRead(_) | Self::OutcomesSent(_) | Self::CursorSent(_), RelayAction::Doubt) => {
                *self = Self::NoProducer;
            }
            (Self::RowsRead(_) | Self::OutcomesSent(_) | Self::CursorSent(_), _) if broker.fences(process) => {
                *self = Self::NoProducer;
                return Some(Event::Fenced);
            }
            (Self::RowsRead(load), _) => {
                broker.send(load.outcomes.into_iter().flatten());
                *self = Self::OutcomesSent(load);
            }
            (Self::OutcomesSent(load), RelayAction::Commit) => {
                broker.commit();
                *self = Self::CursorOwed(load);
            }
            (Self::OutcomesSent(load), _) => {
                match protocol.cursor_write {
                    CursorWrite::InTransaction => broker.send_cursor(load.next_cursor),
                    CursorWrite::BeforeCommit | CursorWrite::AfterCommit => broker.cursor = load.next_cursor,
                }
                *self = Self::CursorSent(load);
            }
            (Self::CursorSent(_), RelayAction::LoseCommitReply) => {
                broker.commit_in_flight = true;
                *self = match protocol.doubt {
                    Doubt::NewProducer => Self::NoProducer,
                    Doubt::SameProducer => Self::Initialised,
                };
            }
            (Self::CursorSent(load), _) => {
                broker.commit();
                *self = Self::Standing { cursor: load.next_cursor };
            }
            (Self::CursorOwed(load), _) => {
                broker.cursor = load.next_cursor;
                *self = Self::Standing { cursor: load.next_cursor };
            }
        }
        None
    }
}

/// The cursor as a consumer of the cursor topic finds it.
fn read_cursor(protocol: &Protocol, broker: &Broker) -> u8 {
    match (protocol.cursor_reading, broker.neighbour) {
        (CursorReading::LastStableOffset, Neighbour::Open { our_cursor_then }) => our_cursor_then,
        (CursorReading::LastStableOffset | CursorReading::HighWatermark, _) => broker.cursor,
    }
}

/// The rows behind the cursor. Rows may overlap after a swap, so each outcome is taken by its own position, once.
fn load(database: &Database, cursor: u8) -> Load {
    let mut load = Load { outcomes: PerOffset::default(), next_cursor: cursor };
    for row in database.outbox.iter().filter(|row| row.next > cursor) {
        for (taken, outcome) in load.outcomes.iter_mut().zip(row.outcomes) {
            *taken = taken.or(outcome.filter(|outcome| outcome.offset >= cursor));
        }
        load.next_cursor = load.next_cursor.max(row.next);
    }
    load
}
