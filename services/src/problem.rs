//! Every answer that is not a success: one enum, one status per variant, rendered as RFC 9457 `application/problem+json`.
//!
//! It must never say more than is known: what may have been appended is [`Problem::UnknownOutcome`], never "failed".
//! The words and what they mean to a client: [`crate::problem_words`]. Faults of Kafka, MariaDB or a dying process are
//! 503; 500 is a panic and nothing else.

use std::borrow::Cow;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ledger_schema::{OrderId, ParkReason, Position, Violation};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem_words as words;
use crate::submission::Subject;

pub(crate) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

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

/// What a decision or a doubt is about.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) subject: Subject,
    pub(crate) product_id: String,
    pub(crate) position: Option<Position>,
}

/// Why a request was not answered with success.
#[derive(Debug, Clone)]
pub(crate) enum Problem {
    /// 400: the body, path, query or a header cannot be read.
    InvalidRequest(Vec<FieldError>),
    /// 422: the body is a JSON object, and these fields of it are wrong.
    InvalidFields(Vec<FieldError>),
    /// 404: nothing there, said by `what`.
    NotFound(String),
    /// 405 of the router, which has set `Allow`.
    MethodNotAllowed,
    /// 408: the body did not arrive in time.
    RequestTimeout,
    /// 413.
    BodyTooLarge,
    /// 415: expected and found.
    UnsupportedMediaType(String),
    /// 422: another request under this id came first.
    IdempotencyConflict(Box<Case>),
    /// 409: folded, and refused for `reason`; `available` is what is left now.
    Rejected { case: Box<Case>, reason: String, available: Option<i64> },
    /// 409: in the log, but parked instead of folded.
    Parked { case: Box<Case>, reason: String },
    /// 503: a server is away; nothing was appended.
    Unavailable { part: &'static str, cause: String },
    /// 503: appended or not, nobody knows.
    UnknownOutcome { case: Box<Case>, cause: String },
    /// 503: the projection did not pass this position in time.
    NotYetProjected(Position),
    /// 500: a bug.
    Panic,
}

/// A problem as it travels (RFC 9457). Members without a value are left out.
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
}

impl Problem {
    pub(crate) fn invalid(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::InvalidRequest(vec![FieldError::new(field, message)])
    }

    pub(crate) fn order_not_found(order_id: OrderId) -> Self {
        Self::NotFound(format!("no order {order_id} has been projected; add ?after=POSITION to wait for one"))
    }

    /// The status per variant.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::InvalidRequest(_) => StatusCode::BAD_REQUEST,
            Self::InvalidFields(_) | Self::IdempotencyConflict(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Rejected { .. } | Self::Parked { .. } => StatusCode::CONFLICT,
            Self::Unavailable { .. } | Self::UnknownOutcome { .. } | Self::NotYetProjected(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Panic => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The last segment of `type`.
    fn word(&self) -> &str {
        match self {
            Self::InvalidRequest(_) => words::INVALID_REQUEST,
            Self::InvalidFields(_) => words::INVALID_FIELD,
            Self::NotFound(_) => words::NOT_FOUND,
            Self::MethodNotAllowed => words::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => words::REQUEST_TIMEOUT,
            Self::BodyTooLarge => words::BODY_TOO_LARGE,
            Self::UnsupportedMediaType(_) => words::UNSUPPORTED_MEDIA_TYPE,
            Self::IdempotencyConflict(_) => words::IDEMPOTENCY_CONFLICT,
            Self::Rejected { reason, .. } | Self::Parked { reason, .. } => reason,
            Self::Unavailable { .. } => words::UNAVAILABLE,
            Self::UnknownOutcome { .. } => words::UNKNOWN_OUTCOME,
            Self::NotYetProjected(_) => words::NOT_YET_PROJECTED,
            Self::Panic => words::INTERNAL_ERROR,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::InvalidRequest(errors) | Self::InvalidFields(errors) => {
                errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect::<Vec<_>>().join("; ")
            }
            Self::NotFound(what) => what.clone(),
            Self::MethodNotAllowed => "the header Allow names the methods of this address".to_owned(),
            Self::RequestTimeout => "the body did not arrive in time".to_owned(),
            Self::BodyTooLarge => format!("a body has at most {} bytes", crate::request::MAX_BODY_BYTES),
            Self::UnsupportedMediaType(found) => format!("expected Content-Type: application/json, found {found}"),
            Self::IdempotencyConflict(case) => {
                format!("another request with other contents was accepted under this id ({})", case.subject)
            }
            Self::Rejected { case, reason, .. } => {
                format!("{} of {} was rejected: {reason}", case.subject, case.product_id)
            }
            Self::Parked { case, reason } => {
                format!("{} of {} could not be folded and was parked: {reason}", case.subject, case.product_id)
            }
            Self::Unavailable { part, .. } => format!("{part} cannot be reached at the moment; nothing was changed"),
            Self::UnknownOutcome { case, .. } => {
                format!("whether {} was accepted is unknown; {}", case.subject, case.subject.how_to_retry())
            }
            Self::NotYetProjected(position) => format!("the projection has not passed {position} yet"),
            Self::Panic => "a bug in this service; the request id is in its log".to_owned(),
        }
    }

    /// What the log should say beside the answer, for answers of 500 and above.
    pub(crate) fn cause(&self) -> Option<&str> {
        match self {
            Self::Unavailable { cause, .. } | Self::UnknownOutcome { cause, .. } => Some(cause),
            _ => None,
        }
    }

    fn case(&self) -> Option<&Case> {
        match self {
            Self::IdempotencyConflict(case)
            | Self::Rejected { case, .. }
            | Self::Parked { case, .. }
            | Self::UnknownOutcome { case, .. } => Some(case),
            _ => None,
        }
    }

    pub(crate) fn document(&self) -> ProblemDocument {
        let mut document = ProblemDocument {
            problem_type: format!("{}{}", words::PREFIX, self.word()),
            title: words::title(self.word()).into(),
            status: self.status().as_u16(),
            detail: self.detail(),
            ..ProblemDocument::default()
        };
        if let Some(case) = self.case() {
            match case.subject {
                Subject::Order(order_id) => document.order_id = Some(order_id.to_string()),
                Subject::Movement(movement_id) => document.movement_id = Some(movement_id.to_string()),
            }
            document.product_id = Some(case.product_id.clone());
            document.position = case.position.map(|position| position.to_string());
        }
        match self {
            Self::InvalidRequest(errors) | Self::InvalidFields(errors) => document.errors = Some(errors.clone()),
            Self::Rejected { available, .. } => document.available = *available,
            Self::NotYetProjected(position) => document.position = Some(position.to_string()),
            _ => {}
        }
        document
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = serde_json::to_vec(&self.document()).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        // For the one place that logs (`answer_marks`), which knows the request's id.
        response.extensions_mut().insert(self);
        response
    }
}

/// The word of a parked record that means "another request came first under this id".
pub(crate) fn parked(case: Case, reason: String) -> Problem {
    if reason == ParkReason::ConflictingDuplicate.as_str() {
        Problem::IdempotencyConflict(Box::new(case))
    } else {
        Problem::Parked { case: Box::new(case), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_schema::RejectionReason;

    fn case() -> Box<Case> {
        let order_id = OrderId::parse("77a436fd-64f9-4d35-999b-a957195f5d23").expect("valid");
        let position = Some(Position { partition: 3, offset: 41 });
        Box::new(Case { subject: Subject::Order(order_id), product_id: "chocolate".to_owned(), position })
    }

    #[test]
    fn status_and_word_of_every_variant() {
        let position = Position { partition: 0, offset: 7 };
        for (problem, status, word) in [
            (Problem::invalid("cursor", "is bad"), 400, "invalid-request"),
            (Problem::InvalidFields(vec![]), 422, "invalid-field"),
            (Problem::NotFound("x".into()), 404, "not-found"),
            (Problem::MethodNotAllowed, 405, "method-not-allowed"),
            (Problem::RequestTimeout, 408, "request-timeout"),
            (Problem::BodyTooLarge, 413, "body-too-large"),
            (Problem::UnsupportedMediaType("text/plain".into()), 415, "unsupported-media-type"),
            (Problem::IdempotencyConflict(case()), 422, "idempotency-conflict"),
            (
                Problem::Rejected { case: case(), reason: "out-of-stock".into(), available: Some(7) },
                409,
                "out-of-stock",
            ),
            (Problem::Parked { case: case(), reason: "wrong-partition".into() }, 409, "wrong-partition"),
            (Problem::Unavailable { part: "Kafka", cause: String::new() }, 503, "unavailable"),
            (Problem::UnknownOutcome { case: case(), cause: String::new() }, 503, "unknown-outcome"),
            (Problem::NotYetProjected(position), 503, "not-yet-projected"),
            (Problem::Panic, 500, "internal-error"),
        ] {
            let document = problem.document();
            assert_eq!(document.problem_type, format!("/problems/{word}"));
            assert_eq!((document.status, problem.status().as_u16()), (status, status), "{word}");
            assert!(words::explain(word).is_some(), "{word} has a page");
            let response = problem.into_response();
            assert_eq!(response.headers().contains_key(RETRY_AFTER), status == 503, "{word}");
            assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        }
    }

    #[test]
    fn every_reason_has_a_page() {
        for reason in RejectionReason::ALL {
            assert!(words::explain(reason.as_str()).is_some(), "{reason}");
        }
        for reason in ParkReason::ALL {
            assert!(words::explain(reason.as_str()).is_some(), "{reason}");
        }
        assert!(words::explain("no-such-word").is_none());
    }

    #[test]
    fn members_of_a_rejection() {
        let problem = Problem::Rejected { case: case(), reason: "out-of-stock".into(), available: Some(7) };
        let json = serde_json::to_value(problem.document()).expect("serializes");
        assert_eq!(json["orderId"], "77a436fd-64f9-4d35-999b-a957195f5d23");
        assert_eq!(json["position"], "3:41");
        assert_eq!(json["available"], 7);
        assert_eq!(json.get("errors"), None);
    }
}
