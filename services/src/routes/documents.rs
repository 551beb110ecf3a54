//! The service's own documents: problem types, `/openapi.json`, and `/docs` (Swagger UI, compiled in; no CDN).

use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use crate::openapi::ReadProblems;
use crate::problem::{Problem, ProblemPage, explain};
use crate::request::{PathId, Word};
use crate::state::Shared;

/// What a problem type means, and what to do
#[utoipa::path(get, path = "/problems/{word}", tag = "operations",
params(("word" = String, Path, description = "The last segment of a problem's `type`", example = "out-of-stock")),
responses((status = 200, description = "The explanation", body = ProblemPage), ReadProblems))]
pub(crate) async fn explain_problem(PathId(Word(word)): PathId<Word>) -> Result<Response, Problem> {
    let page = explain(&word).ok_or_else(|| Problem::NotFound("no such problem type".to_owned()))?;
    Ok(Json(page).into_response())
}

/// `/openapi.json` and `/docs`.
pub(super) fn pages(api: OpenApi) -> Router<Shared> {
    SwaggerUi::new("/docs").url("/openapi.json", api).into()
}
