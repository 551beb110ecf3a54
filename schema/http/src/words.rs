//! The problem types that any HTTP server of the system can answer with: the word that `type` ends in, its status, and its one title.
//! The order services explain each at `/problems/{word}`; the gateway's template has the same titles.

/// One problem type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// The last segment of `type`. A promise: never renamed and never reused.
    pub name: &'static str,
    pub status: u16,
    pub title: &'static str,
}

const fn word(name: &'static str, status: u16, title: &'static str) -> Word {
    Word { name, status, title }
}

pub const BAD_REQUEST: Word = word("bad-request", 400, "Bad request");
pub const UNAUTHENTICATED: Word = word("unauthenticated", 401, "Who you are is not known");
pub const FORBIDDEN: Word = word("forbidden", 403, "Not allowed");
pub const NOT_FOUND: Word = word("not-found", 404, "Not found");
pub const METHOD_NOT_ALLOWED: Word = word("method-not-allowed", 405, "Method not allowed");
pub const REQUEST_TIMEOUT: Word = word("request-timeout", 408, "Request timeout");
pub const LENGTH_REQUIRED: Word = word("length-required", 411, "Length required");
pub const BODY_TOO_LARGE: Word = word("body-too-large", 413, "Body too large");
pub const URI_TOO_LONG: Word = word("uri-too-long", 414, "Address too long");
pub const TOO_MANY_REQUESTS: Word = word("too-many-requests", 429, "Too many requests");
pub const HEADERS_TOO_LARGE: Word = word("headers-too-large", 431, "Headers too large");
pub const NOT_IMPLEMENTED: Word = word("not-implemented", 501, "Not implemented");
pub const UNAVAILABLE: Word = word("unavailable", 503, "A server is away, or refuses");
pub const UNKNOWN_OUTCOME: Word = word("unknown-outcome", 503, "Unknown outcome");
