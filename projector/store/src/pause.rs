//! That an operator has paused a partition: since when, by whom, why. It only reads; who pauses is `ledger-operator`.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

/// Of a partition that is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// By the database's clock.
    pub since: DateTime<Utc>,
    pub by: String,
    pub reason: Option<String>,
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { since, by, reason } = self;
        write!(f, "paused since {} by {by}", since.to_rfc3339_opts(SecondsFormat::Secs, true))?;
        match reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}
