//! The running projector: records in, the fold, one transaction with the position (INV-1), outcomes out.
//!
//! It must never decide anything about orders: the rules are in `ledger-fold`. It must never change which tables are live:
//! that is an operator's command, in a crate that this one does not know.
//!
//! Reading order: [`projection`] (how the parts run together), [`consumer`] (records in), [`intake`], [`writer`] (the
//! loop), [`relay`] (outcomes out), [`appender`] and [`ticker`] (what the projector itself appends to the log), [`shared`], `tellings` and [`health`]; [`start_check`] (what is refused), `starting` (what is waited for), [`log_watch`] (what is
//! refused, and waited for, later), [`status`], [`blocked`], `unfolded`, [`http`] and [`keys`] (who may ask).

pub mod appender;
pub mod blocked;
pub mod consumer;
pub mod health;
pub mod http;
pub mod intake;
pub mod keys;
pub mod log_watch;
pub mod meters;
pub mod monitor;
pub mod projection;
pub mod relay;
pub mod shared;
pub mod start_check;
mod starting;
pub mod status;
mod tellings;
pub mod ticker;
mod unfolded;
pub mod writer;
