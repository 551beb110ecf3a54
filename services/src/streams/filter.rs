//! What a stream asks for. It is compared with members that were read once, never with text.

use super::event::StreamEvent;

/// The types that the topic holds: the words of `type=` and of `event:`.
pub(crate) const EVENT_TYPES: [&str; 6] =
    ["OrderConfirmed", "OrderRejected", "OrderHeld", "OrderCancelled", "StockChanged", "AdjustmentRejected"];

/// Which of the two streams it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Outcomes of these types; of all where there are none.
    Outcomes { types: Vec<&'static str> },
    /// Changes of stock.
    Stock,
}

/// All of what is given must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) shown: Shown,
    pub(crate) product: Option<String>,
    pub(crate) user: Option<String>,
    /// As [`ledger_schema::OrderId`] writes it.
    pub(crate) order: Option<String>,
}

impl Filter {
    pub(crate) fn matches(&self, event: &StreamEvent) -> bool {
        let is = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        let shown = match &self.shown {
            Shown::Outcomes { types } => {
                (types.is_empty() || types.contains(&event.event_type.as_str()))
                    && self.product.as_ref().is_none_or(|product| event.products.contains(product))
            }
            Shown::Stock => match &self.product {
                Some(product) => event.stock.iter().any(|change| change.product_id == *product),
                None => !event.stock.is_empty(),
            },
        };
        shown && is(&self.user, &event.user_id) && is(&self.order, &event.order_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Filter {
        Filter { shown: Shown::Outcomes { types: vec![] }, product: None, user: None, order: None }
    }

    #[test]
    fn all_of_it_must_hold() {
        let json = r#"{"type":"OrderHeld","event_id":"0-3-0","order_id":"o","user_id":"u","lines":[{"product_id":"p"},{"product_id":"q"}]}"#;
        let event = StreamEvent::decode(Some(json.as_bytes())).expect("an outcome");
        let text = |text: &str| Some(text.to_owned());
        for (filter, matches) in [
            (outcomes(), true),
            (Filter { shown: Shown::Outcomes { types: vec!["OrderHeld", "OrderRejected"] }, ..outcomes() }, true),
            (Filter { shown: Shown::Outcomes { types: vec!["OrderRejected"] }, ..outcomes() }, false),
            (Filter { product: text("q"), user: text("u"), order: text("o"), ..outcomes() }, true),
            (Filter { product: text("r"), ..outcomes() }, false),
            (Filter { product: text("q"), user: text("v"), ..outcomes() }, false),
            (Filter { order: text("q"), ..outcomes() }, false),
            (Filter { shown: Shown::Stock, ..outcomes() }, true),
            (Filter { shown: Shown::Stock, product: text("q"), ..outcomes() }, true),
            (Filter { shown: Shown::Stock, product: text("r"), ..outcomes() }, false),
        ] {
            assert_eq!(filter.matches(&event), matches, "{filter:?}");
        }
    }
}
