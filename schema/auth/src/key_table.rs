//! The table `api_keys`, and `api_key_uses` beside it: all SQL there is about keys. Neither is a function of the log: no rebuild and no
//! rollback knows them, and `verify` does not read them.
//!
//! A row is never deleted, so that an id means one key for ever; `revoked_at` is set once and never taken back.

use chrono::{DateTime, Utc};
use ledger_database::{Fault, Watched, fault_of};
use ledger_schema::UserId;
use sqlx::FromRow;

use crate::api_key::{ApiKey, KeyId, SecretHash};
use crate::role::Role;

/// A key as it is stored.
#[derive(Debug, Clone)]
pub struct StoredKey {
    pub id: KeyId,
    pub(crate) hash: SecretHash,
    pub role: Role,
    /// Of a customer's key.
    pub user: Option<UserId>,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// To some minutes.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// What a new key is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub role: Role,
    /// Of a customer, and of nobody else.
    pub user: Option<UserId>,
    pub expires_at: Option<DateTime<Utc>>,
}

#[derive(FromRow)]
struct KeyRow {
    key_id: String,
    secret_hash: Vec<u8>,
    role: String,
    user_id: Option<String>,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    used_at: Option<DateTime<Utc>>,
}

impl TryFrom<KeyRow> for StoredKey {
    type Error = sqlx::Error;

    /// A row that is none of ours lets nobody in.
    fn try_from(row: KeyRow) -> Result<Self, sqlx::Error> {
        let wrong = |what: &str| sqlx::Error::Decode(format!("the row of key {:?} has no {what}", row.key_id).into());
        Ok(Self {
            id: KeyId::parse(&row.key_id).ok_or_else(|| wrong("id"))?,
            hash: SecretHash::from_stored(&row.secret_hash).ok_or_else(|| wrong("hash of 32 bytes"))?,
            role: row.role.parse().map_err(|_| wrong("role that is known"))?,
            user: row.user_id.as_deref().map(UserId::parse).transpose().map_err(|_| wrong("user that could be one"))?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.used_at,
        })
    }
}

const COLUMNS: &str = "key_id, secret_hash, role, user_id, created_at, expires_at, revoked_at, used_at";

/// Whether keys can be read.
///
/// # Errors
/// The database's: that there is no such table, or no right to it.
pub async fn check(connection: &mut Watched) -> sqlx::Result<()> {
    sqlx::query("SELECT key_id FROM api_keys LIMIT 0").fetch_optional(connection).await.map(drop)
}

/// The key of an id, by the primary key.
///
/// # Errors
/// The database's.
pub async fn find(connection: &mut Watched, id: &KeyId) -> sqlx::Result<Option<StoredKey>> {
    let row = sqlx::query_as::<_, KeyRow>(
        "SELECT key_id, secret_hash, role, user_id, created_at, expires_at, revoked_at, NULL AS used_at \
         FROM api_keys WHERE key_id = ?",
    )
    .bind(id.as_str().to_owned())
    .fetch_optional(connection)
    .await?;
    row.map(StoredKey::try_from).transpose()
}

/// Writes that a key was used, by the server's clock. It never goes back.
///
/// # Errors
/// The database's: also that it can only be read, as a replica is.
pub async fn mark_used(connection: &mut Watched, id: &KeyId) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO api_key_uses (key_id, used_at) VALUES (?, UTC_TIMESTAMP(6)) \
         ON DUPLICATE KEY UPDATE used_at = GREATEST(used_at, VALUES(used_at))",
    )
    .bind(id.as_str().to_owned())
    .execute(connection)
    .await
    .map(drop)
}

/// Stores a new key. `false`: there is a key of that id, and nothing was stored.
///
/// # Errors
/// The database's.
pub async fn insert(connection: &mut Watched, key: &ApiKey, grant: &Grant) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO api_keys (key_id, secret_hash, role, user_id, created_at, expires_at) VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6), ?)",
    )
    .bind(key.id().as_str().to_owned())
    .bind(key.hash().as_bytes().to_vec())
    .bind(grant.role.as_str())
    .bind(grant.user.as_ref().map(|user| user.as_str().to_owned()))
    .bind(grant.expires_at)
    .execute(connection)
    .await;
    match inserted {
        Ok(_) => Ok(true),
        Err(error) if fault_of(&error) == Fault::DuplicateKey => Ok(false),
        Err(error) => Err(error),
    }
}

/// All keys, the newest first, with when they were last used.
///
/// # Errors
/// The database's.
pub async fn list(connection: &mut Watched) -> sqlx::Result<Vec<StoredKey>> {
    let text = format!(
        "SELECT {COLUMNS} FROM api_keys LEFT JOIN api_key_uses USING (key_id) ORDER BY created_at DESC, key_id"
    );
    let rows = sqlx::query_as::<_, KeyRow>(sqlx::AssertSqlSafe(text)).fetch_all(connection).await?;
    rows.into_iter().map(StoredKey::try_from).collect()
}

/// Revokes a key. Revoked before, it stays as it was.
///
/// # Errors
/// The database's.
pub async fn revoke(connection: &mut Watched, id: &KeyId) -> sqlx::Result<Option<StoredKey>> {
    sqlx::query("UPDATE api_keys SET revoked_at = UTC_TIMESTAMP(6) WHERE key_id = ? AND revoked_at IS NULL")
        .bind(id.as_str().to_owned())
        .execute(&mut *connection)
        .await?;
    find(connection, id).await
}
