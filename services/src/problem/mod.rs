//! Answers that are no success: which there are ([`answer`]), their JSON ([`document`]), and the words that their types end
//! in ([`words`]). Which fault of a server is which problem: [`crate::faults`].
//!
//! It must never know Kafka or the database.

mod answer;
mod document;
mod words;

pub use document::{FieldError, ProblemDocument};
pub use words::ProblemPage;

pub(crate) use answer::{Case, PROBLEM_JSON, Problem, parked};
pub(crate) use words::explain;
