//! Why there is no TLS with a database server whose URL asks for it: as somebody can act on it. It must never take an ordinary
//! loss of a connection for it.

use std::io;

use rustls::Error as TlsError;

/// `None`: something else failed.
pub(crate) fn not_secured(error: &sqlx::Error) -> Option<String> {
    match error {
        sqlx::Error::Tls(cause) if cause.to_string().contains("does not support TLS") => {
            Some("it offers none (have_ssl is not YES there: it needs ssl_cert and ssl_key)".to_owned())
        }
        sqlx::Error::Tls(cause) => Some(cause.to_string()),
        sqlx::Error::Io(error) => handshake(error),
        _ => None,
    }
}

/// What the handshake said. The driver hands it on as an error of IO, which hides what it is made of.
fn handshake(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?;
    match inner.downcast_ref::<TlsError>() {
        Some(cause @ TlsError::InvalidCertificate(_)) => {
            Some(format!("{cause}; whom it may be signed by is said by ssl-ca, else by the system"))
        }
        Some(cause @ TlsError::AlertReceived(_)) => Some(format!("it refuses: {cause}")),
        Some(cause) => Some(cause.to_string()),
        None => inner.downcast_ref::<io::Error>().and_then(handshake),
    }
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError;

    use super::*;

    #[test]
    fn a_certificate_that_is_not_taken_is_told_from_a_broken_connection() {
        let expired = TlsError::InvalidCertificate(CertificateError::Expired);
        let error = sqlx::Error::Io(io::Error::new(io::ErrorKind::InvalidData, expired));
        let told = not_secured(&error).expect("no TLS");
        assert!(told.starts_with("invalid peer certificate: Expired; whom"), "{told}");
        let told = not_secured(&sqlx::Error::Tls("server does not support TLS".into())).expect("no TLS");
        assert!(told.starts_with("it offers none"), "{told}");
        assert_eq!(not_secured(&sqlx::Error::Io(io::ErrorKind::UnexpectedEof.into())), None);
        assert_eq!(not_secured(&sqlx::Error::RowNotFound), None);
    }
}
