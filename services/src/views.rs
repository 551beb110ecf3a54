//! The shapes of what is read: orders with their lines, stock, movements, and pages of them. JSON in camelCase, positions as
//! `PARTITION:OFFSET`, times in RFC 3339.
//!
//! It must never show a part of an order. What a write is answered with: [`crate::answers`].

use chrono::SecondsFormat;
use serde::Serialize;
use utoipa::ToSchema;

use crate::reader::{MovementRow, StockRow, StoredLine, StoredOrder};
use crate::texts::{
    LineStatusWord, MovementIdText, MovementKindWord, MovementReasonWord, MovementStatusWord, OrderIdText,
    OrderReasonWord, OrderStatusWord, PositionText, ProductIdText, UserIdText,
};

/// An order, and where it and its lines stand.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    #[schema(value_type = OrderIdText)]
    pub(crate) order_id: String,
    #[schema(value_type = UserIdText)]
    pub(crate) user_id: String,
    /// Of an order of one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ProductIdText, required = false)]
    pub(crate) product_id: Option<String>,
    /// Of an order of one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) quantity: Option<i64>,
    /// Of an order of one line. Minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) unit_price: Option<i64>,
    /// ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "EUR")]
    pub(crate) currency: Option<String>,
    /// Of all lines, in minor units.
    pub(crate) total_price: i64,
    #[schema(value_type = OrderStatusWord)]
    pub(crate) status: String,
    /// Why it was rejected (that of the first line that was refused) or cancelled (`cancelled`, `expired`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = OrderReasonWord, required = false)]
    pub(crate) reason: Option<String>,
    /// Of an order with a hold: until when it is held, unless it is confirmed before; there while it is pending or held, and when it
    /// expired. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, nullable = false)]
    pub(crate) expires_at: Option<String>,
    pub(crate) lines: Vec<LineView>,
    /// `PARTITION:OFFSET` of its record in the log.
    #[schema(value_type = PositionText)]
    pub(crate) position: String,
    #[schema(format = DateTime)]
    pub(crate) placed_at: String,
}

/// A line of an order.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineView {
    /// From 1.
    pub(crate) line_no: i16,
    #[schema(value_type = ProductIdText)]
    pub(crate) product_id: String,
    pub(crate) quantity: i64,
    /// Minor units.
    pub(crate) unit_price: i64,
    /// Minor units.
    pub(crate) total_price: i64,
    #[schema(value_type = LineStatusWord)]
    pub(crate) status: String,
    /// Why it, or its order, was ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = OrderReasonWord, required = false)]
    pub(crate) reason: Option<String>,
}

/// An order by its id.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderAnswer {
    #[serde(flatten)]
    pub(crate) order: OrderView,
    /// Further orders under the id, where there are any: requests whose first lines lie in different partitions, and that used
    /// one id at the same time. Each is decided by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) others: Option<Vec<OrderView>>,
}

/// What can be sold of a product.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StockView {
    #[schema(value_type = ProductIdText)]
    pub(crate) product_id: String,
    pub(crate) available: i64,
    /// Pieces that are taken by orders that are held, or not decided yet.
    pub(crate) held: i64,
    /// `PARTITION:OFFSET` of the record that changed it last.
    #[schema(value_type = PositionText)]
    pub(crate) position: String,
}

/// A receipt or an adjustment, and what was decided.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MovementView {
    #[schema(value_type = MovementIdText)]
    pub(crate) movement_id: String,
    #[schema(value_type = ProductIdText)]
    pub(crate) product_id: String,
    #[schema(value_type = MovementKindWord)]
    pub(crate) kind: String,
    /// Pieces that it adds to the stock, or takes from it where it is negative.
    pub(crate) delta: i64,
    #[schema(value_type = MovementStatusWord)]
    pub(crate) status: String,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = MovementReasonWord, required = false)]
    pub(crate) reason: Option<String>,
    /// Why somebody adjusted, in their words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) note: Option<String>,
    /// `PARTITION:OFFSET` of its record in the log.
    #[schema(value_type = PositionText)]
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

impl From<StoredOrder> for OrderView {
    fn from(order: StoredOrder) -> Self {
        let only_line = (order.lines.len() == 1).then(|| order.first_line());
        Self {
            position: order.position().to_string(),
            order_id: order.order_id.to_string(),
            product_id: only_line.map(|line| line.product_id.clone()),
            quantity: only_line.map(|line| line.quantity),
            unit_price: only_line.map(|line| line.unit_price),
            total_price: order.total_price(),
            reason: order.reason().map(str::to_owned),
            expires_at: order.shown_expiry(),
            placed_at: order.placed_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            user_id: order.user_id,
            currency: order.currency,
            status: order.status,
            lines: order.lines.into_iter().map(LineView::from).collect(),
        }
    }
}

impl From<StoredLine> for LineView {
    fn from(line: StoredLine) -> Self {
        let StoredLine { line_no, product_id, quantity, unit_price, total_price, status, reason } = line;
        Self { line_no, product_id, quantity, unit_price, total_price, status, reason }
    }
}

impl From<StockRow> for StockView {
    fn from(row: StockRow) -> Self {
        let position = row.position().to_string();
        let StockRow { product_id, available, held, .. } = row;
        Self { product_id, available, held, position }
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
