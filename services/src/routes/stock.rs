//! Reads of `/stock`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use ledger_schema::ProductId;

use super::preferring::terms;
use crate::list_cursor::{Cursor, StockCursor};
use crate::openapi::{ListProblems, PageParams, ReadParams, ReadProblems};
use crate::problem::Problem;
use crate::request::{After, Page, PathId, Preference};
use crate::state::Shared;
use crate::views::{StockPage, StockView};

/// What can be sold of every product that ever had stock, by product id
#[utoipa::path(get, path = "/stock", tag = "stock", params(PageParams, ReadParams),
responses((status = 200, description = "A page", body = StockPage), ListProblems))]
pub(crate) async fn list_stock(
    State(app): State<Shared>,
    Page { limit, cursor }: Page<StockCursor>,
    preference: Preference,
) -> Result<Response, Problem> {
    let mut rows = app.reads.stock_list(cursor, limit + 1, terms(&app, None, preference)).await?;
    let limit = usize::from(limit);
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
    ReadParams,
),
responses((status = 200, description = "The product's stock", body = StockView), ReadProblems))]
pub(crate) async fn show_stock(
    State(app): State<Shared>,
    PathId(product_id): PathId<ProductId>,
    After(after): After,
    preference: Preference,
) -> Result<Response, Problem> {
    let row = app.reads.stock_of(&product_id, terms(&app, after, preference)).await?;
    let row = row.ok_or_else(|| Problem::NotFound(format!("the product {product_id} never had stock")))?;
    Ok(Json(StockView::from(row)).into_response())
}
