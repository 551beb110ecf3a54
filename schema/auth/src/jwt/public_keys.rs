//! The keys of a JWKS: each of one algorithm for good, by its kind. What cannot verify a token here (symmetric keys, keys for encryption, other curves,
//! short RSA) is left out, and said.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// Bytes of a modulus: 2048 to 8192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// Of a coordinate of P-256, and of an Ed25519 key.
const COORDINATE_BYTES: usize = 32;
/// Keys of one set.
const MOST_KEYS: usize = 200;

/// A key that verifies tokens of one algorithm.
pub struct PublicKey {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl PublicKey {
    #[must_use]
    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    #[must_use]
    pub(super) fn decoding_key(&self) -> &DecodingKey {
        &self.key
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?}, kid {:?})", self.algorithm, self.kid)
    }
}

/// The keys of one JWKS.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<Arc<PublicKey>>,
    /// How many were left out.
    left_out: usize,
}

/// One key at a time is parsed, so that one that is new to the world does not hide the others.
#[derive(Deserialize)]
struct RawSet {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// # Errors
    /// Why it is no JWKS.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let raw: RawSet = serde_json::from_slice(text).map_err(|error| format!("it is no JWKS: {error}"))?;
        if raw.keys.len() > MOST_KEYS {
            return Err(format!("it has {} keys; at most {MOST_KEYS} are taken", raw.keys.len()));
        }
        let count = raw.keys.len();
        let jwks = raw.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let keys: Vec<_> = jwks.filter_map(|jwk| public_key(&jwk)).map(Arc::new).collect();
        Ok(Self { left_out: count - keys.len(), keys })
    }

    /// The key of this id and algorithm. A token without an id means the one key of its algorithm, where there is one.
    #[must_use]
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<Arc<PublicKey>> {
        let mut of_algorithm = self.keys.iter().filter(|key| key.algorithm == algorithm);
        match kid {
            Some(kid) => of_algorithm.find(|key| key.kid.as_deref() == Some(kid)).cloned(),
            None => of_algorithm.next().filter(|_| of_algorithm.next().is_none()).cloned(),
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}

fn public_key(jwk: &Jwk) -> Option<PublicKey> {
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => {
            RSA_BYTES.contains(&decoded(&rsa.n)?.len()).then_some((Algorithm::RS256, KeyAlgorithm::RS256))?
        }
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => {
            let is_whole = decoded(&point.x)?.len() == COORDINATE_BYTES && decoded(&point.y)?.len() == COORDINATE_BYTES;
            is_whole.then_some((Algorithm::ES256, KeyAlgorithm::ES256))?
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (decoded(&pair.x)?.len() == COORDINATE_BYTES).then_some((Algorithm::EdDSA, KeyAlgorithm::EdDSA))?
        }
        _ => return None,
    };
    let common = &jwk.common;
    let is_for_it = common.key_algorithm.is_none_or(|named_there| named_there == named);
    let is_for_signatures = common.public_key_use.as_ref().is_none_or(|use_| *use_ == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    if !is_for_it || !is_for_signatures {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some(PublicKey { kid: common.key_id.clone(), algorithm, key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn digits(bytes: usize) -> String {
        URL_SAFE_NO_PAD.encode(vec![0xa5; bytes])
    }

    #[test]
    fn each_key_has_one_algorithm_and_the_others_are_left_out() {
        let (n, x) = (digits(256), digits(32));
        let set = json!({ "keys": [
            { "kty": "RSA", "kid": "rsa", "n": n, "e": "AQAB", "use": "sig" },
            { "kty": "EC", "kid": "ec", "crv": "P-256", "x": x, "y": x, "alg": "ES256" },
            { "kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": x, "key_ops": ["verify"] },
            { "kty": "oct", "kid": "secret", "k": x },
            { "kty": "RSA", "kid": "encrypts", "n": n, "e": "AQAB", "use": "enc" },
            { "kty": "RSA", "kid": "for-another", "n": n, "e": "AQAB", "alg": "PS256" },
            { "kty": "RSA", "kid": "short", "n": digits(128), "e": "AQAB" },
            { "kty": "EC", "kid": "curve", "crv": "P-384", "x": digits(48), "y": digits(48) },
            { "kty": "EC", "kid": "cut", "crv": "P-256", "x": digits(31), "y": digits(33) },
            { "kty": "new to the world", "kid": "new" },
            { "kty": "OKP", "kid": "signs", "crv": "Ed25519", "x": x, "key_ops": ["sign"] },
        ] });
        let set = KeySet::parse(set.to_string().as_bytes()).expect("a JWKS");
        assert_eq!((set.len(), set.left_out()), (3, 8));
        for (kid, algorithm) in [("rsa", Algorithm::RS256), ("ec", Algorithm::ES256), ("ed", Algorithm::EdDSA)] {
            assert!(set.find(Some(kid), algorithm).is_some(), "{kid}");
            assert!(set.find(None, algorithm).is_some(), "the only one for {algorithm:?}");
            for other in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA, Algorithm::HS256, Algorithm::PS256] {
                assert_eq!(set.find(Some(kid), other).is_some(), other == algorithm, "{kid} {other:?}");
            }
        }
        for kid in ["secret", "encrypts", "short", "nobody"] {
            assert!(set.find(Some(kid), Algorithm::RS256).is_none() && set.find(Some(kid), Algorithm::HS256).is_none());
        }
    }

    #[test]
    fn without_an_id_two_keys_of_an_algorithm_are_none() {
        let x = digits(32);
        let key = |kid: &str| json!({ "kty": "OKP", "kid": kid, "crv": "Ed25519", "x": x });
        let set = KeySet::parse(json!({ "keys": [key("a"), key("b")] }).to_string().as_bytes()).expect("a JWKS");
        assert!(set.find(None, Algorithm::EdDSA).is_none());
    }

    #[test]
    fn what_is_no_set() {
        for bad in ["", "[]", "{}", "{\"keys\":7}", "<html>"] {
            assert!(KeySet::parse(bad.as_bytes()).expect_err(bad).starts_with("it is no JWKS"));
        }
        assert!(KeySet::parse(b"{\"keys\":[]}").expect("a set").is_empty());
    }
}
