//! What an order or a movement asks for under its id: the one home of "the same order". A record of the log, a row of a
//! table and an outcome each show it as [`Contents`], and are compared here and nowhere else, field by field.
//!
//! It must never look at the id (the caller found both sides by it), at a time (a retry has another), or at the channel
//! (no table holds it, so a fold that compared it would decide by where a batch was cut: INV-4, INV-5).
//! Next: [`super::Order::same_contents`], [`super::Movement::same_contents`], `Outcome::contents` in [`crate::wire`].

use std::fmt;

use super::Line;

/// What a line asks for. The total is no field: it is the product of two of them (a record that says otherwise is parked, and
/// `CHECK` of the table `orders` demands it of rows).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineContents<'a> {
    pub product_id: &'a str,
    /// In pieces.
    pub quantity: i64,
    /// In minor units.
    pub unit_price: i64,
}

/// What an order asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderContents<'a> {
    pub user_id: &'a str,
    /// In their order: line 1 decides where the order is at home.
    pub lines: Vec<LineContents<'a>>,
    pub currency: Option<&'a str>,
    /// Counted from when it was placed, which a retry does at another time.
    pub hold_seconds: Option<i64>,
}

/// What a receipt or an adjustment asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MovementContents<'a> {
    pub product_id: &'a str,
    /// `receipt` or `adjustment`, as in the column `kind`.
    pub kind: &'a str,
    /// In pieces; positive for a receipt.
    pub delta: i64,
    pub note: Note<'a>,
}

/// The stated reason of an adjustment, as far as a source holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note<'a> {
    /// The source holds notes; `None` is a movement without one, as every receipt is.
    Held(Option<&'a str>),
    /// The source has no notes (an outcome): of an adjustment nobody can say whether they are equal.
    NotHeld,
}

/// Contents of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents<'a> {
    Order(OrderContents<'a>),
    Movement(MovementContents<'a>),
}

/// How two contents compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sameness {
    Same,
    Different,
    /// All that both sides hold is equal, but one of them does not hold an adjustment's note.
    NotKnown,
}

/// The value of one field, to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    Text(&'a str),
    Number(i64),
}

/// One field that differs, with the column's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference<'a> {
    pub field: &'static str,
    /// Number of the line that it is about, where the order has several.
    pub line_no: Option<i16>,
    pub stored: Part<'a>,
    pub found: Part<'a>,
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl<'a> LineContents<'a> {
    pub fn of(line: &'a Line) -> Self {
        let (quantity, unit_price) = (line.quantity().get(), line.unit_price().get());
        Self { product_id: line.product_id().as_str(), quantity, unit_price }
    }

    /// Every field by its column's name. (Taken apart without `..`: a new field cannot be forgotten here.)
    fn parts(self) -> [(&'static str, Part<'a>); 3] {
        let Self { product_id, quantity, unit_price } = self;
        [
            ("product_id", Part::Text(product_id)),
            ("quantity", Part::Number(quantity)),
            ("unit_price", Part::Number(unit_price)),
        ]
    }
}

impl<'a> OrderContents<'a> {
    /// Of an order of one line, without currency or hold.
    pub fn of_one_line(user_id: &'a str, line: LineContents<'a>) -> Self {
        Self { user_id, lines: vec![line], currency: None, hold_seconds: None }
    }

    /// The fields in which `found` differs from these stored contents; empty exactly when they are equal.
    pub fn differences(&self, found: &OrderContents<'a>) -> Vec<Difference<'a>> {
        let Self { user_id, lines, currency, hold_seconds } = self;
        let number = |count: usize| Part::Number(i64::try_from(count).expect("an order has few lines"));
        // Words for a person: neither a code nor a number looks like this to a program.
        let code = |code: Option<&'a str>| Part::Text(code.unwrap_or("(none)"));
        let seconds = |seconds: Option<i64>| seconds.map_or(Part::Text("(none)"), Part::Number);
        let here = [
            ("user_id", Part::Text(user_id)),
            ("currency", code(*currency)),
            ("hold_seconds", seconds(*hold_seconds)),
            ("lines", number(lines.len())),
        ];
        let there = [
            ("user_id", Part::Text(found.user_id)),
            ("currency", code(found.currency)),
            ("hold_seconds", seconds(found.hold_seconds)),
            ("lines", number(found.lines.len())),
        ];
        let mut differences: Vec<_> = differing(here, there).collect();
        for ((line, other), line_no) in lines.iter().zip(&found.lines).zip(1..) {
            let line_no = (lines.len() > 1).then_some(line_no);
            differences
                .extend(differing(line.parts(), other.parts()).map(|difference| Difference { line_no, ..difference }));
        }
        differences
    }
}

impl<'a> MovementContents<'a> {
    /// Every field but the note, by its column's name.
    fn parts(self) -> [(&'static str, Part<'a>); 3] {
        let Self { product_id, kind, delta, note: _compared_apart } = self;
        [("product_id", Part::Text(product_id)), ("kind", Part::Text(kind)), ("delta", Part::Number(delta))]
    }

    /// The fields in which `found` differs from these stored contents. A note that one side does not hold is no
    /// difference, so this is empty when they are [`Sameness::Same`] or [`Sameness::NotKnown`].
    pub fn differences(self, found: MovementContents<'a>) -> Vec<Difference<'a>> {
        let mut differences: Vec<_> = differing(self.parts(), found.parts()).collect();
        if let (Note::Held(stored), Note::Held(note)) = (self.note, found.note)
            && stored != note
        {
            // Words for a person: a note itself never looks like this to a program.
            let shown = |note: Option<&'a str>| Part::Text(note.unwrap_or("(none)"));
            differences.push(Difference { field: "note", line_no: None, stored: shown(stored), found: shown(note) });
        }
        differences
    }

    /// Whether both ask for the same thing, as far as both sides hold it.
    pub fn compare(self, other: MovementContents<'_>) -> Sameness {
        if (self.product_id, self.kind, self.delta) != (other.product_id, other.kind, other.delta) {
            return Sameness::Different;
        }
        match (self.note, other.note) {
            (Note::Held(one), Note::Held(another)) if one == another => Sameness::Same,
            (Note::Held(_), Note::Held(_)) => Sameness::Different,
            // A receipt has no note, so there is nothing that could differ unseen.
            _ if self.kind == super::movement::RECEIPT => Sameness::Same,
            _ => Sameness::NotKnown,
        }
    }
}

impl Contents<'_> {
    /// Whether both ask for the same thing. An order and a movement never do.
    pub fn compare(&self, other: &Contents<'_>) -> Sameness {
        match (self, other) {
            (Self::Order(one), Contents::Order(another)) if one == another => Sameness::Same,
            (Self::Movement(one), Contents::Movement(another)) => one.compare(*another),
            _ => Sameness::Different,
        }
    }
}

fn differing<'a, const N: usize>(
    stored: [(&'static str, Part<'a>); N],
    found: [(&'static str, Part<'a>); N],
) -> impl Iterator<Item = Difference<'a>> {
    stored
        .into_iter()
        .zip(found)
        .filter(|((_, stored), (_, found))| stored != found)
        .map(|((field, stored), (_, found))| Difference { field, line_no: None, stored, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: LineContents<'_> = LineContents { product_id: "tea", quantity: 3, unit_price: 250 };

    fn order() -> OrderContents<'static> {
        OrderContents::of_one_line("alice", LINE)
    }
    const ADJUSTMENT: MovementContents<'_> =
        MovementContents { product_id: "tea", kind: "adjustment", delta: -3, note: Note::Held(Some("melted")) };
    const RECEIPT: MovementContents<'_> =
        MovementContents { product_id: "tea", kind: "receipt", delta: 3, note: Note::Held(None) };

    #[test]
    fn an_order_is_compared_by_every_field() {
        assert_eq!(order().differences(&order()), []);
        let lines = |line| vec![line];
        for (field, other) in [
            ("user_id", OrderContents { user_id: "bob", ..order() }),
            ("currency", OrderContents { currency: Some("EUR"), ..order() }),
            ("hold_seconds", OrderContents { hold_seconds: Some(60), ..order() }),
            ("lines", OrderContents { lines: vec![LINE, LineContents { product_id: "milk", ..LINE }], ..order() }),
            ("product_id", OrderContents { lines: lines(LineContents { product_id: "milk", ..LINE }), ..order() }),
            ("quantity", OrderContents { lines: lines(LineContents { quantity: 4, ..LINE }), ..order() }),
            ("unit_price", OrderContents { lines: lines(LineContents { unit_price: 251, ..LINE }), ..order() }),
        ] {
            let compared = Contents::Order(order()).compare(&Contents::Order(other.clone()));
            assert_eq!(compared, Sameness::Different, "{field}");
            let differences = order().differences(&other);
            let differing: Vec<_> = differences.iter().map(|difference| difference.field).collect();
            assert_eq!(differing, [field]);
        }
        let more = OrderContents { lines: lines(LineContents { quantity: 4, ..LINE }), ..order() };
        let shown = order().differences(&more)[0];
        assert_eq!(format!("{} {}, here {}", shown.field, shown.stored, shown.found), "quantity 3, here 4");
        assert_eq!(Contents::Order(order()).compare(&Contents::Movement(RECEIPT)), Sameness::Different);
    }

    #[test]
    fn a_difference_names_its_line_where_there_are_several() {
        let lines = |quantity| vec![LINE, LineContents { product_id: "milk", quantity, unit_price: 1 }];
        let [stored, found] = [2, 3].map(|quantity| OrderContents { lines: lines(quantity), ..order() });
        let differing: Vec<_> =
            stored.differences(&found).iter().map(|differing| (differing.line_no, differing.field)).collect();
        assert_eq!(differing, [(Some(2), "quantity")]);
    }

    #[test]
    fn a_movement_is_compared_by_every_field() {
        assert_eq!(ADJUSTMENT.compare(ADJUSTMENT), Sameness::Same);
        for (field, other) in [
            ("product_id", MovementContents { product_id: "milk", ..ADJUSTMENT }),
            ("kind", MovementContents { kind: "receipt", ..ADJUSTMENT }),
            ("delta", MovementContents { delta: -4, ..ADJUSTMENT }),
            ("note", MovementContents { note: Note::Held(Some("eaten")), ..ADJUSTMENT }),
            ("note", MovementContents { note: Note::Held(None), ..ADJUSTMENT }),
        ] {
            assert_eq!(ADJUSTMENT.compare(other), Sameness::Different, "{field}");
            assert_eq!(other.compare(ADJUSTMENT), Sameness::Different, "{field}");
            let differing: Vec<_> = ADJUSTMENT.differences(other).iter().map(|difference| difference.field).collect();
            assert_eq!(differing, [field]);
        }
    }

    #[test]
    fn a_note_that_is_not_held_is_no_guess() {
        let silent = |contents| MovementContents { note: Note::NotHeld, ..contents };
        assert_eq!(silent(ADJUSTMENT).compare(ADJUSTMENT), Sameness::NotKnown);
        assert_eq!(ADJUSTMENT.compare(silent(ADJUSTMENT)), Sameness::NotKnown);
        assert_eq!(silent(RECEIPT).compare(RECEIPT), Sameness::Same);
        let other = MovementContents { delta: 4, ..RECEIPT };
        assert_eq!(silent(RECEIPT).compare(other), Sameness::Different);
    }
}
