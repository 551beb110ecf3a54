//! Files in the properties of Kafka's clients: certificates, keys, and the file that the properties stand in. librdkafka says of a file that it
//! cannot use what OpenSSL says of it, and some only when it connects; here each is looked at by its name before there is a client.
//!
//! It must never repeat a value that is no file's name, and never take a secret that others may read.

use std::path::Path;

use ledger_tls::{pem, private};

use crate::properties::{PropertiesError, Property};

/// What a property's file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Authorities, or a folder of them.
    Authorities,
    /// Any form that OpenSSL knows.
    Any,
    /// Of which nobody else may know.
    Secret,
}

const FILES: [(&str, Kind); 7] = [
    ("ssl.ca.location", Kind::Authorities),
    ("ssl.certificate.location", Kind::Any),
    ("ssl.crl.location", Kind::Any),
    ("ssl.engine.location", Kind::Any),
    ("ssl.key.location", Kind::Secret),
    ("ssl.keystore.location", Kind::Secret),
    ("sasl.kerberos.keytab", Kind::Secret),
];

/// The file of a token, within the configuration of OAUTHBEARER.
const TOKEN_FILE: &str = "token-file=";
pub(crate) const OAUTH_CONFIG: &str = "sasl.oauthbearer.config";

/// Properties whose value is a secret.
const SECRETS: [&str; 8] = [
    "sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    // A Java client's; refused later, by its name.
    "sasl.jaas.config",
];

/// Each file that a property names is there, and a secret is one.
///
/// # Errors
/// [`PropertiesError::Named`].
pub(crate) fn check_named(properties: &[Property]) -> Result<(), PropertiesError> {
    // Of two of a name the later one counts.
    let value = |name: &str| properties.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    for (property, kind) in FILES {
        // `probe`: wherever the system keeps them.
        let Some(file) =
            value(property).filter(|file| !(file.is_empty() || kind == Kind::Authorities && *file == "probe"))
        else {
            continue;
        };
        check(Path::new(file), kind).map_err(|problem| named(property, file, problem))?;
    }
    let mechanism = value("sasl.mechanism").or_else(|| value("sasl.mechanisms")).unwrap_or_default();
    if mechanism.eq_ignore_ascii_case("OAUTHBEARER")
        && value(OAUTH_CONFIG).is_none_or(|config| token_file(config).is_none())
    {
        return Err(PropertiesError::NoTokenFile);
    }
    match value(OAUTH_CONFIG).and_then(token_file) {
        Some(file) => check(Path::new(file), Kind::Secret).map_err(|problem| named(OAUTH_CONFIG, file, problem)),
        None => Ok(()),
    }
}

/// The file's name in a configuration of OAUTHBEARER.
pub(crate) fn token_file(config: &str) -> Option<&str> {
    config.trim().strip_prefix(TOKEN_FILE)
}

fn named(property: &'static str, file: &str, problem: String) -> PropertiesError {
    PropertiesError::Named { property, file: file.to_owned(), problem }
}

fn check(path: &Path, kind: Kind) -> Result<(), String> {
    match kind {
        Kind::Authorities if path.is_dir() => {
            std::fs::read_dir(path).map(drop).map_err(|error| format!("cannot be read: {error}"))
        }
        Kind::Authorities => pem::authorities(path).map(drop),
        Kind::Any => pem::read(path).map(drop),
        Kind::Secret => pem::read(path).map(drop).and_then(|()| private::check(path)),
    }
}

/// A file of properties that holds a secret is one.
///
/// # Errors
/// [`PropertiesError::OpenFile`].
pub(crate) fn check_secrets_in(file: &Path, properties: &[Property]) -> Result<(), PropertiesError> {
    if !properties.iter().any(|(key, value)| SECRETS.contains(&key.as_str()) && !value.is_empty()) {
        return Ok(());
    }
    private::check(file).map_err(|problem| PropertiesError::OpenFile { file: file.display().to_string(), problem })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::settings::KafkaSettings;

    fn refused(properties: &str) -> String {
        KafkaSettings::new("b:1", properties).map(drop).expect_err(properties).to_string()
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        for (property, _) in FILES {
            let told = refused(&format!("{property}=/none/at.all"));
            assert!(
                told.starts_with(&format!("{property} of the Kafka properties: /none/at.all cannot be read: ")),
                "{told}"
            );
        }
        let told = refused("sasl.oauthbearer.config=token-file=/none/token");
        assert!(told.starts_with("sasl.oauthbearer.config of the Kafka properties: /none/token cannot"), "{told}");
        assert!(KafkaSettings::new("b:1", "ssl.ca.location=probe,ssl.key.location=").is_ok());
        let told = refused("sasl.mechanism=OAUTHBEARER,sasl.oauthbearer.method=oidc");
        assert!(told.contains("sasl.oauthbearer.config=token-file=FILE"), "{told}");
        let told = refused("ssl.ca.location=/dev/null");
        assert!(told.ends_with("/dev/null is no file"), "{told}");
        assert!(KafkaSettings::new("b:1", "ssl.ca.location=/").is_ok(), "a folder is looked into by OpenSSL");
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let path = std::env::temp_dir().join(format!("ledger-kafka-files-{}", std::process::id()));
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("ours");
        for (text, holds_secret) in
            [("sasl.password=hunter2\n", true), ("sasl.username=u\n", false), ("sasl.password=", false)]
        {
            fs::write(&path, text).expect("a file");
            let read = |open| {
                mode(open);
                KafkaSettings::with_file("b:1", "", Some(&path)).map(drop).map_err(|error| error.to_string())
            };
            assert_eq!(read(0o600), Ok(()));
            match read(0o644) {
                Ok(()) => assert!(!holds_secret, "{text}"),
                Err(told) => {
                    assert!(holds_secret && told.starts_with("--kafka-properties-file: "), "{told}");
                    assert!(told.contains("its mode is 644") && !told.contains("hunter2"), "{told}");
                }
            }
        }
        mode(0o644);
        let told = refused(&format!("ssl.key.location={}", path.display()));
        assert!(told.contains("its mode is 644"), "{told}");
        fs::remove_file(&path).expect("it was there");
    }
}
