//! Ids for what the old world left without one. Each is a UUIDv5 of where the thing stands, so that a second run of the
//! import gives the same id and nothing doubles. It must never use a clock or a random number. Next: [`super::legacy_record`].

use ledger_schema::{MovementId, OrderId, Position, ProductId};
use uuid::Uuid;

/// Namespace of the ids below (a UUIDv4 drawn once). Changing it would import everything a second time.
const NAMESPACE: Uuid = Uuid::from_u128(0x3c8d_1f52_7be0_4a69_9d14_e5a2_60f7_b83c);

/// The id of the order that `topic` holds at `position` without an order id of its own. A topic's name has no space, so
/// name and position cannot run together.
pub(super) fn order_id(topic: &str, position: Position) -> OrderId {
    OrderId::from_uuid(Uuid::new_v5(&NAMESPACE, format!("order {topic} {position}").as_bytes()))
}

/// The id of the receipt that brings in the opening stock of a product: one per product for ever, whatever the file is
/// called, so that a changed file shows as a conflict.
pub(super) fn opening_stock_id(product_id: &ProductId) -> MovementId {
    MovementId::from_uuid(Uuid::new_v5(&NAMESPACE, format!("opening stock {product_id}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: if one of these changes, a second run doubles what the first one imported.
    #[test]
    fn ids_are_the_same_for_ever() {
        let position = Position { partition: 0, offset: 17 };
        assert_eq!(order_id("legacy-orders", position).to_string(), "336ce9f9-d803-5b51-b54b-ef86effa523c");
        let chocolate = ProductId::parse("chocolate").expect("valid");
        assert_eq!(opening_stock_id(&chocolate).to_string(), "0a2e2327-b16a-57aa-a706-a62eb45704a7");
    }

    #[test]
    fn another_place_is_another_order() {
        let at = |topic, partition, offset| order_id(topic, Position { partition, offset });
        let ids = [at("a", 0, 1), at("a", 1, 0), at("a", 0, 11), at("a", 0, 2), at("b", 0, 1), at("a1", 0, 1)];
        for (n, id) in ids.iter().enumerate() {
            assert!(!ids[n + 1..].contains(id), "{n}");
        }
    }
}
