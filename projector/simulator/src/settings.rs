//! What a schedule is made of: its sizes, how much goes wrong, and which mistakes the servers in memory make on purpose. It
//! must never change what the real code does.

use std::str::FromStr;
use std::time::Duration;

use crate::choice::Choices;

/// A mistake on purpose: the simulator has to find each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// INV-1: the position is overwritten, whatever it is.
    CompareAndSetIgnored,
    /// INV-1: a batch's rows are committed without its position.
    PositionLeftBehind,
    /// INV-10: the compare-and-set compares the offset alone.
    CompareWithoutGeneration,
    /// INV-10: a generation has a number alone, which is given anew after a loss of the database.
    GenerationsWithoutIdentity,
    /// INV-6: the cursor is read before earlier producers are fenced.
    CursorBeforeInit,
    /// INV-6: the cursor is committed as soon as it is sent.
    CursorOutsideTransaction,
    /// INV-11: a rebuild ends at the log's end.
    RebuildEndsAtLogEnd,
    /// INV-6: rows of replaced tables stay in the outbox and are published.
    OutboxWithoutGeneration,
    /// INV-6: a swap fences no relay, and no relay waits for a swap.
    BarrierMissing,
    /// INV-13: a reader does not look how far the tables were before.
    ReaderForgets,
    /// INV-13: a swap does not keep how far the tables are that it takes away.
    SwapForgetsFurthest,
    /// A line is given back by whoever ends its order, past its partition's log.
    ReleasePastTheLog,
    /// A partition forgets that it gave a line back, and gives it back again.
    ReleaseForgotten,
    /// No line is given back: what is decided after a rejection keeps its stock.
    ReleaseNotTold,
    /// A home forgets that an order was confirmed, so that its hold expires after all.
    ConfirmForgotten,
    /// INV-11: a rebuild ends every partition at the farthest cursor.
    RebuildEndsAtAnotherCursor,
    /// INV-14: the compare-and-set does not look whether the partition is paused.
    PauseIgnored,
    /// INV-14: a swap does not look whether a partition is paused elsewhere than where its tables stand.
    SwapIgnoresPause,
    /// INV-14: who pauses does not wait for a swap that may not have seen the pause.
    PauseWaitsForNoSwap,
}

impl Mutant {
    pub const ALL: &[Self] = &[
        Self::CompareAndSetIgnored,
        Self::PositionLeftBehind,
        Self::CompareWithoutGeneration,
        Self::GenerationsWithoutIdentity,
        Self::CursorBeforeInit,
        Self::CursorOutsideTransaction,
        Self::RebuildEndsAtLogEnd,
        Self::OutboxWithoutGeneration,
        Self::BarrierMissing,
        Self::ReaderForgets,
        Self::SwapForgetsFurthest,
        Self::ReleasePastTheLog,
        Self::ReleaseForgotten,
        Self::ReleaseNotTold,
        Self::ConfirmForgotten,
        Self::RebuildEndsAtAnotherCursor,
        Self::PauseIgnored,
        Self::SwapIgnoresPause,
        Self::PauseWaitsForNoSwap,
    ];
}

impl FromStr for Mutant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|mutant| format!("{mutant:?}") == text);
        found.copied().ok_or_else(|| format!("{text}: expected one of {:?}", Self::ALL))
    }
}

/// Which disturbances a schedule may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// All of them.
    #[default]
    Everything,
    /// Rebuilds, rollbacks and tampering.
    Swaps,
    /// Crashes and rebalances.
    Owners,
    /// The database is lost, and rebuilt.
    Losses,
    /// Partitions are paused and resumed, among owners that change and tables that are swapped.
    Pauses,
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "everything" => Ok(Self::Everything),
            "swaps" => Ok(Self::Swaps),
            "owners" => Ok(Self::Owners),
            "losses" => Ok(Self::Losses),
            "pauses" => Ok(Self::Pauses),
            _ => Err(format!("{text}: expected everything, swaps, owners, losses or pauses")),
        }
    }
}

/// Something from outside that happens to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    Rebalance,
    Kill,
    Outage,
    Rebuild,
    Rollback,
    KillOperator,
    Tamper,
    RelayStalls,
    LoseDatabase,
    /// A projector is stopped as by an operator, and started again.
    Restart,
    /// Tables are changed by hand, loaded anew and folded into, then rebuilt.
    WrongThenRebuilt,
    /// The database is lost and rebuilt.
    LostThenRebuilt,
    /// A partition is paused, and resumed after a while.
    Pause,
    /// A partition is paused, and tables are swapped meanwhile.
    PausedThenSwapped,
}

pub const MOST_PARTITIONS: i32 = 2;
/// Of each partition.
pub const MOST_RECORDS: usize = 14;
const MOST_DISTURBANCES: usize = 7;
/// Stands in the name of every part.
const EVERYBODY: &str = "";
/// What a draw of a kind is taken from: so large that each kind is as likely as the others, nearly.
const MOST_KINDS: usize = 360;

/// The sizes of a schedule.
#[derive(Debug, Clone)]
pub struct Shape {
    pub partitions: i32,
    pub projectors: u32,
    pub writers: usize,
    /// Of one batch.
    pub batch_records: usize,
    /// How long a writer waits for more than what is there.
    pub linger: Duration,
    /// Of each partition.
    pub records: usize,
    /// How many of them are there at the start.
    pub first_records: usize,
    /// Whether clients take their time.
    pub slow_clients: bool,
    pub faults: usize,
    /// How likely each fault is, as a factor.
    pub harshness: u64,
    /// How often, in a thousand, a step takes some milliseconds.
    pub latency: u64,
    /// Whose steps take long.
    pub slow: Option<&'static str>,
    /// How often, in a thousand, a task runs before others that woke earlier.
    pub disorder: u64,
    pub disturbances: Vec<Disturbance>,
}

impl Shape {
    pub(crate) fn choose(choices: &mut Choices, profile: Profile) -> Self {
        use Disturbance::{
            Kill, KillOperator, LoseDatabase, LostThenRebuilt, Outage, Pause, PausedThenSwapped, Rebalance, Rebuild,
            RelayStalls, Restart, Rollback, Tamper, WrongThenRebuilt,
        };
        let kinds: &[Disturbance] = match profile {
            Profile::Everything => {
                &[Rebalance, Rebuild, Kill, Restart, Tamper, Outage, Rollback, KillOperator, RelayStalls, LoseDatabase]
            }
            Profile::Swaps => &[Rebuild, WrongThenRebuilt, Rollback, RelayStalls, Kill],
            Profile::Owners => &[Rebalance, Kill, Restart, Outage],
            Profile::Losses => &[WrongThenRebuilt, LostThenRebuilt, Tamper, Rollback],
            Profile::Pauses => &[Pause, PausedThenSwapped, Rebuild, Rebalance, Rollback, Kill, Restart, RelayStalls],
        };
        let records = 1 + choices.below(MOST_RECORDS);
        let shape = Self {
            partitions: if choices.happens(500) { MOST_PARTITIONS } else { 1 },
            projectors: 1 + u32::from(choices.happens(600)),
            writers: 1 + choices.below(2),
            batch_records: 1 + choices.below(5),
            linger: Duration::from_millis(if choices.happens(200) { 30 } else { 0 }),
            records,
            first_records: choices.below(MOST_RECORDS).min(records),
            slow_clients: choices.happens(600),
            faults: choices.below(8),
            harshness: [1, 3, 8].get(choices.below(3)).copied().unwrap_or(1),
            latency: [0, 60, 300].get(choices.below(3)).copied().unwrap_or(0),
            slow: [None, Some("relay"), Some("writer"), Some("operator"), Some("consumer"), Some(EVERYBODY)]
                .get(choices.below(6))
                .copied()
                .flatten(),
            disorder: [0, 150, 600].get(choices.below(3)).copied().unwrap_or(0),
            disturbances: Vec::new(),
        };
        // Always as many choices, so that what follows does not depend on how many count.
        let count = choices.below(MOST_DISTURBANCES + 1);
        // Few kinds of disturbances, and these often, meet each other more than all of them together.
        let mut chosen: Vec<_> = kinds.iter().copied().filter(|_| choices.happens(500)).collect();
        if chosen.is_empty() {
            chosen = kinds.to_vec();
        }
        let draws: Vec<_> = (0..MOST_DISTURBANCES).map(|_| choices.below(MOST_KINDS)).collect();
        let drawn = draws.into_iter().filter_map(|draw| chosen.get(draw % chosen.len()).copied());
        let disturbances = drawn.take(count).collect();
        Self { disturbances, ..shape }
    }
}
