//! What each POST but that of an order asks for, parsed from its body into domain values. An id that stands in the path is no
//! field of the body. Orders: [`super::place_order`].

use ledger_schema::{AdjustmentNote, CancelNote, Delta, Quantity};

use super::fields::Fields;
use super::new_ids::{new_cancel_note, new_note};
use crate::problem::Problem;

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

/// `POST /orders/{orderId}/cancel`.
#[derive(Debug, PartialEq)]
pub(crate) struct CancelOrder {
    pub(crate) note: Option<CancelNote>,
}

/// `POST /orders/{orderId}/confirm`.
#[derive(Debug, PartialEq)]
pub(crate) struct ConfirmOrder;

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

impl CancelOrder {
    /// Nothing has to be said.
    ///
    /// # Errors
    /// [`Problem::InvalidRequest`] or [`Problem::InvalidFields`].
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Problem> {
        if body.is_empty() {
            return Ok(Self { note: None });
        }
        let mut fields = Fields::parse(body)?;
        let note = fields.optional_text("note", new_cancel_note);
        fields.finish(Some(Self { note }), "note")
    }
}

impl ConfirmOrder {
    /// Nothing can be said.
    ///
    /// # Errors
    /// [`Problem::InvalidRequest`] or [`Problem::InvalidFields`].
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Problem> {
        if body.is_empty() { Ok(Self) } else { Fields::parse(body)?.finish(Some(Self), "none") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status and each `field: message`.
    fn refusal<T: std::fmt::Debug>(parsed: Result<T, Problem>) -> String {
        match parsed {
            Err(Problem::InvalidRequest(errors)) => format!("400 {}", names(&errors)),
            Err(Problem::InvalidFields(errors)) => format!("422 {}", names(&errors)),
            other => panic!("{other:?}"),
        }
    }

    fn names(errors: &[crate::problem::FieldError]) -> String {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
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

    #[test]
    fn a_cancellation_may_say_why() {
        assert_eq!(CancelOrder::parse(b"").expect("good"), CancelOrder { note: None });
        assert_eq!(CancelOrder::parse(b"{}").expect("good"), CancelOrder { note: None });
        let note = CancelOrder::parse(br#"{"note":"changed my mind"}"#).expect("good").note.expect("a note");
        assert_eq!(note.to_string(), "changed my mind");
        for (body, message) in [
            (r#"{"note":null}"#, "422 note: must be a string, found null"),
            (r#"{"note":""}"#, "422 note: must not be empty"),
            (r#"{"note":"  "}"#, "422 note: must not be blank"),
            (r#"{"note":"a\u0007"}"#, "422 note: must not contain the character U+0007 (at character 2)"),
            (r#"{"reason":"x"}"#, "422 reason: is not a field of this request (note)"),
            (r#"[]"#, "400 body: is not a JSON object"),
        ] {
            assert_eq!(refusal(CancelOrder::parse(body.as_bytes())), message, "{body}");
        }
        let long = format!(r#"{{"note":"{}"}}"#, "x".repeat(201));
        assert_eq!(
            refusal(CancelOrder::parse(long.as_bytes())),
            "422 note: must have at most 200 characters, found 201"
        );
    }

    #[test]
    fn a_confirmation_says_nothing() {
        assert!(ConfirmOrder::parse(b"").is_ok() && ConfirmOrder::parse(b"{}").is_ok());
        assert_eq!(refusal(ConfirmOrder::parse(b"{\"a\":1}")), "422 a: is not a field of this request (none)");
        assert_eq!(refusal(ConfirmOrder::parse(b"7")), "400 body: is not a JSON object");
    }
}
