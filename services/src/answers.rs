//! The shapes of the answers: JSON in camelCase, positions as `PARTITION:OFFSET`, times in RFC 3339.

use axum::Json;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::SecondsFormat;
use ledger_schema::{MovementId, OrderId, Position, ProductId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::reader::{MovementRow, OrderRow, StockRow};
use crate::submission::Accepted;

/// All but RFC 3986's unreserved characters.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PENDING: &str = "pending";

/// The answer of an accepted order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedOrder {
    #[schema(format = Uuid)]
    pub(crate) order_id: String,
    /// `pending`, or what was decided.
    #[schema(example = "pending")]
    pub(crate) status: String,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// `PARTITION:OFFSET` of its record in the log.
    #[schema(example = "3:41")]
    pub(crate) position: String,
}

/// The answer of an accepted receipt or adjustment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedMovement {
    #[schema(format = Uuid)]
    pub(crate) movement_id: String,
    /// `pending`, or what was decided.
    #[schema(example = "pending")]
    pub(crate) status: String,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// `PARTITION:OFFSET` of its record in the log.
    #[schema(example = "3:41")]
    pub(crate) position: String,
}

/// One row of an order: its product, and what was decided.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    #[schema(format = Uuid)]
    pub(crate) order_id: String,
    pub(crate) user_id: String,
    pub(crate) product_id: String,
    pub(crate) quantity: i64,
    /// Minor units.
    pub(crate) unit_price: i64,
    /// Minor units.
    pub(crate) total_price: i64,
    /// `confirmed`, `rejected` or `cancelled`.
    pub(crate) status: String,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// `PARTITION:OFFSET` of its record in the log.
    #[schema(example = "3:41")]
    pub(crate) position: String,
    #[schema(format = DateTime)]
    pub(crate) placed_at: String,
}

/// An order by its id.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderAnswer {
    #[serde(flatten)]
    pub(crate) order: OrderView,
    /// Every row under the id, when there are several: two requests for two products that used one id at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lines: Option<Vec<OrderView>>,
}

/// What can be sold of a product.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StockView {
    pub(crate) product_id: String,
    pub(crate) available: i64,
    /// `PARTITION:OFFSET` of the record that changed it last.
    #[schema(example = "3:41")]
    pub(crate) position: String,
}

/// A receipt or an adjustment, and what was decided.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MovementView {
    #[schema(format = Uuid)]
    pub(crate) movement_id: String,
    pub(crate) product_id: String,
    /// `receipt` or `adjustment`.
    #[schema(example = "adjustment")]
    pub(crate) kind: String,
    /// Pieces that it adds to the stock, or takes from it where it is negative.
    pub(crate) delta: i64,
    /// `confirmed` or `rejected`.
    pub(crate) status: String,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Why somebody adjusted, in their words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// `PARTITION:OFFSET` of its record in the log.
    #[schema(example = "3:41")]
    pub(crate) position: String,
    #[schema(format = DateTime)]
    pub(crate) occurred_at: String,
}

/// A page of a user's orders, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderPage {
    pub(crate) items: Vec<OrderView>,
    /// Continue with `?cursor=`; null at the end.
    pub(crate) next_cursor: Option<String>,
}

/// A page of stock, by product id.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StockPage {
    pub(crate) items: Vec<StockView>,
    /// Continue with `?cursor=`; null at the end.
    pub(crate) next_cursor: Option<String>,
}

impl From<OrderRow> for OrderView {
    fn from(row: OrderRow) -> Self {
        Self {
            position: row.position().to_string(),
            order_id: row.order_id.to_string(),
            user_id: row.user_id,
            product_id: row.product_id,
            quantity: row.quantity,
            unit_price: row.unit_price,
            total_price: row.total_price,
            status: row.status,
            reason: row.reason,
            placed_at: row.placed_at.to_rfc3339_opts(SecondsFormat::Micros, true),
        }
    }
}

impl From<StockRow> for StockView {
    fn from(row: StockRow) -> Self {
        Self { position: row.position().to_string(), product_id: row.product_id, available: row.available }
    }
}

impl From<MovementRow> for MovementView {
    fn from(row: MovementRow) -> Self {
        Self {
            position: row.position().to_string(),
            movement_id: row.movement_id.to_string(),
            product_id: row.product_id,
            kind: row.kind,
            delta: row.delta,
            status: row.status,
            reason: row.reason,
            note: row.note,
            occurred_at: row.occurred_at.to_rfc3339_opts(SecondsFormat::Micros, true),
        }
    }
}

impl Accepted {
    fn parts(self) -> (Position, String, Option<String>) {
        match self {
            Self::Pending(position) => (position, PENDING.to_owned(), None),
            Self::Decided(decision) => (decision.position, decision.status, decision.reason),
        }
    }

    /// 201 when the client waited for the decision and there is one, else 202.
    fn status(&self, waited: bool) -> StatusCode {
        match self {
            Self::Decided(_) if waited => StatusCode::CREATED,
            _ => StatusCode::ACCEPTED,
        }
    }
}

pub(crate) fn accepted_order(order_id: OrderId, accepted: Accepted, waited: bool) -> Response {
    let code = accepted.status(waited);
    let (position, status, reason) = accepted.parts();
    let location = format!("/orders/{order_id}?after={position}");
    let body = AcceptedOrder { order_id: order_id.to_string(), status, reason, position: position.to_string() };
    located(code, &location, &body)
}

pub(crate) fn accepted_movement(
    movement_id: MovementId,
    product_id: &ProductId,
    accepted: Accepted,
    waited: bool,
) -> Response {
    let code = accepted.status(waited);
    let (position, status, reason) = accepted.parts();
    let location = format!("/stock/{}/movements/{movement_id}?after={position}", in_path(product_id));
    let body =
        AcceptedMovement { movement_id: movement_id.to_string(), status, reason, position: position.to_string() };
    located(code, &location, &body)
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
