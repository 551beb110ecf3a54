//! The words that problem types end in, and what each means to a client: the pages of `GET /problems/{word}`.
//!
//! A word is a promise: it is never renamed and never reused. The statuses: [`super::answer`]. Titles of words that the gateway and
//! the projector use, too, are `ledger-http`'s.

use std::borrow::Cow;

use ledger_http::words::{self, Word};
use ledger_schema::{ParkReason, RejectionReason};
use serde::{Serialize, Serializer};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// What every problem `type` begins with.
pub(crate) const PREFIX: &str = "/problems/";

pub(crate) const BAD_REQUEST: &str = words::BAD_REQUEST.name;
pub(crate) const UNAUTHENTICATED: &str = words::UNAUTHENTICATED.name;
pub(crate) const TOO_MANY_REQUESTS: &str = words::TOO_MANY_REQUESTS.name;
pub(crate) const LENGTH_REQUIRED: &str = words::LENGTH_REQUIRED.name;
pub(crate) const URI_TOO_LONG: &str = words::URI_TOO_LONG.name;
pub(crate) const HEADERS_TOO_LARGE: &str = words::HEADERS_TOO_LARGE.name;
pub(crate) const NOT_IMPLEMENTED: &str = words::NOT_IMPLEMENTED.name;
pub(crate) const INVALID_REQUEST: &str = "invalid-request";
pub(crate) const INVALID_FIELD: &str = "invalid-field";
pub(crate) const NOT_FOUND: &str = words::NOT_FOUND.name;
pub(crate) const FORBIDDEN: &str = words::FORBIDDEN.name;
pub(crate) const METHOD_NOT_ALLOWED: &str = words::METHOD_NOT_ALLOWED.name;
pub(crate) const REQUEST_TIMEOUT: &str = words::REQUEST_TIMEOUT.name;
pub(crate) const BODY_TOO_LARGE: &str = words::BODY_TOO_LARGE.name;
pub(crate) const UNSUPPORTED_MEDIA_TYPE: &str = "unsupported-media-type";
pub(crate) const IDEMPOTENCY_CONFLICT: &str = "idempotency-conflict";
/// Reasons of an order that has ended.
pub(crate) const CANCELLED: &str = "cancelled";
pub(crate) const EXPIRED: &str = "expired";
pub(crate) const NOT_HELD: &str = "not-held";
pub(crate) const NOT_CANCELLABLE: &str = "not-cancellable";
pub(crate) const UNAVAILABLE: &str = words::UNAVAILABLE.name;
pub(crate) const UNKNOWN_OUTCOME: &str = words::UNKNOWN_OUTCOME.name;
pub(crate) const TOO_MANY_STREAMS: &str = "too-many-streams";
pub(crate) const NOT_YET_PROJECTED: &str = "not-yet-projected";
pub(crate) const PROJECTION_CATCHING_UP: &str = "projection-catching-up";
pub(crate) const INTERNAL_ERROR: &str = "internal-error";

/// Every type that there is, as a schema with a name.
pub struct ProblemTypeWord;

impl PartialSchema for ProblemTypeWord {
    fn schema() -> RefOr<Schema> {
        let about = "Stable, and never used for anything else. Explained at this address of the service. What a response can be stands beside it, in `x-problem-types`.";
        // What generators call them, who could make no name of a `/`.
        let names: Vec<String> = words().map(|word| word.replace('-', "_").to_ascii_uppercase()).collect();
        let names = ExtensionsBuilder::new().add("x-enum-varnames", names).build();
        let types: Vec<String> = words().map(type_of).collect();
        let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(types));
        schema.description(Some(about)).extensions(Some(names)).into()
    }
}

impl ToSchema for ProblemTypeWord {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ProblemType")
    }
}

/// What a problem type means.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemPage {
    /// The problem type that it explains.
    #[serde(rename = "type", serialize_with = "with_prefix")]
    #[schema(rename = "type", value_type = ProblemTypeWord)]
    pub(crate) word: &'static str,
    pub(crate) title: &'static str,
    pub(crate) status: u16,
    pub(crate) meaning: &'static str,
    pub(crate) what_to_do: &'static str,
}

fn with_prefix<S: Serializer>(word: &&'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{PREFIX}{word}"))
}

const fn page(
    word: &'static str,
    status: u16,
    title: &'static str,
    meaning: &'static str,
    what_to_do: &'static str,
) -> ProblemPage {
    ProblemPage { word, title, status, meaning, what_to_do }
}

/// Of a type that the gateway or the projector answers with, too.
const fn shared(word: Word, meaning: &'static str, what_to_do: &'static str) -> ProblemPage {
    page(word.name, word.status, word.title, meaning, what_to_do)
}

const PAGES: &[ProblemPage] = &[
    shared(
        words::BAD_REQUEST,
        "What came is not valid HTTP/1.1: its first line, a header, how it says its length, or its Host (there must be one). No route saw it, and nothing was appended.",
        "Mend the client, or whatever stands between; the same request is refused again.",
    ),
    page(
        INVALID_REQUEST,
        400,
        "The request cannot be read",
        "The body is no JSON object, or the path, the query or a header is malformed; `errors` names which. Nothing was appended.",
        "Mend the request; the same one is refused again.",
    ),
    page(
        INVALID_FIELD,
        422,
        "A field is wrong",
        "Fields are missing, unknown, of the wrong type, out of range, or disagree; `errors` names all of them. Nothing was appended.",
        "Mend the fields; the same request is refused again.",
    ),
    shared(
        words::UNAUTHENTICATED,
        "The caller must say who it is, and what it showed does not hold: there is no key or token, the key is not known, has expired or was revoked, or the token is not of this service's issuer and audience. `detail` says which. Nothing was appended.",
        "Send Authorization: Bearer KEY-OR-JWT. Whoever operates the ledger makes keys with `ledger keys create`.",
    ),
    shared(
        words::FORBIDDEN,
        "The caller is known, and its role does not allow this; or a customer orders for somebody else, or under an id that is not its to choose. Nothing was appended.",
        "Use a key or a token of the role that `detail` names; order under your own user, and let an Idempotency-Key give the id.",
    ),
    shared(
        words::TOO_MANY_REQUESTS,
        "This client (its key, its token's subject, or without either its address) sends more requests than one client may. Nothing was appended. Other clients are served.",
        "Send again after Retry-After seconds, more slowly; a write with the same Idempotency-Key.",
    ),
    shared(
        words::NOT_FOUND,
        "No such address, order, movement, or product with stock.",
        "Check the id. A new order shows once it is projected: ask with ?after=POSITION to wait for that.",
    ),
    shared(
        words::METHOD_NOT_ALLOWED,
        "The address exists, but not with this method.",
        "Use a method that the header Allow names.",
    ),
    shared(words::REQUEST_TIMEOUT, "The body did not arrive in time. Nothing was appended.", "Send it again."),
    shared(
        words::LENGTH_REQUIRED,
        "The request does not say how long its body is. Nothing was appended.",
        "Send Content-Length, or Transfer-Encoding: chunked.",
    ),
    shared(
        words::BODY_TOO_LARGE,
        "A body has at most 65536 bytes, and its record at most what the log's topic takes. Nothing was appended.",
        "Send less. If it was little, tell the operators: the topic's max.message.bytes is too small.",
    ),
    shared(
        words::URI_TOO_LONG,
        "A path with its query has at most 8192 bytes; at the gateway the whole first line. Nothing was appended.",
        "Shorten the address: no id, cursor or position is that long.",
    ),
    shared(
        words::HEADERS_TOO_LARGE,
        "A request has at most 100 headers, at the gateway of at most 8 KiB each and 32 KiB together. Nothing was appended.",
        "Send fewer or shorter headers (often it is a cookie).",
    ),
    page(
        UNSUPPORTED_MEDIA_TYPE,
        415,
        "Not JSON",
        "Bodies are application/json in UTF-8, without a content encoding. Nothing was appended.",
        "Set Content-Type: application/json.",
    ),
    page(
        IDEMPOTENCY_CONFLICT,
        422,
        "The id belongs to another request",
        "This orderId or Idempotency-Key was used before with other contents (what came first stands), or an orderId was stated beside a key that gives another one. This request has no effect.",
        "Use a new key or id for a new request; repeat the first request's contents for a retry; state no orderId beside a key.",
    ),
    page(
        "unknown-product",
        409,
        "Unknown product",
        "The product, or that of a line (`lines` says which), never had stock. Only a receipt introduces a product.",
        "Check the product id, or receive goods first. The same id is answered the same for ever: order again under a new one.",
    ),
    page(
        "out-of-stock",
        409,
        "Out of stock",
        "Fewer pieces were available than were ordered when the order's turn came. Of an order of several lines nothing is taken then; `lines` says which were refused, and `available` is what is left now of the first of them.",
        "Order fewer, or later, under a new key or id.",
    ),
    page(
        "line-rejected",
        409,
        "Another line was refused",
        "The reason of lines that could have been had, in an order of which another line was refused: an order is taken as a whole or not at all. Nothing is taken.",
        "Look for the lines with another reason; order without them, or fewer of them, under a new key or id.",
    ),
    page(
        CANCELLED,
        409,
        "The order was cancelled",
        "Somebody cancelled the order; what it had taken is given back.",
        "The same id is answered the same for ever: order again under a new key or id.",
    ),
    page(
        EXPIRED,
        409,
        "The hold expired",
        "The order was held, and its time was over before anybody confirmed it; what it had taken is given back.",
        "Order again under a new key or id, and confirm in time.",
    ),
    page(
        NOT_HELD,
        409,
        "The order is not held",
        "Only an order that is held can be confirmed; `orderStatus` says where it stands. An order without a hold is confirmed by itself, and a held one that is confirmed answers as it did the first time.",
        "If it is `pending`, its lines are not all decided yet: ask again with Prefer: wait. If it is cancelled or rejected, it stays so.",
    ),
    page(
        NOT_CANCELLABLE,
        409,
        "The order cannot be cancelled",
        "The order was rejected (`reason` says why): it has taken nothing that could be given back.",
        "Nothing is left to do.",
    ),
    page(
        "below-zero",
        409,
        "Below zero",
        "The adjustment would have taken the stock below zero; it is recorded as rejected.",
        "Check the count; adjust by less, under a new key.",
    ),
    shared(
        words::UNAVAILABLE,
        "Kafka or the database cannot be reached, too much is queued, Kafka refuses what this service appends (its clock or its rights are wrong), or the topic is not the log that the ledger was made from (`/readyz` says which). Nothing was appended.",
        "Try again after Retry-After seconds.",
    ),
    shared(
        words::UNKNOWN_OUTCOME,
        "No acknowledgement arrived in time: the request may have been accepted or not.",
        "Retry after Retry-After seconds with the same Idempotency-Key (or the orderId of this answer): it takes effect at most once.",
    ),
    page(
        TOO_MANY_STREAMS,
        503,
        "Too many streams",
        "This service feeds as many streams of events as it may, or as many of them as may read at once from the log what they missed.",
        "Try again after Retry-After seconds with the same Last-Event-ID; through the gateway another service is tried.",
    ),
    page(
        NOT_YET_PROJECTED,
        503,
        "Not projected yet",
        "The projection did not pass the position of ?after= in time; without ?after= the answer would be older than that.",
        "Try again after Retry-After seconds.",
    ),
    page(
        PROJECTION_CATCHING_UP,
        503,
        "The projection is catching up",
        "Tables were exchanged, or restored, and a partition of them is not yet folded as far as somebody observed it before: `partition`, `nextOffset`, `furthestOffset`. An older state is never shown. Nothing was appended.",
        "Try again after Retry-After seconds.",
    ),
    shared(
        words::NOT_IMPLEMENTED,
        "The gateway does not know this transfer encoding or version of HTTP. Nothing was appended.",
        "Send HTTP/1.1, with Content-Length or Transfer-Encoding: chunked.",
    ),
    page(INTERNAL_ERROR, 500, "Internal error", "A bug in the service.", "Report the X-Request-Id of the answer."),
];

const PARKED_TITLE: &str = "The record was parked";
const PARKED_MEANING: &str = "The request is in the log, but it could not be folded and stands in dead_letters under this reason. It has no effect.";
const PARKED_WHAT_TO_DO: &str = "Tell the operators the position in this answer.";

/// The page of a word, if it is one.
pub(crate) fn explain(word: &str) -> Option<ProblemPage> {
    let known = PAGES.iter().find(|page| page.word == word).copied();
    known.or_else(|| {
        ParkReason::from_word(word)
            .map(|reason| page(reason.as_str(), 409, PARKED_TITLE, PARKED_MEANING, PARKED_WHAT_TO_DO))
    })
}

/// Every word that there is. (`invalid-field` is a page's and a reason's: what is refused is never appended, so never parked as that.)
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    let reasons = ParkReason::ALL.iter().map(|reason| reason.as_str());
    let has_no_page = |word: &&str| PAGES.iter().all(|page| page.word != *word);
    PAGES.iter().map(|page| page.word).chain(reasons.filter(has_no_page))
}

/// `/problems/WORD`.
pub(crate) fn type_of(word: &str) -> String {
    format!("{PREFIX}{word}")
}

/// The other way round.
pub(crate) fn word_of(problem_type: &str) -> &str {
    problem_type.strip_prefix(PREFIX).unwrap_or(problem_type)
}

/// A short text for `title`; a reason that only a newer projector knows gets its own word.
pub(crate) fn title(word: &str) -> String {
    if let Some(page) = explain(word) {
        return page.title.to_owned();
    }
    debug_assert!(RejectionReason::from_word(word).is_none(), "every rejection has a page");
    word.to_owned()
}
