//! API keys, for an operator: make one, list them, take one back. By the owner's login: services and projector can only read keys.
//!
//! It must never print a secret but the one that it has just made, nor give a key to a customer without a user. Reading order: this file,
//! [`lifetime`] (`--expires`), `report` (how it is shown). What a key is: `ledger-auth`.

pub mod lifetime;
mod report;

use chrono::{DateTime, Utc};
use ledger_auth::api_key::NoRandomness;
use ledger_auth::key_table::{self, Grant};
use ledger_auth::{ApiKey, FRESH, KeyId, StoredKey};
use ledger_database::schema_version::{self, SchemaVersionError};
use ledger_database::{DatabaseError, DatabaseUrl, Fault, Watched, fault_of};
use serde::Serialize;
use thiserror::Error;

pub use lifetime::{InvalidLifetime, Lifetime};

/// Why nothing became of it.
#[derive(Debug, Error)]
pub enum KeysError {
    #[error("there is no key {id}: `ledger keys list` shows which there are")]
    Unknown { id: KeyId },
    #[error("the key would have expired already: --expires {given} is not in the future")]
    InThePast { given: String },
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error("three new keys had ids that are taken, which chance does not do")]
    IdsTaken,
    #[error("{step}: {cause}")]
    Sql { step: &'static str, cause: sqlx::Error },
    #[error(transparent)]
    Schema(#[from] SchemaVersionError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl KeysError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Schema(error) => error.is_unreachable(),
            Self::Database(error) => error.is_unreachable(),
            Self::Sql { cause, .. } => fault_of(cause) == Fault::ConnectionLost,
            _ => false,
        }
    }
}

fn sql(step: &'static str) -> impl Fn(sqlx::Error) -> KeysError {
    move |cause| KeysError::Sql { step, cause }
}

/// What a key is, now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    Active,
    Expired,
    Revoked,
}

/// A key, without what nobody can know of it any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyShown {
    pub key_id: String,
    pub role: &'static str,
    pub user: Option<String>,
    pub state: KeyState,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// To some minutes.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl KeyShown {
    fn of(key: StoredKey, now: DateTime<Utc>) -> Self {
        let state = match (key.revoked_at, key.expires_at) {
            (Some(_), _) => KeyState::Revoked,
            (None, Some(end)) if end <= now => KeyState::Expired,
            (None, _) => KeyState::Active,
        };
        Self {
            key_id: key.id.to_string(),
            role: key.role.as_str(),
            user: key.user.map(|user| user.as_str().to_owned()),
            state,
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// A key that was just made: the one time that it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    pub key_id: String,
    /// All of it; whoever has it is let in.
    pub key: String,
    pub role: &'static str,
    pub user: Option<String>,
    pub expires_at: Option<DateTime<Utc>>,
}

/// All keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// The newest first.
    pub items: Vec<KeyShown>,
}

/// A key that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Revoked {
    #[serde(flatten)]
    pub key: KeyShown,
    /// From when on it is refused everywhere, in seconds, where the database answers.
    pub refused_within_seconds: u64,
}

/// Ids are random: that one is taken happens to nobody.
const ATTEMPTS: u32 = 3;

async fn connect(owner: &DatabaseUrl) -> Result<Watched, KeysError> {
    let mut connection = ledger_database::connect(owner).await?;
    schema_version::check(&mut connection).await?;
    Ok(connection)
}

/// Makes a key.
///
/// # Errors
/// [`KeysError`]; where the connection was lost, a key may stand in the table that nobody ever saw: it lets nobody in.
pub async fn create(owner: &DatabaseUrl, grant: &Grant) -> Result<Created, KeysError> {
    let mut connection = connect(owner).await?;
    for _ in 0..ATTEMPTS {
        let key = ApiKey::generate()?;
        if key_table::insert(&mut connection, &key, grant).await.map_err(sql("storing the key"))? {
            return Ok(Created {
                key_id: key.id().to_string(),
                key: key.reveal(),
                role: grant.role.as_str(),
                user: grant.user.as_ref().map(|user| user.as_str().to_owned()),
                expires_at: grant.expires_at,
            });
        }
    }
    Err(KeysError::IdsTaken)
}

/// Lists all keys, those that do not work any more among them.
///
/// # Errors
/// [`KeysError`]
pub async fn list(owner: &DatabaseUrl) -> Result<Listing, KeysError> {
    let mut connection = connect(owner).await?;
    let keys = key_table::list(&mut connection).await.map_err(sql("reading the keys"))?;
    let now = Utc::now();
    Ok(Listing { items: keys.into_iter().map(|key| KeyShown::of(key, now)).collect() })
}

/// Takes a key back, for good. Again it changes nothing.
///
/// # Errors
/// [`KeysError`]
pub async fn revoke(owner: &DatabaseUrl, id: &KeyId) -> Result<Revoked, KeysError> {
    let mut connection = connect(owner).await?;
    let revoked = key_table::revoke(&mut connection, id).await.map_err(sql("revoking the key"))?;
    let key = revoked.ok_or_else(|| KeysError::Unknown { id: id.clone() })?;
    Ok(Revoked { key: KeyShown::of(key, Utc::now()), refused_within_seconds: FRESH.as_secs() })
}
