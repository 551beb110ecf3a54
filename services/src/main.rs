//! The binary: settings, logging, signals; everything else is the library's. Exit codes: 0 stopped, 1 refused to
//! start, 2 wrong usage, 3 a server cannot be reached.

use std::process::ExitCode;

use clap::Parser;
use ledger_logging::Form;
use order_service::service::Service;
use order_service::settings::{LogFormat, Settings};
use order_service::start::StartError;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::parse();
    let form = match settings.log_format {
        LogFormat::Text => Form::Text,
        LogFormat::Json => Form::Json,
    };
    ledger_logging::start(&settings.log, form);
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

async fn run(settings: Settings) -> Result<(), StartError> {
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
