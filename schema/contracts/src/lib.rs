//! The contract of the topics for those who do not write Rust: a JSON Schema (draft 2020-12) of every type and version on `orders`
//! and `orders.outcomes`, and an AsyncAPI document of both topics. Generated from `ledger-schema`, committed beside this crate, and
//! compared with what is committed by a test.
//!
//! It must never say anything that the code does not do: lists of words, bounds and characters are asked of the types, and tests hold
//! each schema against the decoder and the fold. Reading order: [`contract`] (what there is), `words` and `members` (what members are
//! made of), `events`, `outcomes`, [`samples`], [`asyncapi`], [`text`] (how it is written), [`files`], [`compare`] and [`released`] (what may
//! change).

pub mod asyncapi;
pub mod compare;
pub mod contract;
mod events;
pub mod files;
mod headers;
mod members;
mod outcomes;
pub mod released;
pub mod samples;
pub mod text;
mod words;

pub use contract::{Contract, Topic};
