//! Why a request to the services came to nothing, and whether it may have taken effect all the same.

use std::fmt;

use ledger_tls::TlsError;
use thiserror::Error;

use super::bearer::InvalidBearer;
use super::problem::Problem;

#[derive(Debug, Error)]
pub enum RestError {
    /// Nothing answered, for as long as was tried.
    #[error(
        "no answer from {url}: {cause}; is it the address of a service or the gateway (--url or LEDGER_URL)?{doubt}"
    )]
    Unreachable { url: String, cause: String, doubt: Doubt },
    /// What was answered is a problem that a retry does not change, or that stayed for as long as was tried.
    #[error("{problem}{doubt}")]
    Refused { problem: Box<Problem>, doubt: Doubt },
    /// Somebody else's server, or one that is older than this program.
    #[error(
        "{url} answered {found}, expected {expected}: is it the address of a service or the gateway (--url or LEDGER_URL)?{doubt}"
    )]
    NotTheLedger { url: String, expected: &'static str, found: String, doubt: Doubt },
    #[error("`{name}` cannot be addressed: a path resolves it away (`curl --path-as-is` can ask for it as %2E)")]
    NotAddressable { name: String },
    /// TLS was asked for, and did not come about: somebody has to mend that.
    #[error("no TLS with {url}: {cause}")]
    NotSecured { url: String, cause: String },
    /// What was named for TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("{0} are for addresses that begin with https://, found {1}")]
    NoUseOfTls(&'static str, String),
    #[error("--key (LEDGER_KEY) {0}")]
    Bearer(#[from] InvalidBearer),
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
    #[error("{0}")]
    Output(#[from] std::io::Error),
}

/// Whether a request that failed may have been accepted, and how it is sent again so that it counts once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Doubt {
    /// It was not accepted, or reading changes nothing.
    #[default]
    None,
    /// Nobody knows.
    Unknown {
        /// The key that it carried, where it carries one.
        key: Option<String>,
    },
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Unknown { key: Some(key) } => {
                write!(
                    f,
                    "\nit is not known whether the request was accepted; sent again with `--idempotency-key '{key}'` it counts once"
                )
            }
            Self::Unknown { key: None } => {
                f.write_str("\nit is not known whether the request was accepted; it may be sent again")
            }
        }
    }
}

impl RestError {
    /// Whether a server, or one behind it, cannot be reached: trying later may help.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { problem, .. } => problem.passes(),
            Self::NotTheLedger { .. }
            | Self::NotAddressable { .. }
            | Self::NotSecured { .. }
            | Self::Tls(_)
            | Self::NoUseOfTls(..)
            | Self::Bearer(_)
            | Self::Client(_)
            | Self::Output(_) => false,
        }
    }

    /// Whether what was asked for cannot be done as it was said: wrong usage.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Tls(_) | Self::NoUseOfTls(..) | Self::Bearer(_))
    }

    /// The problem's document, where it is one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused { problem, .. } => Some(problem),
            _ => None,
        }
    }
}
