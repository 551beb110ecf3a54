//! Appends events to the log: acknowledged by all in-sync replicas, or an error that says whether it may still be there.
//!
//! It must never claim a failure that is a doubt, never wait for room in a full queue, and never let a broken producer
//! stay: a fatal error disables an idempotent producer for good, so it is replaced ([`EventLog::supervise`]).
//! Reading order: `log`, `producer` (its reports), `appends` (whether they succeed), `health` for how an outage is known, `watch` and
//! `acknowledged` for another log, `ready`. The producer's settings are `ledger_kafka`'s `service_clients`.

mod acknowledged;
mod appends;
mod ends;
mod health;
mod log;
mod producer;
mod ready;
mod watch;

pub(crate) use ends::LogEnds;
pub(crate) use log::{AppendError, EventLog, EventLogOptions};
pub use watch::LogFacts;
pub(crate) use watch::{Found, LOOK_LIMIT};
