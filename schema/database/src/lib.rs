//! MariaDB, as the projector and the operator's commands use it. Connections are opened here and nowhere else, each with the
//! same session settings. It must never hand out a connection whose mode would bend a value instead of refusing it.
//!
//! Reading order: [`url`], [`connect()`] and its session settings, [`fault`] (what an error means), [`backoff`] (how long is
//! waited after one), [`tables`] (names), [`statements`] (texts with many rows or ids), [`migrations`], [`schema_version`].

pub mod backoff;
pub mod connect;
pub mod fault;
pub mod migrations;
pub mod schema_version;
pub mod statements;
pub mod tables;
pub mod url;

pub use backoff::Backoff;
pub use connect::{CONNECT_TIMEOUT, DatabaseError, connect};
pub use fault::{Fault, NO_SUCH_TABLE, fault_of, number_of};
pub use tables::Tables;
pub use url::DatabaseUrl;
