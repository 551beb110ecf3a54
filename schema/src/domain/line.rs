//! A line of an order: so many pieces of one product. Orders of several lines number them from 1, without gaps.
//!
//! It must never have a total that is not quantity times unit price. Next: [`super::order`], which holds 1 to 100 of them.

use std::fmt;

use super::amount::in_range;
use super::{ProductId, Quantity, TotalPrice, UnitPrice, Violation};

/// Most lines of an order. (A request of so many fits into a body, an event into [`crate::wire::MAX_EVENT_BYTES`].)
pub const MAX_LINES: usize = 100;

/// Number of a line within its order: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineNo(i16);

impl LineNo {
    /// The line whose product decides where the order is at home.
    pub const FIRST: Self = Self(1);

    /// # Errors
    /// [`Violation::OutOfRange`] below 1 or above 100.
    pub fn new(number: i64) -> Result<Self, Violation> {
        let number = in_range(number, 1, 100)?;
        Ok(Self(i16::try_from(number).expect("1 to 100 fit")))
    }

    /// Of the line that stands at `index`, from 0, of an order's lines.
    ///
    /// # Panics
    /// Above 99: no order has such a line.
    pub fn at(index: usize) -> Self {
        let number = i16::try_from(index + 1).ok().filter(|number| *number <= 100);
        Self(number.expect("an order has at most 100 lines"))
    }

    pub fn get(self) -> i16 {
        self.0
    }

    /// Where it stands in its order's lines, from 0.
    pub fn index(self) -> usize {
        usize::try_from(self.0 - 1).expect("a line's number is at least 1")
    }
}

impl fmt::Display for LineNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// So many pieces of a product, at a price. Its total is their product by construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    product_id: ProductId,
    quantity: Quantity,
    unit_price: UnitPrice,
    total_price: TotalPrice,
}

impl Line {
    /// `stated_total` is what the sender says the line's total is, in minor units; `None` where it leaves it to us.
    ///
    /// # Errors
    /// [`Violation::TotalOverflow`] or [`Violation::WrongTotal`].
    pub fn new(
        product_id: ProductId,
        quantity: Quantity,
        unit_price: UnitPrice,
        stated_total: Option<i64>,
    ) -> Result<Self, Violation> {
        let total_price = TotalPrice::of(quantity, unit_price)?;
        match stated_total {
            Some(found) if found != total_price.get() => {
                Err(Violation::WrongTotal { expected: total_price.get(), found })
            }
            _ => Ok(Self { product_id, quantity, unit_price, total_price }),
        }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_from_one_to_a_hundred() {
        for (number, good) in [(i64::MIN, false), (0, false), (1, true), (100, true), (101, false)] {
            assert_eq!(LineNo::new(number).is_ok(), good, "{number}");
        }
        assert_eq!(LineNo::at(0), LineNo::FIRST);
        assert_eq!(LineNo::new(100).map(LineNo::index), Ok(MAX_LINES - 1));
        assert_eq!(LineNo::at(MAX_LINES - 1).to_string(), "100");
    }

    #[test]
    fn a_line_says_its_own_total() {
        let line = |stated| {
            let product = ProductId::parse("tea").expect("valid");
            Line::new(product, Quantity::new(3).expect("valid"), UnitPrice::new(7).expect("valid"), stated)
        };
        assert_eq!(line(None).map(|line| line.total_price().get()), Ok(21));
        assert!(line(Some(21)).is_ok());
        assert_eq!(line(Some(20)), Err(Violation::WrongTotal { expected: 21, found: 20 }));
    }
}
