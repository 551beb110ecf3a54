//! The order service: REST in front of the log. It appends events and reads the projection; it decides nothing.
//!
//! It must never write to the database (but when an API key was used), never keep state that another service would need, and never answer more than
//! is known, nor less than was answered before. Reading order: [`service`], then `admission` (who is let in), `routes` and `request` (HTTP to domain
//! values), `submission` (the path of a write), `order_change` (confirm and cancel), `reads` (reads never go back), `event_log` (Kafka), `reader` (MariaDB),
//! `waiting`, `outcomes` (what the fold decided), `streams` (the same, for whoever subscribes). Connections are `ledger-http`'s. Imports point one way: no module is part of a circle.

mod access;
mod admission;
mod answer_marks;
pub mod answers;
mod decision;
mod event_log;
mod faults;
pub mod ledger_status;
mod list_cursor;
mod metrics;
pub mod openapi;
mod order_change;
mod outcomes;
pub mod problem;
pub mod program;
mod published;
mod reader;
mod reader_lag;
pub mod readiness;
mod reads;
mod request;
mod routes;
pub mod service;
pub mod settings;
pub mod start;
mod state;
mod streams;
mod submission;
pub mod texts;
mod trace_context;
pub mod views;
mod waiting;

pub use event_log::LogFacts;
