//! What a record of the log asks for or tells, beside its bytes, for the oracle; and those bytes. Products are numbered over all
//! partitions, so that a product's partition is known without a hash. It must never look into the bytes again, but of what the code
//! under test appends itself.

use serde_json::Value;

/// Products of one partition; few, so that orders meet.
pub const PRODUCTS: usize = 2;
/// Lines of one order at most.
pub const MOST_LINES: usize = 3;
/// How long an order that asks for it is held.
pub const HOLD_SECONDS: i64 = 5;

/// Product and quantity of each line; an order has one or more, and the rest is empty.
pub type Lines = [Option<(usize, i64)>; MOST_LINES];

/// What a record asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Receipt {
        id: u32,
        product: usize,
        quantity: i64,
    },
    Adjustment {
        id: u32,
        product: usize,
        delta: i64,
    },
    Order {
        id: u32,
        product: usize,
        quantity: i64,
    },
    /// An order in version 3.
    Basket {
        id: u32,
        lines: Lines,
        hold: bool,
    },
    Confirm {
        id: u32,
        home: usize,
    },
    Cancel {
        id: u32,
        home: usize,
    },
    /// The end of a hold, so many seconds after the order was placed.
    Expire {
        id: u32,
        home: usize,
        after: i64,
    },
    Told(Told),
    /// Bytes that are no event.
    Garbage,
    /// An order under the key of another product.
    WrongKey {
        id: u32,
        product: usize,
    },
}

/// The steps of a line, as the log spells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Requested,
    Reserved,
    /// With its reason.
    Refused(&'static str),
    Released,
    Confirmed,
}

/// What one partition tells another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    pub step: Step,
    /// Partition, offset, index.
    pub cause: (i32, i64, u32),
    pub id: u32,
    pub line_no: i16,
    pub home: usize,
    pub product: usize,
    pub quantity: i64,
}

impl Told {
    /// The product whose partition it goes to.
    pub fn addressee(&self) -> usize {
        match self.step {
            Step::Requested | Step::Released | Step::Confirmed => self.product,
            Step::Reserved | Step::Refused(_) => self.home,
        }
    }

    /// What the relay appends, read by somebody who knows the words alone.
    pub fn read(value: &[u8], products: &[String]) -> Option<Self> {
        let value: Value = serde_json::from_slice(value).ok()?;
        let number = |name: &str| value[name].as_i64();
        let product = |name: &str| products.iter().position(|known| Some(known.as_str()) == value[name].as_str());
        let mut cause = value["cause"].as_str()?.split('-').map(str::parse::<i64>);
        let mut part = || cause.next()?.ok();
        let cause = (i32::try_from(part()?).ok()?, part()?, u32::try_from(part()?).ok()?);
        let step = match (value["type"].as_str()?, value["status"].as_str()) {
            ("LineRequested", None) => Step::Requested,
            ("LineDecided", Some("reserved")) => Step::Reserved,
            ("LineDecided", Some("rejected")) => Step::Refused(word(value["reason"].as_str()?)),
            ("LineReleased", None) => Step::Released,
            ("LineConfirmed", None) => Step::Confirmed,
            _ => return None,
        };
        let id = u32::from_str_radix(value["order_id"].as_str()?.rsplit('-').next()?, 16).ok()?;
        let (line_no, quantity) = (i16::try_from(number("line_no")?).ok()?, number("quantity")?);
        Some(Self {
            step,
            cause,
            id,
            line_no,
            home: product("home_product_id")?,
            product: product("product_id")?,
            quantity,
        })
    }
}

/// The words that a reason may have here.
pub fn word(text: &str) -> &'static str {
    const WORDS: [&str; 13] = [
        "out-of-stock",
        "unknown-product",
        "below-zero",
        "undecodable",
        "wrong-key",
        "conflicting-duplicate",
        "line-rejected",
        "cancelled",
        "expired",
        "unknown-order",
        "unknown-line",
        "wrong-cause",
        "hold-not-over",
    ];
    WORDS.into_iter().find(|word| *word == text).unwrap_or("unknown reason")
}

/// The id that records carry for `number`.
pub fn id_text(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// Key and value of a record in `partition`.
pub fn bytes(ask: Ask, partition: usize, products: &[String]) -> (String, String) {
    let name = |product: usize| products.get(product).map_or("product", String::as_str);
    let at = "2026-01-01T00:00:00Z";
    let order = |id: u32, product: &str, quantity: i64| {
        let (id, total) = (id_text(id), quantity * 7);
        format!(
            r#"{{"type":"OrderPlaced","version":1,"order_id":"{id}","user_id":"u","product_id":"{product}","quantity":{quantity},"unit_price":7,"total_price":{total},"placed_at":"{at}"}}"#
        )
    };
    let asked = |word: &str, id: u32, home: usize, after: i64| {
        let (id, home) = (id_text(id), name(home));
        let value = format!(
            r#"{{"type":"{word}","version":1,"order_id":"{id}","product_id":"{home}","occurred_at":"2026-01-01T{:02}:{:02}:{:02}Z"}}"#,
            after / 3_600,
            after / 60 % 60,
            after % 60
        );
        (home.to_owned(), value)
    };
    match ask {
        Ask::Receipt { id, product, quantity } => {
            let (id, product) = (id_text(id), name(product));
            let value = format!(
                r#"{{"type":"StockReceived","version":1,"movement_id":"{id}","product_id":"{product}","quantity":{quantity},"occurred_at":"{at}"}}"#
            );
            (product.to_owned(), value)
        }
        Ask::Adjustment { id, product, delta } => {
            let (id, product) = (id_text(id), name(product));
            let value = format!(
                r#"{{"type":"StockAdjusted","version":1,"movement_id":"{id}","product_id":"{product}","delta":{delta},"reason":"count","occurred_at":"{at}"}}"#
            );
            (product.to_owned(), value)
        }
        Ask::Order { id, product, quantity } => (name(product).to_owned(), order(id, name(product), quantity)),
        Ask::Basket { id, lines, hold } => basket(id, &lines, hold, products),
        Ask::Confirm { id, home } => asked("OrderConfirmRequested", id, home, 1),
        Ask::Cancel { id, home } => asked("OrderCancelRequested", id, home, 1),
        Ask::Expire { id, home, after } => asked("HoldExpired", id, home, after),
        Ask::Told(told) => (name(told.addressee()).to_owned(), told_text(&told, products)),
        Ask::Garbage => (name(partition * PRODUCTS).to_owned(), "{".to_owned()),
        Ask::WrongKey { id, product } => ("another".to_owned(), order(id, name(product), 1)),
    }
}

fn basket(id: u32, lines: &Lines, hold: bool, products: &[String]) -> (String, String) {
    let name = |product: usize| products.get(product).map_or("product", String::as_str);
    let lines: Vec<(usize, i64)> = lines.iter().flatten().copied().collect();
    let text: Vec<String> = (1..)
        .zip(&lines)
        .map(|(line_no, (product, quantity))| {
            let (product, total) = (name(*product), quantity * 7);
            format!(
                r#"{{"line_no":{line_no},"product_id":"{product}","quantity":{quantity},"unit_price":7,"total_price":{total}}}"#
            )
        })
        .collect();
    let total: i64 = lines.iter().map(|(_, quantity)| quantity * 7).sum();
    let hold = if hold { format!(r#""hold_seconds":{HOLD_SECONDS},"#) } else { String::new() };
    let value = format!(
        r#"{{"type":"OrderPlaced","version":3,"order_id":"{}","user_id":"u","lines":[{}],"total_price":{total},{hold}"placed_at":"2026-01-01T00:00:00Z"}}"#,
        id_text(id),
        text.join(",")
    );
    (lines.first().map_or("product", |(product, _)| name(*product)).to_owned(), value)
}

fn told_text(told: &Told, products: &[String]) -> String {
    let name = |product: usize| products.get(product).map_or("product", String::as_str);
    let (word, more) = match told.step {
        Step::Requested => ("LineRequested", String::new()),
        Step::Reserved => ("LineDecided", r#","status":"reserved""#.to_owned()),
        Step::Refused(reason) => ("LineDecided", format!(r#","status":"rejected","reason":"{reason}""#)),
        Step::Released => ("LineReleased", String::new()),
        Step::Confirmed => ("LineConfirmed", String::new()),
    };
    let (partition, offset, index) = told.cause;
    format!(
        r#"{{"type":"{word}","version":1,"cause":"{partition}-{offset}-{index}","order_id":"{}","line_no":{},"home_product_id":"{}","product_id":"{}","quantity":{}{more}}}"#,
        id_text(told.id),
        told.line_no,
        name(told.home),
        name(told.product),
        told.quantity
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_as_it_is_written() {
        let products: Vec<String> = (0..4).map(|number| format!("p{number}")).collect();
        for step in [Step::Requested, Step::Reserved, Step::Refused("out-of-stock"), Step::Released, Step::Confirmed] {
            let told = Told { step, cause: (1, 20, 3), id: 9, line_no: 2, home: 2, product: 1, quantity: 5 };
            let (key, value) = bytes(Ask::Told(told), 0, &products);
            assert_eq!(Told::read(value.as_bytes(), &products), Some(told));
            assert_eq!(key, products[told.addressee()]);
            assert!(ledger_schema::wire::decode(Some(value.as_bytes())).is_ok());
        }
    }
}
