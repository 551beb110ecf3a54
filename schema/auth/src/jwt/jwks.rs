//! Where public keys come from: a JWKS in a file or at a URL, read at the start and again while the process runs, so that keys can be rotated without a
//! restart. What was read stays until something else was read: an issuer that is silent shuts nobody out whose key is known.
//!
//! A token whose key is not known is a reason to read again, at most once in [`Pace::between`], however many such tokens come. Where that fails, the
//! answer is [`Denied::Unavailable`], never "unknown".
//!
//! It must never follow a redirection, read without a limit, or fetch keys in the clear from another machine.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jsonwebtoken::Algorithm;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use super::public_keys::{KeySet, PublicKey};
use crate::denial::Denied;

/// Far above what two hundred keys need.
const MAX_BYTES: usize = 1024 * 1024;
/// Longest that a fetch takes, all of it.
const FETCH_LIMIT: Duration = Duration::from_secs(3);

/// `LEDGER_JWT_JWKS`: a file, or a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwksLocation {
    File(PathBuf),
    Url(Url),
}

/// A text that is no place of a JWKS.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidLocation {
    #[error("must be a file or an https:// URL: {0}")]
    NotAUrl(String),
    #[error(
        "must be an https:// URL: over http:// anybody on the way could put in keys of their own (only this machine itself is taken by http://)"
    )]
    InTheClear,
    #[error("must hold no user, password or fragment")]
    More,
    #[error("must not be empty")]
    Empty,
}

impl FromStr for JwksLocation {
    type Err = InvalidLocation;

    fn from_str(text: &str) -> Result<Self, InvalidLocation> {
        if text.is_empty() {
            return Err(InvalidLocation::Empty);
        }
        if !text.contains("://") {
            return Ok(Self::File(PathBuf::from(text)));
        }
        let url = Url::parse(text).map_err(|error| InvalidLocation::NotAUrl(error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(InvalidLocation::More);
        }
        match url.scheme() {
            "https" => Ok(Self::Url(url)),
            "http" if is_this_machine(&url) => Ok(Self::Url(url)),
            "http" => Err(InvalidLocation::InTheClear),
            _ => Err(InvalidLocation::NotAUrl(format!("its scheme is {}", url.scheme()))),
        }
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl fmt::Display for JwksLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

/// How often it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Least time between two readings that tokens of unknown keys cause.
    pub between: Duration,
    /// Time between readings that nobody asks for.
    pub every: Duration,
    /// The same, after one that failed.
    pub after_failure: Duration,
}

impl Pace {
    fn of(location: &JwksLocation) -> Self {
        let seconds = Duration::from_secs;
        match location {
            JwksLocation::File(_) => Self { between: seconds(1), every: seconds(5), after_failure: seconds(5) },
            JwksLocation::Url(_) => Self { between: seconds(10), every: seconds(300), after_failure: seconds(10) },
        }
    }
}

/// A JWKS, and the keys that it had when it was last read.
pub struct Jwks {
    location: JwksLocation,
    http: Option<reqwest::Client>,
    pace: Pace,
    keys: ArcSwap<KeySet>,
    /// Held while it is read.
    reading: Mutex<Reading>,
}

#[derive(Default)]
struct Reading {
    tried_at: Option<Instant>,
    /// Of the last attempt.
    failure: Option<String>,
}

impl Jwks {
    /// Nothing is read yet.
    ///
    /// # Errors
    /// Why no client can be made for the URL.
    pub fn new(location: JwksLocation) -> Result<Self, String> {
        let pace = Pace::of(&location);
        Self::with_pace(location, pace)
    }

    /// # Errors
    /// As of [`Self::new`].
    pub fn with_pace(location: JwksLocation, pace: Pace) -> Result<Self, String> {
        let http = matches!(location, JwksLocation::Url(_)).then(client).transpose()?;
        Ok(Self { location, http, pace, keys: ArcSwap::default(), reading: Mutex::default() })
    }

    /// Reads it now.
    ///
    /// # Errors
    /// Why it could not be read; what was known stays.
    pub async fn read(&self) -> Result<(), String> {
        let mut reading = self.reading.lock().await;
        self.read_into(&mut reading).await
    }

    async fn read_into(&self, reading: &mut Reading) -> Result<(), String> {
        let text = match &self.location {
            JwksLocation::File(path) => read_file(path.clone()).await,
            JwksLocation::Url(url) => self.fetch(url).await,
        };
        let read = text.and_then(|text| KeySet::parse(&text));
        reading.tried_at = Some(Instant::now());
        let had_failed = reading.failure.is_some();
        match read {
            Ok(keys) => {
                if keys.is_empty() {
                    tracing::warn!(jwks = %self.location, left_out = keys.left_out(), "the JWKS has no key that can be used: no token of it is taken");
                }
                if had_failed || self.keys.load().len() != keys.len() {
                    tracing::info!(jwks = %self.location, keys = keys.len(), left_out = keys.left_out(), "the JWKS was read");
                }
                reading.failure = None;
                self.keys.store(Arc::new(keys));
                Ok(())
            }
            Err(problem) => {
                if !had_failed {
                    let known = self.keys.load().len();
                    tracing::warn!(jwks = %self.location, problem, known, "the JWKS could not be read; keys that are known stay");
                }
                reading.failure = Some(problem.clone());
                Err(problem)
            }
        }
    }

    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, String> {
        let http = self.http.as_ref().ok_or("there is no client")?;
        let mut response = http.get(url.clone()).send().await.map_err(|error| words(&error))?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(format!("answered {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| words(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err(format!("has more than {MAX_BYTES} bytes"));
            }
        }
        Ok(body)
    }

    /// The key for a token; `None`: there is none, as far as the JWKS says that was read lately.
    ///
    /// # Errors
    /// [`Denied::Unavailable`] where it cannot be known.
    pub(super) async fn key(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Option<Arc<PublicKey>>, Denied> {
        if let Some(key) = self.keys.load().find(kid, algorithm) {
            return Ok(Some(key));
        }
        // Not in the caller's task: it is dropped when its client goes away.
        let this = self.clone();
        let read = tokio::spawn(async move { this.read_for_unknown_key().await });
        let outcome = read.await.unwrap_or_else(|error| Err(error.to_string()));
        match (self.keys.load().find(kid, algorithm), outcome) {
            (Some(key), _) => Ok(Some(key)),
            (None, Ok(())) => Ok(None),
            (None, Err(cause)) => Err(Denied::Unavailable { what: "the issuer of tokens", cause }),
        }
    }

    /// Once for all who wait, and seldom.
    async fn read_for_unknown_key(&self) -> Result<(), String> {
        let mut reading = self.reading.lock().await;
        if reading.tried_at.is_some_and(|at| at.elapsed() < self.pace.between) {
            return reading.failure.clone().map_or(Ok(()), Err);
        }
        self.read_into(&mut reading).await
    }

    /// Reads it again now and then, until `stop`.
    pub async fn watch(&self, stop: CancellationToken) {
        loop {
            let has_failed = self.reading.lock().await.failure.is_some();
            let pause = if has_failed { self.pace.after_failure } else { self.pace.every };
            if stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
            // A failure was told of.
            let _ = self.read().await;
        }
    }
}

fn client() -> Result<reqwest::Client, String> {
    let tls = ledger_tls::client_config(&ledger_tls::ClientFiles::default()).map_err(|error| error.to_string())?;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(FETCH_LIMIT)
        .timeout(FETCH_LIMIT)
        .user_agent(concat!("ledger/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| words(&error))
}

/// With its causes, which say what happened.
fn words(error: &reqwest::Error) -> String {
    let mut text = "it could not be fetched".to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

async fn read_file(path: PathBuf) -> Result<Vec<u8>, String> {
    let read = tokio::task::spawn_blocking(move || ledger_tls::pem::read(&path));
    let bytes = read.await.map_err(|error| error.to_string())??;
    if bytes.len() > MAX_BYTES {
        return Err(format!("has more than {MAX_BYTES} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (text, shown) in [
            ("/etc/ledger/jwks.json", "/etc/ledger/jwks.json"),
            ("jwks.json", "jwks.json"),
            ("https://issuer.example/keys", "https://issuer.example/keys"),
            ("http://127.0.0.1:7/keys", "http://127.0.0.1:7/keys"),
            ("http://[::1]:7/keys", "http://[::1]:7/keys"),
            ("http://localhost/keys", "http://localhost/keys"),
        ] {
            assert_eq!(text.parse::<JwksLocation>().expect(text).to_string(), shown);
        }
        for (text, says) in [
            ("", "must not be empty"),
            ("http://issuer.example/keys", "must be an https:// URL"),
            ("http://127.0.0.1.example/keys", "must be an https:// URL"),
            ("ftp://issuer.example/keys", "its scheme is ftp"),
            ("https://user:hunter2@issuer.example/keys", "must hold no user"),
            ("https://", "must be a file or an https:// URL"),
        ] {
            let error = text.parse::<JwksLocation>().expect_err(text).to_string();
            assert!(error.contains(says) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
