//! `/status`: where the ledger stands, for the live page and for people.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::ledger_status::LedgerStatus;
use crate::openapi::ListProblems;
use crate::problem::Problem;
use crate::request::NoQuery;
use crate::state::Shared;

/// How far the log is folded, and what could not be
///
/// Read at most once a second, however many ask. The projector's own `/status` says more.
#[utoipa::path(get, path = "/status", tag = "operations",
responses((status = 200, description = "Where the ledger stands", body = LedgerStatus), ListProblems))]
pub(crate) async fn status(State(app): State<Shared>, _: NoQuery) -> Result<Response, Problem> {
    Ok(Json(app.status.now().await?).into_response())
}
