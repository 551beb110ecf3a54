//! `ledger pause` and `ledger resume`: their flags. It must never decide what a pause is. Read next: `interventions/pause.rs` of the operator.

use clap::Args;
use ledger_operator::interventions::said::{Name, Reason};
use ledger_operator::interventions::{self, PauseOptions, Said};

use crate::exit::{CommandError, Done};
use crate::flags;
use crate::flags::{Hidden, OutputArgs};
use crate::output;
use crate::usage::UsageError;

#[derive(Debug, Args)]
pub struct PauseArgs {
    /// Which one; all of them where none is named
    #[arg(value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: Option<i32>,
    /// Why, for whoever looks at the status
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<Reason>,
    #[command(flatten)]
    pub who: WhoArgs,
    #[arg(long, env = "LEDGER_ORDERS_TOPIC", default_value = ledger_schema::topics::ORDERS)]
    pub orders_topic: String,
    #[command(flatten)]
    pub owner: InterventionOwnerArgs,
}

/// Who steps in. Nobody can check it: every such command has the owner's login.
#[derive(Debug, Args)]
pub struct WhoArgs {
    /// Who says so, as it is written down; default: the login name (USER, LOGNAME)
    #[arg(long = "as", env = "LEDGER_OPERATOR", value_name = "NAME")]
    pub name: Option<Name>,
}

impl WhoArgs {
    /// # Errors
    /// [`UsageError::Nobody`] where neither flag nor environment has a name that can be written down.
    pub fn named(self) -> Result<Name, UsageError> {
        let login = || ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()?.parse().ok());
        self.name.or_else(login).ok_or(UsageError::Nobody)
    }
}

#[derive(Debug, Args)]
pub struct InterventionOwnerArgs {
    /// mysql://USER:PASSWORD@HOST:PORT/DATABASE of the owner, who alone may step in
    #[arg(long, env = "LEDGER_OWNER_DATABASE_URL", hide_env_values = true)]
    pub owner_database_url: Option<Hidden>,
    #[command(flatten)]
    pub output: OutputArgs,
}

fn options(args: PauseArgs) -> Result<(PauseOptions, OutputArgs), CommandError> {
    let PauseArgs { partition, reason, who, orders_topic: topic, owner } = args;
    let InterventionOwnerArgs { owner_database_url: url, output } = owner;
    let owner = flags::database_url("--owner-database-url", "LEDGER_OWNER_DATABASE_URL", url.as_ref())?;
    Ok((PauseOptions { owner, topic, partition, said: Said { by: who.named()?, reason } }, output))
}

pub async fn pause(args: PauseArgs) -> Result<Done, CommandError> {
    let (options, output) = options(args)?;
    output::print(&interventions::pause(options).await?, output)?;
    Ok(Done::Ok)
}

pub async fn resume(args: PauseArgs) -> Result<Done, CommandError> {
    let (options, output) = options(args)?;
    output::print(&interventions::resume(options).await?, output)?;
    Ok(Done::Ok)
}
