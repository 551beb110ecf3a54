//! Child processes: what to run ([`ProcessCommand`]), who a process is ([`identity`]), the children
//! of this process that end with it ([`owned`]), all that descends from it ([`family`]), and those
//! that outlive it and are found again by their records ([`record`]).
//!
//! Every child gets a process group of its own, so that ending it also ends what it started. A
//! process must never be signalled by a number alone: numbers are used again.

mod command;
pub mod family;
pub mod identity;
pub mod owned;
pub mod record;

pub use command::{ProcessCommand, open_log};
pub use owned::OwnedProcess;
