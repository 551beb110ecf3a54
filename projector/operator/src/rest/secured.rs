//! TLS of a client of the services: whom it trusts, and what is said where that fails. It must never take a refusal of TLS for an
//! outage: trying again would not help, and whoever reads it is to know which side does not trust the other.

use std::error::Error;
use std::io;

use ledger_tls::{ClientFiles, clear_client_config, client_config};
use rustls::{AlertDescription as Alert, ClientConfig};

use super::address::ServiceUrl;
use super::error::RestError;

/// What `url` is asked with.
///
/// # Errors
/// [`RestError::Tls`], or [`RestError::NoUseOfTls`] where files are named that a clear address has no use for.
pub(super) fn tls_of(url: &ServiceUrl, files: &ClientFiles) -> Result<ClientConfig, RestError> {
    if url.is_secured() {
        return Ok(client_config(files)?);
    }
    if !files.is_empty() {
        return Err(RestError::NoUseOfTls("--ca, --client-cert and --client-key", url.to_string()));
    }
    Ok(clear_client_config()?)
}

/// Why there is no TLS with whoever answered, where that is what failed: said by this side, or by the other one. Neither has
/// looked at a request then.
pub(super) fn not_secured(error: &reqwest::Error) -> Option<String> {
    let found = rustls_error(error)?;
    match found {
        rustls::Error::InvalidCertificate(_) => {
            Some(format!("{found}; whom it may be signed by is said by --ca (LEDGER_CA), else by the system"))
        }
        rustls::Error::InvalidMessage(_) => Some(format!("{found}; is it an address of http://?")),
        rustls::Error::AlertReceived(
            Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError,
        ) => Some(format!("it refuses this client: {found}; what is shown is said by --client-cert and --client-key")),
        rustls::Error::AlertReceived(
            Alert::HandshakeFailure | Alert::ProtocolVersion | Alert::InsufficientSecurity,
        )
        | rustls::Error::PeerIncompatible(_)
        | rustls::Error::InvalidCertRevocationList(_)
        | rustls::Error::NoCertificatesPresented => Some(found.to_string()),
        _ => None,
    }
}

/// An error of IO hides what it is made of from `source()`, so it is asked itself.
fn rustls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_found_within_errors_of_io() {
        let deep = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError));
        assert!(matches!(rustls_error(&deep), Some(rustls::Error::DecryptError)));
        assert!(rustls_error(&io::Error::other("words")).is_none());
    }

    #[test]
    fn files_of_tls_are_for_secured_addresses() {
        let files = ClientFiles::of(Some("/none/ca.pem".into()), None, None).expect("complete");
        let of = |url: &str, files: &ClientFiles| {
            tls_of(&url.parse().expect(url), files).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(
            of("http://h:1", &files),
            Err("--ca, --client-cert and --client-key are for addresses that begin with https://, found http://h:1"
                .to_owned())
        );
        let unreadable = of("https://h:1", &files).expect_err("no such file");
        assert!(unreadable.starts_with("--ca (LEDGER_CA): /none/ca.pem cannot be read: "), "{unreadable}");
        assert_eq!(of("http://h:1", &ClientFiles::default()), Ok(()));
    }
}
