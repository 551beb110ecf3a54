//! Answers that are no success: which there are ([`answer`]), what they say ([`detail`]), their JSON ([`document`]), and the words that their types end
//! in ([`words`]). Which fault of a server is which problem: [`crate::faults`].
//!
//! It must never know Kafka or the database.

mod answer;
mod detail;
mod document;
mod words;

pub use document::{FieldError, ProblemDocument, RefusedLineView};
pub use words::ProblemPage;

pub(crate) use answer::{Case, Forbidden, PROBLEM_JSON, Problem, parked};
pub(crate) use words::explain;
