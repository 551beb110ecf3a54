//! A problem as it travels (RFC 9457): the members of the JSON, and nothing about when which of them is there.

use std::borrow::Cow;

use ledger_schema::Violation;
use serde::Serialize;
use utoipa::ToSchema;

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field of the body, the parameter of the path or query, or the header; `body` for the body as a whole.
    #[schema(value_type = String, example = "quantity")]
    pub field: Cow<'static, str>,
    #[schema(example = "must be an integer from 1 to 1000000000, found 0")]
    pub message: String,
}

impl FieldError {
    pub(crate) fn new(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    pub(crate) fn violation(field: &'static str, violation: &Violation) -> Self {
        Self::new(field, violation.to_string())
    }
}

/// A problem as it travels. Members without a value are left out.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemDocument {
    /// Stable; explained at this address of the service.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "/problems/out-of-stock")]
    pub(crate) problem_type: String,
    #[schema(value_type = String)]
    pub(crate) title: Cow<'static, str>,
    pub(crate) status: u16,
    pub(crate) detail: String,
    /// Every wrong field at once, for 400 and 422.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) errors: Option<Vec<FieldError>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) movement_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) product_id: Option<String>,
    /// `PARTITION:OFFSET` of the record that was decided, or that is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<String>,
    /// Pieces available now (`out-of-stock`, `below-zero`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) available: Option<i64>,
    /// The partition of the log that is not folded far enough (`projection-catching-up`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) partition: Option<i32>,
    /// Where the projection of that partition stands (exclusive).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_offset: Option<i64>,
    /// How far that partition was observed before (exclusive).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) furthest_offset: Option<i64>,
}
