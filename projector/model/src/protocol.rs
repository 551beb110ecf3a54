//! The protocol's decisions, each with the ways of getting it wrong. [`Protocol::default`] is the design; a test takes
//! one decision back and lets the checker show what breaks.

/// What the projector, the relay and a rebuild do where it matters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Protocol {
    pub state_reading: StateReading,
    pub position_write: PositionWrite,
    pub generation: Generation,
    pub outbox_write: OutboxWrite,
    pub outbox_key: OutboxKey,
    pub unknown_commit: UnknownCommit,
    pub idling: Idling,
    pub relay_start: RelayStart,
    pub cursor_reading: CursorReading,
    pub cursor_write: CursorWrite,
    pub doubt: Doubt,
    pub pruning: Pruning,
    pub rebuild_end: RebuildEnd,
    pub swap: Swap,
}

/// How position and stock come into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StateReading {
    /// In one snapshot.
    #[default]
    OneSnapshot,
    /// The stock, and then, in a snapshot of its own, the position.
    StockThenPosition,
}

/// The first statement of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PositionWrite {
    /// `UPDATE .. SET next_offset = :to WHERE .. AND next_offset = :from`.
    #[default]
    CompareAndSet,
    /// `UPDATE .. SET next_offset = :to WHERE ..`. (The unique keys of `orders` and `stock_movements` still object.)
    Overwrite,
}

/// Whether whoever compares positions compares the generation with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Generation {
    /// `.. AND generation = :g`, the one that the stock in memory was read from.
    #[default]
    Compared,
    /// A swap is noticed by its position alone.
    Ignored,
}

/// When the outbox row is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutboxWrite {
    /// With the rows and the position.
    #[default]
    InTransaction,
    /// In a statement of its own, once the batch is committed.
    AfterCommit,
}

/// What happens when the outbox holds a row of the same interval, which a swap of the tables leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutboxKey {
    /// It is replaced by its equal.
    #[default]
    Replace,
    /// The unique key objects. The projector looks the batch's ids up, finds none, and folds again.
    Object,
}

/// What is done when the connection died inside COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownCommit {
    /// The position is read again, and [`ledger_fold::commit::after_unknown_commit`] decides.
    #[default]
    ReadAgain,
    /// The batch is folded and written again.
    TakenForFailed,
    /// The batch is taken for done.
    TakenForDone,
}

/// What a projector does that has folded everything there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Idling {
    /// It reads its position now and then: a swap, or the loss of the database, may have taken it back.
    #[default]
    ChecksPosition,
    /// It waits for a record; its next compare-and-set will tell.
    Waits,
}

/// The order in which a relay starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RelayStart {
    /// `init_transactions`, then the cursor.
    #[default]
    InitThenCursor,
    /// The cursor, then `init_transactions`.
    CursorThenInit,
}

/// How far the cursor's topic partition is read, when another partition's relay writes to it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CursorReading {
    /// To the high watermark, waiting for whatever transaction is open before it.
    #[default]
    HighWatermark,
    /// To the last stable offset, which is what a read_committed consumer calls the end. Somebody else's open
    /// transaction holds it back.
    LastStableOffset,
}

/// How the cursor is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CursorWrite {
    /// In the Kafka transaction that publishes what it covers.
    #[default]
    InTransaction,
    /// By itself, before that transaction is committed.
    BeforeCommit,
    /// By itself, after that transaction is committed (as a commit of group offsets would be).
    AfterCommit,
}

/// What is done with a producer after a commit whose reply was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Doubt {
    /// It is thrown away; a new one fences whatever it left under way.
    #[default]
    NewProducer,
    /// It goes on after reading the cursor again.
    SameProducer,
}

/// When published outbox rows are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pruning {
    /// Up to the cursor that is known to be committed.
    #[default]
    AfterCommit,
    /// Up to the cursor that is about to be committed.
    BeforeCommit,
}

/// Where the shadow tables end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RebuildEnd {
    /// At the relay's cursor.
    #[default]
    Cursor,
    /// At the end of the log.
    LogEnd,
}

/// What the swap exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Swap {
    /// All derived tables with their positions.
    #[default]
    WithPositions,
    /// All but the positions.
    WithoutPositions,
}
