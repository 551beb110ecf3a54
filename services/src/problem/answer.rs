//! Every answer that is not a success: one enum, one status per variant, rendered as RFC 9457 `application/problem+json`.
//!
//! It must never say more than is known: what may have been appended is [`Problem::UnknownOutcome`], never "failed".
//! The words and what they mean to a client: [`super::words`]. Faults of Kafka, MariaDB or a dying process are
//! 503; 500 is a panic and nothing else.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use ledger_auth::Denied;
use ledger_http::Refusal;
use ledger_schema::{MovementId, OrderId, ParkReason, Position, ProductId};

use super::document::{FieldError, ProblemDocument, RefusedLineView};
use super::words;
use crate::decision::{Decision, RefusedLine, Subject};

pub(crate) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// What a decision or a doubt is about.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) subject: Subject,
    /// `None` for an order of several lines.
    pub(crate) product_id: Option<String>,
    pub(crate) position: Option<Position>,
}

/// An order whose state forbids what was asked of it.
#[derive(Debug, Clone)]
pub(crate) struct Forbidden {
    pub(crate) order_id: OrderId,
    pub(crate) decision: Decision,
}

/// Why a request was not answered with success.
#[derive(Debug, Clone)]
pub(crate) enum Problem {
    /// 400, 414, 431: it came to no route.
    NotRouted(Refusal),
    /// 400: the body, path, query or a header cannot be read.
    InvalidRequest(Vec<FieldError>),
    /// 422: the body is a JSON object, and these fields of it are wrong.
    InvalidFields(Vec<FieldError>),
    /// 400, 401, 403, 429, 503: it was not let in.
    Denied(Denied),
    /// 403: the role may do such things, but not this one.
    NotAllowed(&'static str),
    /// 404: nothing there, said by `what`.
    NotFound(String),
    /// 405 of the router, which has set `Allow`.
    MethodNotAllowed,
    /// 408: the body did not arrive in time.
    RequestTimeout,
    /// 413: more than this many bytes.
    BodyTooLarge(usize),
    /// 415: expected and found.
    UnsupportedMediaType(String),
    /// 422: another request under this id came first.
    IdempotencyConflict(Box<Case>),
    /// 422: an order id is stated beside a key, which decides the id and gives another one. Nothing was appended.
    KeyOfAnotherId { stated: OrderId, by_key: OrderId },
    /// 409: folded, and refused for `reason`, or cancelled since; `available` is what is left now of the first line that was
    /// refused.
    Rejected { case: Box<Case>, reason: String, refused: Vec<RefusedLine>, available: Option<i64> },
    /// 409: an order that is not held cannot be confirmed.
    NotHeld(Box<Forbidden>),
    /// 409: an order that was rejected cannot be cancelled.
    NotCancellable(Box<Forbidden>),
    /// 409: in the log, but parked instead of folded.
    Parked { case: Box<Case>, reason: String },
    /// 503: a server is away; nothing was appended.
    Unavailable { part: &'static str, cause: String },
    /// 503: Kafka refuses what this service appends; nothing was appended.
    Refused { cause: String },
    /// 413: the topic takes no record of this many bytes; nothing was appended.
    RecordTooLarge { bytes: usize, cause: String },
    /// 503: so many streams are open at this service, or read from the topic by themselves; no more are opened.
    TooManyStreams { what: &'static str, most: usize },
    /// 503: appended or not, nobody knows.
    UnknownOutcome { case: Box<Case>, cause: String },
    /// 503: a confirmation or a cancellation was appended or not, nobody knows.
    UnknownChange { order_id: OrderId, cause: String },
    /// 503: the projection did not pass this position in time.
    NotYetProjected(Position),
    /// 503: in this partition the projection stands before what was observed already.
    CatchingUp { partition: i32, next_offset: i64, furthest: i64 },
    /// 500: a bug.
    Panic,
}

impl Problem {
    pub(crate) fn invalid(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::InvalidRequest(vec![FieldError::new(field, message)])
    }

    pub(crate) fn order_not_found(order_id: OrderId) -> Self {
        Self::NotFound(format!("no order {order_id} has been projected; add ?after=POSITION to wait for one"))
    }

    /// What a customer is answered of another user, whether there is such a one or not.
    pub(crate) fn user_not_found() -> Self {
        Self::NotFound("a customer sees its own orders alone".to_owned())
    }

    pub(crate) fn movement_not_found(movement_id: MovementId, product_id: &ProductId) -> Self {
        Self::NotFound(format!(
            "no movement {movement_id} of the product {product_id} has been projected; add ?after=POSITION to wait for one"
        ))
    }

    /// The status per variant.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotRouted(refusal) => refusal.status(),
            Self::InvalidRequest(_) => StatusCode::BAD_REQUEST,
            Self::InvalidFields(_) | Self::IdempotencyConflict(_) | Self::KeyOfAnotherId { .. } => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Denied(denied) => {
                StatusCode::from_u16(denied.word().status).expect("words have statuses of the standard")
            }
            Self::NotAllowed(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge(_) | Self::RecordTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Rejected { .. } | Self::Parked { .. } | Self::NotHeld(_) | Self::NotCancellable(_) => {
                StatusCode::CONFLICT
            }
            Self::Unavailable { .. }
            | Self::Refused { .. }
            | Self::TooManyStreams { .. }
            | Self::UnknownOutcome { .. }
            | Self::UnknownChange { .. }
            | Self::NotYetProjected(_)
            | Self::CatchingUp { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Panic => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The last segment of `type`.
    fn word(&self) -> &str {
        match self {
            Self::NotRouted(refusal) => refusal.word().name,
            Self::InvalidRequest(_) => words::INVALID_REQUEST,
            Self::InvalidFields(_) => words::INVALID_FIELD,
            Self::Denied(denied) => denied.word().name,
            Self::NotAllowed(_) => words::FORBIDDEN,
            Self::NotFound(_) => words::NOT_FOUND,
            Self::MethodNotAllowed => words::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => words::REQUEST_TIMEOUT,
            Self::BodyTooLarge(_) | Self::RecordTooLarge { .. } => words::BODY_TOO_LARGE,
            Self::UnsupportedMediaType(_) => words::UNSUPPORTED_MEDIA_TYPE,
            Self::IdempotencyConflict(_) | Self::KeyOfAnotherId { .. } => words::IDEMPOTENCY_CONFLICT,
            Self::Rejected { reason, .. } | Self::Parked { reason, .. } => reason,
            Self::NotHeld(_) => words::NOT_HELD,
            Self::NotCancellable(_) => words::NOT_CANCELLABLE,
            Self::Unavailable { .. } | Self::Refused { .. } => words::UNAVAILABLE,
            Self::TooManyStreams { .. } => words::TOO_MANY_STREAMS,
            Self::UnknownOutcome { .. } | Self::UnknownChange { .. } => words::UNKNOWN_OUTCOME,
            Self::NotYetProjected(_) => words::NOT_YET_PROJECTED,
            Self::CatchingUp { .. } => words::PROJECTION_CATCHING_UP,
            Self::Panic => words::INTERNAL_ERROR,
        }
    }

    /// What the log should say beside the answer, for answers of 500 and above.
    pub(crate) fn cause(&self) -> Option<&str> {
        match self {
            Self::Denied(denied) => denied.cause(),
            Self::Unavailable { cause, .. }
            | Self::Refused { cause }
            | Self::RecordTooLarge { cause, .. }
            | Self::UnknownOutcome { cause, .. }
            | Self::UnknownChange { cause, .. } => Some(cause),
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
            problem_type: words::type_of(self.word()),
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
            document.product_id.clone_from(&case.product_id);
            document.position = case.position.map(|position| position.to_string());
        }
        match self {
            Self::InvalidRequest(errors) | Self::InvalidFields(errors) => document.errors = Some(errors.clone()),
            Self::KeyOfAnotherId { stated, by_key } => {
                let message =
                    format!("must be {by_key}, which the Idempotency-Key gives, or be left out, found {stated}");
                document.errors = Some(vec![FieldError::new("orderId", message)]);
                document.order_id = Some(by_key.to_string());
            }
            Self::Rejected { refused, available, .. } => {
                document.available = *available;
                if let Some(first) = refused.first() {
                    document.product_id = Some(first.product_id.clone());
                    document.lines = Some(refused.iter().cloned().map(RefusedLineView::from).collect());
                }
            }
            Self::UnknownChange { order_id, .. } => document.order_id = Some(order_id.to_string()),
            Self::NotHeld(forbidden) | Self::NotCancellable(forbidden) => {
                let Forbidden { order_id, decision } = &**forbidden;
                document.order_id = Some(order_id.to_string());
                document.order_status = Some(decision.status.clone());
                document.reason.clone_from(&decision.reason);
                document.position = Some(decision.position.to_string());
            }
            Self::NotYetProjected(position) => document.position = Some(position.to_string()),
            Self::CatchingUp { partition, next_offset, furthest } => {
                document.partition = Some(*partition);
                document.next_offset = Some(*next_offset);
                document.furthest_offset = Some(*furthest);
            }
            _ => {}
        }
        document
    }
}

impl Problem {
    /// The answer, its body in one piece.
    pub(crate) fn into_bytes(self) -> Response<Bytes> {
        let status = self.status();
        let body = serde_json::to_vec(&self.document()).expect("strings and integers serialize");
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        if let Self::Denied(denied) = &self {
            denied.mark(headers);
        } else if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        // For the one place that logs (`answer_marks`), which knows the request's id.
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.into_bytes().map(Body::from)
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
    use ledger_auth::Unproven;
    use ledger_schema::{OrderReason, RejectionReason};

    fn case() -> Box<Case> {
        let order_id = OrderId::parse("77a436fd-64f9-4d35-999b-a957195f5d23").expect("valid");
        let position = Some(Position { partition: 3, offset: 41 });
        Box::new(Case { subject: Subject::Order(order_id), product_id: Some("chocolate".to_owned()), position })
    }

    fn forbidden(status: &str, reason: Option<&str>) -> Box<Forbidden> {
        let order_id = OrderId::parse("77a436fd-64f9-4d35-999b-a957195f5d23").expect("valid");
        let position = Position { partition: 3, offset: 41 };
        let reason = reason.map(str::to_owned);
        let decision = Decision { position, status: status.to_owned(), reason, expires_at: None, refused: vec![] };
        Box::new(Forbidden { order_id, decision })
    }

    fn rejected(reason: &str, lines: &[(i16, &str)]) -> Problem {
        let refused = lines.iter().map(|(line_no, reason)| RefusedLine {
            line_no: *line_no,
            product_id: format!("p{line_no}"),
            quantity: 2,
            reason: (*reason).to_owned(),
        });
        Problem::Rejected { case: case(), reason: reason.into(), refused: refused.collect(), available: Some(7) }
    }

    #[test]
    fn status_and_word_of_every_variant() {
        let position = Position { partition: 0, offset: 7 };
        let order_id = OrderId::parse("77a436fd-64f9-4d35-999b-a957195f5d23").expect("valid");
        for (problem, status, word) in [
            (Problem::NotRouted(Refusal::BadRequest("two Hosts")), 400, "bad-request"),
            (Problem::NotRouted(Refusal::UriTooLong), 414, "uri-too-long"),
            (Problem::NotRouted(Refusal::HeadersTooLarge), 431, "headers-too-large"),
            (Problem::invalid("cursor", "is bad"), 400, "invalid-request"),
            (Problem::InvalidFields(vec![]), 422, "invalid-field"),
            (Problem::Denied(Denied::Unauthenticated(Unproven::Missing)), 401, "unauthenticated"),
            (Problem::Denied(Denied::NoRole), 403, "forbidden"),
            (Problem::NotAllowed("x"), 403, "forbidden"),
            (Problem::Denied(Denied::Host), 400, "bad-request"),
            (Problem::NotFound("x".into()), 404, "not-found"),
            (Problem::MethodNotAllowed, 405, "method-not-allowed"),
            (Problem::RequestTimeout, 408, "request-timeout"),
            (Problem::BodyTooLarge(65_536), 413, "body-too-large"),
            (Problem::UnsupportedMediaType("text/plain".into()), 415, "unsupported-media-type"),
            (Problem::IdempotencyConflict(case()), 422, "idempotency-conflict"),
            (Problem::KeyOfAnotherId { stated: order_id, by_key: order_id }, 422, "idempotency-conflict"),
            (rejected("out-of-stock", &[(1, "out-of-stock")]), 409, "out-of-stock"),
            (rejected("expired", &[]), 409, "expired"),
            (Problem::NotHeld(forbidden("pending", None)), 409, "not-held"),
            (Problem::NotCancellable(forbidden("rejected", Some("out-of-stock"))), 409, "not-cancellable"),
            (Problem::Parked { case: case(), reason: "wrong-partition".into() }, 409, "wrong-partition"),
            (Problem::Unavailable { part: "Kafka", cause: String::new() }, 503, "unavailable"),
            (Problem::Refused { cause: String::new() }, 503, "unavailable"),
            (Problem::TooManyStreams { what: "are open", most: 7 }, 503, "too-many-streams"),
            (Problem::RecordTooLarge { bytes: 7, cause: String::new() }, 413, "body-too-large"),
            (Problem::UnknownOutcome { case: case(), cause: String::new() }, 503, "unknown-outcome"),
            (Problem::UnknownChange { order_id, cause: String::new() }, 503, "unknown-outcome"),
            (Problem::NotYetProjected(position), 503, "not-yet-projected"),
            (Problem::CatchingUp { partition: 3, next_offset: 41, furthest: 57 }, 503, "projection-catching-up"),
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
        for reason in OrderReason::ALL {
            assert!(words::explain(reason.as_str()).is_some(), "{reason}");
        }
        for reason in ParkReason::ALL {
            assert!(words::explain(reason.as_str()).is_some(), "{reason}");
        }
        for word in ["bad-request", "uri-too-long", "headers-too-large", "not-implemented", "length-required"] {
            assert!(words::explain(word).is_some(), "{word}: of this service or of the gateway");
        }
        assert!(words::explain("no-such-word").is_none());
    }

    #[test]
    fn members_beside_the_common_ones() {
        let json = serde_json::to_value(rejected("out-of-stock", &[]).document()).expect("serializes");
        assert_eq!(json["orderId"], "77a436fd-64f9-4d35-999b-a957195f5d23");
        assert_eq!((&json["position"], &json["productId"]), (&"3:41".into(), &"chocolate".into()));
        assert_eq!(json["available"], 7);
        assert_eq!((json.get("errors"), json.get("lines")), (None, None));
        let problem = Problem::CatchingUp { partition: 3, next_offset: 41, furthest: 57 };
        let json = serde_json::to_value(problem.document()).expect("serializes");
        assert_eq!(
            (&json["partition"], &json["nextOffset"], &json["furthestOffset"]),
            (&3.into(), &41.into(), &57.into())
        );
    }

    #[test]
    fn a_rejection_names_the_lines_and_why() {
        let problem = rejected("out-of-stock", &[(2, "out-of-stock"), (3, "unknown-product")]);
        let json = serde_json::to_value(problem.document()).expect("serializes");
        let lines = serde_json::json!([
            {"lineNo": 2, "productId": "p2", "quantity": 2, "reason": "out-of-stock"},
            {"lineNo": 3, "productId": "p3", "quantity": 2, "reason": "unknown-product"},
        ]);
        assert_eq!((&json["lines"], &json["productId"]), (&lines, &"p2".into()));
        let Problem::Rejected { mut case, reason, refused, available } = problem else { unreachable!("it is one") };
        case.product_id = None;
        let detail = Problem::Rejected { case, reason, refused, available }.detail();
        assert!(detail.ends_with("was rejected: line 2 (p2): out-of-stock; line 3 (p3): unknown-product"), "{detail}");
    }

    #[test]
    fn a_state_that_forbids_is_told() {
        for (problem, status, reason, words) in [
            (
                Problem::NotHeld(forbidden("cancelled", Some("expired"))),
                "cancelled",
                Some("expired"),
                "is cancelled (expired), not held",
            ),
            (
                Problem::NotHeld(forbidden("cancelled", Some("cancelled"))),
                "cancelled",
                Some("cancelled"),
                "is cancelled, not held",
            ),
            (Problem::NotHeld(forbidden("pending", None)), "pending", None, "is pending, not held"),
            (
                Problem::NotCancellable(forbidden("rejected", Some("out-of-stock"))),
                "rejected",
                Some("out-of-stock"),
                "is rejected (out-of-stock), and cannot be cancelled",
            ),
        ] {
            let json = serde_json::to_value(problem.document()).expect("serializes");
            assert_eq!((json["orderStatus"].as_str(), json["reason"].as_str()), (Some(status), reason));
            assert_eq!(json["position"], "3:41");
            assert!(problem.detail().ends_with(words), "{}", problem.detail());
        }
    }
}
