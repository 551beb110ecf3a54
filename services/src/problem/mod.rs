//! Answers that are no success: which there are ([`answer`]), what they say ([`detail`]), their JSON ([`document`]), and the words that their types end
//! in ([`words`]). Which fault of a server is which problem: [`crate::faults`].
//!
//! It must never know Kafka or the database.

mod answer;
mod detail;
mod document;
mod words;

pub use document::{FieldError, ProblemDocument, RefusedLineView};
pub use words::{ProblemPage, ProblemTypeWord};

#[cfg(test)]
pub(crate) use words::words;

pub(crate) use answer::{Case, Forbidden, PROBLEM_JSON, Problem, parked};
pub(crate) use words::{
    BAD_REQUEST, BODY_TOO_LARGE, CANCELLED, EXPIRED, FORBIDDEN, HEADERS_TOO_LARGE, IDEMPOTENCY_CONFLICT,
    INTERNAL_ERROR, INVALID_FIELD, INVALID_REQUEST, LENGTH_REQUIRED, NOT_CANCELLABLE, NOT_FOUND, NOT_HELD,
    NOT_IMPLEMENTED, NOT_YET_PROJECTED, PROJECTION_CATCHING_UP, REQUEST_TIMEOUT, TOO_MANY_REQUESTS, TOO_MANY_STREAMS,
    UNAUTHENTICATED, UNAVAILABLE, UNKNOWN_OUTCOME, UNSUPPORTED_MEDIA_TYPE, URI_TOO_LONG, explain, type_of, word_of,
};
