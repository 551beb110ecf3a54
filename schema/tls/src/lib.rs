//! TLS by rustls: what a listener shows, whom it asks, and whom a client trusts. The one provider of cryptography is ring; nothing
//! here rests on a default of the process.
//!
//! It must never take a private key that others may read, and never serve in the clear where TLS was asked for. Reading order:
//! [`pem`] (files), [`private`] (who may read them), [`files`] (which ones), [`flags`] (by which settings), [`server`] (a listener), `rotation` (its new files),
//! [`client`].

pub mod client;
pub mod files;
pub mod flags;
pub mod pem;
pub mod private;
mod rotation;
pub mod server;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use client::{clear_client_config, client_config};
pub use files::{ClientFiles, ServerFiles, TlsError};
pub use flags::TlsArgs;
pub use server::{NotAccepted, ServerTls, TlsStream};

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
