//! How much may go wrong in one exploration.
//!
//! It must never decide what can go wrong in a state: that is [`crate::system`]'s. Next: [`crate::log`].

use crate::actions::{
    Action, BrokerAction, Command, DatabaseAction, ProjectorAction, RelayAction, SwapAction,
};

/// How much may go wrong. Without limits the states would be infinitely many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Limits {
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
