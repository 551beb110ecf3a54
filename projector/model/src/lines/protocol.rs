//! The decisions about orders of several lines, each with the ways of getting it wrong. [`LinesProtocol::default`] is the design.
//!
//! It must never do anything: the parts ask it. Next: [`super::records`].

/// What the store, the relay and a rebuild do where it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinesProtocol {
    pub giving_back: GivingBack,
    pub ending: Ending,
    pub lines_kept: LinesKept,
    pub orders_kept: OrdersKept,
    pub telling: Telling,
    pub rebuild_end: LinesRebuildEnd,
}

/// How pieces come back to a partition that is not the order's home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GivingBack {
    /// By `LineReleased`, which the line's own partition folds.
    #[default]
    ThroughTheLog,
    /// The home's transaction adds them to the other partition's stock, and tells nobody.
    PastTheLog,
}

/// Which lines an order that ends gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// Those that are reserved, and those that were asked for and are not decided; and again, whichever is decided later.
    #[default]
    TakenAndAskedFor,
    /// Those that are known to be reserved. A line that is decided after the end keeps its stock.
    TakenAlone,
}

/// What a partition remembers of a line that it decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinesKept {
    /// Also that it was given back.
    #[default]
    ForEver,
    /// That it was reserved.
    UntilGivenBack,
}

/// What a home remembers of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OrdersKept {
    /// Also that it was confirmed.
    #[default]
    ForEver,
    /// That it is held, whatever was confirmed: so an expiry finds it held after all.
    UntilConfirmed,
}

/// When a relay appends internal events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Telling {
    /// Acknowledged before the transaction that moves its cursor.
    #[default]
    BeforeTheCursor,
    /// After that transaction.
    AfterTheCursor,
}

/// Where a rebuild ends the partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinesRebuildEnd {
    /// Each at its own cursor.
    #[default]
    OwnCursors,
    /// All of them at the farther of the two cursors, as far as each log goes.
    FartherCursor,
    /// Each at its log's end.
    LogEnds,
}
