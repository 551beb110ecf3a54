//! API keys: `ledger_ID_SECRET`. The id finds the row, the secret proves the right to it.
//!
//! **Hashed by SHA-256 alone, without salt or stretching.** Both slow down the guessing of secrets that people choose. A secret here is 32
//! random bytes: nobody guesses one of 2^256, at whatever speed, and no two keys share one. A slow hash would cost every request that is not
//! cached, and give whoever sends wrong keys a lever.
//!
//! A secret must never be printed but by the one command that made it: [`ApiKey`] has no `Display`, and its `Debug` shows the id.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

/// What every key begins with, so that scanners of leaked secrets can know one.
pub const PREFIX: &str = "ledger_";
const ID_BYTES: usize = 8;
const ID_CHARS: usize = 2 * ID_BYTES;
const SECRET_BYTES: usize = 32;

/// The public half of a key: 16 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(String);

/// The SHA-256 of a key's secret, as it is stored.
#[derive(Clone)]
pub struct SecretHash([u8; 32]);

/// A whole key.
#[derive(Clone)]
pub struct ApiKey {
    id: KeyId,
    secret: [u8; SECRET_BYTES],
}

/// The system gives no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the system gives no random bytes: no key was made")]
pub struct NoRandomness;

impl KeyId {
    /// `None` for what is no id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == ID_CHARS && text.bytes().all(is_hex)).then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SecretHash {
    /// `None` for another length.
    #[must_use]
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes the same time whether they differ or where.
    #[must_use]
    pub fn is_of(&self, key: &ApiKey) -> bool {
        self.0.ct_eq(&key.hash().0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

impl ApiKey {
    /// A new key.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn generate() -> Result<Self, NoRandomness> {
        let random = SystemRandom::new();
        let (mut id, mut secret) = ([0_u8; ID_BYTES], [0_u8; SECRET_BYTES]);
        random.fill(&mut id).and_then(|()| random.fill(&mut secret)).map_err(|_| NoRandomness)?;
        let id = id.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { id: KeyId(id), secret })
    }

    /// `None` for what is no key at all. A text has one spelling only: two that differ are two keys.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let id = KeyId::parse(id)?;
        let secret = URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
        Some(Self { id, secret })
    }

    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.secret).into())
    }

    /// The whole text, for the one time that it is shown.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, URL_SAFE_NO_PAD.encode(self.secret))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}, ..)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_and_matches_its_hash_alone() {
        let (key, other) = (ApiKey::generate().expect("random"), ApiKey::generate().expect("random"));
        assert_ne!(key.reveal(), other.reveal());
        let read = ApiKey::parse(&key.reveal()).expect("a key");
        assert_eq!(read.id(), key.id());
        let stored = SecretHash::from_stored(key.hash().as_bytes()).expect("32 bytes");
        assert!(stored.is_of(&read) && !stored.is_of(&other));
        assert_eq!(key.reveal().len(), "ledger_".len() + 16 + 1 + 43);
    }

    #[test]
    fn what_is_no_key() {
        let whole = ApiKey::generate().expect("random").reveal();
        let upper = whole.replacen("ledger_", "LEDGER_", 1);
        let (cut, longer, spaced) = (&whole[..whole.len() - 1], format!("{whole}A"), format!("{whole} "));
        // The last digit carries four bits that no byte has: only zeros there are the spelling of a key.
        let respelt = format!("{}{}", &whole[..whole.len() - 1], "B");
        for bad in ["", "ledger_", "ledger_0123456789abcdef_", cut, &longer, &spaced, &upper, &respelt] {
            assert!(ApiKey::parse(bad).is_none(), "{bad}");
        }
        for bad in ["", "0123456789abcde", "0123456789abcdeg", "0123456789ABCDEF", "0123456789abcdef0"] {
            assert!(KeyId::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn nothing_of_a_secret_is_printed() {
        let key = ApiKey::generate().expect("random");
        let secret = key.reveal()[ID_CHARS + PREFIX.len() + 1..].to_owned();
        assert!(!format!("{key:?} {:?}", key.hash()).contains(&secret));
        assert_eq!(format!("{:?}", key.hash()), "SecretHash(..)");
    }
}
