//! What `Prefer: wait` does to a read and to an answer, the same in every route.

use axum::http::HeaderName;
use axum::response::{IntoResponse, Response};
use ledger_schema::Position;
use tokio::time::Instant;

use crate::problem::Problem;
use crate::reads::Terms;
use crate::request::Preference;
use crate::state::App;

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The answer, with `Preference-Applied` where a wait was asked for.
pub(super) fn preferring(preference: Preference, result: Result<Response, Problem>) -> Response {
    let mut response = result.unwrap_or_else(Problem::into_response);
    if let Some(applied) = preference.applied() {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    response
}

/// A read may wait as long as `Prefer: wait` says, else as long as the service waits at most.
pub(super) fn terms(app: &App, after: Option<Position>, preference: Preference) -> Terms {
    Terms { after, deadline: Instant::now() + preference.wait.unwrap_or(app.limits.max_wait) }
}
