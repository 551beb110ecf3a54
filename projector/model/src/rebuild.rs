//! A rebuild: shadow tables folded from the log, and one atomic swap; and a rollback, which swaps back. Neither has a step
//! that writes to the outbox.
//!
//! How the shadow is filled is not modelled: nobody else sees it, and the fold of a prefix is the fold of a prefix. What
//! matters is where it ends, and what happens between the moment that was decided and the swap.

use crate::broker::Broker;
use crate::coverage::Event;
use crate::database::{Database, Tables};
use crate::log::{LOG_END, Log};
use crate::protocol::{Protocol, RebuildEnd};

/// How far the rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rebuild {
    #[default]
    Idle,
    /// Shadow tables hold the fold of the log up to their position.
    Built(Tables),
    /// The shadow is live; these are the tables of before the swap. (Only while a rollback may still come.)
    Swapped(Tables),
}

/// A step of the rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebuildAction {
    /// Read the relay's cursor and fold up to it.
    Start,
    /// `RENAME TABLE`.
    Swap,
    /// The other way round.
    RollBack,
}

impl Rebuild {
    /// Offers the swap, which waits for every open transaction. A rebuild that is killed is one whose swap never comes.
    pub fn actions(&self, database: &Database, mut offer: impl FnMut(RebuildAction)) {
        if database.transaction.is_none() {
            match self {
                Self::Idle => {}
                Self::Built(_) => offer(RebuildAction::Swap),
                Self::Swapped(_) => offer(RebuildAction::RollBack),
            }
        }
    }

    /// `keep`: the replaced tables may still be asked for.
    pub fn step(
        &mut self,
        log: &Log,
        protocol: &Protocol,
        database: &mut Database,
        broker: &Broker,
        keep: bool,
    ) -> Option<Event> {
        match *self {
            Self::Idle => {
                let end = match protocol.rebuild_end {
                    RebuildEnd::Cursor => broker.cursor,
                    RebuildEnd::LogEnd => LOG_END,
                };
                *self = Self::Built(database.build(log, end));
                None
            }
            Self::Built(shadow) => {
                let old = database.swap(protocol, shadow);
                *self = if keep { Self::Swapped(old) } else { Self::Idle };
                match old {
                    Tables { tampered: true, .. } => Some(Event::Mended),
                    Tables { position, .. } => (shadow.position < position).then_some(Event::SwapWentBack),
                }
            }
            Self::Swapped(kept) => {
                let _replaced = database.swap(protocol, kept);
                *self = Self::Idle;
                Some(Event::RolledBack)
            }
        }
    }
}
