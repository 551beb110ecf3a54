//! From a request's header to its caller. It must never decide what the caller may do, and never answer faster or in other words for a key that
//! exists with another secret than for one that does not.

use std::sync::Arc;

use axum::http::HeaderMap;
use chrono::Utc;
use ledger_schema::UserId;

use crate::api_key::ApiKey;
use crate::credential::Credential;
use crate::denial::{Denied, Unproven};
use crate::jwt::Tokens;
use crate::key_cache::{KeyCache, KeySource};
use crate::key_table::StoredKey;
use crate::role::{Caller, Proof, Role};

/// Finds out who calls.
pub struct Authenticator {
    keys: KeyCache,
    tokens: Option<Tokens>,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}

impl Authenticator {
    pub(crate) fn new(source: Arc<dyn KeySource>, tokens: Option<Tokens>) -> Self {
        Self { keys: KeyCache::new(source), tokens }
    }

    /// Who calls with these headers.
    ///
    /// # Errors
    /// [`Denied`]: 401, 403 for a token without a role, or 503 where it cannot be known.
    pub async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Denied> {
        match Credential::of(headers).map_err(Denied::Unauthenticated)? {
            Credential::Key(key) => self.of_key(&key).await,
            Credential::Token(token) => self.of_token(&token).await,
        }
    }

    async fn of_key(&self, key: &ApiKey) -> Result<Caller, Denied> {
        let stored = self.keys.find(key.id()).await?.filter(|stored| stored.hash.is_of(key));
        let stored = stored.ok_or(Denied::Unauthenticated(Unproven::UnknownKey))?;
        check_times(&stored)?;
        self.keys.used(key.id());
        Ok(Caller::of_key(stored.id.clone(), stored.role, stored.user.clone()))
    }

    async fn of_token(&self, token: &str) -> Result<Caller, Denied> {
        let no_tokens = Unproven::Token("this server takes API keys alone");
        let tokens = self.tokens.as_ref().ok_or(Denied::Unauthenticated(no_tokens))?;
        let claims = tokens.verify(token).await?;
        let role: Role = claims.role.as_deref().and_then(|word| word.parse().ok()).ok_or(Denied::NoRole)?;
        let user = match role {
            Role::Customer => Some(UserId::parse(&claims.subject).map_err(|_| {
                Denied::Unauthenticated(Unproven::Token(
                    "its subject (sub) cannot be a user: 1 to 64 printable characters without spaces",
                ))
            })?),
            Role::Operator | Role::Reader => None,
        };
        Ok(Caller::of_token(&claims.subject, role, user, claims.expires_at))
    }

    /// Whether a caller that was let in earlier would still be: for what goes on for long, such as a stream. A database that is silent for longer than
    /// [`crate::GRACE`] ends it, too.
    pub async fn still_holds(&self, caller: &Caller) -> bool {
        match &caller.proof {
            Proof::Unasked => true,
            Proof::Token { expires_at } => Utc::now() < *expires_at,
            Proof::Key(id) => match self.keys.find(id).await {
                Ok(Some(stored)) => check_times(&stored).is_ok(),
                Ok(None) | Err(_) => false,
            },
        }
    }
}

/// Said only to whoever has the secret.
fn check_times(stored: &StoredKey) -> Result<(), Denied> {
    if stored.revoked_at.is_some() {
        return Err(Denied::Unauthenticated(Unproven::RevokedKey));
    }
    if stored.expires_at.is_some_and(|end| end <= Utc::now()) {
        return Err(Denied::Unauthenticated(Unproven::ExpiredKey));
    }
    Ok(())
}
