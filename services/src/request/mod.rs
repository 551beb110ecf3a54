//! From HTTP to domain values: everything that a client can get wrong is found here, before anything is appended.
//!
//! It must never touch Kafka or the database, nor know the state that handlers share but for its limits. Reading order: `body` (bytes), `fields` (a JSON object, field by
//! field), `place_order` and `commands` (what each POST asks for), then headers, paths and queries.

mod body;
mod commands;
mod fields;
mod headers;
mod json_object;
mod limits;
mod new_ids;
mod path;
mod place_order;
mod prefer;
mod query;

pub(crate) use body::{JsonBody, OptionalBody};
pub(crate) use commands::{AdjustStock, CancelOrder, ConfirmOrder, ReceiveStock};
pub(crate) use headers::{ChangeHeaders, LastEventId, Preference, WriteHeaders};
pub(crate) use limits::RequestLimits;
pub(crate) use path::{NewProduct, NewUser, PathId, Word};
pub(crate) use place_order::PlaceOrder;
pub(crate) use query::{After, NoQuery, OutcomesFilter, Page, StockFilter};
