//! A client's side of HTTPS: whom it trusts, and what it shows of itself. It must never trust more than what was named: with an
//! authority of one's own, the system's are not taken.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use crate::files::{CA, CLIENT_CERTIFICATE, CLIENT_KEY, ClientFiles, TlsError, at};
use crate::{pem, provider};

/// Trusts the authorities of `files`, or the system's where it names none.
///
/// # Errors
/// [`TlsError`] of a file that cannot be used.
pub fn client_config(files: &ClientFiles) -> Result<ClientConfig, TlsError> {
    let roots = match &files.ca {
        Some(path) => pem::authorities(path).map_err(at(CA, path))?,
        None => {
            let mut roots = RootCertStore::empty();
            // One that cannot be read is one that is not trusted.
            roots.add_parsable_certificates(system_authorities());
            roots
        }
    };
    let builder = builder()?.with_root_certificates(roots);
    let Some((certificate, key)) = &files.identity else { return Ok(builder.with_no_client_auth()) };
    let chain = pem::certificates(certificate).map_err(at(CLIENT_CERTIFICATE, certificate))?;
    let private = pem::private_key(key).map_err(at(CLIENT_KEY, key))?;
    let unfit = |problem| TlsError::Unfit { settings: "--client-cert, --client-key", problem };
    pem::pair(chain.clone(), private.clone_key()).map_err(unfit)?;
    builder.with_client_auth_cert(chain, private).map_err(|error| unfit(error.to_string()))
}

/// For a client that speaks to `http://` alone, and is asked for a configuration all the same: it trusts nobody.
///
/// # Errors
/// None that is known: ring has ciphers for the default versions.
pub fn clear_client_config() -> Result<ClientConfig, TlsError> {
    Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TlsError> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Unfit { settings: "TLS", problem: error.to_string() })
}

/// Whom this machine trusts (or `SSL_CERT_FILE` and `SSL_CERT_DIR`, where they are set).
pub fn system_authorities() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "an authority of the system cannot be read");
    }
    found.certs
}

/// How many authorities the system trusts beside those of a file.
///
/// # Errors
/// As of [`pem::read`].
pub fn trusted_beside(path: &Path) -> Result<usize, String> {
    let named = pem::certificates(path)?;
    Ok(system_authorities().iter().filter(|authority| !named.contains(authority)).count())
}
