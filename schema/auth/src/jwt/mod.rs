//! JSON Web Tokens: who signed one, and what it says.
//!
//! **No confusion of algorithms, by construction.** A key is made with the one algorithm that it is for ([`public_keys`], `Secret`), and a token is
//! verified by that algorithm or not at all: what a token's header says only chooses among keys. A public key is never a secret: keys of a JWKS that are
//! symmetric are left out, and the secret is a file of its own. `none` is no algorithm.
//!
//! It must never take a token without an expiry, an issuer and an audience, nor fetch a key from where the token says (`jku`, `x5u`, `jwk`).
//!
//! Reading order: [`public_keys`], [`jwks`] (where they come from), `ring_provider` (the arithmetic), this file.

pub mod jwks;
pub mod public_keys;
mod ring_provider;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use thiserror::Error;

use self::jwks::Jwks;
use crate::denial::{Denied, Unproven};

/// RFC 7518: an HS256 secret has as many bytes as the hash, or more.
const LEAST_SECRET_BYTES: usize = 32;

/// The secret of HS256.
#[derive(Clone)]
pub struct Secret(DecodingKey);

/// Why bytes are no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidSecret {
    #[error("a secret of HS256 has at least {LEAST_SECRET_BYTES} bytes, found {0}")]
    Short(usize),
    #[error("it is a key or a certificate in PEM, and a secret of HS256 is neither: public keys belong into the JWKS")]
    Pem,
}

impl Secret {
    /// Without the end of a last line.
    ///
    /// # Errors
    /// [`InvalidSecret`]
    pub fn new(bytes: &[u8]) -> Result<Self, InvalidSecret> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.starts_with(b"-----BEGIN") {
            return Err(InvalidSecret::Pem);
        }
        if bytes.len() < LEAST_SECRET_BYTES {
            return Err(InvalidSecret::Short(bytes.len()));
        }
        DecodingKey::from_secret(bytes).map(Self).map_err(|_| InvalidSecret::Short(bytes.len()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What a token that holds says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) subject: String,
    /// As it stands there: none, or a word.
    pub(crate) role: Option<String>,
    pub(crate) expires_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct RawClaims {
    sub: String,
    /// Of any form: what is no word gives no role.
    #[serde(default)]
    role: serde_json::Value,
    exp: serde_json::Number,
}

/// Verifies tokens.
pub(crate) struct Tokens {
    secret: Option<Secret>,
    jwks: Option<Arc<Jwks>>,
    /// All but the algorithm, which is each key's.
    validation: Validation,
}

/// What tokens must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    /// By how much clocks may differ.
    pub(crate) leeway_seconds: u64,
}

impl Tokens {
    pub(crate) fn new(secret: Option<Secret>, jwks: Option<Arc<Jwks>>, expected: &Expected) -> Self {
        ring_provider::install();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.algorithms = Vec::new();
        validation.leeway = expected.leeway_seconds;
        validation.validate_nbf = true;
        validation.set_issuer(&[&expected.issuer]);
        validation.set_audience(&[&expected.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Self { secret, jwks, validation }
    }

    /// What a token says, if it holds.
    ///
    /// # Errors
    /// [`Denied::Unauthenticated`], or [`Denied::Unavailable`] where its key could not be fetched.
    pub(crate) async fn verify(&self, token: &str) -> Result<Claims, Denied> {
        let header = decode_header(token).map_err(|error| refused(error.kind()))?;
        let no_key = Denied::Unauthenticated(Unproven::Token("no key is known here for its algorithm and kid"));
        match header.alg {
            Algorithm::HS256 => {
                let Secret(key) = self.secret.as_ref().ok_or(no_key)?;
                self.claims(token, key, Algorithm::HS256)
            }
            Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA => {
                let jwks = self.jwks.as_ref().ok_or(no_key.clone())?;
                let key = jwks.key(header.kid.as_deref(), header.alg).await?.ok_or(no_key)?;
                self.claims(token, key.decoding_key(), key.algorithm())
            }
            _ => Err(refused(&ErrorKind::InvalidAlgorithm)),
        }
    }

    fn claims(&self, token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Claims, Denied> {
        let validation = Validation { algorithms: vec![algorithm], ..self.validation.clone() };
        let token = decode::<RawClaims>(token, key, &validation).map_err(|error| refused(error.kind()))?;
        let RawClaims { sub, role, exp } = token.claims;
        let expires_at = exp.as_f64().and_then(instant).ok_or_else(|| refused(&ErrorKind::ExpiredSignature))?;
        // Until then it is taken, here and on streams.
        let leeway = chrono::TimeDelta::seconds(i64::try_from(validation.leeway).unwrap_or(0));
        Ok(Claims { subject: sub, role: role.as_str().map(str::to_owned), expires_at: expires_at + leeway })
    }
}

/// A time of far beyond any calendar is the end of it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast of a float saturates, and the rest of a second does not matter"
)]
fn instant(seconds: f64) -> Option<DateTime<Utc>> {
    const YEAR_3000: i64 = 32_503_680_000;
    DateTime::from_timestamp((seconds as i64).min(YEAR_3000), 0)
}

/// Fixed words: nothing of the token is repeated.
fn refused(kind: &ErrorKind) -> Denied {
    let what = match kind {
        ErrorKind::InvalidSignature => "its signature is not that of its key",
        ErrorKind::ExpiredSignature => "it has expired",
        ErrorKind::ImmatureSignature => "it is not valid yet (nbf)",
        ErrorKind::InvalidIssuer => "its issuer (iss) is another",
        ErrorKind::InvalidAudience => "its audience (aud) is another",
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm | ErrorKind::InvalidAlgorithmName => {
            "its algorithm (alg) is not taken here: RS256, ES256, EdDSA, or HS256 where a secret is set"
        }
        ErrorKind::MissingRequiredClaim(_) => "it must have exp, iss, aud and sub",
        ErrorKind::InvalidClaimFormat(_) => "a claim of exp, nbf, iss, aud and sub is malformed",
        _ => "it cannot be read: its header must name RS256, ES256, EdDSA or HS256, its claims be JSON",
    };
    Denied::Unauthenticated(Unproven::Token(what))
}
