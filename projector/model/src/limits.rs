//! How much may go wrong in one exploration.
//!
//! It must never decide what can go wrong in a state: that is [`crate::system`]'s. Next: [`crate::log`].

use crate::actions::{Action, BrokerAction, Command, DatabaseAction, ProjectorAction, RelayAction, SwapAction};
use crate::log::RECORDS_END;

/// How much may go wrong. Without limits the states would be infinitely many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    /// How long the log is.
    pub records: u8,
    /// Crashes, lost replies, failed statements, doubts, timeouts: any mix of them.
    pub faults: u8,
    /// How often the group gives the partition to the other process.
    pub rebalances: u8,
    /// How often the neighbour in the cursor topic opens a transaction.
    pub neighbours: u8,
    pub rebuilds: u8,
    /// How often the tables of before a swap are brought back.
    pub rollbacks: u8,
    pub database_losses: u8,
    /// How often somebody changes the stock by hand.
    pub tamperings: u8,
}

impl Limits {
    /// The whole log, and nothing goes wrong.
    pub const NONE: Self = Self {
        records: RECORDS_END,
        faults: 0,
        rebalances: 0,
        neighbours: 0,
        rebuilds: 0,
        rollbacks: 0,
        database_losses: 0,
        tamperings: 0,
    };

    /// The explorations of `tests/protocol.rs`, each by its name. A mutant is looked for within one of them, so that what is
    /// found can come from the mutation alone.
    pub const EXPLORED: [(&str, Self); 16] = [
        ("faults and zombies", Self { faults: 2, rebalances: 2, ..Self::NONE }),
        ("neighbour and faults", Self { neighbours: 2, faults: 2, ..Self::NONE }),
        ("neighbour and zombies", Self { neighbours: 2, rebalances: 1, ..Self::NONE }),
        ("swap and faults", Self { rebuilds: 1, faults: 2, ..Self::NONE }),
        ("swap after a swap that died", Self { rebuilds: 2, faults: 1, ..Self::NONE }),
        ("swap and zombies", Self { rebuilds: 1, rebalances: 1, ..Self::NONE }),
        ("mended and faults", Self { tamperings: 1, rebuilds: 1, faults: 1, ..Self::NONE }),
        ("mended and rolled back", Self { tamperings: 1, rebuilds: 1, rollbacks: 1, ..Self::NONE }),
        ("mended and zombies", Self { tamperings: 1, rebuilds: 1, rebalances: 1, records: 3, ..Self::NONE }),
        ("rollback and faults", Self { rebuilds: 1, rollbacks: 1, faults: 1, ..Self::NONE }),
        ("rollback and zombies", Self { rebuilds: 1, rollbacks: 1, rebalances: 1, records: 2, ..Self::NONE }),
        ("loss and rebuild", Self { database_losses: 1, rebuilds: 1, faults: 1, ..Self::NONE }),
        ("loss and rollback", Self { database_losses: 1, rebuilds: 1, rollbacks: 1, records: 3, ..Self::NONE }),
        ("loss and zombies", Self { database_losses: 1, rebalances: 1, ..Self::NONE }),
        (
            "loss, rebuild and zombies",
            Self { database_losses: 1, rebuilds: 1, rebalances: 1, records: 2, ..Self::NONE },
        ),
        ("loss of wrong tables", Self { database_losses: 1, tamperings: 1, rebalances: 1, records: 3, ..Self::NONE }),
    ];

    /// Whether whatever can happen within `smaller` can happen within these.
    pub fn cover(&self, smaller: &Self) -> bool {
        self.records == smaller.records
            && self.faults >= smaller.faults
            && self.rebalances >= smaller.rebalances
            && self.neighbours >= smaller.neighbours
            && self.rebuilds >= smaller.rebuilds
            && self.rollbacks >= smaller.rollbacks
            && self.database_losses >= smaller.database_losses
            && self.tamperings >= smaller.tamperings
    }

    /// Takes the price of an action from what is left.
    pub(crate) fn pay(&mut self, action: Action) {
        let budget = match action {
            Action::Rebalance => &mut self.rebalances,
            Action::Broker(BrokerAction::NeighbourBegins) => &mut self.neighbours,
            Action::Swap(SwapAction::Begin(Command::Rebuild)) => &mut self.rebuilds,
            Action::Swap(SwapAction::Begin(Command::RollBack)) => &mut self.rollbacks,
            Action::Database(DatabaseAction::Tamper) => &mut self.tamperings,
            Action::Database(DatabaseAction::LoseEverything) => &mut self.database_losses,
            Action::Crash(_)
            | Action::Swap(SwapAction::Die)
            | Action::Broker(BrokerAction::TimeOutTransaction)
            | Action::Projector(_, ProjectorAction::FailStatement | ProjectorAction::LoseCommitReply)
            | Action::Relay(_, RelayAction::Doubt | RelayAction::LoseCommitReply) => &mut self.faults,
            _ => return,
        };
        *budget -= 1;
    }
}
