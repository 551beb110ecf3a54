//! `/orders` and `/users/{userId}/orders`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use ledger_auth::Caller;
use ledger_schema::domain::to_microseconds;
use ledger_schema::{OrderId, Position, UserId};

use super::preferring::{preferring, terms};
use crate::answers::{AcceptedOrder, ChangedOrder, accepted_order, changed_order};
use crate::list_cursor::{Cursor, OrderCursor};
use crate::openapi::{
    CancelBody, CancelProblems, ChangeParams, ConfirmBody, ConfirmProblems, OrderBody, OrderOfUserBody, OrderProblems,
    PageParams, ReadParams, ReadProblems, UserListProblems, WriteParams,
};
use crate::order_change::{Asked, OrderChange};
use crate::problem::Problem;
use crate::reader::StoredOrder;
use crate::request::{
    After, CancelOrder, ChangeHeaders, ConfirmOrder, JsonBody, NewUser, NoQuery, OptionalBody, Page, PathId,
    PlaceOrder, Preference, WriteHeaders,
};
use crate::state::{App, Shared};
use crate::submission::{Submission, new_id};
use crate::views::{OrderAnswer, OrderPage, OrderView};

/// Places an order
///
/// It is answered once all in-sync replicas of the log have it; with `Prefer: wait` once it is decided. An order of several lines is
/// taken as a whole or not at all. With `hold` its goods are held until it is confirmed, cancelled, or the time is over.
#[utoipa::path(post, path = "/orders", tag = "orders", request_body = OrderBody, params(WriteParams), responses(
    (status = 202, description = "In the log; `status` is `pending`, or for a retry what was decided", body = AcceptedOrder,
     headers(("Location" = String, description = "/orders/ID?after=POSITION"), ("Preference-Applied" = String, description = "wait=SECONDS"))),
    (status = 201, description = "Confirmed, or held: with `Prefer: wait`", body = AcceptedOrder,
     headers(("Location" = String, description = "/orders/ID?after=POSITION"), ("Preference-Applied" = String, description = "wait=SECONDS"))),
    OrderProblems,
))]
pub(crate) async fn place_order(
    State(app): State<Shared>,
    caller: Caller,
    _: NoQuery,
    headers: WriteHeaders,
    JsonBody(body): JsonBody,
) -> Response {
    preferring(headers.preference, place(&app, &caller, headers, &body, None).await)
}

/// Places an order of the user in the path
#[utoipa::path(post, path = "/users/{userId}/orders", tag = "orders", request_body = OrderOfUserBody,
params(("userId" = String, Path, description = "1 to 64 printable characters without spaces"), WriteParams), responses(
    (status = 202, description = "In the log; `status` is `pending`, or for a retry what was decided", body = AcceptedOrder,
     headers(("Location" = String, description = "/orders/ID?after=POSITION"), ("Preference-Applied" = String, description = "wait=SECONDS"))),
    (status = 201, description = "Confirmed, or held: with `Prefer: wait`", body = AcceptedOrder,
     headers(("Location" = String, description = "/orders/ID?after=POSITION"), ("Preference-Applied" = String, description = "wait=SECONDS"))),
    OrderProblems,
))]
pub(crate) async fn place_order_of_user(
    State(app): State<Shared>,
    caller: Caller,
    PathId(NewUser(user_id)): PathId<NewUser>,
    _: NoQuery,
    headers: WriteHeaders,
    JsonBody(body): JsonBody,
) -> Response {
    preferring(headers.preference, place(&app, &caller, headers, &body, Some(user_id)).await)
}

async fn place(
    app: &App,
    caller: &Caller,
    headers: WriteHeaders,
    body: &[u8],
    user: Option<UserId>,
) -> Result<Response, Problem> {
    let command = PlaceOrder::parse(body, user)?;
    if !caller.is_or_sees(command.user_id.as_str()) {
        return Err(Problem::NotAllowed(
            "a customer orders for itself alone: userId must be the user of the key or the token",
        ));
    }
    let is_identified = command.order_id.is_some() || headers.idempotency_key.is_some();
    let by_key = headers.idempotency_key.as_ref().map(|key| OrderId::from_key(&command.user_id, key));
    // A key decides the id: under another one, each retry could be another order.
    if let (Some(stated), Some(by_key)) = (command.order_id, by_key)
        && stated != by_key
    {
        return Err(Problem::KeyOfAnotherId { stated, by_key });
    }
    // Ids of keys can be computed by anybody: a customer could take that of another user's next order before it is placed.
    if caller.only_user().is_some() && by_key.is_none() && command.order_id.is_some_and(OrderId::may_be_of_a_key) {
        return Err(Problem::NotAllowed(
            "a customer may not state an orderId of UUID version 5: an Idempotency-Key gives those",
        ));
    }
    let order_id = by_key.or(command.order_id).unwrap_or_else(|| OrderId::from_uuid(new_id()));
    let order = command.order(order_id, to_microseconds(Utc::now()))?;
    let preference = headers.preference;
    let submission = Submission::of_order(order, is_identified, preference, headers.trace);
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
    (status = 200, description = "The order; `others` where several requests used one id at the same time", body = OrderAnswer),
    ReadProblems,
))]
pub(crate) async fn show_order(
    State(app): State<Shared>,
    caller: Caller,
    PathId(order_id): PathId<OrderId>,
    After(after): After,
    preference: Preference,
) -> Result<Response, Problem> {
    let mut orders = app.reads.order(order_id, terms(&app, after, preference)).await?;
    // An order of somebody else is as none.
    orders.retain(|order| caller.is_or_sees(&order.user_id));
    let (order, others) = StoredOrder::meant(orders, after).ok_or_else(|| Problem::order_not_found(order_id))?;
    let others = (!others.is_empty()).then(|| others.into_iter().map(OrderView::from).collect());
    Ok(Json(OrderAnswer { order: OrderView::from(order), others }).into_response())
}

/// Confirms an order that is held
///
/// Asked again, it answers the same; a key is not needed. Whether a confirmation, a cancellation or the end of the hold came first
/// is decided by their order in the log.
#[utoipa::path(post, path = "/orders/{orderId}/confirm", tag = "orders", request_body = ConfirmBody,
params(
    ("orderId" = String, Path, format = Uuid, description = "The order's id"),
    ("after" = Option<String>, Query, description = "PARTITION:OFFSET: wait (bounded) until the projection has passed it"),
    ChangeParams,
),
responses(
    (status = 202, description = "In the log; `status` is where the order stood before", body = ChangedOrder,
     headers(("Location" = String, description = "/orders/ID?after=POSITION"), ("Preference-Applied" = String, description = "wait=SECONDS"))),
    (status = 200, description = "Confirmed: with `Prefer: wait`, or because it was", body = ChangedOrder,
     headers(("Preference-Applied" = String, description = "wait=SECONDS"))),
    ConfirmProblems,
))]
pub(crate) async fn confirm_order(
    State(app): State<Shared>,
    caller: Caller,
    PathId(order_id): PathId<OrderId>,
    After(after): After,
    headers: ChangeHeaders,
    OptionalBody(body): OptionalBody,
) -> Response {
    let asked = ConfirmOrder::parse(&body).map(|ConfirmOrder| Asked::Confirm);
    preferring(headers.preference, change(&app, caller, order_id, after, headers, asked).await)
}

/// Cancels an order
///
/// What it has taken is given back, once. Asked again, it answers the same; a key is not needed. An order whose lines are not all
/// decided yet, or that is confirmed already, can be cancelled, too.
#[utoipa::path(post, path = "/orders/{orderId}/cancel", tag = "orders", request_body = CancelBody,
params(
    ("orderId" = String, Path, format = Uuid, description = "The order's id"),
    ("after" = Option<String>, Query, description = "PARTITION:OFFSET: wait (bounded) until the projection has passed it"),
    ChangeParams,
),
responses(
    (status = 202, description = "In the log; `status` is where the order stood before", body = ChangedOrder,
     headers(("Location" = String, description = "/orders/ID?after=POSITION"), ("Preference-Applied" = String, description = "wait=SECONDS"))),
    (status = 200, description = "Cancelled: with `Prefer: wait`, or because it was", body = ChangedOrder,
     headers(("Preference-Applied" = String, description = "wait=SECONDS"))),
    CancelProblems,
))]
pub(crate) async fn cancel_order(
    State(app): State<Shared>,
    caller: Caller,
    PathId(order_id): PathId<OrderId>,
    After(after): After,
    headers: ChangeHeaders,
    OptionalBody(body): OptionalBody,
) -> Response {
    let asked = CancelOrder::parse(&body).map(|command| Asked::Cancel(command.note));
    preferring(headers.preference, change(&app, caller, order_id, after, headers, asked).await)
}

async fn change(
    app: &App,
    caller: Caller,
    order_id: OrderId,
    after: Option<Position>,
    headers: ChangeHeaders,
    asked: Result<Asked, Problem>,
) -> Result<Response, Problem> {
    let ChangeHeaders { preference, trace } = headers;
    let changed = OrderChange { caller, order_id, asked: asked?, after, preference, trace }.run(app).await?;
    Ok(changed_order(order_id, changed))
}

/// The orders of a user, newest first, rejected ones too
#[utoipa::path(get, path = "/users/{userId}/orders", tag = "orders",
params(("userId" = String, Path, description = "1 to 64 printable characters without spaces"), PageParams, ReadParams),
responses((status = 200, description = "A page", body = OrderPage), UserListProblems))]
pub(crate) async fn list_orders_of_user(
    State(app): State<Shared>,
    caller: Caller,
    PathId(user_id): PathId<UserId>,
    Page { limit, cursor }: Page<OrderCursor>,
    preference: Preference,
) -> Result<Response, Problem> {
    if !caller.is_or_sees(user_id.as_str()) {
        return Err(Problem::user_not_found());
    }
    let mut orders = app.reads.orders_of(user_id, cursor, limit + 1, terms(&app, None, preference)).await?;
    let limit = usize::from(limit);
    let has_more = orders.len() > limit;
    orders.truncate(limit);
    let next_cursor = orders.last().filter(|_| has_more).map(|order| order.cursor().encode());
    Ok(Json(OrderPage { items: orders.into_iter().map(OrderView::from).collect(), next_cursor }).into_response())
}
