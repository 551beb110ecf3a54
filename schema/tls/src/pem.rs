//! Certificates and keys in files (PEM). A problem is said without the file's contents, and without its name, which whoever asked
//! for it knows: `the certificate file ... cannot be read`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::{private, provider};

/// A system's store of authorities has some 200 KiB.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// The bytes of a file that is one, of a size that certificates have.
///
/// # Errors
/// What is wrong, as the end of a sentence that begins with the file's name.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    // Before it is opened: opening a pipe waits for somebody to write to it.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("is no file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|count| count > MOST_BYTES) {
        return Err(format!("has more than {} MiB, so it holds no certificates", MOST_BYTES >> 20));
    }
    Ok(bytes)
}

/// All certificates of a file, at least one.
///
/// # Errors
/// As of [`read`].
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    certificates_in(&read(path)?)
}

pub(crate) fn certificates_in(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let numbered = CertificateDer::pem_slice_iter(pem).zip(1..);
    let read: Result<Vec<_>, String> = numbered
        .map(|(one, number)| one.map_err(|error| format!("has no valid PEM in its place {number}: {error}")))
        .collect();
    let certificates = read?;
    if certificates.is_empty() {
        Err("holds no certificate in PEM (BEGIN CERTIFICATE)".to_owned())
    } else {
        Ok(certificates)
    }
}

/// The authorities of a file: whoever they have signed is trusted.
///
/// # Errors
/// As of [`read`].
pub fn authorities(path: &Path) -> Result<RootCertStore, String> {
    authorities_in(&read(path)?)
}

pub(crate) fn authorities_in(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for (certificate, number) in certificates_in(pem)?.into_iter().zip(1..) {
        store.add(certificate).map_err(|error| format!("has a certificate {number} that cannot be used: {error}"))?;
    }
    Ok(store)
}

/// The private key of a file that nobody else may read.
///
/// # Errors
/// As of [`read`], and of [`private::check`].
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = read(path)?;
    private::check(path)?;
    private_key_in(&bytes)
}

pub(crate) fn private_key_in(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            "holds no private key in PEM that can be read without a password (BEGIN PRIVATE KEY)".to_owned()
        }
        error => format!("holds no private key: {error}"),
    })
}

/// Certificate and key as they are shown, where they belong together.
///
/// # Errors
/// A sentence of its own: which of the two is wrong cannot be known.
pub fn pair(certificates: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<CertifiedKey, String> {
    CertifiedKey::from_der(certificates, key, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => "the certificate is not that of the private key".to_owned(),
        error => format!("certificate and private key cannot be used: {error}"),
    })
}
