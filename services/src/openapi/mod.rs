//! What `/openapi.json` says beyond the handlers' own attributes: bodies ([`bodies`]), parameters
//! ([`params`]), problems ([`problems`]), callers ([`security`]), and the headers that stand on every answer. The types here describe;
//! they are never parsed into. What clients make of it: `e2e/tests/e2e/clients.rs`.

mod bodies;
mod params;
mod problems;
mod security;

pub use bodies::{
    AdjustmentBody, CancelBody, ConfirmBody, HoldBody, LineBody, OrderBody, OrderOfLines, OrderOfLinesOfUser,
    OrderOfOneLine, OrderOfOneLineOfUser, OrderOfUserBody, ReceiptBody,
};
pub use params::{
    ChangeParams, OutcomeStreamParams, PageParams, ReadParams, StockStreamParams, StreamHeaders, WriteParams,
};
pub use problems::{
    AdjustmentProblems, CancelProblems, ConfirmProblems, ExplainProblems, ListProblems, OrderProblems,
    OutcomeStreamProblems, ReadProblems, ReceiptProblems, StockStreamProblems, UserListProblems,
};

use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, PathItem};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ContentBuilder, Header, HeaderBuilder, InfoBuilder, LicenseBuilder, Object, OpenApi, OpenApiBuilder, RefOr,
    Required, ResponseBuilder, ServerBuilder, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::ProblemDocument;
use crate::texts;

fn header(description: &str) -> Header {
    HeaderBuilder::new().schema(Some(Object::with_type(Type::String))).description(Some(description)).build()
}

/// The document before the routes are added.
pub(crate) fn frame() -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new().title("Order service").version(env!("CARGO_PKG_VERSION")).license(Some(license)).description(Some(
        "Orders and stock over one log. Errors are RFC 9457 problems; GET /problems/{word} explains each. Beside each response with problems `x-problem-types` lists what they can be, those of the \
         gateway among them; at every address a method that is not listed is 405 `method-not-allowed`. Lists of words are closed for this version: a client that is made to last should take a word that \
         it does not know by its status. Answers of the API are `Cache-Control: no-store`; those of 1 KiB and more are gzipped for clients that take it.",
    ));
    let server =
        ServerBuilder::new().url("/").description(Some("The service, or the gateway, that this document comes from"));
    let tags = [
        ("orders", "Placing orders, and what became of them"),
        ("stock", "What can be sold, and why it is so many"),
        ("events", "What is decided, as it is decided: server-sent events"),
        ("operations", "For those who run it: health, progress, documents"),
    ];
    let tags = tags.map(|(name, about)| TagBuilder::new().name(name).description(Some(about)).build());
    OpenApiBuilder::new().info(info.build()).servers(Some([server.build()])).tags(Some(tags)).build()
}

/// (An `Option` in the attribute would say that it may be null.)
const BODY_MAY_BE_LEFT_OUT: [&str; 2] = ["/orders/{orderId}/confirm", "/orders/{orderId}/cancel"];

/// Adds what all routes share. `asks_who`: whether callers of this service have to say who they are.
pub(crate) fn finish(mut api: OpenApi, asks_who: bool) -> OpenApi {
    let components = api.components.get_or_insert_default();
    let mut schemas = vec![("ProblemDocument".to_owned(), ProblemDocument::schema())];
    ProblemDocument::schemas(&mut schemas);
    components.schemas.extend(schemas);
    components.schemas.extend(texts::all());
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
        for (is_write, operation) in operations(item) {
            params::shapes(operation);
            problems::add_common(operation, is_write);
            mark(operation);
        }
    }
    api
}

/// The headers of every answer.
fn mark(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        for (name, about) in [
            ("X-Order-Service", "The name of the service that answered; `gateway` where none did"),
            ("Cache-Control", "no-store; no-cache with an ETag for this document and the pages that show it"),
            ("X-Request-Id", "The client's own, or one that the service made"),
        ] {
            response.headers.insert(name.to_owned(), header(about).into());
        }
    }
}

/// The two pages that the vendored UI serves by itself.
fn documents() -> [(String, PathItem); 2] {
    let page = |id: &str, summary: &str, content_type: &str, kind: Type| {
        let content = ContentBuilder::new().schema(Some(Object::with_type(kind))).build();
        let response = ResponseBuilder::new().description(summary).content(content_type, content);
        let unchanged = ResponseBuilder::new().description("It is still that of the ETag in `If-None-Match`");
        let operation = OperationBuilder::new().operation_id(Some(id)).summary(Some(summary)).tag("operations");
        operation.response("200", response).response("304", unchanged)
    };
    let moved = ResponseBuilder::new().description("It stands at /docs/").header("Location", header("/docs/"));
    let docs = page("docs", "This document, to try out", "text/html", Type::String).response("303", moved);
    let document = page("openapi_document", "This document", "application/json", Type::Object);
    [
        ("/openapi.json".to_owned(), PathItem::new(HttpMethod::Get, document)),
        ("/docs".to_owned(), PathItem::new(HttpMethod::Get, docs)),
    ]
}

/// With whether it writes.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    let (get, post) = (item.get.as_mut(), item.post.as_mut());
    get.into_iter().map(|operation| (false, operation)).chain(post.into_iter().map(|operation| (true, operation)))
}

#[cfg(test)]
mod tests;
