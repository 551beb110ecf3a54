//! TLS of a listener: the handshake of one connection, with the files as they were read last.
//!
//! It must never wait for a client without a limit: that is its caller's, around [`ServerTls::accept`].

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::files::{CERTIFICATE, CLIENT_CA, KEY, ServerFiles, TlsError, at};
use crate::{pem, private, provider, rotation};

/// The first byte of every handshake: the type of its record (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// A client's connection after its handshake.
pub type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

/// What a listener shows and asks for. Cheap to clone: all clones change together.
#[derive(Debug, Clone)]
pub struct ServerTls {
    files: Arc<ServerFiles>,
    config: Arc<ArcSwap<ServerConfig>>,
}

/// A client did not come to TLS.
#[derive(Debug)]
pub struct NotAccepted {
    pub cause: io::Error,
    /// The client's, as the handshake left it.
    pub stream: TcpStream,
    /// It did not speak TLS at all: plain HTTP, most likely.
    pub is_clear: bool,
}

/// What the files held, to be compared with what they hold later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`] of one that cannot be used.
    pub fn load(files: ServerFiles) -> Result<Self, TlsError> {
        let config = contents(&files).and_then(|contents| config_of(&contents, &files))?;
        Ok(Self { files: Arc::new(files), config: Arc::new(ArcSwap::from_pointee(config)) })
    }

    /// The handshake of one connection. Who speaks no TLS is told by the first byte, before anything is said to him in TLS.
    ///
    /// # Errors
    /// [`NotAccepted`].
    pub async fn accept(&self, stream: TcpStream) -> Result<TlsStream, NotAccepted> {
        let mut first = [0];
        let refused = match stream.peek(&mut first).await {
            Ok(1..) if first[0] != HANDSHAKE => Some((io::ErrorKind::InvalidData.into(), true)),
            Ok(_) => None,
            Err(cause) => Some((cause, false)),
        };
        if let Some((cause, is_clear)) = refused {
            return Err(NotAccepted { cause, stream, is_clear });
        }
        let accepting = TlsAcceptor::from(self.config.load_full()).accept(stream).into_fallible();
        accepting.await.map_err(|(cause, stream)| NotAccepted { cause, stream, is_clear: false })
    }

    /// Looks at the files until `stop`: connections that come later see new ones. What cannot be used is said, and changes nothing.
    pub async fn watch(self, stop: CancellationToken) {
        rotation::watch(self, stop).await;
    }

    pub(crate) fn files(&self) -> &ServerFiles {
        &self.files
    }

    pub(crate) fn replace(&self, config: ServerConfig) {
        self.config.store(Arc::new(config));
    }
}

pub(crate) fn contents(files: &ServerFiles) -> Result<Contents, TlsError> {
    let read = |setting, path| pem::read(path).map_err(at(setting, path));
    let contents = Contents {
        certificate: read(CERTIFICATE, &files.certificate)?,
        key: read(KEY, &files.key)?,
        client_ca: files.client_ca.as_deref().map(|path| read(CLIENT_CA, path)).transpose()?,
    };
    private::check(&files.key).map_err(at(KEY, &files.key))?;
    Ok(contents)
}

pub(crate) fn config_of(contents: &Contents, files: &ServerFiles) -> Result<ServerConfig, TlsError> {
    let unfit = |problem| TlsError::Unfit { settings: "--tls-cert, --tls-key", problem };
    let chain = pem::certificates_in(&contents.certificate).map_err(at(CERTIFICATE, &files.certificate))?;
    let key = pem::private_key_in(&contents.key).map_err(at(KEY, &files.key))?;
    let shown = pem::pair(chain, key).map_err(unfit)?;
    let versions = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| unfit(error.to_string()))?;
    let asking = match (&contents.client_ca, &files.client_ca) {
        (Some(pem), Some(path)) => {
            let authorities = pem::authorities_in(pem).map_err(at(CLIENT_CA, path))?;
            WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider())
                .build()
                .map_err(|error| at(CLIENT_CA, path)(error.to_string()))?
        }
        _ => Arc::new(NoClientAuth),
    };
    let mut config =
        versions.with_client_cert_verifier(asking).with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
