//! `ledger verify-import`: compares the table that a sink wrote with the ledger. It only reads, on both sides. Read next:
//! `verify_import/mod.rs` of the operator.

use std::time::Duration;

use clap::Args;
use ledger_operator::verify_import::{self, VerifyImportOptions};

use crate::exit::{CommandError, Done};
use crate::flags;
use crate::flags::{Hidden, KafkaArgs, ReaderArgs, bounded};
use crate::old_world::OldWorldArgs;
use crate::output;

#[derive(Debug, Args)]
pub struct VerifyImportArgs {
    /// The old table's database: mysql://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long = "old-database-url", visible_alias = "url", env = "LEDGER_OLD_DATABASE_URL", hide_env_values = true)]
    pub url: Option<Hidden>,
    /// The old table, in that database, or DATABASE.TABLE
    #[arg(long, value_name = "NAME")]
    pub table: String,
    /// The topic that the sink wrote from: then only its orders are expected in the table, and rows that say their record's place
    /// (`__connect_partition`, `__connect_offset`) have an id
    #[arg(long)]
    pub topic: Option<String>,
    #[command(flatten)]
    pub old_world: OldWorldArgs,
    /// Most differences that are listed; all are counted
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: u32,
    /// Longest that one open transaction of the old topic is waited for
    #[arg(long, env = "LEDGER_IMPORT_TRANSACTION_WAIT", value_name = "SECONDS", default_value_t = 90,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub transaction_wait: u32,
    #[command(flatten)]
    pub kafka: KafkaArgs,
    #[command(flatten)]
    pub reader: ReaderArgs,
}

pub async fn run(args: VerifyImportArgs) -> Result<Done, CommandError> {
    let kafka = args.kafka.settings()?;
    let options = VerifyImportOptions {
        old: flags::database_url("--url", "LEDGER_OLD_DATABASE_URL", args.url.as_ref())?,
        table: args.table,
        ledger: args.reader.url()?,
        rules: args.old_world.rules()?,
        topic: args.topic,
        transaction_patience: Duration::from_secs(u64::from(args.transaction_wait)),
        limit: bounded(args.limit),
    };
    let verified = verify_import::run(options, &kafka).await?;
    output::print(&verified, args.reader.output)?;
    Ok(if verified.agrees() { Done::Ok } else { Done::Difference })
}
