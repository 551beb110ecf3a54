//! Where the projection stands: position, end and lag of each partition, and the generations of its tables. It only reads.
//! `ledger status` prints it, and the projector's `/status` answers the same JSON.
//!
//! Reading order: [`shown`] (what it says), [`generations`], `log`, [`read()`], [`error`].

pub mod error;
mod generations;
mod log;
mod read;
pub mod shown;

pub use error::StatusError;
pub use generations::{KeptGeneration, RebuildStatus};
pub use log::LogStatus;
pub use read::read;
pub use shown::{PartitionStatus, Status};
