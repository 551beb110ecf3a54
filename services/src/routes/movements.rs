//! Changes of stock that are no orders: receipts and adjustments.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use ledger_schema::domain::to_microseconds;
use ledger_schema::{Movement, MovementId, MovementKind, ProductId};

use super::preferring::{preferring, terms};
use crate::answers::{AcceptedMovement, accepted_movement};
use crate::openapi::{
    AdjustmentBody, AdjustmentProblems, ReadParams, ReadProblems, ReceiptBody, ReceiptProblems, WriteParams,
};
use crate::problem::Problem;
use crate::request::{
    AdjustStock, After, JsonBody, NewProduct, NoQuery, PathId, Preference, ReceiveStock, WriteHeaders,
};
use crate::state::{App, Shared};
use crate::submission::{Submission, new_id};
use crate::views::MovementView;

/// Goods arrive; a receipt introduces its product
#[utoipa::path(post, path = "/stock/{productId}/receipts", tag = "stock", request_body = ReceiptBody,
params(("productId" = String, Path, description = "1 to 64 printable characters without spaces"), WriteParams), responses(
    (status = 202, description = "In the log", body = AcceptedMovement,
     headers(("Location" = String, description = "/stock/PRODUCT/movements/ID?after=POSITION"), ("Preference-Applied" = String, description = "wait=SECONDS"))),
    (status = 201, description = "Confirmed, with `Prefer: wait`", body = AcceptedMovement,
     headers(("Location" = String, description = "/stock/PRODUCT/movements/ID?after=POSITION"), ("Preference-Applied" = String, description = "wait=SECONDS"))),
    ReceiptProblems,
))]
pub(crate) async fn receive_stock(
    State(app): State<Shared>,
    PathId(NewProduct(product_id)): PathId<NewProduct>,
    _: NoQuery,
    headers: WriteHeaders,
    JsonBody(body): JsonBody,
) -> Response {
    let preference = headers.preference;
    let kind = ReceiveStock::parse(&body).map(|command| MovementKind::Receipt(command.quantity));
    preferring(preference, record(&app, product_id, headers, kind).await)
}

/// A count differed
#[utoipa::path(post, path = "/stock/{productId}/adjustments", tag = "stock", request_body = AdjustmentBody,
params(("productId" = String, Path, description = "1 to 64 printable characters without spaces"), WriteParams), responses(
    (status = 202, description = "In the log", body = AcceptedMovement,
     headers(("Location" = String, description = "/stock/PRODUCT/movements/ID?after=POSITION"), ("Preference-Applied" = String, description = "wait=SECONDS"))),
    (status = 201, description = "Confirmed, with `Prefer: wait`", body = AcceptedMovement,
     headers(("Location" = String, description = "/stock/PRODUCT/movements/ID?after=POSITION"), ("Preference-Applied" = String, description = "wait=SECONDS"))),
    AdjustmentProblems,
))]
pub(crate) async fn adjust_stock(
    State(app): State<Shared>,
    PathId(NewProduct(product_id)): PathId<NewProduct>,
    _: NoQuery,
    headers: WriteHeaders,
    JsonBody(body): JsonBody,
) -> Response {
    let preference = headers.preference;
    let kind =
        AdjustStock::parse(&body).map(|command| MovementKind::Adjustment { delta: command.delta, note: command.note });
    preferring(preference, record(&app, product_id, headers, kind).await)
}

async fn record(
    app: &App,
    product_id: ProductId,
    headers: WriteHeaders,
    kind: Result<MovementKind, Problem>,
) -> Result<Response, Problem> {
    let from_key = headers.idempotency_key.as_ref().map(|key| MovementId::from_key(&product_id, key));
    let movement_id = from_key.unwrap_or_else(|| MovementId::from_uuid(new_id()));
    let movement = Movement::new(movement_id, product_id.clone(), kind?, to_microseconds(Utc::now()));
    let preference = headers.preference;
    let submission = Submission::of_movement(movement, from_key.is_some(), preference, headers.trace);
    let accepted = submission.submit(app).await?;
    Ok(accepted_movement(movement_id, &product_id, accepted, preference.wait.is_some()))
}

/// A receipt or an adjustment by its id
#[utoipa::path(get, path = "/stock/{productId}/movements/{movementId}", tag = "stock",
params(
    ("productId" = String, Path, description = "1 to 64 printable characters without spaces"),
    ("movementId" = String, Path, format = Uuid, description = "The movement's id"),
    ("after" = Option<String>, Query, description = "PARTITION:OFFSET: wait (bounded) until the projection has passed it"),
    ReadParams,
),
responses((status = 200, description = "The movement", body = MovementView), ReadProblems))]
pub(crate) async fn show_movement(
    State(app): State<Shared>,
    PathId(product_id): PathId<ProductId>,
    PathId(movement_id): PathId<MovementId>,
    After(after): After,
    preference: Preference,
) -> Result<Response, Problem> {
    let row = app.reads.movement_of(&product_id, movement_id, terms(&app, after, preference)).await?;
    let row = row.ok_or_else(|| Problem::movement_not_found(movement_id, &product_id))?;
    Ok(Json(MovementView::from(row)).into_response())
}
