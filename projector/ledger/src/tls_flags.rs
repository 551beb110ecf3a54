//! Flags of TLS of the commands that ask the services; those of a listener are `ledger_tls`'s own. It must never go on in the clear where a
//! file was named that cannot be used.

use std::path::PathBuf;

use clap::Args;
use ledger_tls::flags::file;
use ledger_tls::{ClientFiles, TlsError};

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
