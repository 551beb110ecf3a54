//! Where the projection stands: position, ends and lag of each partition, and the generations of its tables. It only reads.
//! `ledger status` prints it, and the projector's `/status` answers the same JSON.
//!
//! Reading order: [`shown`] (what it says), `counts` (for whoever watches), [`generations`], `log`, [`left`] (the lag), [`read`], [`error`].

mod counts;
pub mod error;
mod generations;
mod left;
mod log;
mod read;
pub mod shown;

pub use counts::Counts;
pub use error::StatusError;
pub use generations::{KeptGeneration, RebuildStatus};
pub use log::LogStatus;
pub use read::StatusReader;
pub use shown::{PartitionStatus, Status};
