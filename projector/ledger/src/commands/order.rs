//! `ledger order place|get|confirm|cancel|watch`: orders through the services, as any client has them. It must never decide what is a good order:
//! the services do, and name each field. Read next: `rest/mod.rs` of the operator.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use ledger_operator::rest::{self, Cancellation, Placing, Seen};
use ledger_schema::{OrderId, Position};
use serde_json::{Map, Value, json};

use super::examples;
use crate::exit::{CommandError, Done};
use crate::flags::OutputArgs;
use crate::input;
use crate::output;
use crate::services_flags::{KeyArgs, ServicesArgs, WaitArgs};
use crate::usage::UsageError;

#[derive(Debug, Args)]
pub struct OrderArgs {
    #[command(subcommand)]
    pub command: OrderCommand,
}

#[derive(Debug, Subcommand)]
pub enum OrderCommand {
    /// Places an order, and waits for the decision
    #[command(after_help = examples::ORDER_PLACE)]
    Place(PlaceArgs),
    /// Shows an order and where its lines stand
    #[command(after_help = examples::ORDER_GET)]
    Get(GetArgs),
    /// Confirms an order that is held
    #[command(after_help = examples::ORDER_CONFIRM)]
    Confirm(ConfirmArgs),
    /// Cancels an order, and gives back what it has taken
    #[command(after_help = examples::ORDER_CANCEL)]
    Cancel(CancelArgs),
    /// Follows an order until it is confirmed, rejected or cancelled (exit code 0 for confirmed, else 1)
    #[command(after_help = examples::ORDER_WATCH)]
    Watch(WatchArgs),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("contents").required(true).args(["product", "line", "file"]))]
pub struct PlaceArgs {
    /// Whose order it is
    #[arg(long, required_unless_present = "file")]
    pub user: Option<String>,
    /// The product of an order of one line
    #[arg(long, requires = "quantity", requires = "unit_price")]
    pub product: Option<String>,
    #[arg(long, requires = "product")]
    pub quantity: Option<i64>,
    /// In minor units of the currency
    #[arg(long, requires = "product")]
    pub unit_price: Option<i64>,
    /// A line of an order of several; may be given again
    #[arg(long, value_name = "PRODUCT:QUANTITY:UNIT_PRICE", value_parser = line)]
    pub line: Vec<Line>,
    /// ISO 4217
    #[arg(long, conflicts_with = "file")]
    pub currency: Option<String>,
    /// Hold it for so long, until it is confirmed
    #[arg(long, value_name = "SECONDS", conflicts_with = "file")]
    pub hold: Option<u32>,
    /// The order's id, in place of one that the key gives
    #[arg(long, value_name = "UUID", value_parser = order_id, conflicts_with_all = ["idempotency_key", "file"])]
    pub order_id: Option<OrderId>,
    /// The order as JSON, as `POST /orders` takes it; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
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
pub struct OrderRef {
    #[arg(value_name = "ORDER", value_parser = order_id)]
    pub order: OrderId,
    /// The order's position: waits until it is projected, and says which one is meant where a race left two
    #[arg(long, value_name = "P:O")]
    pub after: Option<Position>,
}

#[derive(Debug, Args)]
pub struct GetArgs {
    #[command(flatten)]
    pub order: OrderRef,
    #[command(flatten)]
    pub services: ServicesArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct ConfirmArgs {
    #[command(flatten)]
    pub order: OrderRef,
    #[command(flatten)]
    pub wait: WaitArgs,
    #[command(flatten)]
    pub services: ServicesArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct CancelArgs {
    #[command(flatten)]
    pub order: OrderRef,
    /// Why, in your words
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    #[command(flatten)]
    pub wait: WaitArgs,
    #[command(flatten)]
    pub services: ServicesArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct WatchArgs {
    #[command(flatten)]
    pub order: OrderRef,
    #[command(flatten)]
    pub services: ServicesArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A line of an order, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub product: String,
    pub quantity: i64,
    pub unit_price: i64,
}

/// Product ids may hold colons: the numbers are the last two.
fn line(text: &str) -> Result<Line, String> {
    let form = || format!("must be PRODUCT:QUANTITY:UNIT_PRICE with integers, found `{text}`");
    let mut parts = text.rsplitn(3, ':');
    let mut number = || parts.next().and_then(|part| part.parse().ok()).ok_or_else(form);
    let (unit_price, quantity) = (number()?, number()?);
    let product = parts.next().filter(|product| !product.is_empty()).ok_or_else(form)?.to_owned();
    Ok(Line { product, quantity, unit_price })
}

fn order_id(text: &str) -> Result<OrderId, String> {
    OrderId::parse(text).map_err(|violation| violation.to_string())
}

pub async fn run(args: OrderArgs) -> Result<Done, CommandError> {
    match args.command {
        OrderCommand::Place(args) => {
            let (services, wait, output) = (args.services.clone(), args.wait, args.output);
            let placing = placing(args)?;
            let client = services.client_that_waits(wait)?;
            output::answered(rest::place(&client, &placing).await, output)
        }
        OrderCommand::Get(GetArgs { order, services, output }) => {
            output::answered(rest::get_order(&services.client()?, order.order, order.after).await, output)
        }
        OrderCommand::Confirm(ConfirmArgs { order, wait, services, output }) => {
            let client = services.client_that_waits(wait)?;
            output::answered(rest::confirm(&client, order.order, order.after).await, output)
        }
        OrderCommand::Cancel(CancelArgs { order: OrderRef { order, after }, note, wait, services, output }) => {
            let client = services.client_that_waits(wait)?;
            output::answered(rest::cancel(&client, &Cancellation { order, after, note }).await, output)
        }
        OrderCommand::Watch(WatchArgs { order: OrderRef { order, after }, services, output }) => {
            let show = |seen: Seen| match seen {
                Seen::Order(found) => output::line(&found, &found.standing(), output),
                Seen::Stock(_) => Ok(ControlFlow::Continue(())),
                Seen::Note(note) => {
                    output::say(&note);
                    Ok(ControlFlow::Continue(()))
                }
            };
            let ended = rest::watch_order(&services.client()?, order, after, show).await;
            let ended = output::refusal_shown(ended, output)?;
            Ok(if ended.is_some_and(|order| order.status() != "confirmed") { Done::Difference } else { Done::Ok })
        }
    }
}

/// The request. One that states an order's id has no key: the id does what a key does, and a key would decide another one.
fn placing(args: PlaceArgs) -> Result<Placing, CommandError> {
    let PlaceArgs { user, product, quantity, unit_price, line, currency, hold, order_id, file, key, .. } = args;
    let mut body = match file {
        Some(file) => input::json_object(&file)?,
        None => Map::new(),
    };
    let id = order_id.map(|id| id.to_string());
    let hold = hold.map(|seconds| json!({ "expiresInSeconds": seconds }));
    let lines = (!line.is_empty()).then(|| line.into_iter().map(line_json).collect::<Value>());
    let given = [
        ("userId", user.map(Value::from)),
        ("productId", product.map(Value::from)),
        ("quantity", quantity.map(Value::from)),
        ("unitPrice", unit_price.map(Value::from)),
        ("lines", lines),
        ("currency", currency.map(Value::from)),
        ("hold", hold),
        ("orderId", id.map(Value::from)),
    ];
    for (member, value) in given {
        let Some(value) = value else { continue };
        if body.insert(member.to_owned(), value).is_some() {
            return Err(UsageError::SaidTwice { flag: "--user", member: member.to_owned() }.into());
        }
    }
    let key = if body.contains_key("orderId") { key.idempotency_key } else { Some(key.or_new()) };
    Ok(Placing { body: Value::Object(body), key })
}

fn line_json(line: Line) -> Value {
    json!({ "productId": line.product, "quantity": line.quantity, "unitPrice": line.unit_price })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_in_two_numbers() {
        let good = Line { product: "a:b".to_owned(), quantity: 2, unit_price: 250 };
        assert_eq!(line("a:b:2:250"), Ok(good));
        for bad in ["", "a", "a:1", ":1:2", "a:b:c", "a:1:2.5"] {
            assert!(line(bad).is_err(), "{bad}");
        }
    }
}
