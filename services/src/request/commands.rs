//! What each POST asks for, parsed from its body into domain values. `userId` and `productId` that stand in the path
//! are no fields of the body.

use ledger_schema::{
    AdjustmentNote, Delta, MAX_SAFE_INTEGER, OrderId, ProductId, Quantity, TotalPrice, UnitPrice, UserId, Violation,
};

use super::fields::Fields;
use super::new_ids::{new_note, new_product_id, new_user_id};
use crate::problem::Problem;

/// `POST /orders`, `POST /users/{userId}/orders`. Its total is representable and agrees with what the client stated.
#[derive(Debug, PartialEq)]
pub(crate) struct PlaceOrder {
    pub(crate) order_id: Option<OrderId>,
    pub(crate) user_id: UserId,
    pub(crate) product_id: ProductId,
    pub(crate) quantity: Quantity,
    pub(crate) unit_price: UnitPrice,
    pub(crate) stated_total: Option<i64>,
}

/// `POST /stock/{productId}/receipts`.
#[derive(Debug, PartialEq)]
pub(crate) struct ReceiveStock {
    pub(crate) quantity: Quantity,
}

/// `POST /stock/{productId}/adjustments`.
#[derive(Debug, PartialEq)]
pub(crate) struct AdjustStock {
    pub(crate) delta: Delta,
    pub(crate) note: AdjustmentNote,
}

const ORDER_FIELDS: &str = "userId, productId, quantity, unitPrice, totalPrice, orderId";
const ORDER_OF_USER_FIELDS: &str = "productId, quantity, unitPrice, totalPrice, orderId; userId is in the path";

fn total_in_range(total: i64) -> Result<i64, Violation> {
    if (1..=MAX_SAFE_INTEGER).contains(&total) {
        Ok(total)
    } else {
        Err(Violation::OutOfRange { min: 1, max: MAX_SAFE_INTEGER, found: total.to_string() })
    }
}

impl PlaceOrder {
    /// # Errors
    /// [`Problem::InvalidRequest`] or [`Problem::InvalidFields`].
    pub(crate) fn parse(body: &[u8], user_in_path: Option<UserId>) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let known = if user_in_path.is_some() { ORDER_OF_USER_FIELDS } else { ORDER_FIELDS };
        let user_id = user_in_path.or_else(|| fields.text("userId", new_user_id));
        let product_id = fields.text("productId", new_product_id);
        let quantity = fields.integer("quantity", Quantity::new);
        let unit_price = fields.integer("unitPrice", UnitPrice::new);
        let stated_total = fields.optional_integer("totalPrice", total_in_range);
        let order_id = fields.optional_text("orderId", OrderId::parse);
        if let (Some(quantity), Some(unit_price)) = (quantity, unit_price) {
            check_total(&mut fields, quantity, unit_price, stated_total);
        }
        let parsed = user_id.zip(product_id).zip(quantity).zip(unit_price).map(
            |(((user_id, product_id), quantity), unit_price)| Self {
                order_id,
                user_id,
                product_id,
                quantity,
                unit_price,
                stated_total,
            },
        );
        fields.finish(parsed, known)
    }
}

fn check_total(fields: &mut Fields<'_>, quantity: Quantity, unit_price: UnitPrice, stated: Option<i64>) {
    match (TotalPrice::of(quantity, unit_price).map(TotalPrice::get), stated) {
        (Err(violation), _) => fields.violation("totalPrice", &violation),
        (Ok(expected), Some(found)) if found != expected => {
            fields.violation("totalPrice", &Violation::WrongTotal { expected, found });
        }
        _ => {}
    }
}

impl ReceiveStock {
    /// # Errors
    /// [`Problem::InvalidRequest`] or [`Problem::InvalidFields`].
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let quantity = fields.integer("quantity", Quantity::new);
        fields.finish(quantity.map(|quantity| Self { quantity }), "quantity")
    }
}

impl AdjustStock {
    /// # Errors
    /// [`Problem::InvalidRequest`] or [`Problem::InvalidFields`].
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let delta = fields.integer("delta", Delta::new);
        let note = fields.text("reason", new_note);
        fields.finish(delta.zip(note).map(|(delta, note)| Self { delta, note }), "delta, reason")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"userId":"u","productId":"p","quantity":7,"unitPrice":11000}"#;

    /// The outcome as one line: `ok`, or the status and each `field: message`.
    fn outcome(body: &[u8]) -> String {
        match PlaceOrder::parse(body, None) {
            Ok(_) => "ok".to_owned(),
            Err(Problem::InvalidRequest(errors)) => format!("400 {}", names(&errors)),
            Err(Problem::InvalidFields(errors)) => format!("422 {}", names(&errors)),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn names(errors: &[crate::problem::FieldError]) -> String {
        errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect::<Vec<_>>().join("; ")
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
             colour: is not a field of this request (userId, productId, quantity, unitPrice, totalPrice, orderId)",
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

    #[test]
    fn movements() {
        assert!(ReceiveStock::parse(b"{\"quantity\":10}").is_ok());
        assert!(ReceiveStock::parse(b"{\"quantity\":-10}").is_err());
        assert!(ReceiveStock::parse(b"{\"quantity\":10,\"productId\":\"p\"}").is_err());
        assert!(AdjustStock::parse(b"{\"delta\":-3,\"reason\":\"three bars melted\"}").is_ok());
        let Err(Problem::InvalidFields(errors)) = AdjustStock::parse(b"{\"delta\":0,\"reason\":\"\"}") else {
            panic!("422")
        };
        assert_eq!(names(&errors), "delta: must not be zero; reason: must not be empty");
        let Err(Problem::InvalidFields(errors)) = AdjustStock::parse(b"{\"delta\":1,\"reason\":\"  \"}") else {
            panic!("422")
        };
        assert_eq!(names(&errors), "reason: must not be blank");
    }
}
