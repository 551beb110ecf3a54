//! `ledger stock get|list|receive|adjust|watch`: stock through the services, as any client has it. It must never decide what is a good movement.
//! Read next: `rest/mod.rs` of the operator.

use std::ops::ControlFlow;

use clap::{Args, Subcommand};
use ledger_operator::rest::{self, Adjustment, Seen, StockLevels};
use ledger_schema::Position;

use crate::commands::examples;
use crate::exit::{CommandError, Done};
use crate::flags::OutputArgs;
use crate::output;
use crate::services_flags::{KeyArgs, ServicesArgs, WaitArgs};

#[derive(Debug, Subcommand)]
pub enum StockCommand {
    /// Shows what is available and held of a product
    #[command(after_help = examples::STOCK_GET)]
    Get(GetArgs),
    /// Shows what is available and held of each product
    #[command(after_help = examples::STOCK_LIST)]
    List(ListArgs),
    /// Goods arrive: adds them to a product's stock, and introduces the product
    #[command(after_help = examples::STOCK_RECEIVE)]
    Receive(ReceiveArgs),
    /// A count differed: adds to a product's stock, or takes away
    #[command(after_help = examples::STOCK_ADJUST)]
    Adjust(AdjustArgs),
    /// Shows each change of stock as it happens, until it is stopped
    #[command(after_help = examples::STOCK_WATCH)]
    Watch(WatchArgs),
}

#[derive(Debug, Args)]
pub struct GetArgs {
    pub product: String,
    /// Waits until this record is projected
    #[arg(long, value_name = "P:O")]
    pub after: Option<Position>,
    #[command(flatten)]
    pub services: ServicesArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Most that are listed
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: u32,
    #[command(flatten)]
    pub services: ServicesArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct ReceiveArgs {
    pub product: String,
    pub quantity: i64,
    #[command(flatten)]
    pub key: KeyArgs,
    #[command(flatten)]
    pub wait: WaitArgs,
    #[command(flatten)]
    pub services: ServicesArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct AdjustArgs {
    pub product: String,
    /// Pieces more, or fewer where it is negative
    #[arg(allow_negative_numbers = true)]
    pub delta: i64,
    /// Why, in your words
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    #[command(flatten)]
    pub key: KeyArgs,
    #[command(flatten)]
    pub wait: WaitArgs,
    #[command(flatten)]
    pub services: ServicesArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Only this product, beginning with where it stands; else all
    pub product: Option<String>,
    /// End after so many lines
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(u32).range(1..))]
    pub count: Option<u32>,
    #[command(flatten)]
    pub services: ServicesArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

pub(super) async fn run(command: StockCommand) -> Result<Done, CommandError> {
    match command {
        StockCommand::Get(GetArgs { product, after, services, output }) => {
            output::answered(rest::get_stock(&services.client()?, &product, after).await, output)
        }
        StockCommand::List(ListArgs { limit, services, output }) => {
            output::answered(rest::list_stock(&services.client()?, limit).await, output)
        }
        StockCommand::Receive(ReceiveArgs { product, quantity, key, wait, services, output }) => {
            let client = services.client_that_waits(wait)?;
            output::answered(rest::receive(&client, &product, quantity, &key.or_new()).await, output)
        }
        StockCommand::Adjust(AdjustArgs { product, delta, reason, key, wait, services, output }) => {
            let client = services.client_that_waits(wait)?;
            let adjustment = Adjustment { product, delta, reason, key: key.or_new() };
            output::answered(rest::adjust(&client, &adjustment).await, output)
        }
        StockCommand::Watch(args) => watch(args).await,
    }
}

async fn watch(WatchArgs { product, count, services, output }: WatchArgs) -> Result<Done, CommandError> {
    let mut left = count;
    let show = |seen: Seen| match seen {
        Seen::Stock(change) => {
            let level = StockLevels::One(change);
            let shown = output::line(&level, &level.line(), output)?;
            left = left.map(|left| left - 1);
            Ok(if left == Some(0) { ControlFlow::Break(()) } else { shown })
        }
        Seen::Order(_) => Ok(ControlFlow::Continue(())),
        Seen::Note(note) => {
            output::say(&note);
            Ok(ControlFlow::Continue(()))
        }
    };
    let client = services.client()?;
    output::refusal_shown(rest::watch_stock(&client, product.as_deref(), show).await, output)?;
    Ok(Done::Ok)
}
