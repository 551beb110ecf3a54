//! The binary `ledger`. Read next: `program.rs` (what it does), `cli.rs` (the commands), `commands/` (one file per
//! command), `exit.rs` (the codes).

use std::process::ExitCode;

fn main() -> ExitCode {
    ledger_cli::program::run()
}
