//! Kafka: the transaction coordinator for the relay's transactional.id, the outcomes topic and the cursor as a
//! read_committed consumer sees them.
//!
//! Epochs are not numbers here: a producer either holds the newest epoch or is fenced, and a process that makes a new
//! producer has thrown its old one away. So the newest epoch's holder says everything, and the states stay finite.
//!
//! It must never look at the database. Next: [`crate::database`].

use crate::actions::BrokerAction;
use crate::log::Outcome;
use crate::vocabulary::Process;

/// An outcome on the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Published {
    pub outcome: Outcome,
    /// No program reads it: it is here for the properties.
    pub basis: Basis,
}

/// What an outcome rested on in the moment that it became visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// The live tables hold the row that it reports.
    LiveTables,
    /// So they do, but somebody had tampered with them, and the log says otherwise.
    TamperedTables,
    /// The live tables hold another row, or none.
    Nothing,
}

/// What was sent since `begin_transaction`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct OpenTransaction {
    pub outcomes: Vec<Outcome>,
    pub cursor: Option<u8>,
}

/// Another partition's relay, where it writes its cursor to the same partition of the cursor topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Neighbour {
    #[default]
    Idle,
    /// It has a transaction open, which began when our cursor was this: the last stable offset stands before it.
    Open { our_cursor_then: u8 },
}

/// The cluster, as far as it concerns one partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Broker {
    /// Committed outcomes, in the order of the topic.
    pub outcomes: Vec<Published>,
    /// The committed cursor: one past the last record whose outcomes are published.
    pub cursor: u8,
    /// Which process holds the newest epoch. None before the first, and when a command that swaps tables took it.
    pub current: Option<Process>,
    pub transaction: Option<OpenTransaction>,
    /// The newest epoch's holder sent a commit and got no reply: it may still arrive.
    pub commit_in_flight: bool,
    pub neighbour: Neighbour,
}

impl Broker {
    /// Offers what the cluster can do by itself, faults aside.
    pub fn actions(&self, mut offer: impl FnMut(BrokerAction)) {
        if self.commit_in_flight {
            offer(BrokerAction::ApplyCommit);
            offer(BrokerAction::LoseCommit);
        }
        if self.neighbour != Neighbour::Idle {
            offer(BrokerAction::NeighbourEnds);
        }
    }

    pub fn step(&mut self, action: BrokerAction) {
        match action {
            BrokerAction::ApplyCommit => self.commit(),
            BrokerAction::LoseCommit => self.commit_in_flight = false,
            BrokerAction::TimeOutTransaction => self.fence(),
            BrokerAction::NeighbourBegins => self.neighbour = Neighbour::Open { our_cursor_then: self.cursor },
            BrokerAction::NeighbourEnds => self.neighbour = Neighbour::Idle,
        }
    }

    /// A new epoch for `process`. Older producers are fenced, what they left open is aborted, and a commit of theirs that
    /// arrives later is refused.
    pub fn init_transactions(&mut self, process: Process) {
        self.fence();
        self.current = Some(process);
    }

    /// The same for somebody who is no relay, and publishes nothing.
    pub fn fence(&mut self) {
        self.current = None;
        self.transaction = None;
        self.commit_in_flight = false;
    }

    /// Whether requests of `process` are refused for their epoch.
    pub fn fences(&self, process: Process) -> bool {
        self.current != Some(process)
    }

    /// Whether another relay that begins now would hide what our cursor becomes later. (One that begins when our next
    /// cursor was already sent stands after it, and hides nothing that matters.)
    pub fn neighbour_may_hide_the_cursor(&self) -> bool {
        let sent = self.transaction.as_ref().is_some_and(|transaction| transaction.cursor.is_some());
        self.neighbour == Neighbour::Idle && !sent
    }

    /// Outcomes become part of the open transaction; the first begins it.
    pub fn send(&mut self, outcomes: impl Iterator<Item = Outcome>) {
        self.transaction.get_or_insert_default().outcomes.extend(outcomes);
    }

    pub fn send_cursor(&mut self, cursor: u8) {
        self.transaction.get_or_insert_default().cursor = Some(cursor);
    }

    /// What the open transaction holds becomes visible, all of it. What each outcome rests on is found out by whoever
    /// knows the tables ([`crate::system`]).
    pub fn commit(&mut self) {
        self.commit_in_flight = false;
        if let Some(OpenTransaction { outcomes, cursor }) = self.transaction.take() {
            self.outcomes.extend(outcomes.into_iter().map(|outcome| Published { outcome, basis: Basis::Nothing }));
            self.cursor = cursor.unwrap_or(self.cursor);
        }
    }
}
