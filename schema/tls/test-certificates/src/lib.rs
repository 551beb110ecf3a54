//! Authorities and certificates for tests, made in the test: none is kept, so none expires in the repository. A mistake here is one of the
//! test, so it panics with what failed.
//!
//! It must never be part of a program that users run.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

/// Whoever signs.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// In PEM.
    pub certificate: String,
}

/// A certificate with its private key, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    /// # Panics
    /// Where none can be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).expect("signed").pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// For a server of these names and addresses, or for a client.
    ///
    /// # Panics
    /// Where it cannot be made.
    #[must_use]
    pub fn identity(&self, names: &[&str]) -> Identity {
        self.signed(params(names))
    }

    /// As [`Self::identity`], and over since a long time.
    ///
    /// # Panics
    /// Where it cannot be made.
    #[must_use]
    pub fn expired(&self, names: &[&str]) -> Identity {
        let mut params = params(names);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.signed(params)
    }

    fn signed(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed").pem();
        Identity { certificate, key: key.serialize_pem() }
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let common = names.first().cloned().unwrap_or_else(|| "nobody".to_owned());
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, common);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// A folder of files in PEM, removed at the end.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// # Panics
    /// Where it cannot be made.
    #[must_use]
    pub fn new(purpose: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ledger-{purpose}-{}-{number}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&path).expect("a folder of our own");
        Self(path)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file that nobody else may read, at once as a whole.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let (path, new) = (self.0.join(name), self.0.join(format!(".{name}")));
        let written = || -> io::Result<()> {
            fs::write(&new, text)?;
            fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
            fs::rename(&new, &path)
        };
        written().expect(name);
        path
    }

    /// Certificate and key, as `NAME.pem` and `NAME.key`.
    ///
    /// # Panics
    /// Where they cannot be written.
    pub fn write_identity(&self, name: &str, identity: &Identity) -> (PathBuf, PathBuf) {
        (self.write(&format!("{name}.pem"), &identity.certificate), self.write(&format!("{name}.key"), &identity.key))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
