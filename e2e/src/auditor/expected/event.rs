//! What a well-formed record says. Next: [`super::parse`], which reads one.
//!
//! It must never hold what a record does not: no default, no guess.

/// A record that is well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Placed(Order),
    Moved(Movement),
    Asked(Asked),
    Told(Told),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub id: String,
    pub user: String,
    /// Line 1 first.
    pub lines: Vec<Line>,
    pub currency: Option<String>,
    pub hold_seconds: Option<i64>,
    pub placed_at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub product: String,
    pub quantity: i64,
    pub unit_price: i64,
    pub total_price: i64,
}

impl Order {
    /// When its hold is over.
    pub fn expires_at(&self) -> Option<i64> {
        self.hold_seconds.map(|seconds| self.placed_at + seconds * 1_000_000)
    }

    /// What a retry must repeat.
    pub fn contents(&self) -> String {
        let lines = self.lines.iter().map(|line| {
            let Line { product, quantity, unit_price, total_price } = line;
            (product.as_str(), *quantity, *unit_price, *total_price)
        });
        contents(&self.user, lines, self.currency.as_deref(), self.hold_seconds)
    }
}

/// As everything that compares orders spells them: user, each line's product, pieces, price and sum, the sum of several, and the terms.
pub fn contents<'a>(
    user: &str,
    lines: impl ExactSizeIterator<Item = (&'a str, i64, i64, i64)>,
    currency: Option<&str>,
    hold_seconds: Option<i64>,
) -> String {
    let (mut text, mut sum, several) = (format!("user={user}"), 0, lines.len() > 1);
    for (product, quantity, price, total) in lines {
        text.push_str(&format!(" product={product} {quantity}x{price}={total}"));
        sum += total;
    }
    if several {
        text.push_str(&format!(" sum={sum}"));
    }
    text.extend(currency.map(|currency| format!(" currency={currency}")));
    text.extend(hold_seconds.map(|seconds| format!(" hold={seconds}")));
    text
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    pub id: String,
    pub product: String,
    /// Signed.
    pub delta: i64,
    /// Only a receipt may introduce a product.
    pub is_receipt: bool,
    pub note: Option<String>,
}

impl Movement {
    pub fn kind(&self) -> &'static str {
        if self.is_receipt { "receipt" } else { "adjustment" }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Confirm,
    Cancel,
    Expire,
}

/// What somebody wants of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub id: String,
    pub wish: Wish,
    /// Of the order's line 1.
    pub product: String,
    pub at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Requested,
    /// Why it is refused, if it is.
    Decided(Option<String>),
    Released,
    Confirmed,
}

/// What one partition of an order tells another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Partition, offset and index.
    pub cause: (i32, i64, i64),
    pub step: Step,
    pub order_id: String,
    pub line_no: i64,
    pub home_product: String,
    pub product: String,
    pub quantity: i64,
}

impl Told {
    /// Where it goes.
    pub fn addressee(&self) -> &str {
        if matches!(self.step, Step::Decided(_)) { &self.home_product } else { &self.product }
    }

    /// Where it comes from.
    pub fn sender(&self) -> &str {
        if matches!(self.step, Step::Decided(_)) { &self.product } else { &self.home_product }
    }
}

impl Event {
    /// What the record's key must be.
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Placed(order) => &order.lines[0].product,
            Self::Moved(movement) => &movement.product,
            Self::Asked(asked) => &asked.product,
            Self::Told(told) => told.addressee(),
        }
    }
}
