//! Flags of TLS: of what `ledger project` answers on, and of the commands that ask the services. It must never go on in the clear where
//! a file was named that cannot be used.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use ledger_tls::{ClientFiles, ServerFiles, ServerTls, TlsError};

use crate::usage::UsageError;

/// Also an empty name, which is none: so compose files write what is not set.
fn file() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Of a listener.
#[derive(Debug, Clone, Args)]
pub struct TlsArgs {
    /// Certificate of this projector with its chain (PEM): with it nothing is answered but HTTPS. New files are taken while it runs
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
    /// [`UsageError::Tls`].
    pub fn load(self) -> Result<Option<ServerTls>, UsageError> {
        let files = ServerFiles::of(self.tls_cert, self.tls_key, self.tls_client_ca)?;
        Ok(files.map(ServerTls::load).transpose()?)
    }
}

/// Of a client of the services, for an address that begins with `https://`.
#[derive(Debug, Clone, Default, Args)]
pub struct ClientTlsArgs {
    /// Authorities of the services (PEM), in place of the system's
    #[arg(long, env = "LEDGER_CA", value_name = "FILE", value_parser = file())]
    pub ca: Option<PathBuf>,
    /// Certificate of this client (PEM), for services that ask for one
    #[arg(long, env = "LEDGER_CLIENT_CERT", value_name = "FILE", value_parser = file())]
    pub client_cert: Option<PathBuf>,
    /// Its private key (PEM, without a password), which nobody else may read
    #[arg(long, env = "LEDGER_CLIENT_KEY", value_name = "FILE", value_parser = file())]
    pub client_key: Option<PathBuf>,
}

impl ClientTlsArgs {
    /// # Errors
    /// [`TlsError::Incomplete`].
    pub fn files(self) -> Result<ClientFiles, TlsError> {
        ClientFiles::of(self.ca, self.client_cert, self.client_key)
    }
}
