//! What `/openapi.json` says of callers: the scheme, what each operation needs, and the answers of whoever is not let in. It says what
//! [`crate::access`] says, and nothing of its own.

use axum::http::Method;
use ledger_auth::Access;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, PathItem};

use super::problems::{self, Answer};
use crate::{access, problem};

const SCHEME: &str = "caller";

fn who() -> Answer {
    let about = "There is no API key or token, or one that does not hold; `WWW-Authenticate` says that it is asked for";
    Answer(401, about, vec![problem::UNAUTHENTICATED])
}

fn role() -> Answer {
    Answer(403, "The caller's role does not allow it, or a customer orders for somebody else", vec![problem::FORBIDDEN])
}

fn rate() -> Answer {
    Answer(429, "This client sends more than one client may", vec![problem::TOO_MANY_REQUESTS])
}

pub(super) fn scheme(components: &mut Components) {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("API key or JWT").description(Some(
        "An API key (`ledger keys create`), or a JWT of the issuer that this service trusts: `sub` is the user, the claim `role` is customer, operator or reader. \
         A service that is for its own machine alone (LEDGER_AUTH=off) asks nobody.",
    ));
    components.security_schemes.insert(SCHEME.to_owned(), SecurityScheme::Http(bearer.build()).into());
}

/// What each operation of an address needs. Where nobody is asked, a key may be shown all the same.
pub(super) fn describe(path: &str, item: &mut PathItem, asks_who: bool) {
    for (method, operation) in [(Method::GET, &mut item.get), (Method::POST, &mut item.post)] {
        let Some(operation) = operation else { continue };
        of_operation(operation, access::needed(&method, Some(path)), asks_who);
    }
}

fn of_operation(operation: &mut Operation, access: Access, asks_who: bool) {
    let mut answers = Vec::new();
    if access.asks_who() {
        let caller = SecurityRequirement::new(SCHEME, [] as [&str; 0]);
        let nobody = (!asks_who).then(SecurityRequirement::default);
        operation.security = Some(std::iter::once(caller).chain(nobody).collect());
        let roles = format!("Needs the role {}.", access.roles());
        let said = operation.description.take().filter(|text| !text.is_empty());
        operation.description = Some(said.map_or(roles.clone(), |said| format!("{said}\n\n{roles}")));
        answers.extend([who(), role()]);
    } else {
        operation.security = Some(Vec::new());
    }
    if access != Access::Probe {
        answers.push(rate());
    }
    problems::add(operation, answers);
}
