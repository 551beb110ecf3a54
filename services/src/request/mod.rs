//! From HTTP to domain values: everything that a client can get wrong is found here, before anything is appended.
//!
//! It must never touch Kafka or the database. Reading order: [`body`] (bytes), [`fields`] (a JSON object, field by
//! field), [`commands`] (what each POST asks for), then headers, paths and queries.

mod body;
mod commands;
pub(crate) mod cursor;
mod fields;
mod headers;
mod json_object;
mod path;
mod prefer;
mod query;

pub(crate) use body::{JsonBody, MAX_BODY_BYTES};
pub(crate) use commands::{AdjustStock, PlaceOrder, ReceiveStock};
pub(crate) use headers::{Preference, WriteHeaders};
pub(crate) use path::{PathId, Word};
pub(crate) use query::{After, NoQuery, Page};
