//! Kafka: the transaction coordinator for the relay's transactional.id, the outcomes topic and the cursor as a
//! read_committed consumer sees them.
//!
//! Epochs are not numbers here: a producer either holds the newest epoch or is fenced, and a process that makes a new
//! producer has thrown its old one away. So the newest epoch's holder says everything, and the states stay finite.

use crate::log::Outcome;
use crate::system::Process;

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
    pub outcomes: Vec<Outcome>,
    /// The committed cursor: one past the last record whose outcomes are published.
    pub cursor: u8,
    /// Who holds the newest epoch.
    pub current: Option<Process>,
    pub transaction: Option<OpenTransaction>,
    /// The newest epoch's holder sent a commit and heard nothing: it may still arrive.
    pub commit_in_flight: bool,
    pub neighbour: Neighbour,
}

/// What the cluster does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerAction {
    /// A commit whose reply was lost is executed.
    ApplyCommit,
    /// It never arrived.
    LoseCommit,
    /// The open transaction is older than `transaction.timeout.ms`: aborted, and its producer fenced.
    TimeOutTransaction,
    NeighbourBegins,
    NeighbourEnds,
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
            BrokerAction::TimeOutTransaction => {
                self.transaction = None;
                self.commit_in_flight = false;
                self.current = None;
            }
            BrokerAction::NeighbourBegins => self.neighbour = Neighbour::Open { our_cursor_then: self.cursor },
            BrokerAction::NeighbourEnds => self.neighbour = Neighbour::Idle,
        }
    }

    /// A new epoch for `process`. Older producers are fenced, what they left open is aborted, and a commit of theirs that
    /// arrives later is refused.
    pub fn init_transactions(&mut self, process: Process) {
        self.current = Some(process);
        self.transaction = None;
        self.commit_in_flight = false;
    }

    /// Whether requests of `process` are refused for their epoch.
    pub fn fences(&self, process: Process) -> bool {
        self.current != Some(process)
    }

    /// Whether another relay that begins now would hide what our cursor becomes later. (One that begins when our next
    /// cursor was already sent stands behind it, and hides nothing that matters.)
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

    /// What the open transaction holds becomes visible, all of it.
    pub fn commit(&mut self) {
        self.commit_in_flight = false;
        if let Some(OpenTransaction { outcomes, cursor }) = self.transaction.take() {
            self.outcomes.extend(outcomes);
            self.cursor = cursor.unwrap_or(self.cursor);
        }
    }
}
