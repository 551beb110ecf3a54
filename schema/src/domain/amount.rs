//! Quantities and money. Money is an integer in minor units (the smallest unit of the order's currency).
//!
//! It must never compute with fractions, or wrap. Next: [`super::order`], whose total is a product of these.

use super::Violation;

/// 2^53 - 1, the largest integer that every JSON reader holds exactly (RFC 8259, section 6). No amount that leaves
/// the system is larger.
pub const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;
/// Most pieces in one order, receipt or adjustment.
pub const MAX_QUANTITY: i64 = 1_000_000_000;

pub(super) fn in_range(value: i64, min: i64, max: i64) -> Result<i64, Violation> {
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(Violation::OutOfRange { min, max, found: value.to_string() })
    }
}

/// Pieces ordered or received: 1 to 10^9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quantity(i64);

impl Quantity {
    /// # Errors
    /// [`Violation::OutOfRange`] below 1 or above 10^9.
    pub fn new(pieces: i64) -> Result<Self, Violation> {
        in_range(pieces, 1, MAX_QUANTITY).map(Self)
    }

    pub fn get(self) -> i64 {
        self.0
    }
}

/// Price of one piece in minor units: 1 to 2^53 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitPrice(i64);

impl UnitPrice {
    /// # Errors
    /// [`Violation::OutOfRange`] below 1 or above 2^53 - 1.
    pub fn new(minor_units: i64) -> Result<Self, Violation> {
        in_range(minor_units, 1, MAX_SAFE_INTEGER).map(Self)
    }

    pub fn get(self) -> i64 {
        self.0
    }
}

/// Quantity times unit price, or the sum of such, in minor units. It can only be computed, so it can never disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TotalPrice(i64);

impl TotalPrice {
    /// # Errors
    /// [`Violation::TotalOverflow`] above 2^53 - 1.
    pub fn of(quantity: Quantity, unit_price: UnitPrice) -> Result<Self, Violation> {
        quantity
            .get()
            .checked_mul(unit_price.get())
            .filter(|total| *total <= MAX_SAFE_INTEGER)
            .map(Self)
            .ok_or(Violation::TotalOverflow { max: MAX_SAFE_INTEGER })
    }

    /// A sum of totals; `None` above 2^53 - 1.
    pub(super) fn sum(minor_units: i64) -> Option<Self> {
        (minor_units <= MAX_SAFE_INTEGER).then_some(Self(minor_units))
    }

    pub fn get(self) -> i64 {
        self.0
    }
}

/// Signed change of a stock by a movement, in pieces: -10^9 to 10^9, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Delta(i64);

impl Delta {
    /// # Errors
    /// [`Violation::Zero`], or [`Violation::OutOfRange`] beyond 10^9 either way.
    pub fn new(pieces: i64) -> Result<Self, Violation> {
        if pieces == 0 {
            return Err(Violation::Zero);
        }
        in_range(pieces, -MAX_QUANTITY, MAX_QUANTITY).map(Self)
    }

    pub fn get(self) -> i64 {
        self.0
    }
}

impl From<Quantity> for Delta {
    fn from(quantity: Quantity) -> Self {
        Self(quantity.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive() {
        for (pieces, good) in
            [(i64::MIN, false), (-1, false), (0, false), (1, true), (MAX_QUANTITY, true), (MAX_QUANTITY + 1, false)]
        {
            assert_eq!(Quantity::new(pieces).is_ok(), good, "{pieces}");
        }
        for (price, good) in [(0, false), (1, true), (MAX_SAFE_INTEGER, true), (MAX_SAFE_INTEGER + 1, false)] {
            assert_eq!(UnitPrice::new(price).is_ok(), good, "{price}");
        }
        for (delta, good) in [
            (-MAX_QUANTITY - 1, false),
            (-MAX_QUANTITY, true),
            (-1, true),
            (0, false),
            (1, true),
            (MAX_QUANTITY, true),
            (MAX_QUANTITY + 1, false),
        ] {
            assert_eq!(Delta::new(delta).is_ok(), good, "{delta}");
        }
    }

    #[test]
    fn a_total_never_wraps() {
        let total = |quantity, price| {
            TotalPrice::of(Quantity::new(quantity).expect("valid"), UnitPrice::new(price).expect("valid"))
                .map(TotalPrice::get)
        };
        assert_eq!(total(7, 11_000), Ok(77_000));
        assert_eq!(total(1, MAX_SAFE_INTEGER), Ok(MAX_SAFE_INTEGER));
        assert_eq!(total(2, MAX_SAFE_INTEGER / 2 + 1), Err(Violation::TotalOverflow { max: MAX_SAFE_INTEGER }));
        assert_eq!(total(MAX_QUANTITY, MAX_SAFE_INTEGER), Err(Violation::TotalOverflow { max: MAX_SAFE_INTEGER }));
    }
}
