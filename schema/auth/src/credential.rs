//! `Authorization: Bearer CREDENTIAL`: an API key or a JWT. It must never repeat the header in an error.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::api_key::{ApiKey, PREFIX};
use crate::denial::Unproven;

/// Longest credential that is looked at, in bytes. Tokens with many claims have some thousands.
const LONGEST: usize = 16 * 1024;

/// What a request shows.
#[derive(Debug)]
pub(crate) enum Credential {
    Key(ApiKey),
    /// Not looked at yet.
    Token(String),
}

impl Credential {
    /// # Errors
    /// [`Unproven`]: none, several, of another scheme, or neither a key nor a token.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Unproven> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next().ok_or(Unproven::Missing)?;
        if values.next().is_some() {
            return Err(Unproven::Malformed("the header Authorization stands more than once"));
        }
        let text = value.to_str().map_err(|_| Unproven::Malformed("the header Authorization is not ASCII"))?;
        let (scheme, credential) = text.split_once(' ').unwrap_or((text, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Unproven::Malformed("the header Authorization is not of the form Bearer KEY-OR-JWT"));
        }
        Self::parse(credential.trim_matches(' '))
    }

    /// # Errors
    /// [`Unproven::Malformed`].
    fn parse(text: &str) -> Result<Self, Unproven> {
        if text.len() > LONGEST {
            return Err(Unproven::Malformed("the credential is too long"));
        }
        if text.starts_with(PREFIX) {
            // What looks like a key and is none is as unknown as one that was never made.
            return ApiKey::parse(text).map(Self::Key).ok_or(Unproven::UnknownKey);
        }
        if text.split('.').count() == 3 && text.split('.').all(|part| !part.is_empty()) {
            return Ok(Self::Token(text.to_owned()));
        }
        // A token whose signature is missing says `alg` none, whatever its header says.
        if text.split('.').count() == 3 {
            return Err(Unproven::Token("it is not signed"));
        }
        Err(Unproven::Malformed("the credential is neither an API key (ledger_..) nor a JWT"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).expect("a header"));
        }
        headers
    }

    #[test]
    fn what_a_header_shows() {
        let key = ApiKey::generate().expect("random").reveal();
        for spelling in ["Bearer ", "bearer ", "BEARER   "] {
            let shown = Credential::of(&headers(&[&format!("{spelling}{key}")])).expect("a key");
            assert!(matches!(shown, Credential::Key(shown) if shown.reveal() == key));
        }
        assert!(
            matches!(Credential::of(&headers(&["Bearer a.b.c"])), Ok(Credential::Token(token)) if token == "a.b.c")
        );
        let other = ApiKey::generate().expect("random").reveal();
        for (bad, expected) in [
            (&[][..], Unproven::Missing),
            (&["Bearer a.b."], Unproven::Token("it is not signed")),
            (&["Bearer ledger_x"], Unproven::UnknownKey),
        ] {
            assert_eq!(Credential::of(&headers(bad)).expect_err("no credential"), expected, "{bad:?}");
        }
        for bad in [
            &["Basic dXNlcjpzZWNyZXQ="][..],
            &["Bearer"],
            &["Bearer "],
            &["Bearer a.b"],
            &["Bearer a.b.c.d"],
            &[key.as_str()],
            &[&format!("Bearer {key}"), &format!("Bearer {other}")],
        ] {
            let refused = Credential::of(&headers(bad)).expect_err("no credential");
            assert!(matches!(refused, Unproven::Malformed(_)), "{bad:?}: {refused:?}");
        }
        let long = format!("Bearer {}", "a".repeat(LONGEST + 1));
        assert!(matches!(Credential::of(&headers(&[&long])), Err(Unproven::Malformed("the credential is too long"))));
    }
}
