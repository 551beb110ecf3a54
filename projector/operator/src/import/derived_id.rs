//! Ids for what the old world left without one. Each is a UUIDv5 of what the thing is called or of where it stands, so that a
//! second run of the import gives the same id and nothing doubles. It must never use a clock or a random number. Next:
//! [`super::order_id`].

use ledger_schema::{MovementId, OrderId, Position, ProductId};
use uuid::Uuid;

/// Namespace of ids by place and of opening stock (a UUIDv4 drawn once). Changing it would import everything a second time.
const NAMESPACE: Uuid = Uuid::from_u128(0x3c8d_1f52_7be0_4a69_9d14_e5a2_60f7_b83c);
/// Namespace of ids by text (a UUIDv4 drawn once), which docs/from-kafka-connect.md names: others can compute these ids by themselves.
const TEXT_NAMESPACE: Uuid = Uuid::from_u128(0x39ad_dc8d_401d_498f_aa3f_b92f_1eed_f6e9);

/// A topic of the old world. A topic that was deleted and made anew has the same name and another id: what stands in it
/// is something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OldTopic {
    pub name: String,
    /// Kafka's topic id, base64.
    pub id: String,
}

impl OldTopic {
    /// The id of the order that the topic holds at `position` without an order id of its own. Neither a topic's name nor its
    /// id has a space, so the parts cannot run together.
    pub(crate) fn order_id(&self, position: Position) -> OrderId {
        let Self { name, id } = self;
        OrderId::from_uuid(Uuid::new_v5(&NAMESPACE, format!("order {name} {id} {position}").as_bytes()))
    }

    /// The id that versions before this derivation gave that order, without a look at the topic's id. An order that stands under it, at the
    /// same time and with the same contents, was imported then.
    pub(crate) fn earlier_order_id(&self, position: Position) -> OrderId {
        OrderId::from_uuid(Uuid::new_v5(&NAMESPACE, format!("order {} {position}", self.name).as_bytes()))
    }
}

/// The id of the order that the old world calls `text`, which is no UUID. The same in every topic and table: the text is all
/// that the old world knew it by.
pub(crate) fn order_id_of_text(text: &str) -> OrderId {
    OrderId::from_uuid(Uuid::new_v5(&TEXT_NAMESPACE, text.as_bytes()))
}

/// The id of the receipt that brings in the opening stock of a product: one per product for ever, whatever the file is
/// called, so that a changed file shows as a conflict.
pub(super) fn opening_stock_id(product_id: &ProductId) -> MovementId {
    MovementId::from_uuid(Uuid::new_v5(&NAMESPACE, format!("opening stock {product_id}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, id: &str) -> OldTopic {
        OldTopic { name: name.to_owned(), id: id.to_owned() }
    }

    /// Golden: if one of these changes, a second run doubles what the first one imported.
    #[test]
    fn ids_are_the_same_for_ever() {
        let position = Position { partition: 0, offset: 17 };
        let old = topic("legacy-orders", "2EuwGQOZTcCrrCBZ3rKoRQ");
        assert_eq!(old.earlier_order_id(position).to_string(), "336ce9f9-d803-5b51-b54b-ef86effa523c");
        assert_eq!(old.order_id(position).to_string(), "2b3e4d62-c892-55e1-8b6a-76cfe9393b9f");
        assert_eq!(order_id_of_text("ORD-2024-17").to_string(), "866f5c32-6eda-5664-a45e-7aad1dd7cea6");
        let chocolate = ProductId::parse("chocolate").expect("valid");
        assert_eq!(opening_stock_id(&chocolate).to_string(), "0a2e2327-b16a-57aa-a706-a62eb45704a7");
    }

    #[test]
    fn another_place_is_another_order() {
        let at = |name, id, partition, offset| topic(name, id).order_id(Position { partition, offset });
        let ids = [
            at("a", "x", 0, 1),
            at("a", "x", 1, 0),
            at("a", "x", 0, 11),
            at("a", "x", 0, 2),
            at("b", "x", 0, 1),
            at("a1", "x", 0, 1),
            at("a", "y", 0, 1),
        ];
        for (n, id) in ids.iter().enumerate() {
            assert!(!ids[n + 1..].contains(id), "{n}");
        }
    }
}
