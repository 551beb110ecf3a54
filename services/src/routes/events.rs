//! `/events` and `/stock/events`: streams of server-sent events.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use ledger_auth::Caller;

use crate::admission::while_admitted;
use crate::openapi::{
    OutcomeStreamParams, OutcomeStreamProblems, StockStreamParams, StockStreamProblems, StreamHeaders,
};
use crate::problem::Problem;
use crate::request::{LastEventId, OutcomesFilter, StockFilter};
use crate::state::Shared;
use crate::streams::{Filter, Shown, Token};

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
/// A gateway of nginx that does not know this address passes each event on at once, too.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const NO: HeaderValue = HeaderValue::from_static("no");

/// What is decided, as it is decided
///
/// A stream of server-sent events, from now on or after `Last-Event-ID`, without gap or double over all services. `event:` is the outcome's
/// type, `data:` its JSON as the topic `orders.outcomes` has it (snake_case, with `event_id`), `id:` where to go on. `event: reset` says that events may be missing
/// (`data` has `reason` and `detail`): read the present state, the stream goes on from there. `event: dropped` is the last one of a
/// stream whose reader was too slow; it can go on by its last id. A silence of 15 s is broken by a comment. A customer gets the outcomes of its own
/// orders. A stream ends when its key is revoked, or its key or token expires.
#[utoipa::path(get, path = "/events", tag = "events", params(OutcomeStreamParams, StreamHeaders),
responses((status = 200, description = "The stream; it ends when the service stops", body = String, content_type = "text/event-stream"), OutcomeStreamProblems))]
pub(crate) async fn outcome_events(
    State(app): State<Shared>,
    caller: Caller,
    OutcomesFilter(filter): OutcomesFilter,
    LastEventId(place): LastEventId,
) -> Result<Response, Problem> {
    open(&app, caller, filter, place).await
}

/// Changes of stock, as they happen
///
/// As `/events`, but `event:` is `stock`, and `data:` is `{productId, available, position, eventId, outcome}`. An order of several lines does not tell what it
/// leaves: its events, one for each product, have neither `available` nor `position`; `GET /stock/{productId}` has the number. What is
/// held is in no outcome, so it is not here either.
#[utoipa::path(get, path = "/stock/events", tag = "events", params(StockStreamParams, StreamHeaders),
responses((status = 200, description = "The stream; it ends when the service stops", body = String, content_type = "text/event-stream"), StockStreamProblems))]
pub(crate) async fn stock_events(
    State(app): State<Shared>,
    caller: Caller,
    StockFilter(filter): StockFilter,
    LastEventId(place): LastEventId,
) -> Result<Response, Problem> {
    open(&app, caller, filter, place).await
}

async fn open(app: &Shared, caller: Caller, filter: Filter, place: Option<Token>) -> Result<Response, Problem> {
    let body = app.streams.open(own(&caller, filter)?, place).await?;
    let body = while_admitted(body, app, caller);
    Ok(([(CONTENT_TYPE, EVENT_STREAM), (X_ACCEL_BUFFERING, NO)], body).into_response())
}

/// A customer's stream of outcomes shows its own alone. Stock is everybody's.
fn own(caller: &Caller, mut filter: Filter) -> Result<Filter, Problem> {
    let Some(user) = caller.only_user().filter(|_| matches!(filter.shown, Shown::Outcomes { .. })) else {
        return Ok(filter);
    };
    if filter.user.as_ref().is_some_and(|asked| asked != user.as_str()) {
        return Err(Problem::user_not_found());
    }
    filter.user = Some(user.as_str().to_owned());
    Ok(filter)
}
