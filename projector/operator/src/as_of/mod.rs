//! Stock as it was: after a record, at a time, or now; and how a product's number came about. All from the log, so that there
//! is an answer while the tables are doubted, or gone. It reads, and writes nothing.
//!
//! Reading order: [`options`], [`ends`] (which part of the log an answer is about), [`replayed`] (its fold), [`levels`] and [`explain`] (the two
//! answers; `entry.rs`: a line of the second).
//!
//! Memory is proportional to products, and to the orders, movements and lines of one partition: the fold has to know what stands under
//! each id, and there is no table to ask. So partitions are folded one after the other.

pub mod ends;
mod entry;
pub mod error;
pub mod explain;
pub mod level;
pub mod levels;
pub mod options;
mod replayed;
mod skips;

pub use entry::Entry;
pub use error::AsOfError;
pub use explain::{Explained, explain};
pub use level::Level;
pub use levels::{Levels, levels};
pub use options::{AsOf, AsOfOptions};
