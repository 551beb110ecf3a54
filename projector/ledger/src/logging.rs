//! Logs, as `--log` and `--log-format` say. It must never log a password; database URLs are types that do not print theirs
//! (`url.rs` of `ledger-database`). Next: `ledger-logging`, which keeps strangers' text from forging a line.

use ledger_logging::Form;

use crate::flags::{LogArgs, LogFormat};

/// Starts logging for the process. A second call changes nothing (tests run several commands in one process).
pub fn start(args: &LogArgs) {
    let form = match args.log_format {
        LogFormat::Text => Form::Text,
        LogFormat::Json => Form::FlatJson,
    };
    ledger_logging::start(&args.log, form);
}
