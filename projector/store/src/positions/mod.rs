//! The table `positions`: [`reading`] (with the identity of the log that they belong to, INV-9, and the generation of the
//! tables that they stand in), [`creation`], and [`moving`], the compare-and-set that every batch begins with (INV-1).

pub mod creation;
pub mod moving;
pub mod reading;

pub use creation::{Origin, create, create_in, raise_furthest};
pub use moving::{Move, MoveStatements};
pub use reading::{PositionStatements, StoredPosition, other_topic, read, table_with_rows};
