//! Who asks what a database has to be, and how much of it has to be there already.

use super::expected::TABLES;
use super::table_shape::TableShape;

/// Who asks: everybody is answered for what it rests on, and can only see what it has rights on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Changes tables: sees all of them, and what others hung on them.
    Owner,
    /// Folds into them.
    Projector,
    /// Reads them: their columns are enough.
    Reader,
}

impl Role {
    /// The tables that it uses.
    pub(super) fn tables(self) -> impl Iterator<Item = (&'static str, &'static TableShape)> {
        let uses = move |table: &str| match self {
            Self::Owner => true,
            Self::Projector => !["api_key_uses", "api_keys", "redrives"].contains(&table),
            Self::Reader => READ.contains(&table),
        };
        TABLES.iter().map(|(name, shape)| (name.as_str(), shape)).filter(move |(name, _)| uses(name))
    }
}

/// What the services read.
const READ: [&str; 6] = ["dead_letters", "furthest_positions", "orders", "positions", "stock", "stock_movements"];

/// How much of the tables has to be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of them, as they should be.
    Whole,
    /// Those that are there, as they should be: what is missing is made next.
    Existing,
    /// Those that are there, of whichever version: only what no version has is a problem.
    AnyVersion,
}
