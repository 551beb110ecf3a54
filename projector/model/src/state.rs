//! Everything at one moment.
//!
//! It must never know which steps there are. Next: [`crate::protocol`].

use crate::broker::{Basis, Broker};
use crate::coverage::Event;
use crate::database::Database;
use crate::limits::Limits;
use crate::log::Log;
use crate::projector::Projector;
use crate::protocol::Protocol;
use crate::relay::Relay;
use crate::swap::Swapper;
use crate::vocabulary::Process;

/// What a process has in memory. A crash leaves the default.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Memory {
    /// Whether it believes that the partition is its own.
    pub assigned: bool,
    pub projector: Projector,
    pub relay: Relay,
}

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// Whom the consumer group gave the partition to.
    pub owner: Process,
    pub memories: [Memory; 2],
    pub database: Database,
    pub broker: Broker,
    pub swapper: Swapper,
    /// What is left of the limits.
    pub left: Limits,
    /// How far anybody can know that records are folded: services answered from there, or outcomes were published. No
    /// program reads it: it is here for the properties.
    pub observed: u8,
}

impl State {
    /// Where everything begins: empty tables, and a process that is about to be given the partition.
    pub fn initial(limits: Limits) -> Self {
        Self {
            owner: Process::A,
            memories: [Memory::default(), Memory::default()],
            database: Database::default(),
            broker: Broker::default(),
            swapper: Swapper::Idle,
            left: limits,
            observed: 0,
        }
    }

    pub fn memory(&self, process: Process) -> &Memory {
        &self.memories[process.index()]
    }

    pub fn memory_mut(&mut self, process: Process) -> &mut Memory {
        &mut self.memories[process.index()]
    }

    /// The process forgets everything. What it had open in the database is rolled back; its Kafka transaction stays open
    /// until somebody fences it.
    pub(crate) fn forget(&mut self, process: Process) {
        *self.memory_mut(process) = Memory::default();
        self.database.roll_back(process);
    }

    /// What the world sees after a step: services answer reads, and subscribers find the outcomes after the first
    /// `known`, which became visible by it.
    pub(crate) fn observe(&mut self, log: &Log, protocol: &Protocol, known: usize) -> Option<Event> {
        let Self { database, broker, observed, .. } = self;
        let mut event = None;
        for published in broker.outcomes.iter_mut().skip(known) {
            let offset = usize::from(published.outcome.offset);
            let held = database.tables.rows[offset] == Some(published.outcome.row);
            let right = log.outcomes().any(|outcome| outcome == published.outcome);
            published.basis = match (held, database.tables.tampered && !right) {
                (true, false) => Basis::LiveTables,
                (true, true) => Basis::TamperedTables,
                (false, _) => Basis::Nothing,
            };
            event = event.or((published.basis == Basis::TamperedTables).then_some(Event::PublishedFromTampered));
        }
        *observed = broker.cursor.max(*observed);
        if database.answers_reads(protocol) {
            *observed = database.tables.position.max(*observed);
        } else if database.tables.position < *observed {
            event = event.or(Some(Event::ReadsWait));
        }
        event
    }
}
