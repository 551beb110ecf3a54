//! The words that every part of the model shares: who acts, which set of tables is meant, what a batch is.
//!
//! It must never know the parts: they import it, so an import here would close a circle. Next: [`crate::actions`].

use crate::log::FoldInput;

/// One of two `ledger project` processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Process {
    A,
    B,
}

impl Process {
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    pub(crate) fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }
}

/// Which set of tables: it stands in the tables' own positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation {
    /// The local name. Numbers begin again at 1 when the whole database is lost.
    pub number: u8,
    /// Stands for the random 128 bits: never the same twice, whatever is lost.
    pub id: u8,
}

/// A batch, and the generation of the tables whose stock it was folded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Batch {
    pub generation: Generation,
    pub input: FoldInput,
}
