//! `ledger skip`: its flags. It must never decide which record may be skipped. Read next: `interventions/skip.rs` of the operator.

use clap::Args;
use ledger_operator::interventions::said::Reason;
use ledger_operator::interventions::{self, Said, SkipOptions};
use ledger_schema::Position;

use super::pause::{InterventionOwnerArgs, WhoArgs};
use crate::exit::{CommandError, Done};
use crate::flags;
use crate::flags::KafkaArgs;
use crate::output;

#[derive(Debug, Args)]
pub struct SkipArgs {
    /// Partition of the record
    #[arg(value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: i32,
    /// Its offset: that of the next record to be folded, at which `ledger status` shows the partition standing, or the first after it
    #[arg(value_parser = clap::value_parser!(i64).range(0..))]
    pub offset: i64,
    /// Why; it stands in the dead letter for good
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
    #[command(flatten)]
    pub who: WhoArgs,
    #[command(flatten)]
    pub kafka: KafkaArgs,
    #[command(flatten)]
    pub owner: InterventionOwnerArgs,
}

pub async fn run(args: SkipArgs) -> Result<Done, CommandError> {
    let SkipArgs { partition, offset, reason, who, kafka, owner } = args;
    let InterventionOwnerArgs { owner_database_url: url, output } = owner;
    let owner = flags::database_url("--owner-database-url", "LEDGER_OWNER_DATABASE_URL", url.as_ref())?;
    let options = SkipOptions {
        kafka: kafka.settings()?,
        owner,
        topic: kafka.orders_topic,
        place: Position { partition, offset },
        said: Said { by: who.named()?, reason },
    };
    output::print(&interventions::skip(options).await?, output)?;
    Ok(Done::Ok)
}
