//! `/orders` and `/users/{userId}/orders`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use ledger_schema::domain::to_microseconds;
use ledger_schema::wire::Event;
use ledger_schema::{Order, OrderId, UserId};

use super::preferring::{preferring, terms};
use crate::answers::{AcceptedOrder, OrderAnswer, OrderPage, OrderView, accepted_order};
use crate::list_cursor::{Cursor, OrderCursor};
use crate::openapi::{
    LimitedReadProblems, OrderBody, OrderOfUserBody, PageParams, ReadParams, ReadProblems, WriteParams, WriteProblems,
};
use crate::problem::{FieldError, Problem};
use crate::request::{After, JsonBody, NewUser, NoQuery, Page, PathId, PlaceOrder, Preference, WriteHeaders};
use crate::state::{App, Shared};
use crate::submission::{Submission, new_id};

/// Places an order
///
/// It is answered once all in-sync replicas of the log have it; with `Prefer: wait` once it is decided.
#[utoipa::path(post, path = "/orders", tag = "orders", request_body = OrderBody, params(WriteParams), responses(
    (status = 202, description = "In the log; `status` is `pending`, or for a retry what was decided", body = AcceptedOrder,
     headers(("Location" = String, description = "/orders/ID?after=POSITION"), ("Preference-Applied" = String, description = "wait=SECONDS"))),
    (status = 201, description = "Confirmed, with `Prefer: wait`", body = AcceptedOrder,
     headers(("Location" = String, description = "/orders/ID?after=POSITION"), ("Preference-Applied" = String, description = "wait=SECONDS"))),
    WriteProblems,
))]
pub(crate) async fn place_order(
    State(app): State<Shared>,
    _: NoQuery,
    headers: WriteHeaders,
    JsonBody(body): JsonBody,
) -> Response {
    preferring(headers.preference, place(&app, headers, &body, None).await)
}

/// Places an order of the user in the path
#[utoipa::path(post, path = "/users/{userId}/orders", tag = "orders", request_body = OrderOfUserBody,
params(("userId" = String, Path, description = "1 to 64 printable characters without spaces"), WriteParams), responses(
    (status = 202, description = "In the log; `status` is `pending`, or for a retry what was decided", body = AcceptedOrder,
     headers(("Location" = String, description = "/orders/ID?after=POSITION"), ("Preference-Applied" = String, description = "wait=SECONDS"))),
    (status = 201, description = "Confirmed, with `Prefer: wait`", body = AcceptedOrder,
     headers(("Location" = String, description = "/orders/ID?after=POSITION"), ("Preference-Applied" = String, description = "wait=SECONDS"))),
    WriteProblems,
))]
pub(crate) async fn place_order_of_user(
    State(app): State<Shared>,
    PathId(NewUser(user_id)): PathId<NewUser>,
    _: NoQuery,
    headers: WriteHeaders,
    JsonBody(body): JsonBody,
) -> Response {
    preferring(headers.preference, place(&app, headers, &body, Some(user_id)).await)
}

async fn place(app: &App, headers: WriteHeaders, body: &[u8], user: Option<UserId>) -> Result<Response, Problem> {
    let command = PlaceOrder::parse(body, user)?;
    let is_identified = command.order_id.is_some() || headers.idempotency_key.is_some();
    let by_key = headers.idempotency_key.as_ref().map(|key| OrderId::from_key(&command.user_id, key));
    // A key decides the id: under another one, each retry could be another order.
    if let (Some(stated), Some(by_key)) = (command.order_id, by_key)
        && stated != by_key
    {
        return Err(Problem::KeyOfAnotherId { stated, by_key });
    }
    let order_id = by_key.or(command.order_id).unwrap_or_else(|| OrderId::from_uuid(new_id()));
    let placed_at = to_microseconds(Utc::now());
    let PlaceOrder { user_id, product_id, quantity, unit_price, stated_total, .. } = command;
    let order = Order::new(order_id, user_id, product_id, quantity, unit_price, stated_total, placed_at)
        .map_err(|violation| Problem::InvalidFields(vec![FieldError::violation("totalPrice", &violation)]))?;
    let preference = headers.preference;
    let submission = Submission { event: Event::OrderPlaced(order), is_identified, preference, trace: headers.trace };
    let accepted = submission.submit(app).await?;
    Ok(accepted_order(order_id, accepted, preference.wait.is_some()))
}

/// An order by its id
#[utoipa::path(get, path = "/orders/{orderId}", tag = "orders",
params(
    ("orderId" = String, Path, format = Uuid, description = "The order's id"),
    ("after" = Option<String>, Query, description = "PARTITION:OFFSET: wait (bounded) until the projection has passed it"),
    ReadParams,
),
responses(
    (status = 200, description = "The order; `lines` where several requests used one id", body = OrderAnswer),
    LimitedReadProblems,
))]
pub(crate) async fn show_order(
    State(app): State<Shared>,
    PathId(order_id): PathId<OrderId>,
    After(after): After,
    preference: Preference,
) -> Result<Response, Problem> {
    let rows = app.reads.order(order_id, terms(&app, after, preference)).await?;
    // Sorted by partition and line: the first is the main one, unless `after` names another partition's record.
    let is_named = |partition: i32| after.is_some_and(|after| after.partition == partition);
    let main = rows.iter().find(|row| is_named(row.kafka_partition)).or(rows.first());
    let main = main.cloned().ok_or_else(|| Problem::order_not_found(order_id))?;
    let lines = (rows.len() > 1).then(|| rows.into_iter().map(OrderView::from).collect());
    Ok(Json(OrderAnswer { order: OrderView::from(main), lines }).into_response())
}

/// The orders of a user, newest first, rejected ones too
#[utoipa::path(get, path = "/users/{userId}/orders", tag = "orders",
params(("userId" = String, Path, description = "1 to 64 printable characters without spaces"), PageParams, ReadParams),
responses((status = 200, description = "A page", body = OrderPage), ReadProblems))]
pub(crate) async fn list_orders_of_user(
    State(app): State<Shared>,
    PathId(user_id): PathId<UserId>,
    Page { limit, cursor }: Page<OrderCursor>,
    preference: Preference,
) -> Result<Response, Problem> {
    let mut rows = app.reads.orders_of(user_id, cursor, limit + 1, terms(&app, None, preference)).await?;
    let limit = usize::from(limit);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| has_more).map(|row| row.cursor().encode());
    Ok(Json(OrderPage { items: rows.into_iter().map(OrderView::from).collect(), next_cursor }).into_response())
}
