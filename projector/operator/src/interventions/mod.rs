//! What an operator does to the fold by hand: [`pause()`] and [`resume()`] a partition, [`skip()`] a record (INV-14). Each leaves who, when
//! and why. It only writes what is asked of it; the compare-and-set of every batch, and every fold, heed it.
//!
//! It must never say that a partition is paused while a position of it may still move, nor have a record skipped that anybody may have
//! folded. Reading order: [`said`] (who, and why), `places` (what both ask of the positions), [`pause`], [`skip`], [`error`], `report`.

pub mod error;
pub mod pause;
mod places;
mod report;
pub mod said;
pub mod skip;

pub use error::InterventionError;
pub use pause::{PauseOptions, Paused, Resumed, pause, resume};
pub use said::Said;
pub use skip::{SkipOptions, Skipped, skip};
