//! Which MariaDB runs: the system's, or another one that a Debian release brings, unpacked once for all state folders into
//! `.ledger/mariadb-VERSION`.
//!
//! The folder is renamed into place when it is complete, so it is complete whenever it is there. It must never be
//! installed into the system. Read [`crate::debian`] for how it is fetched, [`crate::mariadb`] for how it is run.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, ensure};

use crate::debian::{self, Wanted};
use crate::{install, repository};

/// A version that a Debian release brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MariaDbRelease {
    version: &'static str,
    debian: &'static str,
}

const RELEASES: [MariaDbRelease; 2] =
    [MariaDbRelease { version: "10.11", debian: "bookworm" }, MariaDbRelease { version: "11.8", debian: "trixie" }];

/// The programs of a server, and the folder that it has its files in where that is not the system's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// The server.
    pub server: PathBuf,
    /// The script that makes a data folder.
    pub installer: PathBuf,
    /// For `--basedir`.
    pub base: Option<PathBuf>,
}

/// The programs of `release`; of the system where there is none.
///
/// # Errors
/// When they are not there; [`MariaDbRelease::fetch`] and [`install::install_missing`] see to it.
pub fn programs(release: Option<MariaDbRelease>) -> Result<Programs> {
    let Some(release) = release else {
        let (server, installer) = (install::program("mariadbd")?, install::program("mariadb-install-db")?);
        return Ok(Programs { server, installer, base: None });
    };
    let base = release.folder().join("usr");
    ensure!(base.is_dir(), "MariaDB {} was not fetched", release.version);
    Ok(Programs {
        server: base.join("sbin/mariadbd"),
        installer: base.join("bin/mariadb-install-db"),
        base: Some(base),
    })
}

impl MariaDbRelease {
    /// As people write it: `11.8`.
    #[must_use]
    pub fn version(self) -> &'static str {
        self.version
    }

    /// Whether a server that greets as `greeting` is of this release.
    #[must_use]
    pub fn is(self, greeting: &str) -> bool {
        greeting.strip_prefix(self.version).is_some_and(|rest| rest.starts_with('.'))
    }

    fn folder(self) -> PathBuf {
        repository::root().join(".ledger").join(format!("mariadb-{}", self.version))
    }

    /// Fetches it unless it is there.
    ///
    /// # Errors
    /// As [`debian::fetch`].
    pub fn fetch(self) -> Result<()> {
        debian::fetch(self.wanted(), &format!("MariaDB {} (20 MB)", self.version), &self.folder())
    }

    /// The full package adds what is a plugin of the server's, other ways to authenticate among it; it depends on what
    /// makes a service of it, which is not needed.
    fn wanted(self) -> Wanted {
        Wanted {
            release: self.debian,
            packages: &["mariadb-server-core", "mariadb-client-core"],
            bare_packages: &["mariadb-server"],
            programs: &["usr/sbin/mariadbd", "usr/bin/mariadb", "usr/bin/my_print_defaults", "usr/bin/resolveip"],
        }
    }
}

impl FromStr for MariaDbRelease {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        RELEASES.into_iter().find(|release| release.version == text).ok_or_else(|| {
            let known: Vec<String> =
                RELEASES.iter().map(|release| format!("{} (Debian's {})", release.version, release.debian)).collect();
            format!("no packages are known of MariaDB {text}; known are {}", known.join(" and "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_known_or_refused_by_name() {
        let release: MariaDbRelease = "11.8".parse().unwrap();
        assert_eq!((release.version(), release.debian), ("11.8", "trixie"));
        let refused = "12.3".parse::<MariaDbRelease>().unwrap_err();
        assert_eq!(
            refused,
            "no packages are known of MariaDB 12.3; known are 10.11 (Debian's bookworm) and 11.8 (Debian's trixie)"
        );
    }

    #[test]
    fn a_greeting_tells_the_release() {
        let release: MariaDbRelease = "11.8".parse().unwrap();
        assert!(release.is("11.8.9-MariaDB-0+deb13u1 from Debian"));
        for other in ["11.80.1-MariaDB", "10.11.19-MariaDB", "11.8", ""] {
            assert!(!release.is(other), "{other}");
        }
    }
}
