//! The protocol's decisions, each with the ways of getting it wrong. [`Protocol::default`] is the design; a test takes
//! one decision back and lets the checker show what breaks.
//!
//! It must never do anything: the parts ask it. Next: [`crate::vocabulary`].

/// What the projector, the relay, a swap and a service's read do where it matters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Protocol {
    pub state_reading: StateReading,
    pub position_write: PositionWrite,
    pub generation_check: GenerationCheck,
    pub furthest: Furthest,
    pub reading: Reading,
    pub outbox_write: OutboxWrite,
    pub outbox_generation: OutboxGeneration,
    pub outbox_insert: OutboxInsert,
    pub unknown_commit: UnknownCommit,
    pub idling: Idling,
    pub session_start: SessionStart,
    pub cursor_reading: CursorReading,
    pub cursor_write: CursorWrite,
    pub doubt: Doubt,
    pub pruning: Pruning,
    pub rebuild_end: RebuildEnd,
    pub swap_order: SwapOrder,
    pub swap: Swap,
    pub barrier_end: BarrierEnd,
    pub guard_taking: GuardTaking,
    pub first_start: FirstStart,
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

/// What whoever compares positions compares with them, to know the tables again that the stock in memory was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GenerationCheck {
    /// `.. AND generation = :g AND generation_id = :id`.
    #[default]
    NumberAndId,
    /// Numbers begin again when the database is lost.
    NumberAlone,
    /// A swap is noticed by its position alone.
    Nothing,
}

/// When `furthest_positions` is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Furthest {
    /// By the compare-and-set itself.
    #[default]
    InTransaction,
    /// In a statement of its own, once the batch is committed.
    AfterCommit,
}

/// What a service compares before it answers a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// The position with the furthest one: below it, it waits.
    #[default]
    Compared,
    /// Nothing.
    Unchecked,
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

/// Whether an outbox row says which tables decided it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutboxGeneration {
    /// It does, in its key, and the relay takes those of the live tables.
    #[default]
    Stored,
    /// It does not: the relay takes the first row of an offset, whoever decided it.
    Missing,
}

/// What happens when the outbox holds a row of the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutboxInsert {
    /// It is replaced.
    #[default]
    Replaces,
    /// The unique key objects. The projector looks the batch's ids up, finds none, and folds again.
    Objects,
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
    /// It waits for a record; its next compare-and-set will miss.
    Waits,
}

/// The order in which a session of the relay starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SessionStart {
    /// `init_transactions`, then the look at the barrier, then the cursor.
    #[default]
    InitBarrierCursor,
    /// The barrier, then `init_transactions`, then the cursor.
    BarrierInitCursor,
    /// The cursor, then `init_transactions`, then the barrier.
    CursorInitBarrier,
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
    /// It continues after reading the cursor again.
    SameProducer,
}

/// Which outbox rows are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pruning {
    /// Those of any generation that end at or before the cursor that is known to be committed.
    #[default]
    AfterCommit,
    /// Those at or before the cursor that is about to be committed.
    BeforeCommit,
    /// Also what a kept generation decided after the cursor.
    AlsoKeptGenerations,
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

/// The order of the steps of a swap, before and after its RENAME.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SwapOrder {
    /// The barrier is committed, then every relay fenced, then the cursor read.
    #[default]
    BarrierFenceCursor,
    /// The barrier, the cursor, the fence: a relay may still move the cursor on before the swap.
    BarrierCursorFence,
    /// A relay that starts between the two sees no barrier, and is not fenced.
    FenceBarrierCursor,
    /// A relay that has its rows publishes them.
    BarrierAlone,
    /// A fenced relay starts anew, and loads the same rows.
    FenceAlone,
    /// The RENAME alone.
    Neither,
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

/// When a barrier is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BarrierEnd {
    /// When it is cleared, or nobody holds the guard's lock, which a RENAME that is still executing does.
    #[default]
    WithTheConnection,
    /// When it is cleared.
    OnlyWhenCleared,
    /// With the process that set it, though its RENAME may still be executing.
    WithTheProcess,
}

/// What whoever takes the guard does with a barrier that a dead command left: now somebody holds the lock again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GuardTaking {
    /// It clears it.
    #[default]
    ClearsOldBarrier,
    /// It leaves it until its own swap.
    LeavesOldBarrier,
}

/// What a first start on empty tables does before it gives them positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FirstStart {
    /// It fences the relays, and sets the furthest position to the log's end: there may have been other tables before.
    #[default]
    FencesAndWaits,
    /// Nothing is fenced.
    DoesNotFence,
    /// The furthest position begins at 0.
    FurthestIsZero,
}
