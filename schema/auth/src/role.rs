//! Roles, what a route needs of them, and who calls.
//!
//! A role is never derived from anything but the key's row or the token's claim.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use ledger_schema::UserId;
use thiserror::Error;

use crate::api_key::KeyId;

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Role {
    /// Orders and reads as the one user that it is; stock can be read.
    Customer,
    /// Everything.
    Operator,
    /// Reads everything and changes nothing.
    Reader,
}

/// A word that is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be customer, operator or reader")]
pub struct NoSuchRole;

impl Role {
    /// The word in settings, rows and claims.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Operator => "operator",
            Self::Reader => "reader",
        }
    }
}

impl FromStr for Role {
    type Err = NoSuchRole;

    fn from_str(word: &str) -> Result<Self, NoSuchRole> {
        [Self::Customer, Self::Operator, Self::Reader].into_iter().find(|role| role.as_str() == word).ok_or(NoSuchRole)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing, and it is neither counted nor asked for its Host: what probes call, by whatever address.
    Probe,
    /// Nothing: it holds no data, such as a page or the description of the interface.
    Open,
    /// Any role; a customer sees its own only.
    Anybody,
    /// Customers for themselves, and operators.
    Order,
    /// Readers and operators.
    Read,
    /// Operators.
    Operate,
}

impl Access {
    #[must_use]
    pub const fn allows(self, role: Role) -> bool {
        match self {
            Self::Probe | Self::Open | Self::Anybody => true,
            Self::Order => matches!(role, Role::Customer | Role::Operator),
            Self::Read => matches!(role, Role::Reader | Role::Operator),
            Self::Operate => matches!(role, Role::Operator),
        }
    }

    /// Whether a caller has to prove who it is.
    #[must_use]
    pub const fn asks_who(self) -> bool {
        !matches!(self, Self::Probe | Self::Open)
    }

    /// Which roles it takes, for people.
    #[must_use]
    pub const fn roles(self) -> &'static str {
        match self {
            Self::Probe | Self::Open => "none",
            Self::Anybody => "customer, reader or operator",
            Self::Order => "customer or operator",
            Self::Read => "reader or operator",
            Self::Operate => "operator",
        }
    }
}

/// What a caller showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Nobody was asked.
    Unasked,
    Key(KeyId),
    Token {
        expires_at: DateTime<Utc>,
    },
}

/// Who calls. Made by [`crate::Authenticator`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    role: Role,
    user: Option<UserId>,
    pub(crate) proof: Proof,
    /// The name under which it is counted; no secret.
    pub(crate) subject: Option<Arc<str>>,
}

impl Caller {
    /// Where nobody is asked: whoever comes may do everything.
    #[must_use]
    pub const fn unasked() -> Self {
        Self { role: Role::Operator, user: None, proof: Proof::Unasked, subject: None }
    }

    /// Somebody whom nobody let in: sees and may do nothing.
    pub(crate) const fn nobody() -> Self {
        Self { role: Role::Customer, user: None, proof: Proof::Unasked, subject: None }
    }

    pub(crate) fn of_key(key_id: KeyId, role: Role, user: Option<UserId>) -> Self {
        let subject = Some(Arc::from(format!("key {key_id}")));
        Self { role, user, proof: Proof::Key(key_id), subject }
    }

    pub(crate) fn of_token(subject: &str, role: Role, user: Option<UserId>, expires_at: DateTime<Utc>) -> Self {
        let subject = Some(Arc::from(format!("token {subject}")));
        Self { role, user, proof: Proof::Token { expires_at }, subject }
    }

    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The one user whose orders it may see and place; `None`: everybody's.
    #[must_use]
    pub fn only_user(&self) -> Option<&UserId> {
        match self.role {
            Role::Customer => self.user.as_ref(),
            Role::Operator | Role::Reader => None,
        }
    }

    /// Whether orders of `user` are its own, or anybody's are.
    #[must_use]
    pub fn is_or_sees(&self, user: &str) -> bool {
        match self.role {
            Role::Customer => self.user.as_ref().is_some_and(|own| own.as_str() == user),
            Role::Operator | Role::Reader => true,
        }
    }
}

/// As the gate put it into the request.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(Self::nobody))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_role_may() {
        for (access, customer, reader, operator) in [
            (Access::Probe, true, true, true),
            (Access::Open, true, true, true),
            (Access::Anybody, true, true, true),
            (Access::Order, true, false, true),
            (Access::Read, false, true, true),
            (Access::Operate, false, false, true),
        ] {
            let allowed = [Role::Customer, Role::Reader, Role::Operator].map(|role| access.allows(role));
            assert_eq!(allowed, [customer, reader, operator], "{access:?}");
        }
    }

    #[test]
    fn a_customer_without_a_user_sees_nobody() {
        let key = KeyId::parse("0123456789abcdef").expect("an id");
        let ann = UserId::parse("ann").expect("a user");
        let of_ann = Caller::of_key(key.clone(), Role::Customer, Some(ann));
        assert!(of_ann.is_or_sees("ann") && !of_ann.is_or_sees("bob") && !of_ann.is_or_sees("Ann"));
        assert!(!Caller::of_key(key.clone(), Role::Customer, None).is_or_sees("ann"));
        assert!(Caller::of_key(key, Role::Reader, None).is_or_sees("bob"));
        assert_eq!(of_ann.only_user().map(UserId::as_str), Some("ann"));
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for role in [Role::Customer, Role::Operator, Role::Reader] {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        for bad in ["", "Operator", "admin", "operator "] {
            assert_eq!(bad.parse::<Role>(), Err(NoSuchRole), "{bad:?}");
        }
    }
}
