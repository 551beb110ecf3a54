//! MariaDB, as the projector, the operator's commands and the order services use it. Every connection is opened with the same
//! options and has the same session settings, also those of the services' pools. It must never hand out a connection whose mode would bend a value instead of refusing it.
//!
//! Reading order: [`url`], [`connect()`] and its session settings, `keepalive` (a dead peer is noticed by the kernel), [`watched`] and [`silence`] (silence is noticed; `leaving`: what still leaves is none), [`fault`] (what an error means), [`backoff`] (how long is
//! waited after one), [`tables`] (names), [`statements`] (texts with many ids), [`literals`] (values in a text), [`migrations`], [`schema_version`],
//! [`requirements`] (what a database has to be).

pub mod backoff;
pub mod connect;
pub mod fault;
mod keepalive;
mod leaving;
pub mod literals;
pub mod migrations;
mod not_secured;
pub mod requirements;
pub mod schema_version;
pub mod silence;
pub mod statements;
pub mod tables;
mod tls_options;
pub mod url;
pub mod watched;

pub use backoff::Backoff;
pub use connect::{CONNECT_TIMEOUT, DatabaseError, connect, settle};
pub use fault::{Fault, NO_SUCH_TABLE, Refusal, fault_of, is_read_worth_repeating, number_of};
pub use silence::{SUSPICIOUS_AFTER, Silence};
pub use tables::Tables;
pub use url::DatabaseUrl;
pub use watched::{PATIENCE, Watched};
