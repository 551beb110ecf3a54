//! The order service: REST in front of the log. It appends events and reads the projection; it decides nothing.
//!
//! It must never write to the database, never keep state that another service would need, and never answer more than
//! is known. Reading order: [`service`], then `routes` and `request` (HTTP to domain values), `submission` (the path of
//! a write), `event_log` (Kafka), `reader` (MariaDB), `waiting`, `outcomes` (what the fold told).

mod answer_marks;
pub mod answers;
mod event_log;
mod metrics;
pub mod openapi;
mod outcomes;
pub mod problem;
pub mod problem_words;
mod reader;
pub mod readiness;
mod request;
mod routes;
mod serve;
pub mod service;
pub mod settings;
pub mod start;
mod state;
mod submission;
mod waiting;
