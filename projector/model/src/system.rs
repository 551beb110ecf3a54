//! The whole system: what a state is, which actions it allows, and what each does. The checker explores every order of
//! them.
//!
//! A paused process needs no action: it is one that the checker does not schedule for a while. A zombie is a process that
//! was not yet told of a rebalance.

use stateright::{Model, Property};

use crate::broker::{Broker, BrokerAction};
use crate::coverage::{Coverage, Event};
use crate::database::{Database, DatabaseAction};
use crate::limits::Limits;
use crate::log::Log;
use crate::projector::{Projector, ProjectorAction};
use crate::properties;
use crate::protocol::Protocol;
use crate::rebuild::{Rebuild, RebuildAction};
use crate::relay::{Relay, RelayAction};

/// One of two `ledger project` processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Process {
    A,
    B,
}

impl Process {
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }
}

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
    pub rebuild: Rebuild,
    /// What is left of the limits.
    pub left: Limits,
}

impl State {
    pub fn memory(&self, process: Process) -> &Memory {
        &self.memories[process.index()]
    }

    pub fn memory_mut(&mut self, process: Process) -> &mut Memory {
        &mut self.memories[process.index()]
    }

    /// The process forgets everything. What it had open in the database is rolled back; its Kafka transaction stays open
    /// until somebody fences it.
    fn forget(&mut self, process: Process) {
        *self.memory_mut(process) = Memory::default();
        self.database.roll_back(process);
    }
}

/// A step of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The group gives the partition to the other process; the old owner does not know yet.
    Rebalance,
    /// The process (started again, or newly chosen) learns that the partition is its own.
    Assigned(Process),
    /// The process learns that the partition is no longer its own, and drops what it has.
    Revoked(Process),
    /// kill -9.
    Crash(Process),
    Projector(Process, ProjectorAction),
    Relay(Process, RelayAction),
    Database(DatabaseAction),
    Broker(BrokerAction),
    Rebuild(RebuildAction),
}

/// The model: a protocol, limits, and the log with its folds.
#[derive(Debug)]
pub struct System {
    pub protocol: Protocol,
    pub limits: Limits,
    pub log: Log,
    pub coverage: Coverage,
}

impl System {
    pub fn new(protocol: Protocol, limits: Limits) -> Self {
        Self { protocol, limits, log: Log::new(), coverage: Coverage::default() }
    }

    /// Where everything begins: empty tables, and a process that is about to be given the partition.
    pub fn initial(&self) -> State {
        State {
            owner: Process::A,
            memories: [Memory::default(), Memory::default()],
            database: Database::default(),
            broker: Broker::default(),
            rebuild: Rebuild::default(),
            left: self.limits,
        }
    }

    /// Appends what can happen without anything going wrong.
    pub fn regular_actions(&self, state: &State, actions: &mut Vec<Action>) {
        for process in Process::BOTH {
            let memory = state.memory(process);
            match (memory.assigned, state.owner == process) {
                (true, false) => actions.push(Action::Revoked(process)),
                (false, true) => actions.push(Action::Assigned(process)),
                (true, true) | (false, false) => {}
            }
            if memory.assigned {
                let database = &state.database;
                memory.projector.actions(&self.protocol, database, |action| {
                    actions.push(Action::Projector(process, action));
                });
                memory.relay.actions(&self.protocol, database, &state.broker, |action| {
                    actions.push(Action::Relay(process, action));
                });
            }
        }
        state.database.actions(|action| actions.push(Action::Database(action)));
        state.broker.actions(|action| actions.push(Action::Broker(action)));
        state.rebuild.actions(&state.database, |action| actions.push(Action::Rebuild(action)));
    }

    /// Appends what can go wrong, within the limits.
    fn faulty_actions(state: &State, actions: &mut Vec<Action>) {
        let left = &state.left;
        if left.rebalances > 0 {
            actions.push(Action::Rebalance);
        }
        if left.neighbours > 0 && state.broker.neighbour_may_hide_the_cursor() {
            actions.push(Action::Broker(BrokerAction::NeighbourBegins));
        }
        if left.rebuilds > 0 && state.rebuild == Rebuild::Idle {
            actions.push(Action::Rebuild(RebuildAction::Start));
        }
        if left.database_losses > 0 {
            actions.push(Action::Database(DatabaseAction::LoseEverything));
        }
        if left.tamperings > 0 && state.database.tables.stock.is_some() {
            actions.push(Action::Database(DatabaseAction::Tamper));
        }
        if left.faults == 0 {
            return;
        }
        for process in Process::BOTH.into_iter().filter(|process| state.memory(*process).assigned) {
            let memory = state.memory(process);
            actions.push(Action::Crash(process));
            memory.projector.faults(|action| actions.push(Action::Projector(process, action)));
            memory.relay.faults(&state.broker, process, |action| actions.push(Action::Relay(process, action)));
        }
        if state.broker.transaction.is_some() {
            actions.push(Action::Broker(BrokerAction::TimeOutTransaction));
        }
    }

    /// Does `action`, which the state allows.
    pub fn step(&self, state: &mut State, action: Action) -> Option<Event> {
        state.left.pay(action);
        match action {
            Action::Rebalance => state.owner = state.owner.other(),
            Action::Assigned(process) => state.memory_mut(process).assigned = true,
            Action::Revoked(process) | Action::Crash(process) => state.forget(process),
            Action::Projector(process, action) => {
                let State { memories, database, .. } = state;
                return memories[process.index()].projector.step(self, database, process, action);
            }
            Action::Relay(process, action) => {
                let State { memories, database, broker, .. } = state;
                return memories[process.index()].relay.step(&self.protocol, database, broker, process, action);
            }
            Action::Database(action) => {
                let event = self.late_commit(state, action);
                state.database.step(&self.log, &self.protocol, action);
                if action == DatabaseAction::LoseEverything {
                    state.rebuild = Rebuild::Idle;
                }
                return event;
            }
            Action::Broker(action) => state.broker.step(action),
            Action::Rebuild(_) => {
                let State { rebuild, database, broker, left, .. } = state;
                return rebuild.step(&self.log, &self.protocol, database, broker, left.rollbacks > 0);
            }
        }
        None
    }

    /// Whether a COMMIT takes effect after its sender had already read the position again.
    fn late_commit(&self, state: &State, action: DatabaseAction) -> Option<Event> {
        let transaction = state.database.transaction.filter(|_| action == DatabaseAction::ApplyCommit)?;
        let memory = state.memory(transaction.by);
        (memory.assigned && !memory.projector.awaits_commit()).then_some(Event::LateCommit)
    }
}

impl Model for System {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.initial()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.regular_actions(state, actions);
        Self::faulty_actions(state, actions);
    }

    fn next_state(&self, last_state: &State, action: Action) -> Option<State> {
        let mut state = last_state.clone();
        let event = self.step(&mut state, action);
        if state == *last_state {
            return None;
        }
        self.coverage.count(event);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
