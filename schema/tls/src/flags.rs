//! The settings of a listener, of whichever program. It must never go on in the clear where a file was named that cannot be used.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::files::{ServerFiles, TlsError};
use crate::server::ServerTls;

/// A path. Also an empty name, which is none: so compose files write what is not set.
pub fn file() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Of a listener.
#[derive(Debug, Clone, Default, Args)]
pub struct TlsArgs {
    /// Certificate of this program with its chain (PEM): with it nothing is answered but HTTPS. New files are taken while it runs
    #[arg(long, env = "LEDGER_TLS_CERT", value_name = "FILE", value_parser = file())]
    pub tls_cert: Option<PathBuf>,
    /// Its private key (PEM, without a password), which nobody else may read
    #[arg(long, env = "LEDGER_TLS_KEY", value_name = "FILE", value_parser = file())]
    pub tls_key: Option<PathBuf>,
    /// Authorities of clients (PEM): who shows no certificate of theirs is not let in, probes neither
    #[arg(long, env = "LEDGER_TLS_CLIENT_CA", value_name = "FILE", value_parser = file())]
    pub tls_client_ca: Option<PathBuf>,
}

impl TlsArgs {
    /// `None`: in the clear.
    ///
    /// # Errors
    /// [`TlsError`]: a file that is missing beside another one, or cannot be used.
    pub fn load(&self) -> Result<Option<ServerTls>, TlsError> {
        let files = ServerFiles::of(self.tls_cert.clone(), self.tls_key.clone(), self.tls_client_ca.clone())?;
        files.map(ServerTls::load).transpose()
    }
}
