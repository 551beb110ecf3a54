//! Why a request is not let in, and what the answer says of it. The problem's form is each server's own.
//!
//! It must never hold a credential, nor tell a key that is unknown from one whose secret is wrong.

use std::time::Duration;

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue};
use ledger_http::words::{self, Word};

use crate::role::{Access, Role};

/// Why nobody knows who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unproven {
    /// Nothing was shown.
    Missing,
    /// What was shown cannot be read, said by the text.
    Malformed(&'static str),
    /// There is no such key, or its secret is another.
    UnknownKey,
    /// The key was right, and its time is over.
    ExpiredKey,
    /// The key was right, and an operator took it back.
    RevokedKey,
    /// The token does not hold, said by the text.
    Token(&'static str),
}

/// Why a request is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// 401.
    Unauthenticated(Unproven),
    /// 403: its role is another.
    Role { has: Role, needs: Access },
    /// 403: a token that holds, and gives no role that is known.
    NoRole,
    /// 429.
    TooManyRequests { per_second: u32, retry_after: Duration },
    /// 503: who calls cannot be found out now. `cause` is for the log.
    Unavailable { what: &'static str, cause: String },
    /// 400: the Host is none of those that are served.
    Host,
}

impl Unproven {
    fn detail(&self) -> String {
        match self {
            Self::Missing => "say who you are: Authorization: Bearer KEY-OR-JWT".to_owned(),
            Self::Malformed(what) => (*what).to_owned(),
            Self::UnknownKey => "the API key is not known".to_owned(),
            Self::ExpiredKey => "the API key has expired".to_owned(),
            Self::RevokedKey => "the API key was revoked".to_owned(),
            Self::Token(what) => format!("the token is refused: {what}"),
        }
    }

    /// RFC 6750: no error where nothing was shown.
    fn challenge(&self) -> &'static str {
        match self {
            Self::Missing => r#"Bearer realm="ledger""#,
            Self::Malformed(_) | Self::UnknownKey | Self::ExpiredKey | Self::RevokedKey | Self::Token(_) => {
                r#"Bearer realm="ledger", error="invalid_token""#
            }
        }
    }
}

impl Denied {
    /// The type of problem that it is.
    #[must_use]
    pub fn word(&self) -> Word {
        match self {
            Self::Unauthenticated(_) => words::UNAUTHENTICATED,
            Self::Role { .. } | Self::NoRole => words::FORBIDDEN,
            Self::TooManyRequests { .. } => words::TOO_MANY_REQUESTS,
            Self::Unavailable { .. } => words::UNAVAILABLE,
            Self::Host => words::BAD_REQUEST,
        }
    }

    /// For people: what was expected.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Unauthenticated(unproven) => unproven.detail(),
            Self::Role { has, needs } => format!("this needs the role {}, and the caller has {has}", needs.roles()),
            Self::NoRole => "the token's claim role must be customer, operator or reader".to_owned(),
            Self::TooManyRequests { per_second, .. } => {
                format!("one client may send {per_second} requests a second here; nothing was changed")
            }
            Self::Unavailable { what, .. } => {
                format!("{what} cannot be asked who you are at the moment; nothing was changed")
            }
            Self::Host => "the Host is none of those that are served here (LEDGER_ALLOWED_HOSTS)".to_owned(),
        }
    }

    /// What the log should say beside the answer.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::Unavailable { cause, .. } => Some(cause),
            _ => None,
        }
    }

    /// The headers that belong to it.
    pub fn mark(&self, headers: &mut HeaderMap) {
        match self {
            Self::Unauthenticated(unproven) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(unproven.challenge()));
            }
            Self::Role { .. } | Self::NoRole => {
                let challenge = HeaderValue::from_static(r#"Bearer realm="ledger", error="insufficient_scope""#);
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            Self::TooManyRequests { retry_after, .. } => {
                let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
            }
            Self::Unavailable { .. } => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::Host => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_headers_of_every_denial() {
        let rate = |millis| Denied::TooManyRequests { per_second: 5, retry_after: Duration::from_millis(millis) };
        for (denied, status, name, value) in [
            (Denied::Unauthenticated(Unproven::Missing), 401, "www-authenticate", r#"Bearer realm="ledger""#),
            (
                Denied::Unauthenticated(Unproven::UnknownKey),
                401,
                "www-authenticate",
                r#"Bearer realm="ledger", error="invalid_token""#,
            ),
            (
                Denied::Role { has: Role::Reader, needs: Access::Operate },
                403,
                "www-authenticate",
                r#"Bearer realm="ledger", error="insufficient_scope""#,
            ),
            (rate(1), 429, "retry-after", "1"),
            (rate(1001), 429, "retry-after", "2"),
            (Denied::Unavailable { what: "the database", cause: String::new() }, 503, "retry-after", "1"),
        ] {
            let mut headers = HeaderMap::new();
            denied.mark(&mut headers);
            assert_eq!(denied.word().status, status, "{denied:?}");
            assert_eq!(headers[name], value, "{denied:?}");
            assert!(!denied.detail().is_empty());
        }
        assert_eq!(Denied::Host.word().status, 400);
    }
}
