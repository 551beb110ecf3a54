//! What a database URL says of TLS, checked before anything connects: files that cannot be used are named, and what would be no more than a
//! show of security is refused.
//!
//! It must never take an option that would not be used, nor a mode that trusts more than it says. The driver adds the system's authorities
//! to those of `ssl-ca` (sqlx 0.9, `import_root_certs`). With VERIFY_IDENTITY that is bearable: whoever gets a certificate of theirs for
//! the server's name owns the name. VERIFY_CA looks at no name, and would let in whoever has any certificate of any of them.

use std::path::PathBuf;

use ledger_tls::{client, pem};
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

/// As the URL says it.
#[derive(Debug, Default)]
pub(crate) struct TlsOptions {
    pub(crate) mode: Option<Mode>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// How much is asked for; each asks for more than the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    Disabled,
    Preferred,
    Required,
    VerifyCa,
    VerifyIdentity,
}

/// # Errors
/// What is expected.
pub(crate) fn mode_of(text: &str) -> Result<Mode, String> {
    match text {
        "DISABLED" => Ok(Mode::Disabled),
        "PREFERRED" => Ok(Mode::Preferred),
        "REQUIRED" => Ok(Mode::Required),
        "VERIFY_CA" => Ok(Mode::VerifyCa),
        "VERIFY_IDENTITY" => Ok(Mode::VerifyIdentity),
        _ => Err("option ssl-mode: expected DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY".to_owned()),
    }
}

impl TlsOptions {
    /// What the URL says nothing of is in the clear, as before there was TLS: a server that offers some must not change how all are
    /// spoken to.
    fn mode(&self) -> Mode {
        self.mode.unwrap_or(Mode::Disabled)
    }

    pub(crate) fn is_asked_for(&self) -> bool {
        self.mode() >= Mode::Required
    }

    /// # Errors
    /// The option, its file, and what is wrong with it.
    pub(crate) fn on(&self, options: MySqlConnectOptions) -> Result<MySqlConnectOptions, String> {
        self.check()?;
        let mut options = options.ssl_mode(match self.mode() {
            Mode::Disabled => MySqlSslMode::Disabled,
            Mode::Preferred => MySqlSslMode::Preferred,
            Mode::Required => MySqlSslMode::Required,
            Mode::VerifyCa => MySqlSslMode::VerifyCa,
            Mode::VerifyIdentity => MySqlSslMode::VerifyIdentity,
        });
        if let Some(ca) = &self.ca {
            options = options.ssl_ca(ca);
        }
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            options = options.ssl_client_cert(certificate).ssl_client_key(key);
        }
        Ok(options)
    }

    fn check(&self) -> Result<(), String> {
        let mode = self.mode();
        match &self.ca {
            Some(_) if mode < Mode::VerifyCa => {
                return Err("option ssl-ca: it is used by ssl-mode=VERIFY_IDENTITY and VERIFY_CA alone".to_owned());
            }
            Some(ca) => {
                pem::authorities(ca).map_err(|problem| format!("option ssl-ca: {} {problem}", ca.display()))?;
                if mode == Mode::VerifyCa {
                    refuse_others_beside(ca)?;
                }
            }
            None if mode == Mode::VerifyCa => {
                return Err("option ssl-mode: VERIFY_CA needs ssl-ca, the file of your authority".to_owned());
            }
            None => {}
        }
        self.check_identity(mode)
    }

    fn check_identity(&self, mode: Mode) -> Result<(), String> {
        let (certificate, key) = match (&self.certificate, &self.key) {
            (None, None) => return Ok(()),
            (Some(certificate), Some(key)) => (certificate, key),
            (Some(_), None) => return Err("option ssl-cert: it needs ssl-key beside it".to_owned()),
            (None, Some(_)) => return Err("option ssl-key: it needs ssl-cert beside it".to_owned()),
        };
        if mode < Mode::Required {
            return Err("option ssl-cert: it is used by ssl-mode=REQUIRED and what asks for more alone".to_owned());
        }
        let chain = pem::certificates(certificate)
            .map_err(|problem| format!("option ssl-cert: {} {problem}", certificate.display()))?;
        let private =
            pem::private_key(key).map_err(|problem| format!("option ssl-key: {} {problem}", key.display()))?;
        pem::pair(chain, private).map(drop).map_err(|problem| format!("options ssl-cert and ssl-key: {problem}"))
    }
}

fn refuse_others_beside(ca: &std::path::Path) -> Result<(), String> {
    match client::trusted_beside(ca) {
        Ok(0) => Ok(()),
        Ok(others) => Err(format!(
            "option ssl-mode: VERIFY_CA looks at no name, and {others} further authorities are trusted on this machine, so anybody's \
             certificate would do: say VERIFY_IDENTITY, or start this program with SSL_CERT_FILE={} and without SSL_CERT_DIR",
            ca.display()
        )),
        Err(problem) => Err(format!("option ssl-ca: {} {problem}", ca.display())),
    }
}

#[cfg(test)]
mod tests {
    use crate::url::DatabaseUrl;

    fn refused(query: &str) -> String {
        DatabaseUrl::parse(&format!("mysql://u:secret@h/d?{query}")).map(drop).expect_err(query)
    }

    #[test]
    fn what_would_not_be_used_or_not_be_safe_is_refused() {
        for (query, says) in [
            (
                "ssl-mode=required",
                "option ssl-mode: expected DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY",
            ),
            ("ssl-mode=VERIFY_FULL", "option ssl-mode: expected DISABLED"),
            ("ssl-ca=/none", "option ssl-ca: it is used by ssl-mode=VERIFY_IDENTITY and VERIFY_CA alone"),
            ("ssl-mode=REQUIRED&ssl-ca=/none", "option ssl-ca: it is used by"),
            ("ssl-mode=VERIFY_CA", "option ssl-mode: VERIFY_CA needs ssl-ca"),
            ("ssl-mode=VERIFY_IDENTITY&ssl-ca=/none/ca.pem", "option ssl-ca: /none/ca.pem cannot be read: "),
            ("ssl-mode=VERIFY_CA&ssl-ca=/dev/null", "option ssl-ca: /dev/null is no file"),
            ("ssl-mode=REQUIRED&ssl-cert=/none", "option ssl-cert: it needs ssl-key beside it"),
            ("ssl-mode=REQUIRED&ssl-key=/none", "option ssl-key: it needs ssl-cert beside it"),
            ("ssl-cert=/none&ssl-key=/none", "option ssl-cert: it is used by ssl-mode=REQUIRED"),
            ("ssl-mode=REQUIRED&ssl-cert=/none/c&ssl-key=/none/k", "option ssl-cert: /none/c cannot be read: "),
        ] {
            let problem = refused(query);
            assert!(problem.starts_with(says) && !problem.contains("secret"), "{query}: {problem}");
        }
    }

    #[test]
    fn only_what_asks_for_tls_is_secured() {
        for (query, is_secured) in [
            ("", false),
            ("?ssl-mode=DISABLED", false),
            ("?ssl-mode=PREFERRED", false),
            ("?ssl-mode=REQUIRED", true),
            ("?sslmode=VERIFY_IDENTITY", true),
        ] {
            let url = DatabaseUrl::parse(&format!("mysql://u:p@h/d{query}")).expect(query);
            assert_eq!((url.is_secured(), url.with_database(None).is_secured()), (is_secured, is_secured), "{query}");
        }
    }
}
