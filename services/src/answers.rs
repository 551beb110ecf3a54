//! The shapes of what a write is answered with: JSON in camelCase, positions as `PARTITION:OFFSET`, times in RFC 3339. What is read:
//! [`crate::views`].

use axum::Json;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ledger_schema::{MovementId, OrderId, Position, ProductId, Status};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::decision::Decision;
use crate::order_change::Changed;
use crate::submission::Accepted;
use crate::texts::{
    MovementIdText, MovementReasonWord, MovementStatusWord, OrderIdText, OrderReasonWord, OrderStatusWord, PositionText,
};

/// All but RFC 3986's unreserved characters.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The answer of an accepted order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedOrder {
    #[schema(value_type = OrderIdText)]
    pub(crate) order_id: String,
    /// `pending`, or where it stands.
    #[schema(value_type = OrderStatusWord)]
    pub(crate) status: String,
    /// Why it was rejected or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = OrderReasonWord, required = false)]
    pub(crate) reason: Option<String>,
    /// Of an order that is held: until when, unless it is confirmed before. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, nullable = false)]
    pub(crate) expires_at: Option<String>,
    /// `PARTITION:OFFSET` of its record in the log.
    #[schema(value_type = PositionText)]
    pub(crate) position: String,
}

/// The answer of a confirmation or a cancellation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangedOrder {
    #[schema(value_type = OrderIdText)]
    pub(crate) order_id: String,
    /// Where the order stands; while the request is not decided (202), where it stood before.
    #[schema(value_type = OrderStatusWord)]
    pub(crate) status: String,
    /// Why it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = OrderReasonWord, required = false)]
    pub(crate) reason: Option<String>,
    /// Of an order that is held: until when, unless it is confirmed before. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, nullable = false)]
    pub(crate) expires_at: Option<String>,
    /// `PARTITION:OFFSET` of the request in the log; of the order itself where nothing had to be asked.
    #[schema(value_type = PositionText)]
    pub(crate) position: String,
}

/// The answer of an accepted receipt or adjustment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedMovement {
    #[schema(value_type = MovementIdText)]
    pub(crate) movement_id: String,
    /// `pending`, or what was decided.
    #[schema(value_type = MovementStatusWord)]
    pub(crate) status: String,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = MovementReasonWord, required = false)]
    pub(crate) reason: Option<String>,
    /// `PARTITION:OFFSET` of its record in the log.
    #[schema(value_type = PositionText)]
    pub(crate) position: String,
}

impl Accepted {
    /// 201 when the client waited for the decision and there is one, else 202.
    fn status(&self, waited: bool) -> StatusCode {
        match self {
            Self::Stands(decision) if waited && !decision.is_pending() => StatusCode::CREATED,
            Self::Stands(_) | Self::Pending(_) => StatusCode::ACCEPTED,
        }
    }

    fn decision(self) -> Decision {
        match self {
            Self::Stands(decision) => decision,
            Self::Pending(position) => {
                let status = Status::Pending.to_string();
                Decision { position, status, reason: None, expires_at: None, refused: Vec::new() }
            }
        }
    }
}

impl Decision {
    /// Until when an order is held. Of one that is pending it is not told: the record that counts may be an earlier one.
    fn held_until(&self) -> Option<String> {
        self.expires_at.clone().filter(|_| self.is(Status::Held))
    }
}

pub(crate) fn accepted_order(order_id: OrderId, accepted: Accepted, waited: bool) -> Response {
    let code = accepted.status(waited);
    let decision = accepted.decision();
    let (position, expires_at) = (decision.position, decision.held_until());
    let Decision { status, reason, .. } = decision;
    let location = format!("/orders/{order_id}?after={position}");
    let (order_id, position) = (order_id.to_string(), position.to_string());
    located(code, &location, &AcceptedOrder { order_id, status, reason, expires_at, position })
}

/// 200 when it is done, else 202 with the address at which that can be seen.
pub(crate) fn changed_order(order_id: OrderId, changed: Changed) -> Response {
    let body = |position: Position, decision: Decision| {
        let expires_at = decision.held_until();
        let Decision { status, reason, .. } = decision;
        let (order_id, position) = (order_id.to_string(), position.to_string());
        ChangedOrder { order_id, status, reason, expires_at, position }
    };
    match changed {
        Changed::Done { position, now } => (StatusCode::OK, Json(body(position, now))).into_response(),
        Changed::Asked { position, before } => {
            let location = format!("/orders/{order_id}?after={position}");
            located(StatusCode::ACCEPTED, &location, &body(position, before))
        }
    }
}

pub(crate) fn accepted_movement(
    movement_id: MovementId,
    product_id: &ProductId,
    accepted: Accepted,
    waited: bool,
) -> Response {
    let code = accepted.status(waited);
    let Decision { position, status, reason, .. } = accepted.decision();
    let location = format!("/stock/{}/movements/{movement_id}?after={position}", in_path(product_id));
    let (movement_id, position) = (movement_id.to_string(), position.to_string());
    located(code, &location, &AcceptedMovement { movement_id, status, reason, position })
}

/// An id as a segment of a path. Of dots alone, it is escaped as well: such a segment would mean a place in the path.
fn in_path(product_id: &ProductId) -> String {
    match product_id.as_str() {
        dots @ ("." | "..") => dots.replace('.', "%2E"),
        other => utf8_percent_encode(other, IN_PATH).to_string(),
    }
}

fn located(code: StatusCode, location: &str, body: &impl Serialize) -> Response {
    let mut response = (code, Json(body)).into_response();
    let location =
        HeaderValue::try_from(location).expect("ids and positions are ASCII, product ids are percent-encoded");
    response.headers_mut().insert(LOCATION, location);
    response
}
