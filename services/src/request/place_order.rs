//! What `POST /orders` and `POST /users/{userId}/orders` ask for, parsed into domain values: one product, or `lines`. A `userId`
//! that stands in the path is no field of the body.
//!
//! It must never let through what the fold would park. What is wrong within a line, or with the line as such, is told with the
//! line's number.

use chrono::{DateTime, Utc};
use ledger_schema::{
    HoldSeconds, Line, LineNo, MAX_LINES, MAX_SAFE_INTEGER, Order, OrderFault, OrderId, Quantity, Terms, TotalPrice,
    UnitPrice, UserId, Violation,
};

use super::fields::Fields;
use super::new_ids::{new_currency, new_product_id, new_user_id};
use crate::problem::{FieldError, Problem};

/// An order that is asked for. Each line's total is representable and agrees with what the client stated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlaceOrder {
    pub(crate) order_id: Option<OrderId>,
    pub(crate) user_id: UserId,
    lines: Vec<Line>,
    /// Of all lines together.
    stated_total: Option<i64>,
    terms: Terms,
}

const ORDER_FIELDS: &str = "userId, lines or productId, quantity and unitPrice, totalPrice, currency, hold, orderId";
const ORDER_OF_USER_FIELDS: &str =
    "lines or productId, quantity and unitPrice, totalPrice, currency, hold, orderId; userId is in the path";
const LINE_FIELDS: &str = "productId, quantity, unitPrice, totalPrice";
/// What stands in each of the lines, where there are several.
const ONLY_IN_LINES: [&str; 3] = ["productId", "quantity", "unitPrice"];

impl PlaceOrder {
    /// # Errors
    /// [`Problem::InvalidRequest`] or [`Problem::InvalidFields`].
    pub(crate) fn parse(body: &[u8], user_in_path: Option<UserId>) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let known = if user_in_path.is_some() { ORDER_OF_USER_FIELDS } else { ORDER_FIELDS };
        let user_id = user_in_path.or_else(|| fields.text("userId", new_user_id));
        let (lines, stated_total) = if fields.has("lines") {
            for name in ONLY_IN_LINES {
                fields.refuse(name, "must not stand beside lines: each of them has its own");
            }
            let lines = fields.objects("lines", 1..=MAX_LINES, LINE_FIELDS, line)?;
            (lines, fields.optional_integer("totalPrice", total_in_range))
        } else {
            (line(&mut fields).map(|line| vec![line]), None)
        };
        let currency = fields.optional_text("currency", new_currency);
        let hold = fields
            .optional_object("hold", "expiresInSeconds", |hold| hold.integer("expiresInSeconds", HoldSeconds::new))?;
        let order_id = fields.optional_text("orderId", OrderId::parse);
        let terms = Terms { currency, hold };
        let parsed = user_id.zip(lines).map(|(user_id, lines)| Self { order_id, user_id, lines, stated_total, terms });
        fields.finish(parsed, known)
    }

    /// The order, under the id that it gets.
    ///
    /// # Errors
    /// [`Problem::InvalidFields`]: a rule over all lines.
    pub(crate) fn order(self, order_id: OrderId, placed_at: DateTime<Utc>) -> Result<Order, Problem> {
        let Self { user_id, lines, stated_total, terms, .. } = self;
        let too_much = first_too_much(&lines);
        Order::of_lines(order_id, user_id, lines, stated_total, terms, placed_at)
            .map_err(|fault| Problem::InvalidFields(vec![wrong_field(&fault, too_much)]))
    }
}

/// One line, or an order of one.
fn line(fields: &mut Fields<'_>) -> Option<Line> {
    let product_id = fields.text("productId", new_product_id);
    let quantity = fields.integer("quantity", Quantity::new);
    let unit_price = fields.integer("unitPrice", UnitPrice::new);
    let stated = fields.optional_integer("totalPrice", total_in_range);
    let (quantity, unit_price) = quantity.zip(unit_price)?;
    match (TotalPrice::of(quantity, unit_price).map(TotalPrice::get), stated) {
        (Err(violation), _) => fields.violation("totalPrice", &violation),
        (Ok(expected), Some(found)) if found != expected => {
            fields.violation("totalPrice", &Violation::WrongTotal { expected, found });
        }
        (Ok(_), _) => {}
    }
    // What is wrong with the total was just told.
    Line::new(product_id?, quantity, unit_price, None).ok()
}

fn total_in_range(total: i64) -> Result<i64, Violation> {
    if (1..=MAX_SAFE_INTEGER).contains(&total) {
        Ok(total)
    } else {
        Err(Violation::OutOfRange { min: 1, max: MAX_SAFE_INTEGER, found: total.to_string() })
    }
}

/// The line with which the sum over the lines becomes more than can be represented.
fn first_too_much(lines: &[Line]) -> Option<LineNo> {
    let mut sum = 0;
    let at = lines.iter().position(|line| {
        sum += line.total_price().get();
        sum > MAX_SAFE_INTEGER
    });
    at.map(LineNo::at)
}

fn wrong_field(fault: &OrderFault, too_much: Option<LineNo>) -> FieldError {
    match (fault, too_much) {
        (OrderFault::Lines(violation), _) => FieldError::new("lines", violation.to_string()),
        (OrderFault::Product(line_no, violation), _) => {
            let field = format!("lines[{}].productId", line_no.index());
            FieldError::of_line(line_no.get(), field, violation.to_string())
        }
        (OrderFault::Total(violation), Some(line_no)) => {
            FieldError::of_line(line_no.get(), "totalPrice", violation.to_string())
        }
        (OrderFault::Total(violation), None) => FieldError::new("totalPrice", violation.to_string()),
        (OrderFault::Hold(violation), _) => FieldError::new("hold.expiresInSeconds", violation.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"userId":"u","productId":"p","quantity":7,"unitPrice":11000}"#;

    /// The outcome as one line: `ok`, or the status and each `field: message`.
    fn outcome(body: &[u8]) -> String {
        let order_id = OrderId::parse("77a436fd-64f9-4d35-999b-a957195f5d23").expect("valid");
        match PlaceOrder::parse(body, None).and_then(|command| command.order(order_id, DateTime::UNIX_EPOCH)) {
            Ok(_) => "ok".to_owned(),
            Err(Problem::InvalidRequest(errors)) => format!("400 {}", names(&errors)),
            Err(Problem::InvalidFields(errors)) => format!("422 {}", names(&errors)),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn names(errors: &[FieldError]) -> String {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    fn check(body: &str, expected: &str) {
        assert_eq!(outcome(body.as_bytes()), expected, "{body}");
    }

    #[test]
    fn what_is_good() {
        check(GOOD, "ok");
        check(&format!(" \n{GOOD}\t"), "ok");
        check(
            r#"{"\u0075serId":"チョコ","productId":"a/b%2F..","quantity":1,"unitPrice":9007199254740991,"totalPrice":9007199254740991}"#,
            "ok",
        );
        check(
            &GOOD.replace("11000}", r#"11000,"totalPrice":77000,"orderId":"77a436fd-64f9-4d35-999b-a957195f5d23"}"#),
            "ok",
        );
    }

    #[test]
    fn what_is_no_object() {
        check("", "400 body: is empty, expected a JSON object");
        for bad in ["null", "7", "[]", "\"x\"", "[{}]"] {
            check(bad, "400 body: is not a JSON object");
        }
        for bad in [
            "{",
            "{}{}",
            "{} x",
            "{'a':1}",
            "{\"a\":1,}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":NaN}",
            "\u{feff}{}",
            "{\"userId\":\"\\ud800\"}",
            "{\"userId\":\"a\nb\"}",
            "// x",
            " ",
        ] {
            assert!(
                outcome(bad.as_bytes()).starts_with("400 body: is not valid JSON"),
                "{bad}: {}",
                outcome(bad.as_bytes())
            );
        }
        assert_eq!(outcome(b"{\"userId\":\"\xff\"}"), "400 body: is not UTF-8 at byte 11");
        check(
            &GOOD.replace("\"userId\":\"u\"", "\"userId\":\"u\",\"userId\":\"u\""),
            "400 userId: stands twice in the object",
        );
        check(r#"{"a":1,"\u0061":2}"#, "400 a: stands twice in the object");
    }

    #[test]
    fn deep_and_wide_bodies_are_refused_quickly() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
        assert!(outcome(deep.as_bytes()).starts_with('4'));
        let wide: Vec<String> = (0..6_000).map(|n| format!("\"{n}\":1")).collect();
        let wide = format!("{{{}}}", wide.join(","));
        let Err(Problem::InvalidFields(errors)) = PlaceOrder::parse(wide.as_bytes(), None) else { panic!("422") };
        assert_eq!(errors.len(), 64);
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        check("{}", "422 userId: is missing; productId: is missing; quantity: is missing; unitPrice: is missing");
        check(
            r#"{"userId":7,"productId":"","quantity":0,"unitPrice":"4","totalPrice":null,"orderId":"x","colour":1}"#,
            "422 userId: must be a string, found a number; productId: must not be empty; \
             quantity: must be an integer from 1 to 1000000000, found 0; unitPrice: must be an integer, found a string; \
             totalPrice: must be an integer, found null; orderId: must be a UUID, found `x`; \
             colour: is not a field of this request (userId, lines or productId, quantity and unitPrice, totalPrice, currency, hold, orderId)",
        );
    }

    #[test]
    fn integers_are_integers() {
        for (quantity, message) in [
            ("-0", "must be an integer from 1 to 1000000000, found 0"),
            ("-1", "must be an integer from 1 to 1000000000, found -1"),
            ("1000000001", "must be an integer from 1 to 1000000000, found 1000000001"),
            ("9223372036854775808", "must be an integer from 1 to 1000000000, found 9223372036854775808"),
            ("-123456789012345678901", "must be an integer from 1 to 1000000000, found -123456789012345678901"),
            ("4.0", "must be an integer, found a number with a fraction or an exponent"),
            ("1e3", "must be an integer, found a number with a fraction or an exponent"),
            ("1E400", "must be an integer, found a number with a fraction or an exponent"),
            ("\"4\"", "must be an integer, found a string"),
            ("true", "must be an integer, found a boolean"),
            ("null", "must be an integer, found null"),
            ("[4]", "must be an integer, found an array"),
            ("{}", "must be an integer, found an object"),
        ] {
            check(
                &GOOD.replace("\"quantity\":7", &format!("\"quantity\":{quantity}")),
                &format!("422 quantity: {message}"),
            );
        }
    }

    #[test]
    fn totals() {
        let with_total = |total: &str| GOOD.replace("11000}", &format!("11000,\"totalPrice\":{total}}}"));
        check(&with_total("77000"), "ok");
        check(&with_total("77001"), "422 totalPrice: must be quantity * unit price = 77000, found 77001");
        check(&with_total("0"), "422 totalPrice: must be an integer from 1 to 9007199254740991, found 0");
        check(
            &with_total("77000.0"),
            "422 totalPrice: must be an integer, found a number with a fraction or an exponent",
        );
        check(
            &GOOD.replace("11000", "9007199254740991"),
            "422 totalPrice: quantity * unit price is more than 9007199254740991",
        );
    }

    #[test]
    fn ids() {
        for (product, message) in [
            ("a b", "must not contain the character U+0020 (at character 2)"),
            ("a\\u0000", "must not contain the character U+0000 (at character 2)"),
            ("\\u200b", "must not contain the character U+200B (at character 1)"),
            ("\\u3164", "must not contain the character U+3164 (at character 1)"),
            (&*"x".repeat(65), "must have at most 64 characters, found 65"),
        ] {
            check(&GOOD.replace("\"p\"", &format!("\"{product}\"")), &format!("422 productId: {message}"));
        }
    }

    #[test]
    fn the_user_in_the_path_is_no_field() {
        let user = UserId::parse("u").expect("valid");
        let Err(Problem::InvalidFields(errors)) = PlaceOrder::parse(GOOD.as_bytes(), Some(user.clone())) else {
            panic!("422")
        };
        assert_eq!(errors[0].field, "userId");
        let without = GOOD.replace("\"userId\":\"u\",", "");
        assert_eq!(
            PlaceOrder::parse(without.as_bytes(), Some(user.clone())).map(|order| order.user_id).ok(),
            Some(user)
        );
    }

    /// A body of `lines`, with more fields.
    fn basket(lines: &str, more: &str) -> String {
        format!(r#"{{"userId":"u","lines":[{lines}]{more}}}"#)
    }

    const TEA: &str = r#"{"productId":"tea","quantity":2,"unitPrice":5}"#;
    const MILK: &str = r#"{"productId":"milk","quantity":1,"unitPrice":7}"#;

    #[test]
    fn orders_of_several_lines() {
        let both = format!("{TEA},{MILK}");
        for (lines, more) in [
            (TEA, ""),
            (&both, ""),
            (&both, r#","totalPrice":17,"currency":"EUR","hold":{"expiresInSeconds":86400}"#),
            (&both.replace("7}", r#"7,"totalPrice":7}"#), ""),
        ] {
            check(&basket(lines, more), "ok");
        }
        let parsed = PlaceOrder::parse(basket(&both, r#","hold":{"expiresInSeconds":60}"#).as_bytes(), None);
        let order = parsed.expect("good").order(OrderId::from_uuid(uuid::Uuid::nil()), DateTime::UNIX_EPOCH);
        let order = order.expect("good");
        let lines: Vec<_> = order.lines().map(|(no, line)| (no.get(), line.product_id().as_str())).collect();
        assert_eq!(lines, [(1, "tea"), (2, "milk")]);
        assert_eq!(order.expires_at(), DateTime::from_timestamp(60, 0));
        let hundred: Vec<_> = (0..100).map(|n| TEA.replace("tea", &format!("p{n}"))).collect();
        check(&basket(&hundred.join(","), ""), "ok");
    }

    #[test]
    fn what_is_wrong_with_lines_is_named_with_the_line() {
        let both = format!("{TEA},{MILK}");
        let second = |from: &str, to: &str| basket(&format!("{TEA},{}", MILK.replace(from, to)), "");
        let many = (0..101).map(|n| TEA.replace("tea", &format!("p{n}"))).collect::<Vec<_>>().join(",");
        for (body, expected) in [
            (basket("", ""), "422 lines: must have 1 to 100 entries, found 0"),
            (basket(&many, ""), "422 lines: must have 1 to 100 entries, found 101"),
            (
                basket(&format!("{TEA},{MILK},{TEA}"), ""),
                "422 lines[2].productId (line 3): must stand in one line only, stands in line 1 too",
            ),
            (
                basket(&both, r#","productId":"tea""#),
                "422 productId: must not stand beside lines: each of them has its own",
            ),
            (
                basket(&both, r#","quantity":1,"unitPrice":1"#),
                "422 quantity: must not stand beside lines: each of them has its own; \
                 unitPrice: must not stand beside lines: each of them has its own",
            ),
            (r#"{"userId":"u","lines":null}"#.to_owned(), "422 lines: must be an array, found null"),
            (r#"{"userId":"u","lines":{}}"#.to_owned(), "422 lines: must be an array, found an object"),
            (basket("7", ""), "422 lines[0] (line 1): must be an object, found a number"),
            (basket(&format!("{TEA},[]"), ""), "422 lines[1] (line 2): must be an object, found an array"),
            (
                basket(&format!("{TEA},{{}}"), ""),
                "422 lines[1].productId (line 2): is missing; lines[1].quantity (line 2): is missing; \
                 lines[1].unitPrice (line 2): is missing",
            ),
            (second("1", "0"), "422 lines[1].quantity (line 2): must be an integer from 1 to 1000000000, found 0"),
            (second("milk", ""), "422 lines[1].productId (line 2): must not be empty"),
            (
                second("1", "1.5"),
                "422 lines[1].quantity (line 2): must be an integer, found a number with a fraction or an exponent",
            ),
            (
                second("7", r#"7,"totalPrice":8"#),
                "422 lines[1].totalPrice (line 2): must be quantity * unit price = 7, found 8",
            ),
            (
                second(r#"1,"unitPrice":7"#, r#"1000000000,"unitPrice":9007199254740991"#),
                "422 lines[1].totalPrice (line 2): quantity * unit price is more than 9007199254740991",
            ),
            (
                second("7", r#"7,"lineNo":2"#),
                "422 lines[1].lineNo (line 2): is not a field of a line (productId, quantity, unitPrice, totalPrice)",
            ),
            (second("7", r#"7,"quantity":2"#), "400 lines[1].quantity (line 2): stands twice in the object"),
            (
                second("7", "9007199254740991"),
                "422 totalPrice (line 2): the sum over the lines is more than 9007199254740991",
            ),
            (basket(&both, r#","totalPrice":18"#), "422 totalPrice: must be the sum over the lines = 17, found 18"),
        ] {
            check(&body, expected);
        }
    }

    #[test]
    fn currency_and_hold() {
        let with = |more: &str| GOOD.replace("11000}", &format!("11000,{more}}}"));
        let hold = |value: &str| with(&format!(r#""hold":{value}"#));
        check(&with(r#""currency":"JPY","hold":{"expiresInSeconds":1}"#), "ok");
        for (body, expected) in [
            (with(r#""currency":"QQQ""#), "422 currency: must be a currency that ISO 4217 lists, found `QQQ`"),
            (with(r#""currency":"eur""#), "422 currency: must be a currency code of three capitals, found `eur`"),
            (with(r#""currency":978"#), "422 currency: must be a string, found a number"),
            (with(r#""currency":null"#), "422 currency: must be a string, found null"),
            (
                hold(r#"{"expiresInSeconds":0}"#),
                "422 hold.expiresInSeconds: must be an integer from 1 to 86400, found 0",
            ),
            (
                hold(r#"{"expiresInSeconds":86401}"#),
                "422 hold.expiresInSeconds: must be an integer from 1 to 86400, found 86401",
            ),
            (hold("{}"), "422 hold.expiresInSeconds: is missing"),
            (hold("60"), "422 hold: must be an object, found a number"),
            (hold("null"), "422 hold: must be an object, found null"),
            (
                hold(r#"{"expiresInSeconds":60,"minutes":1}"#),
                "422 hold.minutes: is not a field of hold (expiresInSeconds)",
            ),
            (
                hold(r#"{"expiresInSeconds":60,"expiresInSeconds":61}"#),
                "400 hold.expiresInSeconds: stands twice in the object",
            ),
        ] {
            check(&body, expected);
        }
    }
}
