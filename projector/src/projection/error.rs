//! Why a projector did not start, or cannot continue.

use std::net::SocketAddr;

use ledger_kafka::KafkaUseError;
use ledger_store::log_check::LogCheckError;
use metrics_exporter_prometheus::BuildError;
use thiserror::Error;

use crate::consumer::ConsumerError;
use crate::relay::RelayError;
use crate::start_check::StartError;
use crate::writer::WriterError;

/// The projector could not start, or cannot continue.
#[derive(Debug, Error)]
pub enum ProjectionError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error(transparent)]
    Consumer(#[from] ConsumerError),
    #[error(transparent)]
    Log(#[from] LogCheckError),
    #[error(transparent)]
    Writer(#[from] WriterError),
    #[error(transparent)]
    Relay(#[from] RelayError),
    #[error("metrics: {0}")]
    Metrics(#[from] BuildError),
    #[error("cannot listen on {address}: {cause}")]
    Listen { address: SocketAddr, cause: std::io::Error },
    #[error("a part of the projector ended unexpectedly: {0}")]
    Part(String),
}

impl ProjectionError {
    /// Only at the start: a running projector waits for its servers.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Start(error) => error.is_unreachable(),
            Self::Kafka(error) => error.is_unreachable(),
            _ => false,
        }
    }
}
