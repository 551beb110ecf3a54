//! Orders and stock as a client of the services sees them: by REST, through the gateway or straight at one service. It must never
//! look into the log or the tables, and never turn a doubt into an answer: what may have been accepted is said to be unknown.
//!
//! Every request may be sent again. One that makes something carries an `Idempotency-Key`, always; a confirmation and a cancellation answer
//! the same when they are repeated. So whatever passes (no answer, 502, 503, 504, 408, 429) is tried again, with the same key, for as long as
//! the caller gives.
//!
//! Reading order: [`address`], [`client`] (one request, tried again), [`secured`] (TLS), [`bearer`] (who calls), [`problem`] and [`error`] (what was answered instead), [`calls`] (the
//! requests there are), [`shown`] (how answers look), [`event_stream`] (the grammar of SSE), [`follower`] (a stream that reconnects), [`look`] (any answer as it is),
//! [`watch`].

mod address;
mod bearer;
mod calls;
mod client;
mod error;
mod event_stream;
mod follower;
mod look;
mod problem;
mod secured;
mod shown;
mod watch;

pub use address::{InvalidAddress, ServiceUrl};
pub use bearer::{Bearer, InvalidBearer};
pub use calls::{
    Adjustment, Cancellation, Placing, adjust, cancel, confirm, get_order, get_stock, list_stock, place, receive,
};
pub use client::{Client, Waits};
pub use error::RestError;
pub use look::Looked;
pub use problem::Problem;
pub use shown::{ChangeShown, OrderShown, StockLevels};
pub use watch::{Seen, watch_order, watch_stock};
