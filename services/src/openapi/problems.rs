//! Which problems each operation may answer with: per status what it means there, and which types. The operations name the first of
//! them ([`OrderProblems`] and so on); what any request can be answered, at a service or at the gateway, is added to all ([`add_common`]).
//!
//! It must never have a type that [`crate::problem`] does not explain: titles and statuses are its. Next: [`super::security`].

use std::collections::BTreeMap;

use ledger_schema::{ParkReason, RejectionReason};
use serde_json::{Value, json};
use utoipa::IntoResponses;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Ref, RefOr, Response, ResponseBuilder};

use super::header;
use crate::problem::{self, explain, type_of};

/// Beside each response with problems: their types.
pub(super) const TYPES: &str = "x-problem-types";
const PROBLEM_JSON: &str = "application/problem+json";

type Responses = BTreeMap<String, RefOr<Response>>;

/// Status, what it means there, the words of its types.
pub(super) struct Answer(pub(super) u16, pub(super) &'static str, pub(super) Vec<&'static str>);

/// Problems of placing an order.
pub struct OrderProblems;
/// Problems of a receipt.
pub struct ReceiptProblems;
/// Problems of an adjustment.
pub struct AdjustmentProblems;
/// Problems of a confirmation.
pub struct ConfirmProblems;
/// Problems of a cancellation.
pub struct CancelProblems;
/// Problems of a read by id that can wait for `after`.
pub struct ReadProblems;
/// Problems of the list of stock, and of `/status`.
pub struct ListProblems;
/// Problems of a user's list.
pub struct UserListProblems;
/// Problems of the stream of outcomes.
pub struct OutcomeStreamProblems;
/// Problems of the stream of stock.
pub struct StockStreamProblems;
/// Problems of the explanation of a problem.
pub struct ExplainProblems;

const TIMEOUT: &str = "The body did not arrive in time";
const TOO_LARGE: &str = "The body has more than 65536 bytes, or its record more than the log takes";
const NOT_APPENDED: &str = "Nothing was appended: a server is away, or the id cannot be looked up yet. `unknown-outcome`: it may have been appended or not; send it again with the same key";
const NOT_READ: &str = "A server is away, or the tables stand before what was observed already";

/// A request that is in the log, and could not be folded. (`conflicting-duplicate` is said as `idempotency-conflict`.)
fn parked() -> impl Iterator<Item = &'static str> {
    let words = ParkReason::ALL.iter().filter(|reason| **reason != ParkReason::ConflictingDuplicate);
    let is_conflict = |word: &&str| explain(word).is_some_and(|page| page.status == 409);
    words.map(|reason| reason.as_str()).filter(is_conflict)
}

fn and_parked(words: &[&'static str]) -> Vec<&'static str> {
    words.iter().copied().chain(parked()).collect()
}

fn write(conflict: Answer) -> Responses {
    problems(vec![
        Answer(
            400,
            "The body is no JSON object, or the path, the query or a header is malformed; `errors` says which",
            vec![problem::INVALID_REQUEST],
        ),
        Answer(408, TIMEOUT, vec![problem::REQUEST_TIMEOUT]),
        conflict,
        Answer(413, TOO_LARGE, vec![problem::BODY_TOO_LARGE]),
        Answer(415, "The body is not application/json", vec![problem::UNSUPPORTED_MEDIA_TYPE]),
        Answer(
            422,
            "Fields are wrong (`lineNo` says of which line); or another request with other contents came first under this id, or the key gives another id than the `orderId` that is stated. One \
             key is one order. Only two requests that race under one id, and whose first lines' products lie in different partitions, can both be accepted, and both decided (`others` of the order)",
            vec![problem::INVALID_FIELD, problem::IDEMPOTENCY_CONFLICT],
        ),
        Answer(
            503,
            NOT_APPENDED,
            vec![problem::UNAVAILABLE, problem::PROJECTION_CATCHING_UP, problem::UNKNOWN_OUTCOME],
        ),
    ])
}

fn change(refused: &'static str) -> Responses {
    problems(vec![
        Answer(
            400,
            "The body is no JSON object, or the path, the query or a header is malformed; `errors` says which",
            vec![problem::INVALID_REQUEST],
        ),
        Answer(404, "The projection knows no such order; `after` waits for one", vec![problem::NOT_FOUND]),
        Answer(408, TIMEOUT, vec![problem::REQUEST_TIMEOUT]),
        Answer(
            409,
            "Where the order stands (`orderStatus`, `reason`) it cannot be; or the request is in the log, and could not be folded",
            and_parked(&[refused]),
        ),
        Answer(413, TOO_LARGE, vec![problem::BODY_TOO_LARGE]),
        Answer(415, "There is a body that is not application/json", vec![problem::UNSUPPORTED_MEDIA_TYPE]),
        Answer(422, "A field is wrong", vec![problem::INVALID_FIELD]),
        Answer(
            503,
            "Nothing was appended: a server is away, the tables stand before what was observed already, or the wait of `after` is over. `unknown-outcome`: it may have been appended or not; ask again",
            vec![
                problem::UNAVAILABLE,
                problem::PROJECTION_CATCHING_UP,
                problem::NOT_YET_PROJECTED,
                problem::UNKNOWN_OUTCOME,
            ],
        ),
    ])
}

impl IntoResponses for OrderProblems {
    fn responses() -> Responses {
        let about = "With `Prefer: wait`: rejected (`lines` says which lines were refused and why), cancelled or expired since (a retry); or the order is in the log, and could not be folded";
        let words = [
            RejectionReason::OutOfStock.as_str(),
            RejectionReason::UnknownProduct.as_str(),
            problem::CANCELLED,
            problem::EXPIRED,
        ];
        write(Answer(409, about, and_parked(&words)))
    }
}

impl IntoResponses for ReceiptProblems {
    fn responses() -> Responses {
        write(Answer(
            409,
            "With `Prefer: wait`: the receipt is in the log, and could not be folded",
            parked().collect(),
        ))
    }
}

impl IntoResponses for AdjustmentProblems {
    fn responses() -> Responses {
        let about = "With `Prefer: wait`: rejected; or the adjustment is in the log, and could not be folded";
        let words = [RejectionReason::BelowZero, RejectionReason::UnknownProduct].map(RejectionReason::as_str);
        write(Answer(409, about, and_parked(&words)))
    }
}

impl IntoResponses for ConfirmProblems {
    fn responses() -> Responses {
        change(problem::NOT_HELD)
    }
}

impl IntoResponses for CancelProblems {
    fn responses() -> Responses {
        change(problem::NOT_CANCELLABLE)
    }
}

const UNREADABLE: &str = "The path, the query or a header is malformed; `errors` says which";

impl IntoResponses for ReadProblems {
    fn responses() -> Responses {
        let not_read =
            "A server is away, the tables stand before what was observed already, or the wait of `after` is over";
        problems(vec![
            Answer(400, UNREADABLE, vec![problem::INVALID_REQUEST]),
            Answer(404, "There is none, or none that the caller may see", vec![problem::NOT_FOUND]),
            Answer(
                503,
                not_read,
                vec![problem::UNAVAILABLE, problem::PROJECTION_CATCHING_UP, problem::NOT_YET_PROJECTED],
            ),
        ])
    }
}

impl IntoResponses for ListProblems {
    fn responses() -> Responses {
        problems(vec![
            Answer(400, UNREADABLE, vec![problem::INVALID_REQUEST]),
            Answer(503, NOT_READ, vec![problem::UNAVAILABLE, problem::PROJECTION_CATCHING_UP]),
        ])
    }
}

impl IntoResponses for UserListProblems {
    fn responses() -> Responses {
        let not_found = problems(vec![Answer(404, "A customer sees its own orders alone", vec![problem::NOT_FOUND])]);
        ListProblems::responses().into_iter().chain(not_found).collect()
    }
}

impl IntoResponses for StockStreamProblems {
    fn responses() -> Responses {
        problems(vec![
            Answer(400, "The query is malformed, or `Last-Event-ID` is no event's id", vec![problem::INVALID_REQUEST]),
            Answer(
                503,
                "As many streams are open as may be; or the service stops, or the topic of outcomes is away",
                vec![problem::TOO_MANY_STREAMS, problem::UNAVAILABLE],
            ),
        ])
    }
}

impl IntoResponses for OutcomeStreamProblems {
    fn responses() -> Responses {
        let not_found = problems(vec![Answer(404, "A customer sees its own orders alone", vec![problem::NOT_FOUND])]);
        StockStreamProblems::responses().into_iter().chain(not_found).collect()
    }
}

impl IntoResponses for ExplainProblems {
    fn responses() -> Responses {
        problems(vec![
            Answer(400, UNREADABLE, vec![problem::INVALID_REQUEST]),
            Answer(404, "There is no such problem type", vec![problem::NOT_FOUND]),
        ])
    }
}

/// What any request can be answered: what is not valid HTTP, a bug, and by the gateway what it does not pass on.
pub(super) fn add_common(operation: &mut Operation, is_write: bool) {
    let mut common = vec![
        Answer(400, "What came is not valid HTTP", vec![problem::BAD_REQUEST]),
        Answer(414, "The address has more than 8192 bytes", vec![problem::URI_TOO_LONG]),
        Answer(431, "There are more than 100 headers, or they are too long", vec![problem::HEADERS_TOO_LARGE]),
        Answer(500, "A bug in the service", vec![problem::INTERNAL_ERROR]),
        Answer(
            501,
            "Of the gateway: it does not know the transfer encoding, or the version of HTTP",
            vec![problem::NOT_IMPLEMENTED],
        ),
        Answer(503, "Of the gateway: no service answered", vec![problem::UNAVAILABLE]),
    ];
    if is_write {
        common.push(Answer(
            411,
            "Of the gateway: the request does not say how long its body is",
            vec![problem::LENGTH_REQUIRED],
        ));
    }
    add(operation, common);
}

/// Adds answers to those that an operation has. A status that has one already gets the words that it lacks.
pub(super) fn add(operation: &mut Operation, answers: Vec<Answer>) {
    for Answer(status, about, words) in answers {
        let responses = &mut operation.responses.responses;
        let text = status.to_string();
        let Some(RefOr::T(response)) = responses.get_mut(&text) else {
            responses.extend(problems(vec![Answer(status, about, words)]));
            continue;
        };
        let mut all = types(response);
        let new = words.into_iter().map(type_of).filter(|word| !all.contains(word)).collect::<Vec<_>>();
        if new.is_empty() {
            continue;
        }
        all.extend(new);
        response.description = format!("{}. {about}", response.description);
        fill(response, status, &all);
    }
}

/// The types that a response has by now.
pub(super) fn types(response: &Response) -> Vec<String> {
    let types = response.extensions.as_ref().and_then(|extensions| extensions.get(TYPES)).and_then(Value::as_array);
    types.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn problems(answers: Vec<Answer>) -> Responses {
    let one = |Answer(status, about, words): Answer| {
        let mut response = ResponseBuilder::new().description(about).build();
        let types: Vec<String> = words.into_iter().map(type_of).collect();
        fill(&mut response, status, &types);
        (status.to_string(), RefOr::T(response))
    };
    answers.into_iter().map(one).collect()
}

/// The body with an example of each type, and what stands in headers.
///
/// # Panics
/// When a type is none that is explained, or of another status.
fn fill(response: &mut Response, status: u16, types: &[String]) {
    let examples = types.iter().map(|problem_type| {
        let word = problem::word_of(problem_type);
        let page = explain(word).expect("every problem type of the document has its page");
        assert_eq!(page.status, status, "{word} is of one status alone");
        (word.to_owned(), example(problem_type, &page))
    });
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemDocument")));
    response.content.insert(PROBLEM_JSON.to_owned(), content.examples_from_iter(examples).build().into());
    response.extensions = Some(ExtensionsBuilder::new().add(TYPES, types.to_vec()).build());
    let named = match status {
        401 => Some(("WWW-Authenticate", "Bearer realm=\"ledger\"")),
        429 | 503 => Some(("Retry-After", "Seconds")),
        _ => None,
    };
    if let Some((name, about)) = named {
        response.headers.insert(name.to_owned(), header(about).into());
    }
}

fn example(problem_type: &str, page: &problem::ProblemPage) -> Example {
    let value = json!({"type": problem_type, "title": page.title, "status": page.status, "detail": page.meaning});
    ExampleBuilder::new().summary(page.title).value(Some(value)).build()
}
