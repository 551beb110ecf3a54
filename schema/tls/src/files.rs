//! Which files: of a listener and of a client, as settings name them. An empty name is none, as compose files write it.
//!
//! It must never let a part be missing without a word: a key without its certificate is a mistake.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Settings of TLS that cannot be used. It never holds what a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TlsError {
    #[error("{setting}: {file} {problem}")]
    File { setting: &'static str, file: String, problem: String },
    #[error("{given} is set, and {missing} is not: each needs the other")]
    Incomplete { given: &'static str, missing: &'static str },
    /// Files that do not fit together.
    #[error("{settings}: {problem}")]
    Unfit { settings: &'static str, problem: String },
}

pub(crate) const CERTIFICATE: &str = "--tls-cert (LEDGER_TLS_CERT)";
pub(crate) const KEY: &str = "--tls-key (LEDGER_TLS_KEY)";
pub(crate) const CLIENT_CA: &str = "--tls-client-ca (LEDGER_TLS_CLIENT_CA)";
pub(crate) const CA: &str = "--ca (LEDGER_CA)";
pub(crate) const CLIENT_CERTIFICATE: &str = "--client-cert (LEDGER_CLIENT_CERT)";
pub(crate) const CLIENT_KEY: &str = "--client-key (LEDGER_CLIENT_KEY)";

pub(crate) fn at<'a>(setting: &'static str, path: &'a Path) -> impl Fn(String) -> TlsError + 'a {
    move |problem| TlsError::File { setting, file: path.display().to_string(), problem }
}

/// What a listener shows, and whom it asks for a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Authorities of the clients: with them, a client without a certificate of theirs is not let in.
    pub(crate) client_ca: Option<PathBuf>,
}

impl ServerFiles {
    /// `None` where no file is named: a listener in the clear.
    ///
    /// # Errors
    /// [`TlsError::Incomplete`]; the files are not looked at.
    pub fn of(
        certificate: Option<PathBuf>,
        key: Option<PathBuf>,
        client_ca: Option<PathBuf>,
    ) -> Result<Option<Self>, TlsError> {
        let client_ca = named(client_ca);
        match (named(certificate), named(key)) {
            (Some(certificate), Some(key)) => Ok(Some(Self { certificate, key, client_ca })),
            (Some(_), None) => Err(TlsError::Incomplete { given: CERTIFICATE, missing: KEY }),
            (None, Some(_)) => Err(TlsError::Incomplete { given: KEY, missing: CERTIFICATE }),
            (None, None) if client_ca.is_some() => Err(TlsError::Incomplete { given: CLIENT_CA, missing: CERTIFICATE }),
            (None, None) => Ok(None),
        }
    }
}

/// Whom a client trusts, and what it shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFiles {
    /// Authorities, in place of the system's.
    pub(crate) ca: Option<PathBuf>,
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

impl ClientFiles {
    /// # Errors
    /// [`TlsError::Incomplete`]; the files are not looked at.
    pub fn of(ca: Option<PathBuf>, certificate: Option<PathBuf>, key: Option<PathBuf>) -> Result<Self, TlsError> {
        let identity = match (named(certificate), named(key)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (Some(_), None) => {
                return Err(TlsError::Incomplete { given: CLIENT_CERTIFICATE, missing: CLIENT_KEY });
            }
            (None, Some(_)) => {
                return Err(TlsError::Incomplete { given: CLIENT_KEY, missing: CLIENT_CERTIFICATE });
            }
            (None, None) => None,
        };
        Ok(Self { ca: named(ca), identity })
    }

    /// Whether any is named.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn named(path: Option<PathBuf>) -> Option<PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_without_the_other_is_named() {
        let path = |name: &str| Some(PathBuf::from(name));
        assert_eq!(ServerFiles::of(None, None, None), Ok(None));
        assert_eq!(ServerFiles::of(path(""), path(""), path("")), Ok(None), "as compose files write it");
        assert!(ServerFiles::of(path("c"), path("k"), None).is_ok_and(|files| files.is_some()));
        for (certificate, key, client_ca, says) in [
            (
                "c",
                "",
                "",
                "--tls-cert (LEDGER_TLS_CERT) is set, and --tls-key (LEDGER_TLS_KEY) is not: each needs the other",
            ),
            ("", "k", "", "--tls-key (LEDGER_TLS_KEY) is set, and --tls-cert"),
            ("", "", "a", "--tls-client-ca (LEDGER_TLS_CLIENT_CA) is set, and --tls-cert"),
        ] {
            let error = ServerFiles::of(path(certificate), path(key), path(client_ca)).expect_err(says);
            assert!(error.to_string().starts_with(says), "{error}");
        }
        assert!(ClientFiles::of(None, None, path("")).is_ok_and(|files| files.is_empty()));
        let error = ClientFiles::of(path("a"), path("c"), None).expect_err("no key");
        assert!(
            error.to_string().starts_with("--client-cert (LEDGER_CLIENT_CERT) is set, and --client-key"),
            "{error}"
        );
    }
}
