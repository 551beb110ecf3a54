//! A problem as it travels (RFC 9457): the members of the JSON, and nothing about when which of them is there.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use super::words::ProblemTypeWord;
use crate::decision::RefusedLine;
use crate::texts::{
    MovementIdText, OrderIdText, OrderReasonWord, OrderStatusWord, PositionText, ProductIdText, RefusalReasonWord,
};

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldError {
    /// The field of the body, the parameter of the path or query, or the header; `body` for the body as a whole.
    #[schema(value_type = String, example = "lines[1].quantity")]
    pub field: Cow<'static, str>,
    /// Number of the order's line that it is about, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 2)]
    pub line_no: Option<i16>,
    #[schema(example = "must be an integer from 1 to 1000000000, found 0")]
    pub message: String,
}

impl FieldError {
    pub(crate) fn new(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { field: field.into(), line_no: None, message: message.into() }
    }

    /// About a line of the order.
    pub(crate) fn of_line(line_no: i16, field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { line_no: Some(line_no), ..Self::new(field, message) }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line_no {
            Some(line_no) => write!(f, "{} (line {line_no}): {}", self.field, self.message),
            None => write!(f, "{}: {}", self.field, self.message),
        }
    }
}

/// A line of an order that was refused.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedLineView {
    /// From 1.
    pub(crate) line_no: i16,
    #[schema(value_type = ProductIdText)]
    pub(crate) product_id: String,
    pub(crate) quantity: i64,
    #[schema(value_type = RefusalReasonWord)]
    pub(crate) reason: String,
}

impl From<RefusedLine> for RefusedLineView {
    fn from(line: RefusedLine) -> Self {
        let RefusedLine { line_no, product_id, quantity, reason } = line;
        Self { line_no, product_id, quantity, reason }
    }
}

/// A problem as it travels. Members without a value are left out.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemDocument {
    /// Stable; explained at this address of the service.
    #[serde(rename = "type")]
    #[schema(value_type = ProblemTypeWord)]
    pub(crate) problem_type: String,
    #[schema(value_type = String)]
    pub(crate) title: Cow<'static, str>,
    pub(crate) status: u16,
    pub(crate) detail: String,
    /// Every wrong field at once, for 400 and 422.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) errors: Option<Vec<FieldError>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = OrderIdText, required = false)]
    pub(crate) order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = MovementIdText, required = false)]
    pub(crate) movement_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ProductIdText, required = false)]
    pub(crate) product_id: Option<String>,
    /// `PARTITION:OFFSET` of the record that was decided, or that is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = PositionText, required = false)]
    pub(crate) position: Option<String>,
    /// The lines of the order that were refused, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) lines: Option<Vec<RefusedLineView>>,
    /// Where the order stands (`not-held`, `not-cancellable`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = OrderStatusWord, required = false)]
    pub(crate) order_status: Option<String>,
    /// Why the order is rejected or cancelled (`not-held`, `not-cancellable`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = OrderReasonWord, required = false)]
    pub(crate) reason: Option<String>,
    /// Pieces available now of `productId` (`out-of-stock`, `below-zero`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) available: Option<i64>,
    /// The partition of the log that is not folded far enough (`projection-catching-up`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) partition: Option<i32>,
    /// Where the projection of that partition stands (exclusive).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) next_offset: Option<i64>,
    /// How far that partition was observed before (exclusive).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) furthest_offset: Option<i64>,
}
