//! Logs: to stderr, so that stdout carries only what a command was asked for. It must never log a password; database
//! URLs are types that do not print theirs (`url.rs` of `ledger-database`).

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::flags::{LogArgs, LogFormat};

/// Starts logging for the process. A second call changes nothing (tests run several commands in one process).
pub fn start(args: &LogArgs) {
    start_with(args, std::io::stderr);
}

fn start_with<W>(args: &LogArgs, writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&args.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let started = match args.log_format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}
