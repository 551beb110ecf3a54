//! Wrong usage: exit code 2.

use ledger_auth::AuthSettingsError;
use ledger_kafka::PropertiesError;
use ledger_operator::import::MapError;
use ledger_tls::TlsError;
use thiserror::Error;

use crate::config::ConfigError;

/// Flags that do not say what is needed. It never repeats a value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UsageError {
    #[error("{flag} (or {variable}) is needed: mysql://USER:PASSWORD@HOST:PORT/DATABASE")]
    MissingUrl { flag: &'static str, variable: &'static str },
    #[error("{flag} is not of the form mysql://USER:PASSWORD@HOST:PORT/DATABASE: {problem}")]
    Url { flag: &'static str, problem: String },
    #[error(transparent)]
    KafkaProperties(#[from] PropertiesError),
    #[error("--map: {0}")]
    Map(#[from] MapError),
    #[error("{flag} must be {expected}, found {found}")]
    OutOfRange { flag: &'static str, expected: &'static str, found: String },
    #[error("{flag} and the file both say `{member}`")]
    SaidTwice { flag: &'static str, member: String },
    #[error(transparent)]
    Auth(#[from] AuthSettingsError),
    #[error("--user is of a customer's key, and needed for one: found --role {role} {}", if *has_user { "with it" } else { "without it" })]
    UserOfRole { role: &'static str, has_user: bool },
    #[error("who does this? --as NAME (or LEDGER_OPERATOR) says so: neither USER nor LOGNAME has a name")]
    Nobody,
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Config(#[from] ConfigError),
}
