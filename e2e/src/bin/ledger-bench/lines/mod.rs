//! What orders of several lines, holds and cancellation cost: the fold of single-line orders beside another build (`against`), a wait
//! for three lines in three partitions beside a wait for one (`waits`), and a hundred thousand open holds (`holds`).
//!
//! It must never compare figures of two runs. Read `main` for how they are shown.

pub(crate) mod against;
pub(crate) mod holds;
pub(crate) mod waits;
