//! The command that swaps tables: `ledger rebuild`, to tables folded anew from the log, and `ledger rollback`, back to
//! those of before. Barrier, fence, cursor, RENAME, and the barrier's end. None of its steps writes to the outbox.
//!
//! How the shadow is filled is not modelled: nobody else sees it, and the fold of a prefix is the fold of a prefix. What
//! matters is where it ends, and what happens between the moment that was decided and the RENAME.
//!
//! It must never know which relay it fences, or whether there is one. Next: [`crate::state`].

use crate::actions::{Command, SwapAction};
use crate::broker::Broker;
use crate::coverage::Event;
use crate::database::{Database, Tables};
use crate::log::Log;
use crate::protocol::{BarrierEnd, GuardTaking, Protocol, RebuildEnd, SwapOrder};

/// How far the command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Swapper {
    #[default]
    Idle,
    /// It holds the guard.
    Running {
        command: Command,
        /// How many of [`steps`] are done.
        done: usize,
        /// What will be swapped in, once it is known.
        shadow: Option<Tables>,
    },
    /// It is dead and its lock free, but the server still executes its RENAME (only [`BarrierEnd::WithTheProcess`]
    /// comes here: in truth a lock ends with the connection, and a connection not before its statement).
    RenameWithoutGuard(Tables),
}

/// The steps of a swap in their order.
fn steps(order: SwapOrder) -> &'static [SwapAction] {
    use SwapAction::{CatchUp, ClearBarrier, Fence, Rename, SetBarrier};
    match order {
        SwapOrder::BarrierFenceCursor => &[SetBarrier, Fence, CatchUp, Rename, ClearBarrier],
        SwapOrder::BarrierCursorFence => &[SetBarrier, CatchUp, Fence, Rename, ClearBarrier],
        SwapOrder::FenceBarrierCursor => &[Fence, SetBarrier, CatchUp, Rename, ClearBarrier],
        SwapOrder::BarrierAlone => &[SetBarrier, CatchUp, Rename, ClearBarrier],
        SwapOrder::FenceAlone => &[Fence, CatchUp, Rename],
        SwapOrder::Neither => &[CatchUp, Rename],
    }
}

impl Swapper {
    /// Offers the next step. A RENAME waits for every open transaction.
    pub fn actions(&self, protocol: &Protocol, database: &Database, mut offer: impl FnMut(SwapAction)) {
        match self {
            Self::Idle => {}
            Self::Running { done, .. } => {
                let next = steps(protocol.swap_order).get(*done);
                let waits = next == Some(&SwapAction::Rename) && database.transaction.is_some();
                next.filter(|_| !waits).copied().into_iter().for_each(offer);
            }
            Self::RenameWithoutGuard(_) if database.transaction.is_some() => {}
            Self::RenameWithoutGuard(_) => offer(SwapAction::Rename),
        }
    }

    /// Which command could be begun: one at a time holds the guard.
    pub fn may_begin(&self, command: Command, database: &Database) -> bool {
        *self == Self::Idle && (command == Command::Rebuild || database.kept.is_some())
    }

    /// Whether it is filling its shadow, which may take hours.
    pub fn is_loading(&self) -> bool {
        matches!(self, Self::Running { done: 0, .. })
    }

    pub fn may_die(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    /// `keep`: a rollback to the replaced tables may still come.
    pub fn step(
        &mut self,
        log: &Log,
        protocol: &Protocol,
        database: &mut Database,
        broker: &mut Broker,
        (action, keep): (SwapAction, bool),
    ) -> Option<Event> {
        match (*self, action) {
            (Self::Idle, SwapAction::Begin(command)) => {
                database.guarded = true;
                if protocol.guard_taking == GuardTaking::ClearsOldBarrier {
                    database.swapping = false;
                }
                let shadow = database.kept.filter(|_| command == Command::RollBack);
                *self = Self::Running { command, done: 0, shadow };
            }
            (Self::Idle, _) => unreachable!("a command that does not run takes no step"),
            (Self::Running { .. }, SwapAction::Die) => self.die(protocol, database),
            (Self::Running { command, done, shadow }, _) => {
                let (shadow, event) = match action {
                    SwapAction::CatchUp => (Some(catch_up(log, protocol, database, broker, shadow)), None),
                    SwapAction::Rename => {
                        let shadow = shadow.expect("CatchUp comes before Rename");
                        (Some(shadow), rename(protocol, database, shadow, command, keep))
                    }
                    _ => (shadow, prepare(database, broker, action)),
                };
                *self = Self::Running { command, done: done + 1, shadow };
                if done + 1 == steps(protocol.swap_order).len() {
                    self.end(database);
                }
                return event;
            }
            (Self::RenameWithoutGuard(shadow), _) => {
                *self = Self::Idle;
                return rename(protocol, database, shadow, Command::Rebuild, keep);
            }
        }
        None
    }

    /// kill -9. Its connection ends, and the lock with it; a RENAME that it had sent may still be executed by then. (One
    /// that is executed first and one that never is are the same as dying a step later, or here.)
    pub fn die(&mut self, protocol: &Protocol, database: &mut Database) {
        let next = match self {
            Self::Running { done, shadow, .. } => steps(protocol.swap_order).get(*done).zip(*shadow),
            Self::Idle | Self::RenameWithoutGuard(_) => None,
        };
        self.end(database);
        if let Some((SwapAction::Rename, shadow)) = next
            && protocol.barrier_end == BarrierEnd::WithTheProcess
        {
            *self = Self::RenameWithoutGuard(shadow);
        }
    }

    fn end(&mut self, database: &mut Database) {
        *self = Self::Idle;
        database.guarded = false;
    }
}

/// The steps that touch no tables.
fn prepare(database: &mut Database, broker: &mut Broker, action: SwapAction) -> Option<Event> {
    match action {
        SwapAction::SetBarrier => database.swapping = true,
        SwapAction::ClearBarrier => database.swapping = false,
        SwapAction::Fence => {
            let interrupted = broker.transaction.is_some();
            broker.fence();
            return interrupted.then_some(Event::TransactionCutBySwap);
        }
        SwapAction::Begin(_) | SwapAction::CatchUp | SwapAction::Rename | SwapAction::Die => {
            unreachable!("{action:?} touches tables, or is no step of a running command")
        }
    }
    None
}

/// Reads the cursor, and folds up to it; tables that are brought back stand where they stand.
fn catch_up(log: &Log, protocol: &Protocol, database: &mut Database, broker: &Broker, kept: Option<Tables>) -> Tables {
    let end = match protocol.rebuild_end {
        RebuildEnd::Cursor => broker.cursor,
        RebuildEnd::LogEnd => log.end(),
    };
    kept.unwrap_or_else(|| database.build(log, end))
}

fn rename(protocol: &Protocol, database: &mut Database, shadow: Tables, command: Command, keep: bool) -> Option<Event> {
    let old = database.swap(protocol, shadow);
    database.kept = Some(old).filter(|_| keep);
    match (command, old) {
        (Command::RollBack, _) => Some(Event::RolledBack),
        (Command::Rebuild, Tables { tampered: true, .. }) => Some(Event::Mended),
        (Command::Rebuild, Tables { position, .. }) => (shadow.position < position).then_some(Event::SwapWentBack),
    }
}
