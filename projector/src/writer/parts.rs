//! What a writer is made of, and why it ends. It must never hold a state of its own.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use ledger_store::StoreError;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::intake::{Intake, Limits};
use crate::shared::{Resync, Shared};

/// How batches are cut.
#[derive(Debug, Clone, Copy)]
pub struct BatchSettings {
    pub limits: Limits,
    /// How long to wait for more than what is there. Zero: an idle system folds a record at once.
    pub linger: Duration,
}

/// The writer cannot go on.
#[derive(Debug, Error)]
pub enum WriterError {
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a writer is made of.
pub struct WriterParts<S> {
    /// For logs and health.
    pub name: String,
    pub store: S,
    pub partition_count: i32,
    pub intake: Arc<Intake>,
    pub shared: Arc<Shared>,
    pub resyncs: Sender<Resync>,
    pub settings: BatchSettings,
    pub stop: CancellationToken,
}
