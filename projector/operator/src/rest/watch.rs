//! Following an order until it is decided, and stock for as long as somebody looks. The stream says that something changed; what is shown
//! of an order is read, so that neither a reset nor an event that was missed leaves an old state on the screen. The stream is connected
//! before the first reading, so nothing can fall in between.

use std::ops::ControlFlow;

use ledger_schema::{OrderId, Position};
use serde_json::Value;

use super::calls::{get_order, get_stock};
use super::client::Client;
use super::error::RestError;
use super::event_stream::Event;
use super::follower::{Follower, Heard};
use super::shown::{OrderShown, StockLevels};

/// What the server names when it cannot go on where the last connection ended.
const RESET: &str = "reset";
/// What it says to a reader that is too slow, before it ends the stream.
const DROPPED: &str = "dropped";
/// The events of the stream of stock.
const CHANGE: &str = "stock";
/// States that stay (a confirmed order can be cancelled; it is decided all the same).
const DECIDED: [&str; 3] = ["confirmed", "rejected", "cancelled"];

/// What is seen while watching.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// Where an order stands now; only what differs from what was seen before.
    Order(OrderShown),
    /// A change of stock, or where it stands at the beginning.
    Stock(Value),
    /// Something for a person, beside what was asked for.
    Note(String),
}

/// Shows where the order stands, at once and at each change, until it is decided; gives how it ended.
///
/// # Errors
/// [`RestError`], also where `show` cannot write. `show` ends it earlier by [`ControlFlow::Break`].
pub async fn watch_order(
    client: &Client,
    order: OrderId,
    after: Option<Position>,
    mut show: impl FnMut(Seen) -> std::io::Result<ControlFlow<()>>,
) -> Result<Option<OrderShown>, RestError> {
    let mut follower = Follower::new(client, vec!["events"], vec![("order", order.to_string())]);
    let mut last = None;
    loop {
        if let Heard::Event(event) = follower.next().await?
            && event.kind == RESET
        {
            let note = Seen::Note("the stream cannot go on where it ended; the order is read anew".to_owned());
            if show(note)?.is_break() {
                return Ok(last);
            }
        }
        let found = get_order(client, order, after).await?;
        let decided = DECIDED.contains(&found.status());
        if last.as_ref() != Some(&found) && show(Seen::Order(found.clone()))?.is_break() {
            return Ok(Some(found));
        }
        if decided {
            return Ok(Some(found));
        }
        last = Some(found);
    }
}

/// Shows each change of stock, of one product (beginning with where it stands) or of all, until `show` breaks off.
///
/// # Errors
/// As [`watch_order`].
pub async fn watch_stock(
    client: &Client,
    product: Option<&str>,
    mut show: impl FnMut(Seen) -> std::io::Result<ControlFlow<()>>,
) -> Result<(), RestError> {
    let query = product.map(|product| ("product", product.to_owned())).into_iter().collect();
    let mut follower = Follower::new(client, vec!["stock", "events"], query);
    let mut begun = false;
    loop {
        let seen = match follower.next().await? {
            Heard::Connected if begun => continue,
            Heard::Connected => {
                begun = true;
                present(client, product).await?
            }
            Heard::Event(Event { kind, .. }) if kind == RESET => {
                let note = "the stream cannot go on where it ended; changes in between are not shown".to_owned();
                if show(Seen::Note(note))?.is_break() {
                    return Ok(());
                }
                present(client, product).await?
            }
            Heard::Event(Event { kind, data }) if kind == CHANGE => Some(changed(client, &data).await?),
            Heard::Event(Event { kind, .. }) if kind == DROPPED => {
                Some(Seen::Note("the service cut this reader off for being slow; it goes on where it was".to_owned()))
            }
            // What only a newer service tells.
            Heard::Event(_) => None,
        };
        if let Some(seen) = seen
            && show(seen)?.is_break()
        {
            return Ok(());
        }
    }
}

/// A change as its outcome tells it. That of an order of several lines does not say what is left: it is asked for.
async fn changed(client: &Client, data: &str) -> Result<Seen, RestError> {
    let mut change: Value = match serde_json::from_str(data) {
        Ok(change) => change,
        Err(error) => return Ok(Seen::Note(format!("an event that is no JSON is left out: {error}"))),
    };
    if let (true, Some(product)) = (change["available"].is_null(), change["productId"].as_str())
        && let StockLevels::One(level) = get_stock(client, product, None).await?
        && let (Some(change), Value::Object(level)) = (change.as_object_mut(), level)
    {
        change.extend(level);
    }
    Ok(Seen::Stock(change))
}

/// Where a product stands; one that never had stock may still get some.
async fn present(client: &Client, product: Option<&str>) -> Result<Option<Seen>, RestError> {
    let Some(product) = product else { return Ok(None) };
    match get_stock(client, product, None).await {
        Ok(StockLevels::One(level)) => Ok(Some(Seen::Stock(level))),
        Ok(StockLevels::List { .. }) => Ok(None),
        Err(error) if error.problem().is_some_and(|problem| problem.status == 404) => {
            Ok(Some(Seen::Note(format!("{product} never had stock; waiting for a receipt"))))
        }
        Err(error) => Err(error),
    }
}
