//! `ledger migrate`: creates database, users, tables and topics where they are missing. Running it again changes nothing.

use clap::Args;
use ledger_operator::migrate::{self, MigrateOptions};

use crate::exit::{CommandError, Done};
use crate::flags;
use crate::flags::{Hidden, KafkaArgs, OutputArgs, OutputTopicsArgs};
use crate::output;

#[derive(Debug, Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    pub kafka: KafkaArgs,
    #[command(flatten)]
    pub topics: OutputTopicsArgs,
    /// An administrator's login, which creates database and users; may be left out when they are there
    #[arg(long, env = "LEDGER_ADMIN_DATABASE_URL", hide_env_values = true)]
    pub admin_database_url: Option<Hidden>,
    /// The login that owns the tables
    #[arg(long, env = "LEDGER_OWNER_DATABASE_URL", hide_env_values = true)]
    pub owner_database_url: Option<Hidden>,
    /// The projector's login; its user is created and given its rights
    #[arg(long, env = "LEDGER_PROJECTOR_DATABASE_URL", hide_env_values = true)]
    pub projector_database_url: Option<Hidden>,
    /// The services' login; its user is created and given its rights
    #[arg(long, env = "LEDGER_READER_DATABASE_URL", hide_env_values = true)]
    pub reader_database_url: Option<Hidden>,
    /// Partitions of the topics. Frozen once they exist
    #[arg(long, env = "LEDGER_PARTITIONS", default_value_t = ledger_schema::topics::DEFAULT_PARTITION_COUNT,
          value_parser = clap::value_parser!(i32).range(1..=1024))]
    pub partitions: i32,
    /// Replicas of the topics; default: 3 where the cluster has that many brokers, else what it has
    #[arg(long, env = "LEDGER_REPLICATION_FACTOR", value_parser = clap::value_parser!(i32).range(1..=64))]
    pub replication_factor: Option<i32>,
    /// The database was restored from an older copy: reads wait until it is as far as the log
    #[arg(long)]
    pub restored: bool,
    #[command(flatten)]
    pub output: OutputArgs,
}

pub async fn run(args: MigrateArgs) -> Result<Done, CommandError> {
    let url = flags::optional_database_url;
    let options = MigrateOptions {
        admin: url("--admin-database-url", args.admin_database_url.as_ref())?,
        owner: url("--owner-database-url", args.owner_database_url.as_ref())?,
        projector: url("--projector-database-url", args.projector_database_url.as_ref())?,
        reader: url("--reader-database-url", args.reader_database_url.as_ref())?,
        kafka: args.kafka.settings()?,
        topics: args.topics.named(args.kafka.orders_topic),
        partitions: args.partitions,
        replication_factor: args.replication_factor,
        restored: args.restored,
    };
    let report = migrate::run(&options).await?;
    output::print(&report, args.output)?;
    Ok(Done::Ok)
}
