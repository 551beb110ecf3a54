//! What the clients send: each request is a function of the seed and its number, and its contents are its own, so that
//! it is found again in the tables whatever it was answered.
//!
//! It must never depend on an answer, nor on what was sent before. Read `orders` for the orders, `reply` for what comes of them.

use serde_json::{Value, json};

use crate::random::Random;

pub(crate) const HOT: &str = "hot";
pub(crate) const WIDE_COUNT: u64 = 200;
/// Above those of all orders.
const FIRST_PROBE_PRICE: u64 = 1_000_000_000_000;

/// One request that must take effect once.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// Under which it is retried; a client's `orderId` is in the body.
    pub(crate) key: Option<String>,
    pub(crate) waits: bool,
    pub(crate) body: Value,
    /// As the auditor spells them.
    pub(crate) contents: String,
    pub(crate) is_order: bool,
}

pub(crate) fn wide(nth: u64) -> String {
    format!("wide-{:03}", nth % WIDE_COUNT)
}

/// Less than is ordered, so that products sell out: the first receipts.
pub(crate) fn opening(order_count: usize) -> Vec<Request> {
    let pieces = |share: usize| (order_count / share).max(3);
    let wide_stock = (0..WIDE_COUNT).map(|nth| receipt(&wide(nth), pieces(100)));
    wide_stock.chain([receipt(HOT, pieces(8))]).collect()
}

pub(crate) fn receipt(product: &str, quantity: usize) -> Request {
    Request {
        path: format!("/stock/{product}/receipts"),
        key: Some(format!("receipt-{quantity}")),
        waits: true,
        body: json!({ "quantity": quantity }),
        contents: format!("receipt product={product} delta={quantity} note="),
        is_order: false,
    }
}

/// Up and down; some go below zero and are rejected.
pub(crate) fn adjustment(number: usize, random: &mut Random) -> Request {
    let product = if random.percent(40) { HOT.to_owned() } else { wide(random.below(WIDE_COUNT)) };
    let size = i64::try_from(1 + random.below(40)).unwrap_or(1);
    let delta = if random.percent(60) { size } else { -size };
    Request {
        path: format!("/stock/{product}/adjustments"),
        key: Some(format!("adjustment-{number}")),
        waits: random.percent(30),
        body: json!({ "delta": delta, "reason": format!("count-{number}") }),
        contents: format!("adjustment product={product} delta={delta} note=count-{number}"),
        is_order: false,
    }
}

/// An order that a command appends, not a client: of one piece, at a price below all others.
pub(crate) fn appended(user: &str, product: &str, price: u64) -> Request {
    let contents = format!("user={user} product={product} 1x{price}={price}");
    Request { path: String::new(), key: None, waits: false, body: Value::Null, contents, is_order: true }
}

/// One more order, by nobody else's price, to learn whether orders are taken.
pub(crate) fn probe(nth: u64) -> Request {
    let price = FIRST_PROBE_PRICE + nth % FIRST_PROBE_PRICE;
    Request {
        path: "/orders".to_owned(),
        key: Some(format!("probe-{nth}")),
        waits: false,
        body: json!({ "userId": "probe", "productId": HOT, "quantity": 1, "unitPrice": price }),
        contents: format!("user=probe product={HOT} 1x{price}={price}"),
        is_order: true,
    }
}

/// Bad requests, and the status that each must get.
pub(crate) const BAD: [(&str, &str, u16); 15] = [
    ("/orders", "{", 400),
    ("/orders", "[]", 400),
    ("/orders", r#"{"userId":"bad","productId":"hot","quantity":0,"unitPrice":1}"#, 422),
    ("/orders", r#"{"userId":"bad","productId":"hot","quantity":1,"unitPrice":1,"colour":"red"}"#, 422),
    ("/orders", r#"{"userId":"bad","productId":"hot","quantity":2,"unitPrice":3,"totalPrice":7}"#, 422),
    ("/orders", r#"{"userId":"bad","productId":"hot","quantity":1000000000,"unitPrice":9007199254740991}"#, 422),
    ("/orders", r#"{"userId":"bad","lines":[]}"#, 422),
    (
        "/orders",
        r#"{"userId":"bad","lines":[{"productId":"hot","quantity":1,"unitPrice":1},{"productId":"hot","quantity":2,"unitPrice":1}]}"#,
        422,
    ),
    ("/orders", r#"{"userId":"bad","productId":"hot","lines":[{"productId":"hot","quantity":1,"unitPrice":1}]}"#, 422),
    ("/orders", r#"{"userId":"bad","productId":"hot","quantity":1,"unitPrice":1,"currency":"ZZZ"}"#, 422),
    ("/orders", r#"{"userId":"bad","productId":"hot","quantity":1,"unitPrice":1,"hold":{"expiresInSeconds":0}}"#, 422),
    ("/orders/00000000-0000-4000-8000-999999999999/confirm", "{}", 404),
    ("/orders/00000000-0000-4000-8000-999999999999/cancel", "{}", 404),
    ("/stock/hot/receipts", r#"{"quantity":-1}"#, 422),
    ("/stock/hot/adjustments", r#"{"delta":1}"#, 422),
];
