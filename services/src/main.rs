//! The binary `order-service`. Read next: `program.rs` (settings, signals, exit codes), `service.rs` (start, serve, stop).

use std::process::ExitCode;

fn main() -> ExitCode {
    order_service::program::run()
}
