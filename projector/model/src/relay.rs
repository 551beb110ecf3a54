//! The relay: init_transactions, THEN the look at the barrier of a swap, THEN the cursor, THEN publish; after any doubt a
//! new producer and all of it again.
//!
//! Outcomes and cursor are sent in one step: nobody sees them before the commit.
//!
//! It must never hold a Kafka transaction open over a statement to the database: rows are read before it begins, and
//! pruned after it is committed. So the database cannot stop it before its commit: only the fence can.
//! Next: [`crate::swap`].

use crate::actions::RelayAction;
use crate::broker::{Broker, Neighbour};
use crate::coverage::Event;
use crate::database::{Database, OutboxRow};
use crate::log::{Outcome, PerOffset};
use crate::protocol::{CursorReading, CursorWrite, Doubt, Protocol, Pruning, SessionStart};
use crate::vocabulary::Process;

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
    /// No producer, and the cursor read already (only [`SessionStart::CursorInitBarrier`] comes here).
    CursorWithoutProducer(u8),
    /// The same, and then a producer.
    CursorWithProducer(u8),
    /// No producer, and the barrier looked at already (only [`SessionStart::BarrierInitCursor`] comes here).
    AdmittedWithoutProducer,
    /// Its producer had the newest epoch; the barrier is to be looked at.
    Initialised,
    /// No swap was under way after that; the cursor is to be read.
    Admitted,
    /// Everything before this cursor is published.
    Standing { cursor: u8 },
    /// Outbox rows are read. The Kafka transaction has not begun.
    RowsRead(Load),
    /// Begun, and outcomes sent without the cursor (only a [`CursorWrite`] apart from them comes here).
    OutcomesSent(Load),
    /// Outcomes and cursor are sent.
    CursorSent(Load),
    /// Committed, without the cursor (only [`CursorWrite::AfterCommit`] comes here).
    CursorOwed(Load),
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
        // The high watermark lies after the neighbour's open transaction: reading that far waits for its end.
        let can_read_cursor =
            protocol.cursor_reading == CursorReading::LastStableOffset || broker.neighbour == Neighbour::Idle;
        match self {
            Self::NoProducer => offer(match protocol.session_start {
                SessionStart::InitBarrierCursor => RelayAction::InitTransactions,
                SessionStart::BarrierInitCursor => RelayAction::LookAtBarrier,
                SessionStart::CursorInitBarrier => RelayAction::ReadCursor,
            }),
            Self::CursorWithoutProducer(_) | Self::AdmittedWithoutProducer => offer(RelayAction::InitTransactions),
            Self::Initialised | Self::CursorWithProducer(_) => offer(RelayAction::LookAtBarrier),
            Self::Admitted if can_read_cursor => offer(RelayAction::ReadCursor),
            Self::Admitted => {}
            Self::Standing { cursor } => {
                if database.outbox_after(protocol, *cursor).next().is_some() {
                    offer(RelayAction::ReadOutbox);
                }
                if can_prune(protocol, database, *cursor) {
                    offer(RelayAction::Prune);
                }
            }
            Self::RowsRead(_) => offer(RelayAction::SendOutcomes),
            Self::OutcomesSent(_) if protocol.cursor_write == CursorWrite::AfterCommit => offer(RelayAction::Commit),
            Self::OutcomesSent(_) | Self::CursorOwed(_) => offer(RelayAction::SendCursor),
            Self::CursorSent(load) => {
                offer(RelayAction::Commit);
                let early = protocol.pruning == Pruning::BeforeCommit;
                if early && can_prune(protocol, database, load.next_cursor) {
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
        match action {
            RelayAction::InitTransactions => {
                broker.init_transactions(process);
                *self = self.with_producer();
            }
            RelayAction::LookAtBarrier if database.barrier_is_up(protocol) => return Some(Event::HeldByBarrier), // it waits
            RelayAction::LookAtBarrier => *self = self.admitted(),
            RelayAction::ReadCursor if *self == Self::NoProducer => *self = Self::CursorWithoutProducer(broker.cursor),
            RelayAction::ReadCursor => *self = Self::Standing { cursor: read_cursor(protocol, broker) },
            RelayAction::ReadOutbox => *self = Self::RowsRead(load(protocol, database, self.cursor())),
            RelayAction::Prune => return prune(protocol, database, self.cursor()),
            RelayAction::Doubt => *self = Self::NoProducer,
            RelayAction::SendOutcomes
            | RelayAction::SendCursor
            | RelayAction::Commit
            | RelayAction::LoseCommitReply
                if broker.fences(process) && !matches!(self, Self::CursorOwed(_)) =>
            {
                *self = Self::NoProducer;
                return Some(Event::Fenced);
            }
            RelayAction::SendOutcomes
            | RelayAction::SendCursor
            | RelayAction::Commit
            | RelayAction::LoseCommitReply => {
                *self = self.publish(protocol, broker, action);
            }
        }
        None
    }

    /// A request to the broker, which takes it. Where it leads.
    fn publish(self, protocol: &Protocol, broker: &mut Broker, action: RelayAction) -> Self {
        match (self, action) {
            (Self::RowsRead(load), RelayAction::SendOutcomes) => {
                broker.send(load.outcomes.into_iter().flatten());
                if protocol.cursor_write != CursorWrite::InTransaction {
                    return Self::OutcomesSent(load);
                }
                broker.send_cursor(load.next_cursor);
                Self::CursorSent(load)
            }
            (Self::OutcomesSent(load), RelayAction::Commit) => {
                broker.commit();
                Self::CursorOwed(load)
            }
            (Self::OutcomesSent(load), RelayAction::SendCursor) => {
                broker.cursor = load.next_cursor;
                Self::CursorSent(load)
            }
            (Self::CursorSent(_), RelayAction::LoseCommitReply) => {
                broker.commit_in_flight = true;
                match protocol.doubt {
                    Doubt::NewProducer => Self::NoProducer,
                    Doubt::SameProducer => Self::Admitted,
                }
            }
            (Self::CursorSent(load), RelayAction::Commit) => {
                broker.commit();
                Self::Standing { cursor: load.next_cursor }
            }
            (Self::CursorOwed(load), RelayAction::SendCursor) => {
                broker.cursor = load.next_cursor;
                Self::Standing { cursor: load.next_cursor }
            }
            (state, action) => unreachable!("a relay in {state:?} does not {action:?}"),
        }
    }

    /// Up to where it may load or prune.
    fn cursor(&self) -> u8 {
        match self {
            Self::Standing { cursor } | Self::CursorSent(Load { next_cursor: cursor, .. }) => *cursor,
            state => unreachable!("a relay in {state:?} has no cursor"),
        }
    }

    /// Whether that is its next step.
    pub fn looks_at_barrier(&self) -> bool {
        matches!(self, Self::Initialised | Self::CursorWithProducer(_))
    }

    fn with_producer(self) -> Self {
        match self {
            Self::CursorWithoutProducer(cursor) => Self::CursorWithProducer(cursor),
            Self::AdmittedWithoutProducer => Self::Admitted,
            _ => Self::Initialised,
        }
    }

    fn admitted(self) -> Self {
        match self {
            Self::CursorWithProducer(cursor) => Self::Standing { cursor },
            Self::NoProducer => Self::AdmittedWithoutProducer,
            _ => Self::Admitted,
        }
    }
}

fn can_prune(protocol: &Protocol, database: &Database, cursor: u8) -> bool {
    database.outbox.iter().any(|row| database.is_prunable(protocol, row, cursor))
}

fn prune(protocol: &Protocol, database: &mut Database, cursor: u8) -> Option<Event> {
    let stays = |row: &&OutboxRow| !database.is_prunable(protocol, row, cursor);
    database.outbox = database.outbox.iter().filter(stays).copied().collect();
    let live = database.tables.generation.number;
    database.outbox.iter().any(|row| row.generation != live).then_some(Event::KeptRowsStay)
}

/// The cursor as a consumer of the cursor topic finds it.
fn read_cursor(protocol: &Protocol, broker: &Broker) -> u8 {
    match (protocol.cursor_reading, broker.neighbour) {
        (CursorReading::LastStableOffset, Neighbour::Open { our_cursor_then }) => our_cursor_then,
        (CursorReading::LastStableOffset | CursorReading::HighWatermark, _) => broker.cursor,
    }
}

/// The live generation's rows after the cursor. Rows may overlap after a swap, so each outcome is taken by its own
/// position, once.
fn load(protocol: &Protocol, database: &Database, cursor: u8) -> Load {
    let mut load = Load { outcomes: PerOffset::default(), next_cursor: cursor };
    for row in database.outbox_after(protocol, cursor) {
        for (taken, outcome) in load.outcomes.iter_mut().zip(row.outcomes) {
            *taken = taken.or(outcome.filter(|outcome| outcome.offset >= cursor));
        }
        load.next_cursor = load.next_cursor.max(row.next);
    }
    load
}
