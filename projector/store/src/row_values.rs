//! A row of `orders` or `stock_movements` and what it says, whoever read it: its contents for a comparison, and the domain
//! value. The one home of that way; `rows.rs` is the other. It must never bend a value: what does not parse was not written by
//! a projector, and is an error with the row's key.

use chrono::{DateTime, Utc};
use ledger_schema::{
    AdjustmentNote, Delta, Movement, MovementContents, MovementId, MovementKind, Note, Order, OrderContents, OrderId,
    ProductId, Quantity, UnitPrice, UserId, Violation,
};
use uuid::Uuid;

use crate::error::StoreError;

/// The columns of `orders` that say what is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct OrderValues<'r> {
    pub order_id: Uuid,
    pub user_id: &'r str,
    pub product_id: &'r str,
    pub quantity: i64,
    pub unit_price: i64,
    pub total_price: i64,
    pub placed_at: DateTime<Utc>,
}

/// The columns of `stock_movements` that say what is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct MovementValues<'r> {
    pub movement_id: Uuid,
    pub product_id: &'r str,
    pub kind: &'r str,
    pub delta: i64,
    pub note: Option<&'r str>,
    pub occurred_at: DateTime<Utc>,
}

impl<'r> OrderValues<'r> {
    /// As [`sqlx::FromRow`] wants them selected.
    pub const COLUMNS: &'static str = "order_id, user_id, product_id, quantity, unit_price, total_price, placed_at";

    /// What is held against another order of the same id.
    pub fn contents(&self) -> OrderContents<'r> {
        let Self { user_id, product_id, quantity, unit_price, .. } = *self;
        OrderContents { user_id, product_id, quantity, unit_price }
    }

    /// The order.
    ///
    /// # Errors
    /// [`StoreError::CorruptRow`].
    pub fn parse(&self) -> Result<Order, StoreError> {
        self.order().map_err(|violation| corrupt("orders", self.order_id, violation.to_string()))
    }

    fn order(&self) -> Result<Order, Violation> {
        Order::new(
            OrderId::from_uuid(self.order_id),
            UserId::parse(self.user_id)?,
            ProductId::parse(self.product_id)?,
            Quantity::new(self.quantity)?,
            UnitPrice::new(self.unit_price)?,
            Some(self.total_price),
            self.placed_at,
        )
    }
}

impl<'r> MovementValues<'r> {
    /// As [`sqlx::FromRow`] wants them selected.
    pub const COLUMNS: &'static str = "movement_id, product_id, kind, delta, note, occurred_at";

    /// What is held against another movement of the same id.
    pub fn contents(&self) -> MovementContents<'r> {
        let Self { product_id, kind, delta, note, .. } = *self;
        MovementContents { product_id, kind, delta, note: Note::Held(note) }
    }

    /// The movement.
    ///
    /// # Errors
    /// [`StoreError::CorruptRow`].
    pub fn parse(&self) -> Result<Movement, StoreError> {
        let corrupt = |problem| corrupt("stock_movements", self.movement_id, problem);
        self.movement().map_err(|violation| corrupt(violation.to_string()))?.ok_or_else(|| {
            let note = if self.note.is_some() { "with" } else { "without" };
            corrupt(format!("kind `{}` {note} a note", self.kind))
        })
    }

    /// `None`: no movement is of that kind, with or without a note.
    fn movement(&self) -> Result<Option<Movement>, Violation> {
        let kind = match (self.kind, self.note) {
            ("receipt", None) => MovementKind::Receipt(Quantity::new(self.delta)?),
            ("adjustment", Some(note)) => {
                MovementKind::Adjustment { delta: Delta::new(self.delta)?, note: AdjustmentNote::parse(note)? }
            }
            _ => return Ok(None),
        };
        let product_id = ProductId::parse(self.product_id)?;
        Ok(Some(Movement::new(MovementId::from_uuid(self.movement_id), product_id, kind, self.occurred_at)))
    }
}

fn corrupt(table: &'static str, id: Uuid, problem: String) -> StoreError {
    StoreError::CorruptRow { table, key: id.to_string(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: OrderValues<'_> = OrderValues {
        order_id: Uuid::from_u128(7),
        user_id: "user-1",
        product_id: "chocolate",
        quantity: 3,
        unit_price: 250,
        total_price: 750,
        placed_at: DateTime::UNIX_EPOCH,
    };
    const MOVEMENT: MovementValues<'_> = MovementValues {
        movement_id: Uuid::from_u128(8),
        product_id: "chocolate",
        kind: "adjustment",
        delta: -2,
        note: Some("counted"),
        occurred_at: DateTime::UNIX_EPOCH,
    };

    #[test]
    fn a_row_is_what_it_says() {
        let order = ORDER.parse().expect("an order");
        assert_eq!((order.order_id().as_uuid(), order.contents()), (ORDER.order_id, ORDER.contents()));
        let movement = MOVEMENT.parse().expect("a movement");
        assert_eq!(
            (movement.movement_id().as_uuid(), movement.contents()),
            (MOVEMENT.movement_id, MOVEMENT.contents())
        );
        let receipt = MovementValues { kind: "receipt", delta: 5, note: None, ..MOVEMENT };
        assert_eq!(receipt.parse().expect("a receipt").contents(), receipt.contents());
    }

    #[test]
    fn what_no_projector_writes_is_named() {
        for (row, says) in [
            (OrderValues { quantity: 0, ..ORDER }, "from 1 to 1000000000, found 0"),
            (OrderValues { total_price: 751, ..ORDER }, "751"),
            (OrderValues { product_id: "", ..ORDER }, "empty"),
        ] {
            let error = row.parse().expect_err(says).to_string();
            assert!(error.starts_with(&format!("table orders, row {}: ", ORDER.order_id)), "{error}");
            assert!(error.contains(says), "{error}");
        }
        for (row, says) in [
            (MovementValues { note: None, ..MOVEMENT }, "kind `adjustment` without a note"),
            (MovementValues { kind: "receipt", ..MOVEMENT }, "kind `receipt` with a note"),
            (MovementValues { kind: "gift", ..MOVEMENT }, "kind `gift` with a note"),
        ] {
            let error = row.parse().expect_err(says).to_string();
            assert_eq!(error, format!("table stock_movements, row {}: {says}", MOVEMENT.movement_id));
        }
    }
}
