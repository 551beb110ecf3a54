//! An order of one line, as a client placed it.

use chrono::{DateTime, Utc};

use super::{Channel, OrderContents, OrderId, ProductId, Quantity, TotalPrice, UnitPrice, UserId, Violation};

/// A placed order. Its total is quantity times unit price by construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    order_id: OrderId,
    user_id: UserId,
    product_id: ProductId,
    quantity: Quantity,
    unit_price: UnitPrice,
    total_price: TotalPrice,
    placed_at: DateTime<Utc>,
    channel: Option<Channel>,
}

/// The sum that a client or a record states is not quantity times unit price, or cannot be represented.
pub type WrongTotal = Violation;

impl Order {
    /// `stated_total` is what the sender says the total is, in minor units; `None` where it leaves it to us.
    ///
    /// # Errors
    /// [`Violation::TotalOverflow`] or [`Violation::WrongTotal`].
    pub fn new(
        order_id: OrderId,
        user_id: UserId,
        product_id: ProductId,
        quantity: Quantity,
        unit_price: UnitPrice,
        stated_total: Option<i64>,
        placed_at: DateTime<Utc>,
    ) -> Result<Self, WrongTotal> {
        let total_price = TotalPrice::of(quantity, unit_price)?;
        match stated_total {
            Some(found) if found != total_price.get() => {
                Err(Violation::WrongTotal { expected: total_price.get(), found })
            }
            _ => {
                Ok(Self { order_id, user_id, product_id, quantity, unit_price, total_price, placed_at, channel: None })
            }
        }
    }

    /// The same order, placed over `channel`.
    #[must_use]
    pub fn over(self, channel: Channel) -> Self {
        Self { channel: Some(channel), ..self }
    }

    pub fn order_id(&self) -> OrderId {
        self.order_id
    }

    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    pub fn product_id(&self) -> &ProductId {
        &self.product_id
    }

    pub fn quantity(&self) -> Quantity {
        self.quantity
    }

    pub fn unit_price(&self) -> UnitPrice {
        self.unit_price
    }

    pub fn total_price(&self) -> TotalPrice {
        self.total_price
    }

    pub fn placed_at(&self) -> DateTime<Utc> {
        self.placed_at
    }

    /// Where it was placed, when the sender said so. The log keeps it; no table has it, so an order that is read from
    /// one has none.
    pub fn channel(&self) -> Option<&Channel> {
        self.channel.as_ref()
    }

    /// What it asks for under its id.
    pub fn contents(&self) -> OrderContents<'_> {
        OrderContents {
            user_id: self.user_id.as_str(),
            product_id: self.product_id.as_str(),
            quantity: self.quantity.get(),
            unit_price: self.unit_price.get(),
        }
    }

    /// Whether `other` is the same order: the same id, and the same contents under it. Neither the time, which differs
    /// between a request and its retry, nor the channel, which is not stored, are contents ([`OrderContents`]).
    pub fn same_contents(&self, other: &Self) -> bool {
        self.order_id == other.order_id && self.contents() == other.contents()
    }
}
