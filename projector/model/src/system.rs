//! The whole system: which steps a state allows, and what each does. The checker explores every order of them.
//!
//! A paused process needs no action: it is one that the checker does not schedule for a while. A zombie is a process that
//! does not know of a rebalance yet.
//!
//! It must never judge a state. Next: [`crate::properties`].

use crate::actions::{Action, BrokerAction, Command, DatabaseAction, RelayAction, SwapAction};
use crate::coverage::{Coverage, Event};
use crate::limits::Limits;
use crate::log::Log;
use crate::protocol::{FirstStart, Protocol};
use crate::state::State;
use crate::swap::Swapper;
use crate::vocabulary::Process;

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
        Self { protocol, limits, log: Log::new(limits.records), coverage: Coverage::default() }
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
                memory.projector.actions(&self.log, &self.protocol, database, |action| {
                    actions.push(Action::Projector(process, action));
                });
                memory.relay.actions(&self.protocol, database, &state.broker, |action| {
                    actions.push(Action::Relay(process, action));
                });
            }
        }
        state.database.actions(|action| actions.push(Action::Database(action)));
        state.broker.actions(|action| actions.push(Action::Broker(action)));
        state.swapper.actions(&self.protocol, &state.database, |action| actions.push(Action::Swap(action)));
    }

    /// Appends what can go wrong, within the limits.
    pub fn faulty_actions(state: &State, actions: &mut Vec<Action>) {
        let left = &state.left;
        if left.rebalances > 0 {
            actions.push(Action::Rebalance);
        }
        if left.neighbours > 0 && state.broker.neighbour_may_hide_the_cursor() {
            actions.push(Action::Broker(BrokerAction::NeighbourBegins));
        }
        for (command, left) in [(Command::Rebuild, left.rebuilds), (Command::RollBack, left.rollbacks)] {
            if left > 0 && state.swapper.may_begin(command, &state.database) {
                actions.push(Action::Swap(SwapAction::Begin(command)));
            }
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
        if state.swapper.may_die() {
            actions.push(Action::Swap(SwapAction::Die));
        }
        if state.broker.transaction.is_some() {
            actions.push(Action::Broker(BrokerAction::TimeOutTransaction));
        }
    }

    /// Does `action`, which the state allows, and lets the world see what came of it.
    pub fn step(&self, state: &mut State, action: Action) -> Option<Event> {
        state.left.pay(action);
        let published = state.broker.outcomes.len();
        let event = self.act(state, action);
        let observed = state.observe(&self.log, &self.protocol, published);
        event.or(observed)
    }

    fn act(&self, state: &mut State, action: Action) -> Option<Event> {
        let Self { log, protocol, .. } = self;
        match action {
            Action::Rebalance => state.owner = state.owner.other(),
            Action::Assigned(process) => state.memory_mut(process).assigned = true,
            Action::Revoked(process) | Action::Crash(process) => state.forget(process),
            Action::Projector(process, action) => {
                let State { memories, database, .. } = state;
                return memories[process.index()].projector.step(log, protocol, database, process, action);
            }
            Action::Relay(process, action) => {
                let swap_may_come = Self::swap_may_come(state);
                let State { memories, database, broker, .. } = state;
                let relay = &mut memories[process.index()].relay;
                let event = relay.step(protocol, database, broker, process, action);
                if !swap_may_come && relay.looks_at_barrier() {
                    // Where there is none to find, the look is no step of its own: fewer states, and the same answers.
                    return relay.step(protocol, database, broker, process, RelayAction::LookAtBarrier).or(event);
                }
                return event;
            }
            Action::Database(action) => {
                let event = self.late_commit(state, action);
                state.database.step(log, protocol, action);
                if action == DatabaseAction::LoseEverything {
                    state.swapper = Swapper::Idle;
                    if protocol.first_start != FirstStart::DoesNotFence {
                        state.broker.fence();
                    }
                }
                return event;
            }
            Action::Broker(action) => state.broker.step(action),
            Action::Swap(action) => {
                let State { swapper, database, broker, left, .. } = state;
                return swapper.step(log, protocol, database, broker, (action, left.rollbacks > 0));
            }
        }
        None
    }

    fn swap_may_come(state: &State) -> bool {
        let State { left, swapper, database, .. } = state;
        left.rebuilds > 0 || left.rollbacks > 0 || *swapper != Swapper::Idle || database.swapping
    }

    /// Whether a COMMIT takes effect after its sender had already read the position again.
    fn late_commit(&self, state: &State, action: DatabaseAction) -> Option<Event> {
        let transaction = state.database.transaction.filter(|_| action == DatabaseAction::ApplyCommit)?;
        let memory = state.memory(transaction.by);
        (memory.assigned && !memory.projector.awaits_commit()).then_some(Event::LateCommit)
    }
}
