//! The settings of all this, as flags and environment variables, and what is refused at the start. A server that others can reach, and that asks nobody
//! who they are, does not start.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use thiserror::Error;

use crate::authenticator::Authenticator;
use crate::client::TrustedProxies;
use crate::gate::Gate;
use crate::hosts::AllowedHosts;
use crate::jwt::jwks::{Jwks, JwksLocation};
use crate::jwt::{Expected, InvalidSecret, Secret, Tokens};
use crate::key_cache::KeySource;
use crate::rate::{Rate, Rates};

/// Whether callers are asked who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AuthMode {
    Off,
    On,
}

/// Who may call, and how often.
#[derive(Debug, Clone, Args)]
pub struct AuthArgs {
    /// Whether callers must show an API key or a token; off only where every listener is on loopback
    #[arg(long, env = "LEDGER_AUTH", value_name = "MODE", default_value = "off")]
    pub auth: AuthMode,
    /// Start without asking callers who they are, although others can reach the listener
    #[arg(long, env = "LEDGER_INSECURE", value_parser = BoolishValueParser::new())]
    pub insecure: bool,
    /// Public keys that tokens are verified by, as a JWKS: a file, or an https:// URL
    #[arg(long, env = "LEDGER_JWT_JWKS", value_name = "FILE_OR_URL")]
    pub jwt_jwks: Option<String>,
    /// A file with the secret that tokens of HS256 are verified by, 32 bytes or more
    #[arg(long, env = "LEDGER_JWT_SECRET_FILE", value_name = "FILE")]
    pub jwt_secret_file: Option<PathBuf>,
    /// The issuer that tokens must be of (`iss`)
    #[arg(long, env = "LEDGER_JWT_ISSUER", value_name = "ISSUER")]
    pub jwt_issuer: Option<String>,
    /// The audience that tokens must be for (`aud`)
    #[arg(long, env = "LEDGER_JWT_AUDIENCE", value_name = "AUDIENCE")]
    pub jwt_audience: Option<String>,
    /// By how much the clocks of issuer and server may differ
    #[arg(long, env = "LEDGER_JWT_LEEWAY_SECONDS", value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub jwt_leeway_seconds: u64,
    /// Requests a second of one client, which is its key or its token's subject, else its address; the next are 429. 0: as many as it likes
    #[arg(long, env = "LEDGER_CLIENT_RATE", value_name = "REQUESTS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub client_rate: u32,
    /// Requests of one client that may come at once; 0: twice the rate
    #[arg(long, env = "LEDGER_CLIENT_BURST", value_name = "REQUESTS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    pub client_burst: u32,
    /// Addresses or networks of gateways whose X-Forwarded-For is believed, comma separated
    #[arg(long, env = "LEDGER_TRUSTED_PROXIES", value_name = "ADDRESSES", default_value = "")]
    pub trusted_proxies: String,
    /// Names that are answered to (the header Host), with a port or for every port, comma separated; none: all
    #[arg(long, env = "LEDGER_ALLOWED_HOSTS", value_name = "HOSTS", default_value = "")]
    pub allowed_hosts: String,
}

/// Settings that cannot be used. No value of a secret is ever in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AuthSettingsError {
    #[error(
        "{flag} {address} can be reached from other machines, and --auth (LEDGER_AUTH) is off: whoever reaches it may do everything. Set LEDGER_AUTH=on \
         and make keys with `ledger keys create`; or listen on 127.0.0.1; or, where something else keeps strangers away, say --insecure (LEDGER_INSECURE=true)"
    )]
    Exposed { flag: &'static str, address: SocketAddr },
    #[error(
        "{flag} is set, and --auth (LEDGER_AUTH) is off: tokens would not be looked at. Set LEDGER_AUTH=on, or leave it out"
    )]
    Unused { flag: &'static str },
    #[error(
        "{flag} (or {variable}) is needed beside --jwt-jwks and --jwt-secret-file: without it, tokens made for others would be taken"
    )]
    Missing { flag: &'static str, variable: &'static str },
    #[error(
        "--jwt-issuer and --jwt-audience need --jwt-jwks or --jwt-secret-file: there is no key to verify tokens by"
    )]
    NoKeys,
    #[error("--jwt-jwks {problem}")]
    Location { problem: String },
    #[error("--jwt-jwks: {file} {problem}")]
    Jwks { file: String, problem: String },
    #[error("--jwt-secret-file: {file} {problem}")]
    SecretFile { file: String, problem: String },
    #[error("--trusted-proxies must be addresses or networks (10.0.0.0/8), comma separated, found {found}")]
    Proxies { found: String },
    #[error("--allowed-hosts must be names or addresses with an optional port, comma separated, found {found}")]
    Hosts { found: String },
}

/// What was made of the settings: the gate, and the JWKS to be read while the process runs.
pub struct Built {
    pub gate: Gate,
    pub jwks: Option<Arc<Jwks>>,
}

impl fmt::Debug for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Built").field("gate", &self.gate).finish_non_exhaustive()
    }
}

/// Without what is empty: an environment variable that is set to nothing is not set.
fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

impl AuthArgs {
    /// Whether a listener may be opened.
    ///
    /// # Errors
    /// [`AuthSettingsError::Exposed`].
    pub fn check_listener(&self, flag: &'static str, address: SocketAddr) -> Result<(), AuthSettingsError> {
        if self.auth == AuthMode::On || address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        if !self.insecure {
            return Err(AuthSettingsError::Exposed { flag, address });
        }
        tracing::warn!(
            %address,
            "INSECURE: nobody is asked who they are, and others can reach this address: whoever does may do everything (--insecure)"
        );
        Ok(())
    }

    /// The gate. A JWKS in a file is read here; one at a URL is read by the first try of [`Built::jwks`], and may be away.
    ///
    /// # Errors
    /// [`AuthSettingsError`].
    pub async fn build(&self, source: Arc<dyn KeySource>) -> Result<Built, AuthSettingsError> {
        let proxies = self.proxies()?;
        let hosts = self.hosts()?;
        let burst = if self.client_burst == 0 { self.client_rate.saturating_mul(2) } else { self.client_burst };
        let rate = Rate { per_second: self.client_rate, burst };
        let rates = (self.client_rate > 0).then(|| Rates::new(rate));
        if self.auth == AuthMode::Off {
            self.check_unused()?;
            return Ok(Built { gate: Gate { authenticator: None, rates, proxies, hosts }, jwks: None });
        }
        let secret = self.secret()?;
        let jwks = self.jwks().await?;
        let tokens = match (secret.is_some() || jwks.is_some(), self.expected()) {
            (true, expected) => Some(Tokens::new(secret, jwks.clone(), &expected?)),
            (false, _) if given(self.jwt_issuer.as_ref()).or(given(self.jwt_audience.as_ref())).is_some() => {
                return Err(AuthSettingsError::NoKeys);
            }
            (false, _) => None,
        };
        let authenticator = Some(Arc::new(Authenticator::new(source, tokens)));
        Ok(Built { gate: Gate { authenticator, rates, proxies, hosts }, jwks })
    }

    fn secret_file(&self) -> Option<&PathBuf> {
        self.jwt_secret_file.as_ref().filter(|path| !path.as_os_str().is_empty())
    }

    fn check_unused(&self) -> Result<(), AuthSettingsError> {
        let flags = [
            ("--jwt-jwks", given(self.jwt_jwks.as_ref()).is_some()),
            ("--jwt-secret-file", self.secret_file().is_some()),
            ("--jwt-issuer", given(self.jwt_issuer.as_ref()).is_some()),
            ("--jwt-audience", given(self.jwt_audience.as_ref()).is_some()),
        ];
        match flags.into_iter().find(|(_, is_set)| *is_set) {
            Some((flag, _)) => Err(AuthSettingsError::Unused { flag }),
            None => Ok(()),
        }
    }

    fn expected(&self) -> Result<Expected, AuthSettingsError> {
        let needed = |value: Option<&String>, flag, variable| {
            given(value).map(str::to_owned).ok_or(AuthSettingsError::Missing { flag, variable })
        };
        Ok(Expected {
            issuer: needed(self.jwt_issuer.as_ref(), "--jwt-issuer", "LEDGER_JWT_ISSUER")?,
            audience: needed(self.jwt_audience.as_ref(), "--jwt-audience", "LEDGER_JWT_AUDIENCE")?,
            leeway_seconds: self.jwt_leeway_seconds,
        })
    }

    fn secret(&self) -> Result<Option<Secret>, AuthSettingsError> {
        let Some(path) = self.secret_file() else { return Ok(None) };
        let refused = |problem: String| AuthSettingsError::SecretFile { file: path.display().to_string(), problem };
        ledger_tls::private::check(path).map_err(refused)?;
        let bytes = ledger_tls::pem::read(path).map_err(refused)?;
        let secret = Secret::new(&bytes).map_err(|error: InvalidSecret| refused(format!("cannot be used: {error}")))?;
        Ok(Some(secret))
    }

    async fn jwks(&self) -> Result<Option<Arc<Jwks>>, AuthSettingsError> {
        let Some(text) = given(self.jwt_jwks.as_ref()) else { return Ok(None) };
        let location: JwksLocation = text.parse().map_err(|error: crate::jwt::jwks::InvalidLocation| {
            AuthSettingsError::Location { problem: error.to_string() }
        })?;
        let refused = |problem| AuthSettingsError::Jwks { file: text.to_owned(), problem };
        let is_file = matches!(location, JwksLocation::File(_));
        let jwks = Jwks::new(location).map_err(refused)?;
        // A file that cannot be read is a mistake of whoever wrote its name; an issuer may be away for a while, and API keys work without it.
        if let Err(problem) = jwks.read().await
            && is_file
        {
            return Err(refused(problem));
        }
        Ok(Some(Arc::new(jwks)))
    }

    fn proxies(&self) -> Result<TrustedProxies, AuthSettingsError> {
        let parse = |text: &str| {
            let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            net.map_err(|_| AuthSettingsError::Proxies { found: text.to_owned() })
        };
        listed(&self.trusted_proxies).map(parse).collect::<Result<_, _>>().map(TrustedProxies)
    }

    fn hosts(&self) -> Result<AllowedHosts, AuthSettingsError> {
        let hosts: Vec<String> = listed(&self.allowed_hosts).map(str::to_owned).collect();
        let is_host =
            |host: &String| !host.contains(['/', '@', '*', ' ']) && host.parse::<axum::http::uri::Authority>().is_ok();
        match hosts.iter().find(|host| !is_host(host)) {
            Some(found) => Err(AuthSettingsError::Hosts { found: found.clone() }),
            None => Ok(AllowedHosts::new(&hosts)),
        }
    }
}
