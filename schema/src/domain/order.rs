//! An order, as a client placed it: 1 to 100 lines of different products. The product of line 1 is the key of its record, so that
//! product's partition is the order's home.
//!
//! It must never have a total that is not the sum of its lines. Next: [`super::contents`].

use chrono::{DateTime, Utc};

use super::line::MAX_LINES;
use super::{
    Channel, Line, LineContents, LineNo, MAX_SAFE_INTEGER, OrderContents, OrderId, ProductId, Quantity, Terms,
    TotalPrice, UnitPrice, UserId, Violation,
};

/// A placed order. Totals are computed, never taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    order_id: OrderId,
    user_id: UserId,
    /// Line 1.
    first: Line,
    /// Lines 2 and on. Empty, without an allocation, for what most orders are.
    more: Vec<Line>,
    total_price: TotalPrice,
    terms: Terms,
    placed_at: DateTime<Utc>,
    channel: Option<Channel>,
}

/// The sum that a client or a record states is not quantity times unit price, or cannot be represented.
pub type WrongTotal = Violation;

/// Which part of an order breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderFault {
    /// How many lines there are.
    Lines(Violation),
    /// The product of this line.
    Product(LineNo, Violation),
    /// The sum over the lines.
    Total(Violation),
    Hold(Violation),
}

impl Order {
    /// An order of one line. `stated_total` is what the sender says the total is, in minor units; `None` where it leaves it to us.
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
        let first = Line::new(product_id, quantity, unit_price, stated_total)?;
        let (total_price, terms) = (first.total_price(), Terms::default());
        Ok(Self { order_id, user_id, first, more: Vec::new(), total_price, terms, placed_at, channel: None })
    }

    /// An order of the lines in their order. `stated_total` is what the sender says their sum is.
    ///
    /// # Errors
    /// The first rule that is broken: 1 to 100 lines, each product once, the sum, the end of the hold.
    pub fn of_lines(
        order_id: OrderId,
        user_id: UserId,
        lines: Vec<Line>,
        stated_total: Option<i64>,
        terms: Terms,
        placed_at: DateTime<Utc>,
    ) -> Result<Self, OrderFault> {
        let found = lines.len();
        if !(1..=MAX_LINES).contains(&found) {
            return Err(OrderFault::Lines(Violation::Count { min: 1, max: MAX_LINES, found }));
        }
        check_products(&lines)?;
        let total_price = sum(&lines).map_err(OrderFault::Total)?;
        if let Some(found) = stated_total.filter(|found| *found != total_price.get()) {
            return Err(OrderFault::Total(Violation::WrongSum { expected: total_price.get(), found }));
        }
        if let Some(hold) = terms.hold {
            hold.ends(placed_at).map_err(OrderFault::Hold)?;
        }
        let mut lines = lines.into_iter();
        let first = lines.next().expect("there is at least one line");
        Ok(Self { order_id, user_id, first, more: lines.collect(), total_price, terms, placed_at, channel: None })
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

    /// The product of line 1: the key of the record, which decides where the order is at home.
    pub fn product_id(&self) -> &ProductId {
        self.first.product_id()
    }

    /// Line 1. Of an order of one line it is all of it.
    pub fn first_line(&self) -> &Line {
        &self.first
    }

    /// Every line with its number, in order.
    pub fn lines(&self) -> impl Iterator<Item = (LineNo, &Line)> {
        let lines = std::iter::once(&self.first).chain(&self.more);
        lines.enumerate().map(|(index, line)| (LineNo::at(index), line))
    }

    /// 1 to 100.
    pub fn line_count(&self) -> usize {
        1 + self.more.len()
    }

    /// The line of that number, where there is one.
    pub fn line(&self, line_no: LineNo) -> Option<&Line> {
        match line_no.index() {
            0 => Some(&self.first),
            index => self.more.get(index - 1),
        }
    }

    /// The sum over the lines, in minor units.
    pub fn total_price(&self) -> TotalPrice {
        self.total_price
    }

    pub fn terms(&self) -> Terms {
        self.terms
    }

    /// When its hold ends, where it asks for one.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.terms.hold.map(|hold| hold.ends(self.placed_at).expect("the constructor has seen that it ends in time"))
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
            lines: self.lines().map(|(_, line)| LineContents::of(line)).collect(),
            currency: self.terms.currency.as_ref().map(|currency| currency.as_str()),
            hold_seconds: self.terms.hold.map(super::HoldSeconds::get),
        }
    }

    /// Whether `other` is the same order: the same id, and the same contents under it. Neither the time, which differs
    /// between a request and its retry, nor the channel, which is not stored, are contents ([`OrderContents`]).
    pub fn same_contents(&self, other: &Self) -> bool {
        self.order_id == other.order_id && self.contents() == other.contents()
    }
}

/// Each product stands in one line: two lines of one product could each be taken while both together cannot.
fn check_products(lines: &[Line]) -> Result<(), OrderFault> {
    for (index, line) in lines.iter().enumerate() {
        if let Some(earlier) = lines[..index].iter().position(|earlier| earlier.product_id() == line.product_id()) {
            let line = LineNo::at(earlier).get();
            return Err(OrderFault::Product(LineNo::at(index), Violation::Repeated { line }));
        }
    }
    Ok(())
}

fn sum(lines: &[Line]) -> Result<TotalPrice, Violation> {
    let mut sum = 0_i64;
    for line in lines {
        // Each is at most 2^53 - 1, so a hundred of them fit into 64 bits.
        sum += line.total_price().get();
    }
    TotalPrice::sum(sum).ok_or(Violation::SumOverflow { max: MAX_SAFE_INTEGER })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::HoldSeconds;

    fn line(product: &str, quantity: i64, unit_price: i64) -> Line {
        let product = ProductId::parse(product).expect("valid");
        let (quantity, price) = (Quantity::new(quantity).expect("valid"), UnitPrice::new(unit_price).expect("valid"));
        Line::new(product, quantity, price, None).expect("no overflow")
    }

    fn order(lines: Vec<Line>, total: Option<i64>, terms: Terms) -> Result<Order, OrderFault> {
        let id = OrderId::parse("77a436fd-64f9-4d35-999b-a957195f5d23").expect("valid");
        Order::of_lines(id, UserId::parse("alice").expect("valid"), lines, total, terms, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn an_order_has_its_lines_in_order() {
        let order = order(vec![line("tea", 2, 5), line("milk", 1, 7)], Some(17), Terms::default()).expect("valid");
        let lines: Vec<_> = order.lines().map(|(no, line)| (no.get(), line.product_id().as_str())).collect();
        assert_eq!(lines, [(1, "tea"), (2, "milk")]);
        assert_eq!((order.line_count(), order.product_id().as_str(), order.total_price().get()), (2, "tea", 17));
        assert_eq!(order.line(LineNo::at(1)).map(|line| line.quantity().get()), Some(1));
        assert_eq!((order.line(LineNo::at(2)), order.expires_at()), (None, None));
    }

    #[test]
    fn a_broken_rule_names_the_line() {
        let terms = Terms::default();
        let count = |found| OrderFault::Lines(Violation::Count { min: 1, max: 100, found });
        assert_eq!(order(Vec::new(), None, terms), Err(count(0)));
        let many = (0..101).map(|n| line(&format!("p{n}"), 1, 1)).collect();
        assert_eq!(order(many, None, terms), Err(count(101)));
        let twice = vec![line("tea", 1, 1), line("milk", 1, 1), line("tea", 2, 1)];
        assert_eq!(order(twice, None, terms), Err(OrderFault::Product(LineNo::at(2), Violation::Repeated { line: 1 })));
        let wrong = OrderFault::Total(Violation::WrongSum { expected: 3, found: 4 });
        assert_eq!(order(vec![line("tea", 1, 1), line("milk", 2, 1)], Some(4), terms), Err(wrong));
        let dear = vec![line("tea", 1, MAX_SAFE_INTEGER), line("milk", 1, 1)];
        assert_eq!(order(dear, None, terms), Err(OrderFault::Total(Violation::SumOverflow { max: MAX_SAFE_INTEGER })));
    }

    #[test]
    fn what_a_retry_must_repeat() {
        let lines = || vec![line("tea", 2, 5), line("milk", 1, 7)];
        let one = order(lines(), None, Terms::default()).expect("valid");
        assert!(one.same_contents(&order(lines(), Some(17), Terms::default()).expect("valid")));
        let hold = Terms { hold: HoldSeconds::new(60).ok(), ..Terms::default() };
        let currency = Terms { currency: super::super::Currency::parse("EUR").ok(), ..Terms::default() };
        for other in [
            order(lines(), None, hold),
            order(lines(), None, currency),
            order(vec![line("milk", 1, 7), line("tea", 2, 5)], None, Terms::default()),
            order(vec![line("tea", 2, 5)], None, Terms::default()),
        ] {
            assert!(!one.same_contents(&other.expect("valid")));
        }
    }
}
