//! HTTP/1.1 as the order services and the projector serve it, on top of hyper and axum.
//!
//! It must never know a route, the JSON of a problem, Kafka or a database. Reading order: [`serve()`] (the loop and its limits),
//! `transport` (in the clear or by TLS),
//! `requests` (one request), `rest_of_body`, `stream` (writing and closing), `bare_answer`, [`Refusal`], [`words`].

mod bare_answer;
mod refusal;
mod requests;
mod rest_of_body;
mod serve;
mod stream;
mod transport;
pub mod words;

pub use refusal::{Refusal, Refuse};
pub use serve::{Limits, serve};
