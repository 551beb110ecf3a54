//! The process: settings, logging, signals, an exit code (0 stopped, 1 refused to start, 2 wrong usage, 3 a server cannot be
//! reached). It must never serve or decide anything itself.
//!
//! It stands in the library, so that the service's futures are compiled once, with it, and not again with the binary.

use std::process::ExitCode;

use clap::Parser;
use ledger_logging::Form;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::service::Service;
use crate::settings::{LogFormat, Settings};
use crate::start::StartError;

/// Runs the process.
#[tokio::main]
pub async fn run() -> ExitCode {
    let settings = Settings::parse();
    let form = match settings.log_format {
        LogFormat::Text => Form::Text,
        LogFormat::Json => Form::Json,
    };
    ledger_logging::start(&settings.log, form);
    match serve(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

async fn serve(settings: Settings) -> Result<(), StartError> {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        stop_signal().await;
        stopping.cancel();
    });
    Service::start(settings, stop).await?.run().await
}

/// The first SIGTERM or SIGINT.
async fn stop_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be received");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
