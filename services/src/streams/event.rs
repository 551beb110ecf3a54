//! One record of the topic of outcomes, read as far as streams need it: what it is about, and its own JSON.
//!
//! It must never refuse a type that only a newer projector knows: what is not shown would be a gap. Next: [`super::frames`].

use std::str::FromStr;

use ledger_schema::EventId;
use serde::Deserialize;
use thiserror::Error;

/// A record that cannot be shown. It is counted, and left out.
#[derive(Debug, Error)]
pub(crate) enum NotShown {
    #[error("the record has no value")]
    NoValue,
    #[error("not an outcome: {0}")]
    NoOutcome(#[from] serde_json::Error),
    #[error("type: expected 1 to 64 ASCII letters and digits")]
    Type,
    #[error("event_id {0}")]
    EventId(#[from] ledger_schema::position::InvalidPosition),
}

/// An outcome's members that streams look at; the rest is shown as it is.
#[derive(Deserialize)]
struct Members {
    r#type: String,
    event_id: String,
    order_id: Option<String>,
    user_id: Option<String>,
    product_id: Option<String>,
    available: Option<i64>,
    #[serde(default)]
    lines: Vec<LineMembers>,
}

#[derive(Deserialize)]
struct LineMembers {
    product_id: String,
}

/// The stock of a product changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StockChange {
    pub(crate) product_id: String,
    /// Pieces available after it, where the outcome says so: that of an order of several lines does not.
    pub(crate) available: Option<i64>,
}

/// One outcome.
#[derive(Debug)]
pub(crate) struct StreamEvent {
    pub(crate) event_type: String,
    pub(crate) event_id: EventId,
    pub(crate) order_id: Option<String>,
    pub(crate) user_id: Option<String>,
    /// Each once.
    pub(crate) products: Vec<String>,
    pub(crate) stock: Vec<StockChange>,
    /// Its JSON, on one line.
    pub(crate) json: String,
}

/// Types by which a taking is known of which the outcome does not say what is left. (What is given back is told by outcomes of its own.)
const TAKES: [&str; 2] = ["OrderConfirmed", "OrderHeld"];

impl StreamEvent {
    /// # Errors
    /// [`NotShown`].
    pub(crate) fn decode(value: Option<&[u8]>) -> Result<Self, NotShown> {
        let value = value.ok_or(NotShown::NoValue)?;
        let members: Members = serde_json::from_slice(value)?;
        let is_word = (1..=64).contains(&members.r#type.len());
        if !is_word || !members.r#type.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(NotShown::Type);
        }
        let event_id = EventId::from_str(&members.event_id)?;
        let stock = stock_changes(&members);
        let mut products: Vec<String> = members.product_id.into_iter().collect();
        for line in members.lines {
            if !products.contains(&line.product_id) {
                products.push(line.product_id);
            }
        }
        let Members { r#type: event_type, order_id, user_id, .. } = members;
        Ok(Self { event_type, event_id, order_id, user_id, products, stock, json: on_one_line(value)? })
    }
}

fn stock_changes(members: &Members) -> Vec<StockChange> {
    match (&members.product_id, members.available) {
        (Some(product_id), Some(available)) => {
            vec![StockChange { product_id: product_id.clone(), available: Some(available) }]
        }
        _ if TAKES.contains(&members.r#type.as_str()) => {
            let mut changes: Vec<StockChange> = Vec::with_capacity(members.lines.len());
            for LineMembers { product_id } in &members.lines {
                if changes.iter().all(|change| change.product_id != *product_id) {
                    changes.push(StockChange { product_id: product_id.clone(), available: None });
                }
            }
            changes
        }
        _ => Vec::new(),
    }
}

/// A line of a stream ends where its text does; the projector writes none that goes on, a stranger may.
fn on_one_line(value: &[u8]) -> Result<String, serde_json::Error> {
    match std::str::from_utf8(value) {
        Ok(text) if !text.contains(['\n', '\r']) => Ok(text.to_owned()),
        _ => serde_json::from_slice::<serde_json::Value>(value).map(|value| value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(json: &str) -> Result<StreamEvent, NotShown> {
        StreamEvent::decode(Some(json.as_bytes()))
    }

    fn changes(event: &StreamEvent) -> Vec<(&str, Option<i64>)> {
        event.stock.iter().map(|change| (change.product_id.as_str(), change.available)).collect()
    }

    #[test]
    fn what_it_is_about() {
        let one = r#"{"type":"OrderConfirmed","version":1,"event_id":"0-3-0","order_id":"o","user_id":"u","product_id":"p","available":4}"#;
        let event = decode(one).expect("an outcome");
        assert_eq!((event.event_type.as_str(), event.json.as_str()), ("OrderConfirmed", one));
        assert_eq!((event.order_id.as_deref(), event.user_id.as_deref()), (Some("o"), Some("u")));
        assert_eq!((event.products.as_slice(), changes(&event)), (&["p".to_owned()][..], vec![("p", Some(4))]));
        let lines = r#""lines":[{"product_id":"p"},{"product_id":"q"},{"product_id":"p"}]"#;
        for (event_type, expected) in
            [("OrderHeld", vec![("p", None), ("q", None)]), ("OrderRejected", vec![]), ("OrderCancelled", vec![])]
        {
            let event = decode(&format!(r#"{{"type":"{event_type}","version":2,"event_id":"0-3-0",{lines}}}"#));
            let event = event.expect("an outcome");
            assert_eq!((event.products.len(), changes(&event)), (2, expected), "{event_type}");
        }
        let rejected = decode(r#"{"type":"OrderRejected","version":1,"event_id":"0-3-0","product_id":"p"}"#);
        assert!(rejected.expect("an outcome").stock.is_empty(), "nothing was taken");
        let newer = decode(r#"{"type":"OrderMelted","version":9,"event_id":"0-3-0","heat":3}"#);
        assert_eq!(newer.expect("shown as it is").event_type, "OrderMelted");
    }

    #[test]
    fn what_would_break_a_stream_is_not_shown_or_put_on_one_line() {
        assert!(matches!(StreamEvent::decode(None), Err(NotShown::NoValue)));
        for bad in [
            "",
            "7",
            r#"{"type":"OrderConfirmed"}"#,
            r#"{"type":"a\nid: 1","event_id":"0-3-0"}"#,
            r#"{"type":"","event_id":"0-3-0"}"#,
            r#"{"type":"OrderConfirmed","event_id":"3"}"#,
        ] {
            assert!(decode(bad).is_err(), "{bad}");
        }
        let event = decode("{\"type\":\"X\",\r\n \"event_id\":\"0-3-0\"}").expect("an outcome");
        assert!(!event.json.contains(['\n', '\r']), "{}", event.json);
    }
}
