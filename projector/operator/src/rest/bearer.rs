//! What shows a service who calls: an API key, or a token of an issuer. It is never printed, and what is neither is refused by its form, without being
//! repeated: an `Idempotency-Key` that was given for a key goes to nobody.

use std::fmt;

use ledger_auth::ApiKey;
use reqwest::header::HeaderValue;
use thiserror::Error;

/// `Authorization: Bearer ..`.
#[derive(Clone)]
pub struct Bearer(HeaderValue);

/// A text that is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "is neither an API key (ledger_.., by `ledger keys create`) nor a token (JWT); the key of a request is --idempotency-key"
)]
pub struct InvalidBearer;

impl Bearer {
    /// # Errors
    /// [`InvalidBearer`]
    pub fn parse(text: &str) -> Result<Self, InvalidBearer> {
        let text = text.trim();
        let is_token = || text.split('.').count() == 3 && text.split('.').all(|part| !part.is_empty());
        if ApiKey::parse(text).is_none() && !is_token() {
            return Err(InvalidBearer);
        }
        let mut value = HeaderValue::try_from(format!("Bearer {text}")).map_err(|_| InvalidBearer)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The key or token itself, for whoever must keep it out of a text.
    pub(super) fn expose(&self) -> &str {
        self.0.to_str().unwrap_or_default().trim_start_matches("Bearer ")
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tokens_and_nothing_else() {
        let key = ApiKey::generate().expect("random").reveal();
        for good in [key.as_str(), "a.b.c", &format!(" {key}\n")] {
            let bearer = Bearer::parse(good).expect("a credential");
            assert_eq!(format!("{bearer:?} {:?}", bearer.header()), "Bearer(..) Sensitive");
        }
        for bad in ["", "basket-17", "ledger_x", "a.b", "a..c", "a.b.c\u{e9}\n.d"] {
            assert!(Bearer::parse(bad).is_err(), "{bad}");
        }
    }
}
