//! Every step that a part can take, by its name. What a step does is said where the part is.
//!
//! It must never know the parts. Next: [`crate::database`], the first of them.

use crate::vocabulary::Process;

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
    Swap(SwapAction),
}

/// A step of the projector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectorAction {
    ReadPositionAndStock,
    ReadStock,
    ReadPosition,
    /// Receive and fold up to `next_offset`, BEGIN, the compare-and-set, and the rows.
    Write {
        next_offset: u8,
    },
    Commit,
    /// After a lost reply.
    ReadPositionAgain,
    /// What should have been in the transaction.
    WriteWhatIsOwed,
    /// Nothing arrives: is the position still ours?
    CheckPosition,
    /// A fault: a deadlock, a lock timeout, a connection lost before COMMIT. The whole transaction is tried again.
    FailStatement,
    /// A fault: COMMIT is sent, and the connection dies.
    LoseCommitReply,
}

/// A step of the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayAction {
    InitTransactions,
    LookAtBarrier,
    ReadCursor,
    ReadOutbox,
    SendOutcomes,
    SendCursor,
    Commit,
    Prune,
    /// A fault: a timeout or an error in the middle of a transaction. The producer is thrown away.
    Doubt,
    /// A fault: the commit is sent, and no reply comes.
    LoseCommitReply,
}

/// What MariaDB does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseAction {
    /// A COMMIT whose client is dead is executed.
    ApplyCommit,
    /// It never arrived: the transaction is rolled back.
    RollBack,
    /// All is lost; `migrate` made empty tables, and a projector's first start gave them positions. Both in one step:
    /// between them nobody can write, and what is published then was published before for all that anybody can see.
    LoseEverything,
    /// Somebody adds a piece to the stock by hand, which is in no record of the log.
    Tamper,
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

/// A step of the command that swaps tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapAction {
    /// `ledger rebuild` or `ledger rollback` takes the guard.
    Begin(Command),
    SetBarrier,
    /// `init_transactions` with the relay's transactional.id.
    Fence,
    /// Read the relay's cursor, and fold the shadow up to it.
    CatchUp,
    /// `RENAME TABLE`.
    Rename,
    ClearBarrier,
    /// A fault: kill -9 of the command, or its connection breaks. It loses the guard.
    Die,
}

/// Which command swaps tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// To tables that are made anew from the log.
    Rebuild,
    /// To the tables of before the last swap.
    RollBack,
}
