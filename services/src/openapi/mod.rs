//! What `/openapi.json` says beyond the handlers' own attributes: bodies ([`bodies`]), common parameters, common problems, and the
//! headers that stand on every answer. The types here describe; they are never parsed into.

mod bodies;
mod security;

pub use bodies::{
    AdjustmentBody, CancelBody, ConfirmBody, HoldBody, LineBody, OrderBody, OrderOfLines, OrderOfLinesOfUser,
    OrderOfOneLine, OrderOfOneLineOfUser, OrderOfUserBody, ReceiptBody,
};

use std::collections::BTreeMap;

use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, PathItem};
use utoipa::openapi::{
    ContentBuilder, Header, HeaderBuilder, InfoBuilder, Object, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    Response, ResponseBuilder, Type,
};
use utoipa::{IntoParams, IntoResponses, PartialSchema, ToSchema};

use crate::problem::ProblemDocument;

/// Headers of a confirmation or a cancellation.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct ChangeParams {
    /// `wait=SECONDS`: answer when it is decided (200 or 409), or with 202 when the time is over.
    #[param(rename = "Prefer", example = "wait=5")]
    pub prefer: Option<String>,
    /// W3C Trace Context; travels with the event. Dropped where it is not valid, or stands twice.
    pub traceparent: Option<String>,
    /// W3C Trace Context; travels with the event beside a valid `traceparent`.
    pub tracestate: Option<String>,
}

/// Headers of every POST that writes something new.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct WriteParams {
    /// 1 to 255 printable ASCII characters, taken literally (`"abc"` with quotes and `abc` are two keys), scoped by user (orders) or
    /// product (movements): the same key gives the same id for ever. It decides the id: an `orderId` that is another one is 422.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255)]
    pub idempotency_key: Option<String>,
    /// `wait=SECONDS`: answer when it is decided (201 or 409; 422 when another request came first under the id), or with
    /// 202 when the time is over. Whoever was answered 201 finds the order or the stock on every service.
    #[param(rename = "Prefer", example = "wait=5")]
    pub prefer: Option<String>,
    /// W3C Trace Context; travels with the event. Dropped where it is not valid, or stands twice.
    pub traceparent: Option<String>,
    /// W3C Trace Context; travels with the event beside a valid `traceparent`.
    pub tracestate: Option<String>,
}

/// Parameters of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Items per page; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before; opaque.
    pub cursor: Option<String>,
}

/// Headers of every read of the projection.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct ReadParams {
    /// `wait=SECONDS`: how long the read waits at most for `after`, or while the projection is catching up.
    #[param(rename = "Prefer", example = "wait=5")]
    pub prefer: Option<String>,
}

/// Which outcomes a stream shows: those for which all that is given holds.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OutcomeStreamParams {
    /// Outcomes of this product, or of orders with a line of it.
    #[param(min_length = 1, max_length = 64, example = "chocolate")]
    pub product: Option<String>,
    /// Outcomes of this user's orders.
    #[param(min_length = 1, max_length = 64, example = "alice")]
    pub user: Option<String>,
    /// Outcomes of this order.
    #[param(format = Uuid)]
    pub order: Option<String>,
    /// Types, comma separated: `OrderConfirmed`, `OrderRejected`, `OrderHeld`, `OrderCancelled`, `StockChanged`, `AdjustmentRejected`.
    #[param(example = "OrderConfirmed,OrderRejected")]
    pub r#type: Option<String>,
}

/// Of which product a stream shows the changes of stock.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StockStreamParams {
    #[param(min_length = 1, max_length = 64, example = "chocolate")]
    pub product: Option<String>,
}

/// Headers of a stream.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct StreamHeaders {
    /// The `id` of the last event that was read, of any service: the stream goes on behind it. Opaque. Without it the stream begins with now.
    #[param(rename = "Last-Event-ID", max_length = 16384)]
    pub last_event_id: Option<String>,
}

/// Problems of a stream.
pub struct StreamProblems;
/// Problems of a POST.
pub struct WriteProblems;
/// Problems of a confirmation or a cancellation.
pub struct ChangeProblems;
/// Problems of a read.
pub struct ReadProblems;
/// Problems of a read that can wait for `after`.
pub struct LimitedReadProblems;

type Responses = BTreeMap<String, RefOr<Response>>;

impl IntoResponses for WriteProblems {
    fn responses() -> Responses {
        problems(&[
            (400, "invalid-request: malformed JSON, path, query or header"),
            (408, "request-timeout: the body did not arrive in time"),
            (
                409,
                "with `Prefer: wait`: rejected (out-of-stock, unknown-product, below-zero; of an order `lines` says which were \
                 refused and why), cancelled or expired since (a retry), or parked",
            ),
            (413, "body-too-large: more than 65536 bytes"),
            (415, "unsupported-media-type: not application/json"),
            (
                422,
                "invalid-field (`lineNo` says of which line), or idempotency-conflict: another request with other contents came \
                 first under this id, or the key gives another id than the `orderId` that is stated. One key is one order. Only two \
                 requests that race under one id, and whose first lines' products lie in different partitions, can both be \
                 accepted, and both decided (`others` of the order): an order is at home in the partition of its first line",
            ),
            (
                503,
                "unavailable, or projection-catching-up (the id cannot be looked up yet): nothing was appended; \
                 unknown-outcome: retry with the same key",
            ),
        ])
    }
}

impl IntoResponses for ChangeProblems {
    fn responses() -> Responses {
        problems(&[
            (400, "invalid-request: malformed JSON, path, query or header"),
            (404, "not-found: the projection knows no such order; `after` waits for one"),
            (408, "request-timeout: the body did not arrive in time"),
            (409, "not-held or not-cancellable: `orderStatus` says where the order stands, `reason` why; or parked"),
            (413, "body-too-large: more than 65536 bytes"),
            (415, "unsupported-media-type: a body that is not application/json"),
            (422, "invalid-field"),
            (
                503,
                "unavailable, projection-catching-up, or not-yet-projected (the wait of `after` is over): nothing was appended; \
                 unknown-outcome: ask again",
            ),
        ])
    }
}

impl IntoResponses for ReadProblems {
    fn responses() -> Responses {
        problems(&[
            (400, "invalid-request: path or query"),
            (404, "not-found"),
            (503, "unavailable, or projection-catching-up: the tables stand before what was observed already"),
        ])
    }
}

impl IntoResponses for StreamProblems {
    fn responses() -> Responses {
        problems(&[
            (400, "invalid-request: the query, or a `Last-Event-ID` that is no event's id"),
            (503, "too-many-streams, or unavailable: the service stops, or the topic of outcomes is away"),
        ])
    }
}

impl IntoResponses for LimitedReadProblems {
    fn responses() -> Responses {
        problems(&[
            (400, "invalid-request: path or query"),
            (404, "not-found"),
            (
                503,
                "unavailable, projection-catching-up (the tables stand before what was observed already), or \
                 not-yet-projected: the wait of `after` is over",
            ),
        ])
    }
}

fn problems(statuses: &[(u16, &str)]) -> Responses {
    let one = |(status, description): &(u16, &str)| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemDocument"))).build();
        let mut response =
            ResponseBuilder::new().description(*description).content("application/problem+json", content);
        if *status == 503 {
            response = response.header("Retry-After", header("Seconds"));
        }
        (status.to_string(), RefOr::T(response.build()))
    };
    statuses.iter().map(one).collect()
}

fn header(description: &str) -> Header {
    HeaderBuilder::new().schema(Some(Object::with_type(Type::String))).description(Some(description)).build()
}

/// The document before the routes are added.
pub(crate) fn frame() -> OpenApi {
    let info = InfoBuilder::new().title("Order service").version(env!("CARGO_PKG_VERSION")).description(Some(
        "Orders and stock over one log. Errors are RFC 9457 problems; GET /problems/{word} explains each. What is not valid HTTP, or \
         too long, is 400 `bad-request`, 414 `uri-too-long` or 431 `headers-too-large` at every address. Answers of the API are \
         `Cache-Control: no-store`; those of 1 KiB and more are gzipped for clients that take it.",
    ));
    OpenApiBuilder::new().info(info.build()).build()
}

/// (An `Option` in the attribute would say that it may be null.)
const BODY_MAY_BE_LEFT_OUT: [&str; 2] = ["/orders/{orderId}/confirm", "/orders/{orderId}/cancel"];

/// Adds what all routes share. `asks_who`: whether callers of this service have to say who they are.
pub(crate) fn finish(mut api: OpenApi, asks_who: bool) -> OpenApi {
    let components = api.components.get_or_insert_default();
    let mut schemas = vec![("ProblemDocument".to_owned(), ProblemDocument::schema())];
    ProblemDocument::schemas(&mut schemas);
    components.schemas.extend(schemas);
    security::scheme(components);
    api.paths.paths.extend(documents());
    for address in BODY_MAY_BE_LEFT_OUT {
        let operation = api.paths.paths.get_mut(address).and_then(|item| item.post.as_mut());
        let body = operation.and_then(|operation| operation.request_body.as_mut());
        let Some(RefOr::T(body)) = body else { unreachable!("{address} takes a POST with a body of its own") };
        body.required = Some(Required::False);
    }
    for (path, item) in &mut api.paths.paths {
        security::describe(path, item, asks_who);
        for operation in operations(item) {
            for response in operation.responses.responses.values_mut() {
                if let RefOr::T(response) = response {
                    response
                        .headers
                        .insert("X-Order-Service".to_owned(), header("The name of the service that answered").into());
                    response.headers.insert(
                        "Cache-Control".to_owned(),
                        header("no-store; no-cache with an ETag for this document and the pages that show it").into(),
                    );
                    response.headers.insert(
                        "X-Request-Id".to_owned(),
                        header("The client's own, or one that the service made").into(),
                    );
                }
            }
        }
    }
    api
}

/// The two pages that the vendored UI serves by itself.
fn documents() -> [(String, PathItem); 2] {
    let page = |summary: &str, content_type: &str| {
        let content = ContentBuilder::new().schema(Some(Object::with_type(Type::String))).build();
        let response = ResponseBuilder::new().description(summary).content(content_type, content);
        let operation = OperationBuilder::new().summary(Some(summary)).tag("operations").response("200", response);
        PathItem::new(HttpMethod::Get, operation)
    };
    [
        ("/openapi.json".to_owned(), page("This document", "application/json")),
        ("/docs".to_owned(), page("This document, to try out", "text/html")),
    ]
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post].into_iter().filter_map(Option::as_mut)
}
