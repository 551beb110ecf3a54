//! Reads of `/stock`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use ledger_schema::ProductId;

use super::wait_for;
use crate::answers::{StockPage, StockView};
use crate::openapi::{LimitedReadProblems, PageParams, ReadProblems};
use crate::problem::Problem;
use crate::request::cursor::{Cursor, StockCursor};
use crate::request::{After, Page, PathId, Preference};
use crate::state::Shared;

/// What can be sold of every product that ever had stock, by product id
#[utoipa::path(get, path = "/stock", tag = "stock", params(PageParams),
responses((status = 200, description = "A page", body = StockPage), ReadProblems))]
pub(crate) async fn list_stock(
    State(app): State<Shared>,
    Page { limit, cursor }: Page<StockCursor>,
) -> Result<Response, Problem> {
    let limit = usize::from(limit);
    let mut rows = app.reader.stock_list(cursor, limit + 1).await?;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| has_more).map(|row| row.cursor().encode());
    Ok(Json(StockPage { items: rows.into_iter().map(StockView::from).collect(), next_cursor }).into_response())
}

/// What can be sold of a product
#[utoipa::path(get, path = "/stock/{productId}", tag = "stock",
params(
    ("productId" = String, Path, description = "1 to 64 printable characters without spaces"),
    ("after" = Option<String>, Query, description = "PARTITION:OFFSET: wait (bounded) until the projection has passed it"),
    ("Prefer" = Option<String>, Header, description = "wait=SECONDS: how long `after` waits"),
),
responses((status = 200, description = "The product's stock", body = StockView), LimitedReadProblems))]
pub(crate) async fn show_stock(
    State(app): State<Shared>,
    PathId(product_id): PathId<ProductId>,
    After(after): After,
    preference: Preference,
) -> Result<Response, Problem> {
    wait_for(&app, after, preference).await?;
    let row = app.reader.stock_of(product_id.clone()).await?;
    let row = row.ok_or_else(|| Problem::NotFound(format!("the product {product_id} never had stock")))?;
    Ok(Json(StockView::from(row)).into_response())
}
