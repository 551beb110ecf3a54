//! `/events` and `/stock/events`: streams of server-sent events.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};

use crate::openapi::{OutcomeStreamParams, StockStreamParams, StreamHeaders, StreamProblems};
use crate::problem::Problem;
use crate::request::{LastEventId, OutcomesFilter, StockFilter};
use crate::state::Shared;
use crate::streams::{Filter, Token};

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
/// A gateway of nginx that does not know this address passes each event on at once, too.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const NO: HeaderValue = HeaderValue::from_static("no");

/// What is decided, as it is decided
///
/// A stream of server-sent events, from now on or after `Last-Event-ID`, without gap or double over all services. `event:` is the outcome's
/// type, `data:` its JSON as the topic `orders.outcomes` has it (snake_case, with `event_id`), `id:` where to go on. `event: reset` says that events may be missing
/// (`data` has `reason` and `detail`): read the present state, the stream goes on from there. `event: dropped` is the last one of a
/// stream whose reader was too slow; it can go on by its last id. A silence of 15 s is broken by a comment.
#[utoipa::path(get, path = "/events", tag = "events", params(OutcomeStreamParams, StreamHeaders),
responses((status = 200, description = "The stream; it ends when the service stops", body = String, content_type = "text/event-stream"), StreamProblems))]
pub(crate) async fn outcome_events(
    State(app): State<Shared>,
    OutcomesFilter(filter): OutcomesFilter,
    LastEventId(place): LastEventId,
) -> Result<Response, Problem> {
    open(&app, filter, place).await
}

/// Changes of stock, as they happen
///
/// As `/events`, but `event:` is `stock`, and `data:` is `{productId, available, position, eventId, outcome}`. An order of several lines does not tell what it
/// leaves: its events, one for each product, have neither `available` nor `position`; `GET /stock/{productId}` has the number. What is
/// held is in no outcome, so it is not here either.
#[utoipa::path(get, path = "/stock/events", tag = "events", params(StockStreamParams, StreamHeaders),
responses((status = 200, description = "The stream; it ends when the service stops", body = String, content_type = "text/event-stream"), StreamProblems))]
pub(crate) async fn stock_events(
    State(app): State<Shared>,
    StockFilter(filter): StockFilter,
    LastEventId(place): LastEventId,
) -> Result<Response, Problem> {
    open(&app, filter, place).await
}

async fn open(app: &Shared, filter: Filter, place: Option<Token>) -> Result<Response, Problem> {
    let body = app.streams.open(filter, place).await?;
    Ok(([(CONTENT_TYPE, EVENT_STREAM), (X_ACCEL_BUFFERING, NO)], body).into_response())
}
