//! Appends events to the log: acknowledged by all in-sync replicas, or an error that says whether it may still be there.
//!
//! It must never claim a failure that is a doubt, never wait for room in a full queue, and never let a broken producer
//! stay: a fatal error disables an idempotent producer for good, so it is replaced ([`EventLog::supervise`]).
//! Reading order: `log`, then `producer` for its settings, `health` for how an outage is known, `topic` for what is checked
//! at start.

mod health;
mod log;
mod producer;
mod topic;

pub(crate) use log::{AppendError, EventLog};
pub(crate) use producer::EventLogOptions;
pub(crate) use topic::{TopicError, partition_count};
