//! A gate that takes tokens, and keys of nobody.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use axum::http::Request;
use clap::Parser;
use ledger_auth::settings::Built;
use ledger_auth::{Access, AuthArgs, AuthSettingsError, Caller, Denied, KeyId, KeySource, StoredKey};

use crate::minting::{AUDIENCE, ISSUER};

pub(crate) const SECRET: &[u8] = b"a secret of forty bytes, which nobody has";

/// A table without keys.
pub(crate) struct NoKeys;

#[async_trait]
impl KeySource for NoKeys {
    async fn find(&self, _: &KeyId) -> Result<Option<StoredKey>, String> {
        Ok(None)
    }

    async fn mark_used(&self, _: &KeyId) -> Result<(), String> {
        Ok(())
    }
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    auth: AuthArgs,
}

pub(crate) fn args(flags: &[&str]) -> AuthArgs {
    Flags::try_parse_from([&["test"], flags].concat()).unwrap_or_else(|error| panic!("{error}")).auth
}

/// What the flags make, with auth on and this test's issuer.
pub(crate) async fn built(flags: &[&str]) -> Result<Built, AuthSettingsError> {
    let common = ["--auth", "on", "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE];
    args(&[&common, flags].concat()).build(Arc::new(NoKeys)).await
}

/// What the gate says to somebody with this credential.
pub(crate) async fn shown(built: &Built, credential: &str) -> Result<Caller, Denied> {
    let request =
        Request::get("/").header("authorization", format!("Bearer {credential}")).body(()).expect("a request");
    built.gate.admit(&request.into_parts().0, Access::Anybody).await
}

/// A file of this test alone, taken away with it.
pub(crate) struct File(pub(crate) PathBuf);

impl File {
    pub(crate) fn new(bytes: &[u8], mode: u32) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file = Self(std::env::temp_dir().join(format!("ledger-auth-{}-{number}", std::process::id())));
        file.write(bytes);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&file.0, mode).expect("its mode");
        file
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        std::fs::write(&self.0, bytes).expect("written");
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
