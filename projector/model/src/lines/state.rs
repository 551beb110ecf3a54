//! One state of both partitions, and how much may still happen. It must never hold what follows from the log: tables are a function of
//! a prefix of it. Next: [`super::system`].

use super::records::{HOME, Says};

/// How much may happen in one exploration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinesLimits {
    /// Whether the order asks for a hold.
    pub hold: bool,
    /// Another order for the piece of tea.
    pub rivals: u8,
    pub confirms: u8,
    pub cancels: u8,
    pub expiries: u8,
    /// Relays that die between what they told and their cursor.
    pub relay_deaths: u8,
    /// Internal events that a relay which slept appends once more.
    pub repeats: u8,
    /// Times that the home's owner asks again.
    pub asked_again: u8,
    pub rebuilds: u8,
    pub rollbacks: u8,
}

impl LinesLimits {
    /// The order alone, and nothing goes wrong.
    pub const NONE: Self = Self {
        hold: false,
        rivals: 0,
        confirms: 0,
        cancels: 0,
        expiries: 0,
        relay_deaths: 0,
        repeats: 0,
        asked_again: 0,
        rebuilds: 0,
        rollbacks: 0,
    };

    /// The explorations of `tests/lines.rs`. A mutant is looked for within one of them.
    pub const EXPLORED: [(&str, Self); 8] = [
        ("rival and cancels", Self { rivals: 1, cancels: 2, relay_deaths: 1, repeats: 1, ..Self::NONE }),
        (
            "hold, confirm, cancel and expiry",
            Self { hold: true, confirms: 1, cancels: 1, expiries: 1, relay_deaths: 1, ..Self::NONE },
        ),
        ("hold and repeats", Self { hold: true, confirms: 1, expiries: 1, repeats: 2, ..Self::NONE }),
        ("rebuild and rival", Self { rivals: 1, cancels: 1, rebuilds: 1, relay_deaths: 1, ..Self::NONE }),
        ("rebuild and hold", Self { hold: true, confirms: 1, cancels: 1, expiries: 1, rebuilds: 1, ..Self::NONE }),
        ("rebuild and rollback", Self { cancels: 1, rebuilds: 1, rollbacks: 1, repeats: 1, ..Self::NONE }),
        ("rollback and hold", Self { hold: true, confirms: 1, expiries: 1, rebuilds: 1, rollbacks: 1, ..Self::NONE }),
        ("asked again", Self { rivals: 1, cancels: 1, asked_again: 1, relay_deaths: 1, rebuilds: 1, ..Self::NONE }),
    ];
}

/// What a relay is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Relay {
    #[default]
    Standing,
    /// What lies before `next` is told (or, in a mutant, its cursor is moved); the other half is still to come.
    HalfWay { next: u8 },
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PartitionState {
    pub log: Vec<Says>,
    /// Of the live tables.
    pub position: u8,
    /// Up to there everything is told and published.
    pub cursor: u8,
    /// The live generation's outbox has rows from here on: where its tables stood when they were swapped in.
    pub outbox_from: u8,
    /// Position and outbox of the tables that a rollback brings back.
    pub kept: Option<(u8, u8)>,
    pub relay: Relay,
    /// Pieces that somebody added to the stock past the log.
    pub added: u8,
}

impl PartitionState {
    fn new() -> Self {
        // The receipt is folded and published.
        let log = vec![Says::Receipt];
        Self { log, position: 1, cursor: 1, outbox_from: 0, kept: None, relay: Relay::Standing, added: 0 }
    }

    pub fn end(&self) -> u8 {
        u8::try_from(self.log.len()).expect("few records")
    }
}

/// Both partitions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LinesState {
    pub partitions: [PartitionState; 2],
    pub left: LinesLimits,
}

impl LinesState {
    pub fn new(limits: LinesLimits) -> Self {
        let mut partitions = [PartitionState::new(), PartitionState::new()];
        partitions[HOME].log.push(Says::Basket { hold: limits.hold });
        Self { partitions, left: limits }
    }
}
