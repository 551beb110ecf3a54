//! `ledger doctor`: what the ledger rests on, looked at one thing a line. Read next: `doctor/mod.rs` of the operator.

use clap::Args;
use ledger_operator::doctor::{self, Diagnosis};

use crate::exit::{CommandError, Done};
use crate::flags::OutputArgs;
use crate::look_flags::LookArgs;
use crate::output;

#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub look: LookArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

pub async fn run(args: DoctorArgs) -> Result<Done, CommandError> {
    let diagnosis = Box::pin(doctor::run(&args.look.options()?)).await;
    output::print(&diagnosis, args.output)?;
    Ok(match diagnosis {
        Diagnosis { unreachable: 1.., .. } => Done::Unreachable,
        Diagnosis { wrong: 1.., .. } => Done::Difference,
        _ => Done::Ok,
    })
}
