//! What the fold decided, as the topic of outcomes has it: read here to answer `Prefer: wait`, and to know how far
//! the fold is at least (`published`); and to feed the streams ([`crate::streams`]).
//!
//! An outcome is published after the transaction that decided it is committed, so whoever was answered by one finds the
//! order in the tables, on every service. It must never be needed: a parked record and a duplicate have no outcome, and the
//! relay may lag, so after a while the projection itself is read ([`crate::waiting`]).
//!
//! Reading order: `decided_record` (an outcome), `awaited` (who waits for which), `follower` (the consumer).

mod awaited;
mod decided_record;
mod follower;

pub(crate) use awaited::{Answering, Awaited, AwaitedOutcomes, Registration};
pub(crate) use decided_record::DecidedRecord;
pub(crate) use follower::{FollowError, Follower, FollowerOptions, Readers};
