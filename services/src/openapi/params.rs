//! The parameters that operations have in common. What ids, positions and keys look like is said once, for all operations, by
//! [`shapes`].

use utoipa::IntoParams;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{Ref, RefOr, Schema, SchemaFormat, Type};

/// Headers of a confirmation or a cancellation.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct ChangeParams {
    /// `wait=SECONDS`: answer when it is decided (200 or 409), or with 202 when the time is over.
    #[param(rename = "Prefer", example = "wait=5", nullable = false)]
    pub prefer: Option<String>,
    /// W3C Trace Context; travels with the event. Dropped where it is not valid, or stands twice.
    #[param(nullable = false)]
    pub traceparent: Option<String>,
    /// W3C Trace Context; travels with the event beside a valid `traceparent`.
    #[param(nullable = false)]
    pub tracestate: Option<String>,
}

/// Headers of every POST that writes something new.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct WriteParams {
    /// 1 to 255 printable ASCII characters, taken literally (`"abc"` with quotes and `abc` are two keys), scoped by user (orders) or
    /// product (movements): the same key gives the same id for ever. It decides the id: an `orderId` that is another one is 422.
    #[param(rename = "Idempotency-Key", nullable = false)]
    pub idempotency_key: Option<String>,
    /// `wait=SECONDS`: answer when it is decided (201 or 409; 422 when another request came first under the id), or with
    /// 202 when the time is over. Whoever was answered 201 finds the order or the stock on every service.
    #[param(rename = "Prefer", example = "wait=5", nullable = false)]
    pub prefer: Option<String>,
    /// W3C Trace Context; travels with the event. Dropped where it is not valid, or stands twice.
    #[param(nullable = false)]
    pub traceparent: Option<String>,
    /// W3C Trace Context; travels with the event beside a valid `traceparent`.
    #[param(nullable = false)]
    pub tracestate: Option<String>,
}

/// Parameters of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Items per page; 50 unless given.
    #[param(minimum = 1, maximum = 200, nullable = false)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before; opaque.
    #[param(nullable = false)]
    pub cursor: Option<String>,
}

/// Headers of every read of the projection.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct ReadParams {
    /// `wait=SECONDS`: how long the read waits at most for `after`, or while the projection is catching up.
    #[param(rename = "Prefer", example = "wait=5", nullable = false)]
    pub prefer: Option<String>,
}

/// Which outcomes a stream shows: those for which all that is given holds.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OutcomeStreamParams {
    /// Outcomes of this product, or of orders with a line of it.
    #[param(nullable = false)]
    pub product: Option<String>,
    /// Outcomes of this user's orders.
    #[param(nullable = false)]
    pub user: Option<String>,
    /// Outcomes of this order.
    #[param(nullable = false)]
    pub order: Option<String>,
    /// Types, comma separated: `OrderConfirmed`, `OrderRejected`, `OrderHeld`, `OrderCancelled`, `StockChanged`, `AdjustmentRejected`.
    #[param(example = "OrderConfirmed,OrderRejected", nullable = false)]
    pub r#type: Option<String>,
}

/// Of which product a stream shows the changes of stock.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StockStreamParams {
    #[param(nullable = false)]
    pub product: Option<String>,
}

/// Headers of a stream.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct StreamHeaders {
    /// The `id` of the last event that was read, of any service: the stream goes on behind it. Opaque. Without it the stream begins with now.
    #[param(rename = "Last-Event-ID", max_length = 16384, nullable = false)]
    pub last_event_id: Option<String>,
}

/// Gives each parameter that stands for an id, a position or a key the schema of that.
pub(super) fn shapes(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let named = |name: &str| Some(RefOr::Ref(Ref::from_schema_name(name)));
        let RefOr::T(parameter) = parameter else { continue };
        let schema = match parameter.name.as_str() {
            "productId" | "product" => named("ProductId"),
            "userId" | "user" => named("UserId"),
            "orderId" | "order" => named("OrderId"),
            "movementId" => named("MovementId"),
            "after" => Some(position()),
            "Idempotency-Key" => Some(key()),
            _ => None,
        };
        if schema.is_some() {
            parameter.schema = schema;
        }
    }
}

/// A format of our own, where answers have the pattern: what only looks like a position is waited for in vain, and generators of requests
/// would make little else of a pattern.
fn position() -> RefOr<Schema> {
    let position = ObjectBuilder::new().schema_type(Type::String).min_length(Some(3)).max_length(Some(30));
    position.format(Some(SchemaFormat::Custom("position".to_owned()))).into()
}

/// (Spaces at its ends are none of a header's value.)
fn key() -> RefOr<Schema> {
    let key = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255));
    key.pattern(Some("^[!-~]([ -~]*[!-~])?$")).into()
}
