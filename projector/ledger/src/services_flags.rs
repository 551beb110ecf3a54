//! Flags of the commands that ask the services: where they are, how long is waited, and the key. It must never make up an id where the caller gave one.

use std::time::Duration;

use clap::Args;
use ledger_operator::rest::{Bearer, Client, RestError, ServiceUrl, Waits};
use ledger_schema::IdempotencyKey;

use crate::flags::Hidden;
use crate::tls_flags::ClientTlsArgs;

/// The gateway of `cargo xtask up`.
const GATEWAY: &str = "http://127.0.0.1:8080";

#[derive(Debug, Clone, Args)]
pub struct ServicesArgs {
    /// Where the gateway is, or one service
    #[arg(long, env = "LEDGER_URL", value_name = "URL", default_value = GATEWAY)]
    pub url: ServiceUrl,
    /// An API key or a token that says who calls. Other users of this machine can read a command line: better by the variable, or in a configuration file
    #[arg(long, env = "LEDGER_KEY", value_name = "KEY", hide_env_values = true)]
    pub key: Option<Hidden>,
    #[command(flatten)]
    pub tls: ClientTlsArgs,
    /// For how long a request is sent again, with the same key, while nothing answers or what answers says later; 0: once
    #[arg(long, env = "LEDGER_RETRY_SECONDS", value_name = "SECONDS", default_value_t = 15,
          value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub retry_seconds: u32,
}

#[derive(Debug, Clone, Copy, Args)]
pub struct WaitArgs {
    /// How long the decision is waited for; 0: not at all
    #[arg(long, env = "LEDGER_WAIT_SECONDS", value_name = "SECONDS", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(0..=300))]
    pub wait: u32,
}

#[derive(Debug, Clone, Args)]
pub struct KeyArgs {
    /// The Idempotency-Key: the same again is the same request, whenever and wherever it is sent; a new one is made where none is given
    #[arg(long, value_name = "KEY", value_parser = key)]
    pub idempotency_key: Option<String>,
}

impl ServicesArgs {
    /// A client that waits for no decision.
    ///
    /// # Errors
    /// [`RestError`]
    pub fn client(self) -> Result<Client, RestError> {
        self.client_that_waits(WaitArgs { wait: 0 })
    }

    /// # Errors
    /// [`RestError`]
    pub fn client_that_waits(self, WaitArgs { wait }: WaitArgs) -> Result<Client, RestError> {
        let seconds = |count: u32| Duration::from_secs(u64::from(count));
        let given = self.key.as_ref().map(Hidden::expose).filter(|key| !key.is_empty());
        let bearer = given.map(Bearer::parse).transpose()?;
        let waits = Waits { decision: seconds(wait), retries: seconds(self.retry_seconds) };
        Ok(Client::new(self.url, &self.tls.files()?, waits)?.showing(bearer))
    }
}

impl KeyArgs {
    pub fn or_new(self) -> String {
        self.idempotency_key.unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
    }
}

/// A key as the services take it. A header loses blanks at its ends, and with them the key would be another one.
fn key(text: &str) -> Result<String, String> {
    IdempotencyKey::parse(text).map_err(|violation| violation.to_string())?;
    if text.trim() == text { Ok(text.to_owned()) } else { Err("must not begin or end with a blank".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_services() {
        assert_eq!(key("basket 17"), Ok("basket 17".to_owned()));
        for bad in ["", " a", "a ", "é", "a\tb"] {
            assert!(key(bad).is_err(), "{bad:?}");
        }
        let made = || KeyArgs { idempotency_key: None }.or_new();
        assert_ne!(made(), made());
        assert_eq!(KeyArgs { idempotency_key: Some("k".to_owned()) }.or_new(), "k");
    }
}
