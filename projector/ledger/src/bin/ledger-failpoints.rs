//! `ledger` with failpoints, for the fault test alone: `FAILPOINTS` says where it dies (see the crate `ledger-failpoints`).
//! `ledger-failpoints list-failpoints` names the points.

use std::process::ExitCode;

use ledger_cli::program;
use ledger_failpoints::FailPoint;

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|argument| argument == "list-failpoints") {
        return list();
    }
    match ledger_failpoints::arm() {
        Ok(()) => program::run(),
        Err(problem) => refuse(&problem),
    }
}

#[expect(clippy::print_stdout, reason = "the list is what was asked for")]
fn list() -> ExitCode {
    for point in FailPoint::ALL {
        println!("{}", point.name());
    }
    ExitCode::SUCCESS
}

fn refuse(problem: &str) -> ExitCode {
    eprintln!("FAILPOINTS: {problem}");
    ExitCode::from(2)
}
