//! Tokens of issuers that tests make up: signed by ring, each part as the caller wants it. The RSA key beside this file is of these tests alone; ring makes
//! none. The other keys are made anew in each run.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use ring::{hmac, signature};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://issuer.test";
pub(crate) const AUDIENCE: &str = "ledger-of-this-test";

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds from now on, as claims have them.
pub(crate) fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    i64::try_from(now).expect("a time of this age") + seconds
}

/// Claims that hold for an hour, of a subject with a role.
pub(crate) fn claims(subject: &str, role: &str) -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "role": role, "exp": in_seconds(3600) })
}

/// The same with some of them changed; null takes one away.
pub(crate) fn but(mut claims: Value, changes: &Value) -> Value {
    let (all, changes) = (claims.as_object_mut().expect("claims"), changes.as_object().expect("changes"));
    for (name, value) in changes {
        match value {
            Value::Null => drop(all.remove(name)),
            value => drop(all.insert(name.clone(), value.clone())),
        }
    }
    claims
}

/// A token of these parts, whatever they say.
pub(crate) fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", text(header.to_string()), text(claims.to_string()));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", text(signature))
}

/// By HS256.
pub(crate) fn by_secret(secret: &[u8], claims: &Value) -> String {
    token(&json!({ "alg": "HS256", "typ": "JWT" }), claims, |message| hs256(secret, message))
}

pub(crate) fn hs256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

enum Pair {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// A key of an issuer.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pair: Pair,
}

impl SigningKey {
    pub(crate) fn ed25519(kid: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("random");
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key");
        Self { kid: kid.to_owned(), pair: Pair::Ed(pair) }
    }

    pub(crate) fn p256(kid: &str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("random");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random);
        Self { kid: kid.to_owned(), pair: Pair::Ec(pair.expect("a key")) }
    }

    pub(crate) fn rsa(kid: &str) -> Self {
        let pair = RsaKeyPair::from_pkcs8(include_bytes!("rsa-of-this-test.pk8")).expect("a key");
        Self { kid: kid.to_owned(), pair: Pair::Rsa(Box::new(pair)) }
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Ed(_) => "EdDSA",
            Pair::Ec(_) => "ES256",
            Pair::Rsa(_) => "RS256",
        }
    }

    /// Its public half, as a JWKS has it.
    pub(crate) fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Ed(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.kid, "use": "sig", "x": text(pair.public_key()) })
            }
            Pair::Ec(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (text(&point[1..33]), text(&point[33..65]));
                json!({ "kty": "EC", "crv": "P-256", "kid": self.kid, "x": x, "y": y })
            }
            Pair::Rsa(pair) => {
                let parts: signature::RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({ "kty": "RSA", "kid": self.kid, "n": text(parts.n), "e": text(parts.e) })
            }
        }
    }

    /// The bytes of its public half, which anybody can have.
    pub(crate) fn public_bytes(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Rsa(pair) => pair.public().as_ref().to_vec(),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Ec(pair) => pair.sign(&random, message).expect("random").as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("random");
                signature
            }
        }
    }

    /// A token of this key, as it should be.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm(), "kid": self.kid, "typ": "JWT" });
        token(&header, claims, |message| self.sign(message))
    }
}

/// A JWKS of these keys.
pub(crate) fn jwks(keys: &[&SigningKey]) -> String {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }).to_string()
}
