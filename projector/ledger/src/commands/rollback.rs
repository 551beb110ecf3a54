//! `ledger rollback`: goes back to a kept generation of the tables. It asks before rows change. Read next:
//! `generations/rollback.rs`.

use clap::Args;
use clap::builder::BoolishValueParser;
use ledger_operator::generations::rollback::{Change, Rollback, RollbackOptions};
use ledger_operator::generations::swap::Patience;
use ledger_operator::rebuild::Consent;
use ledger_store::{FOLD_VERSION, MixedFolds};
use tokio_util::sync::CancellationToken;

use crate::exit::{CommandError, Done};
use crate::flags;
use crate::flags::{Hidden, KafkaArgs, OutputArgs, OutputTopicsArgs};
use crate::output;

#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Number of the generation to go back to; default: the newest kept one before the live one
    #[arg(long, value_name = "GENERATION", value_parser = clap::value_parser!(i32).range(1..))]
    pub to: Option<i32>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Go back also to tables that another version of the fold made
    #[arg(long, env = "LEDGER_ACCEPT_MIXED", value_parser = BoolishValueParser::new())]
    pub accept_mixed: bool,
    #[command(flatten)]
    pub kafka: KafkaArgs,
    #[command(flatten)]
    pub topics: OutputTopicsArgs,
    /// mysql://USER:PASSWORD@HOST:PORT/DATABASE of the owner, who may rename tables
    #[arg(long, env = "LEDGER_OWNER_DATABASE_URL", hide_env_values = true)]
    pub owner_database_url: Option<Hidden>,
    #[command(flatten)]
    pub output: OutputArgs,
}

pub async fn run(args: RollbackArgs) -> Result<Done, CommandError> {
    let owner =
        flags::database_url("--owner-database-url", "LEDGER_OWNER_DATABASE_URL", args.owner_database_url.as_ref())?;
    let options = RollbackOptions {
        owner,
        kafka: args.kafka.settings()?,
        topics: args.topics.named(args.kafka.orders_topic),
        to: args.to,
        mixed_folds: if args.accept_mixed { MixedFolds::Accepted } else { MixedFolds::Refused },
        patience: Patience::default(),
    };
    let rollback = Rollback::prepare(options).await?;
    if let Some(change) = rollback.change() {
        agree(&describe(&change), Consent::of(args.yes)).await?;
    }
    let done = rollback
        .run(|held| {
            output::say(&format!(
                "attempt {} of {}: others hold the tables; trying again",
                held.attempt, held.attempts
            ));
        })
        .await?;
    output::print(&done, args.output)?;
    Ok(Done::Ok)
}

/// Refuses where nobody agrees that rows change.
async fn agree(what: &str, consent: Consent) -> Result<(), CommandError> {
    // A signal ends the process here as it always does: nothing was changed yet.
    if consent.agrees(&format!("{what}. Continue?"), &CancellationToken::new()).await {
        return Ok(());
    }
    Err(CommandError::Refused(match consent {
        Consent::Missing => format!("{what}. There is no terminal to ask on: --yes agrees to it. Nothing was changed"),
        Consent::Asked | Consent::Given => "not agreed to; nothing was changed".to_owned(),
    }))
}

/// What is about to happen.
fn describe(change: &Change) -> String {
    let Change { from, to, records_to_fold, other_fold } = change;
    let mixed = other_fold.map_or_else(String::new, |found| {
        format!(
            " (it was folded by version {found} of the rules, not {FOLD_VERSION}: projectors need --accept-mixed, too)"
        )
    });
    format!(
        "generation {to}{mixed} becomes live in place of {from}; the projector folds {records_to_fold} records again, which \
         its tables lack"
    )
}
