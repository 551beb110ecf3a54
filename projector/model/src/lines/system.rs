//! Which steps a state allows, and what each does. It must never judge a state. Next: [`super::properties`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use stateright::{Model, Property};

use super::properties;
use super::protocol::{GivingBack, LinesProtocol, LinesRebuildEnd, Telling};
use super::records::{AWAY, HOME, Says};
use super::state::{LinesLimits, LinesState, Relay};
use super::tables::{Tables, ToldBy};

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinesAction {
    /// A client, or the home's owner for an expiry.
    Append(usize, Says),
    /// The owner folds a record, and commits.
    Fold(usize),
    /// The relay takes a row of the outbox: the first half of its work.
    Relay(usize),
    /// The second half.
    FinishRelay(usize),
    /// It dies in between.
    RelayDies(usize),
    /// What it told of a record before its cursor is appended once more.
    Repeat(usize, ToldBy),
    AskAgain,
    /// Barrier, fence, cursors, catch-up, RENAME.
    Rebuild,
    Rollback,
}

/// The model.
#[derive(Debug)]
pub struct LinesSystem {
    pub protocol: LinesProtocol,
    pub limits: LinesLimits,
    folded: Mutex<HashMap<Prefix, Arc<Tables>>>,
}

/// A partition, and the first records of its log.
type Prefix = (usize, Vec<Says>);

impl LinesSystem {
    pub fn new(protocol: LinesProtocol, limits: LinesLimits) -> Self {
        Self { protocol, limits, folded: Mutex::default() }
    }

    /// The fold of the first records of a partition's log.
    pub fn tables(&self, state: &LinesState, partition: usize, position: u8) -> Arc<Tables> {
        let records = &state.partitions[partition].log[..usize::from(position)];
        let key = (partition, records.to_vec());
        let known = self.folded.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        known.unwrap_or_else(|| {
            let tables = Arc::new(Tables::of(self.protocol, partition, records));
            self.folded.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&tables));
            tables
        })
    }

    /// What the live tables say.
    pub fn live(&self, state: &LinesState, partition: usize) -> Arc<Tables> {
        self.tables(state, partition, state.partitions[partition].position)
    }

    /// What is told of the records `from..to`, as the tables at the log's end have it: no later record changes it.
    fn told(&self, state: &LinesState, partition: usize, from: u8, to: u8) -> Vec<ToldBy> {
        let tables = self.tables(state, partition, to);
        tables.told.iter().filter(|told| (from..to).contains(&told.offset)).copied().collect()
    }

    fn append_told(state: &mut LinesState, partition: usize, told: &[ToldBy]) {
        state.partitions[1 - partition].log.extend(told.iter().map(|told| told.says()));
    }

    /// What can happen without anything going wrong, and without anybody asking for anything.
    pub fn regular_actions(&self, state: &LinesState, actions: &mut Vec<LinesAction>) {
        for (at, partition) in state.partitions.iter().enumerate() {
            if partition.position < partition.end() {
                actions.push(LinesAction::Fold(at));
            }
            match partition.relay {
                Relay::Standing if partition.cursor < partition.position => actions.push(LinesAction::Relay(at)),
                Relay::Standing => {}
                Relay::HalfWay { .. } => actions.push(LinesAction::FinishRelay(at)),
            }
        }
    }

    fn other_actions(&self, state: &LinesState, actions: &mut Vec<LinesAction>) {
        let left = &state.left;
        let asked = [
            (left.rivals, AWAY, Says::Rival),
            (left.confirms, HOME, Says::Confirm),
            (left.cancels, HOME, Says::Cancel),
            (left.expiries, HOME, Says::Expire),
        ];
        actions.extend(
            asked.into_iter().filter(|(left, ..)| *left > 0).map(|(_, at, says)| LinesAction::Append(at, says)),
        );
        for (at, partition) in state.partitions.iter().enumerate() {
            if left.relay_deaths > 0 && partition.relay != Relay::Standing {
                actions.push(LinesAction::RelayDies(at));
            }
            if left.repeats > 0 {
                let told = self.told(state, at, 0, partition.cursor);
                actions.extend(told.into_iter().map(|told| LinesAction::Repeat(at, told)));
            }
        }
        if left.asked_again > 0 && !self.live(state, HOME).asked_again().is_empty() {
            actions.push(LinesAction::AskAgain);
        }
        if left.rebuilds > 0 {
            actions.push(LinesAction::Rebuild);
        }
        if left.rollbacks > 0 && state.partitions.iter().all(|partition| partition.kept.is_some()) {
            actions.push(LinesAction::Rollback);
        }
    }

    fn fold(&self, state: &mut LinesState, at: usize) {
        state.partitions[at].position += 1;
        let tables = self.live(state, at);
        let folded = state.partitions[at].position - 1;
        if self.protocol.giving_back == GivingBack::PastTheLog && tables.given_past_the_log.contains(&folded) {
            state.partitions[1 - at].added += 1;
        }
    }

    /// The next row of the outbox: one record, or what lies before the outbox, of which there is no row.
    fn next_row(state: &LinesState, at: usize) -> (u8, u8) {
        let partition = &state.partitions[at];
        let from = partition.cursor.max(partition.outbox_from).min(partition.position - 1);
        (from, from + 1)
    }

    fn relay(&self, state: &mut LinesState, at: usize) {
        let (from, next) = Self::next_row(state, at);
        if self.protocol.telling == Telling::BeforeTheCursor {
            let told = self.told(state, at, from, next);
            let told = if from < state.partitions[at].outbox_from { Vec::new() } else { told };
            Self::append_told(state, at, &told);
        } else {
            state.partitions[at].cursor = next;
        }
        state.partitions[at].relay = Relay::HalfWay { next };
    }

    fn finish_relay(&self, state: &mut LinesState, at: usize) {
        let Relay::HalfWay { next } = state.partitions[at].relay else { return };
        if self.protocol.telling == Telling::AfterTheCursor {
            let told = self.told(state, at, next - 1, next);
            Self::append_told(state, at, &told);
        }
        state.partitions[at].cursor = next;
        state.partitions[at].relay = Relay::Standing;
    }

    /// A fence ends every relay's session; what it told stands.
    fn swap(&self, state: &mut LinesState, to: [(u8, u8); 2]) {
        for (partition, (position, outbox_from)) in state.partitions.iter_mut().zip(to) {
            partition.kept = Some((partition.position, partition.outbox_from)).filter(|_| state.left.rollbacks > 0);
            (partition.position, partition.outbox_from) = (position, outbox_from);
            partition.relay = Relay::Standing;
            // Tables that are made anew have what the log says, and nothing else.
            partition.added = 0;
        }
    }

    fn rebuild(&self, state: &mut LinesState) {
        let farther = state.partitions.iter().map(|partition| partition.cursor).max().unwrap_or(0);
        let end = |partition: &super::state::PartitionState| match self.protocol.rebuild_end {
            LinesRebuildEnd::OwnCursors => partition.cursor,
            LinesRebuildEnd::FartherCursor => farther.min(partition.end()),
            LinesRebuildEnd::LogEnds => partition.end(),
        };
        let to = [AWAY, HOME].map(|at| {
            let end = end(&state.partitions[at]);
            (end, end)
        });
        self.swap(state, to);
    }
}

impl Model for LinesSystem {
    type State = LinesState;
    type Action = LinesAction;

    fn init_states(&self) -> Vec<LinesState> {
        vec![LinesState::new(self.limits)]
    }

    fn actions(&self, state: &LinesState, actions: &mut Vec<LinesAction>) {
        self.regular_actions(state, actions);
        self.other_actions(state, actions);
    }

    fn next_state(&self, last_state: &LinesState, action: LinesAction) -> Option<LinesState> {
        let mut state = last_state.clone();
        let left = &mut state.left;
        match action {
            LinesAction::Append(at, says) => {
                let budget = match says {
                    Says::Rival => &mut left.rivals,
                    Says::Confirm => &mut left.confirms,
                    Says::Cancel => &mut left.cancels,
                    Says::Expire => &mut left.expiries,
                    Says::Receipt | Says::Basket { .. } | Says::Told { .. } => {
                        unreachable!("nobody is offered to append {says:?}")
                    }
                };
                *budget -= 1;
                state.partitions[at].log.push(says);
            }
            LinesAction::Fold(at) => self.fold(&mut state, at),
            LinesAction::Relay(at) => self.relay(&mut state, at),
            LinesAction::FinishRelay(at) => self.finish_relay(&mut state, at),
            LinesAction::RelayDies(at) => {
                left.relay_deaths -= 1;
                state.partitions[at].relay = Relay::Standing;
            }
            LinesAction::Repeat(at, told) => {
                left.repeats -= 1;
                Self::append_told(&mut state, at, &[told]);
            }
            LinesAction::AskAgain => {
                left.asked_again -= 1;
                let asked = self.live(&state, HOME).asked_again();
                Self::append_told(&mut state, HOME, &asked);
            }
            LinesAction::Rebuild => {
                left.rebuilds -= 1;
                self.rebuild(&mut state);
            }
            LinesAction::Rollback => {
                left.rollbacks -= 1;
                let to = [AWAY, HOME].map(|at| state.partitions[at].kept.expect("it is offered where both are kept"));
                self.swap(&mut state, to);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let always = properties::ALWAYS.iter().map(|(name, condition)| Property::always(name, *condition));
        let sometimes = properties::SOMETIMES.iter().map(|(name, condition)| Property::sometimes(name, *condition));
        always.chain(sometimes).collect()
    }
}
