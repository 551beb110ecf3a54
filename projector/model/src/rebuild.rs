//! A rebuild: shadow tables folded from the log, and one atomic swap. It has no step that writes to the outbox.
//!
//! How the shadow is filled is not modelled: nobody else sees it, and the fold of a prefix is the fold of a prefix. What
//! matters is where it ends, and what happens between the moment that was decided and the swap.

use crate::broker::Broker;
use crate::coverage::Event;
use crate::database::Database;
use crate::log::{LOG_END, Log};
use crate::protocol::{Protocol, RebuildEnd};

/// How far the rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rebuild {
    #[default]
    Idle,
    /// Shadow tables hold the fold of the log up to `end`.
    Built { end: u8 },
}

/// A step of the rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebuildAction {
    /// Read the relay's cursor and fold up to it.
    Start,
    /// `RENAME TABLE`.
    Swap,
}

impl Rebuild {
    /// Offers the swap, which waits for every open transaction. A rebuild that is killed is one whose swap never comes.
    pub fn actions(&self, database: &Database, mut offer: impl FnMut(RebuildAction)) {
        if *self != Self::Idle && database.transaction.is_none() {
            offer(RebuildAction::Swap);
        }
    }

    pub fn step(&mut self, log: &Log, protocol: &Protocol, database: &mut Database, broker: &Broker) -> Option<Event> {
        match *self {
            Self::Idle => {
                let end = match protocol.rebuild_end {
                    RebuildEnd::Cursor => broker.cursor,
                    RebuildEnd::LogEnd => LOG_END,
                };
                *self = Self::Built { end };
                None
            }
            Self::Built { end } => {
                let went_back = end < database.tables.position;
                database.swap(log, protocol, end);
                *self = Self::Idle;
                went_back.then_some(Event::SwapWentBack)
            }
        }
    }
}
