//! `ledger stock` without a subcommand: what was available, and why. From the log alone. Read next: `as_of/mod.rs` of the operator.

use clap::Args;
use ledger_operator::as_of::{self, AsOf, AsOfOptions};
use ledger_schema::ProductId;
use ledger_schema::domain::parse_timestamp;

use crate::exit::{CommandError, Done};
use crate::flags::{Hidden, KafkaArgs, OutputArgs, bounded, optional_database_url};
use crate::output;

#[derive(Debug, Args)]
pub struct LogStockArgs {
    /// As it was after a record (PARTITION:OFFSET, of its partition alone) or at a time (RFC 3339: of each partition, all
    /// before the first record that is later); else all of the log
    #[arg(long, value_name = "P:O|TIME", value_parser = as_of)]
    pub as_of: Option<AsOf>,
    /// Only this product
    #[arg(long, value_parser = product)]
    pub product: Option<ProductId>,
    /// Every record about this product, what became of it, and what was left
    #[arg(long, value_name = "PRODUCT", value_parser = product, conflicts_with = "product")]
    pub explain: Option<ProductId>,
    /// With --explain: how many records are listed, the last ones
    #[arg(long, default_value_t = 1000, requires = "explain", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: u32,
    #[command(flatten)]
    pub kafka: KafkaArgs,
    /// mysql://USER:PASSWORD@HOST:PORT/DATABASE of the reader, where it stands which records operators had skipped; without it they are folded
    #[arg(long, env = "LEDGER_READER_DATABASE_URL", hide_env_values = true)]
    pub reader_database_url: Option<Hidden>,
    #[command(flatten)]
    pub output: OutputArgs,
}

fn as_of(text: &str) -> Result<AsOf, String> {
    if let Ok(position) = text.parse() {
        return Ok(AsOf::Record(position));
    }
    parse_timestamp(text)
        .map(AsOf::Time)
        .map_err(|_| "must be PARTITION:OFFSET or a time as 2026-11-23T10:00:00Z".to_owned())
}

fn product(text: &str) -> Result<ProductId, String> {
    ProductId::parse(text).map_err(|violation| violation.to_string())
}

pub(super) async fn run(args: LogStockArgs) -> Result<Done, CommandError> {
    let database = optional_database_url("--reader-database-url", args.reader_database_url.as_ref())?;
    let options = AsOfOptions {
        database,
        kafka: args.kafka.settings()?,
        orders_topic: args.kafka.orders_topic,
        as_of: args.as_of.unwrap_or(AsOf::Now),
        product: args.product,
    };
    match args.explain {
        Some(product) => {
            let limit = bounded(args.limit);
            output::print(&as_of::explain(options, product, limit).await?, args.output)?;
        }
        None => output::print(&as_of::levels(options).await?, args.output)?,
    }
    Ok(Done::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_of_the_log_is_a_record_or_a_time() {
        assert_eq!(as_of("3:17").map(|found| found.to_string()), Ok("3:17".to_owned()));
        assert_eq!(
            as_of("2026-11-23T12:00:00+02:00").map(|found| found.to_string()),
            Ok("2026-11-23T10:00:00Z".to_owned())
        );
        for bad in ["", "yesterday", "3", "3:-1", "2026-11-23"] {
            assert!(as_of(bad).is_err(), "{bad}");
        }
    }
}
