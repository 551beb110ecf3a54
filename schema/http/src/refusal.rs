//! Why a request comes to no route. Found by hyper, or by the rules in `requests`; what the answer looks like is said by
//! whoever serves.

use std::sync::Arc;

use axum::http::{Response, StatusCode};
use bytes::Bytes;

use crate::words::{self, Word};

/// A request that comes to no route, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 400, in words.
    BadRequest(&'static str),
    /// 414
    UriTooLong,
    /// 431
    HeadersTooLarge,
}

/// Makes the answer to a refused request, and counts it where that is done.
pub type Refuse = Arc<dyn Fn(Refusal) -> Response<Bytes> + Send + Sync>;

/// Longest path with its query, in bytes. The gateway's, too.
pub(crate) const MAX_URI_BYTES: usize = 8 * 1024;
/// Names and values of all headers together, in bytes: what the gateway passes, with room for what it adds.
pub(crate) const MAX_HEADER_BYTES: usize = 48 * 1024;

impl Refusal {
    /// The type of problem that it is.
    #[must_use]
    pub fn word(self) -> Word {
        match self {
            Self::BadRequest(_) => words::BAD_REQUEST,
            Self::UriTooLong => words::URI_TOO_LONG,
            Self::HeadersTooLarge => words::HEADERS_TOO_LARGE,
        }
    }

    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }
    }

    /// For people: what was expected.
    #[must_use]
    pub fn detail(self) -> String {
        match self {
            Self::BadRequest(what) => what.to_owned(),
            Self::UriTooLong => format!("a path with its query has at most {MAX_URI_BYTES} bytes"),
            Self::HeadersTooLarge => format!("a request has at most 100 headers of {MAX_HEADER_BYTES} bytes together"),
        }
    }

    /// What hyper refused with a status alone.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::URI_TOO_LONG => Self::UriTooLong,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Self::HeadersTooLarge,
            _ => Self::BadRequest(
                "the request is not valid HTTP/1.1: its method, address, version, a header, or how it says its length",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_that_of_the_word() {
        for refusal in [Refusal::BadRequest("x"), Refusal::UriTooLong, Refusal::HeadersTooLarge] {
            assert_eq!(refusal.status().as_u16(), refusal.word().status);
            let known = Refusal::of_status(refusal.status());
            assert_eq!(known.word(), refusal.word());
        }
    }
}
