//! The table: every route, as each caller. What a service describes and no row has fails here.

use axum::Router;
use axum::http::Method;
use serde_json::{Value, json};

use super::world::{Issuer, SECRET, Stored, ask, challenge, operations, order, request};
use crate::minting::{but, by_secret, claims, hs256, in_seconds, token};
use crate::world::{World, get};

/// A request, and what it is answered as the user that it is about, as another user, as a reader and as an operator. What needs nobody is answered
/// the same to all, and to whoever shows something that does not hold.
struct Row {
    method: Method,
    path: &'static str,
    uri: String,
    body: String,
    answers: [u16; 4],
    is_open: bool,
}

fn row(method: Method, path: &'static str, uri: impl Into<String>, body: impl Into<String>, answers: [u16; 4]) -> Row {
    Row { method, path, uri: uri.into(), body: body.into(), answers, is_open: false }
}

fn open(path: &'static str, uri: &str, status: u16) -> Row {
    let answers = [status; 4];
    Row { method: Method::GET, path, uri: uri.to_owned(), body: String::new(), answers, is_open: true }
}

fn rows(order_id: &str) -> Vec<Row> {
    let (get, post) = (|| Method::GET, || Method::POST);
    let no_user = json!({ "productId": "chocolate", "quantity": 1, "unitPrice": 250 }).to_string();
    let movement = format!("/stock/chocolate/movements/{order_id}");
    vec![
        row(post(), "/orders", "/orders", order("ann"), [202, 403, 403, 202]),
        row(post(), "/users/{userId}/orders", "/users/ann/orders", no_user, [202, 403, 403, 202]),
        row(get(), "/users/{userId}/orders", "/users/ann/orders", "", [200, 404, 200, 200]),
        row(get(), "/orders/{orderId}", format!("/orders/{order_id}"), "", [200, 404, 200, 200]),
        // It was never held: whoever may confirm it is told so.
        row(post(), "/orders/{orderId}/confirm", format!("/orders/{order_id}/confirm"), "", [409, 404, 403, 409]),
        row(post(), "/orders/{orderId}/cancel", format!("/orders/{order_id}/cancel"), "", [202, 404, 403, 202]),
        row(get(), "/events", "/events", "", [200; 4]),
        row(get(), "/events", "/events?user=ann", "", [200, 404, 200, 200]),
        row(get(), "/stock/events", "/stock/events", "", [200; 4]),
        row(get(), "/stock", "/stock", "", [200; 4]),
        row(get(), "/stock/{productId}", "/stock/chocolate", "", [200; 4]),
        // There is none: who may look is told so.
        row(get(), "/stock/{productId}/movements/{movementId}", movement, "", [403, 403, 404, 404]),
        row(post(), "/stock/{productId}/receipts", "/stock/p/receipts", r#"{"quantity":1}"#, [403, 403, 403, 202]),
        row(
            post(),
            "/stock/{productId}/adjustments",
            "/stock/p/adjustments",
            r#"{"delta":1,"reason":"counted"}"#,
            [403, 403, 403, 202],
        ),
        row(get(), "/status", "/status", "", [403, 403, 200, 200]),
        row(get(), "/metrics", "/metrics", "", [403, 403, 200, 200]),
        open("/problems/{word}", "/problems/unauthenticated", 200),
        open("/openapi.json", "/openapi.json", 200),
        open("/docs", "/docs", 303),
        open("/healthz", "/healthz", 200),
        open("/readyz", "/readyz", 200),
        open("/", "/", 200),
        open("/page/{file}", "/page/main.js", 200),
    ]
}

/// Credentials that let nobody in, each with the status that it gets and words of the detail.
async fn wrong_credentials(world: &World, issuer: &Issuer) -> Vec<(&'static str, Option<String>, u16, &'static str)> {
    let good = claims("ann", "customer");
    let [ed, ec, rsa] = &issuer.keys;
    let changed = |changes: Value| Some(ed.token(&but(good.clone(), &changes)));
    let (known, other) =
        (world.key("operator", None, Stored::Good).await, world.key("operator", None, Stored::Good).await);
    let of_another = other.reveal().replace(other.id().as_str(), known.id().as_str());
    let header = |algorithm: &str, kid: &str| json!({ "alg": algorithm, "kid": kid });
    vec![
        ("none", None, 401, "say who you are"),
        ("no credential at all", Some("hunter2".to_owned()), 401, "neither an API key"),
        (
            "a key that was never made",
            Some(ledger_auth::ApiKey::generate().expect("random").reveal()),
            401,
            "is not known",
        ),
        ("a key with another one's secret", Some(of_another), 401, "is not known"),
        ("an expired key", Some(world.key("operator", None, Stored::Expired).await.reveal()), 401, "has expired"),
        ("a revoked key", Some(world.key("operator", None, Stored::Revoked).await.reveal()), 401, "was revoked"),
        ("an expired token", changed(json!({ "exp": in_seconds(-3600) })), 401, "it has expired"),
        ("a token for somebody else", changed(json!({ "aud": "another" })), 401, "audience"),
        ("a token of somebody else", changed(json!({ "iss": "https://elsewhere.test" })), 401, "issuer"),
        ("a token of alg none", Some(token(&header("none", "ed"), &good, |_| Vec::new())), 401, "it is not signed"),
        (
            "a token of alg none, signed",
            Some(token(&header("none", "ed"), &good, |message| ed.sign(message))),
            401,
            "refused",
        ),
        (
            "a public key as a secret",
            Some(token(&header("HS256", "rsa"), &good, |message| hs256(&rsa.public_bytes(), message))),
            401,
            "signature",
        ),
        (
            "a key of another algorithm",
            Some(token(&header("RS256", "ec"), &good, |message| ec.sign(message))),
            401,
            "no key is known",
        ),
        ("another secret", Some(by_secret(b"another secret of thirty-two bytes", &good)), 401, "signature"),
        ("a token without a role", changed(json!({ "role": null })), 403, "claim role"),
        ("a token with a role that is none", changed(json!({ "role": "admin" })), 403, "claim role"),
    ]
}

/// Ann, Bob, a reader and an operator.
const ROLES: [(&str, &str, Option<&str>); 4] = [
    ("ann", "customer", Some("ann")),
    ("bob", "customer", Some("bob")),
    ("reader", "reader", None),
    ("operator", "operator", None),
];

async fn check(router: &Router, row: &Row, who: &str, credential: Option<&str>, status: u16) -> crate::world::Answer {
    let answer = ask(router, request(&row.method, &row.uri, credential, &row.body)).await;
    let text = String::from_utf8_lossy(&answer.bytes);
    assert_eq!(answer.status, status, "{} {} as {who}: {text}", row.method, row.uri);
    if let Some(credential) = credential {
        assert!(!text.contains(credential), "{} {} as {who} repeats the credential", row.method, row.uri);
    }
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_as_every_caller() {
    let (world, issuer) = (World::new().await, Issuer::new());
    let router = world.router(&issuer.flags()).await;
    let order_id = world.order_of("ann", 0).await.to_string();
    world.stock("chocolate", 7, ledger_schema::Position { partition: 0, offset: 0 }).await;
    let rows = rows(&order_id);
    let wrong = wrong_credentials(&world, &issuer).await;
    let mut checked = 0;
    for row in &rows {
        for (name, credential, status, says) in &wrong {
            let status = if row.is_open { row.answers[0] } else { *status };
            let answer = check(&router, row, name, credential.as_deref(), status).await;
            if !row.is_open {
                let word = if status == 401 { "unauthenticated" } else { "forbidden" };
                assert_eq!(answer.problem(), word);
                let detail = answer.json()["detail"].as_str().expect("a detail").to_owned();
                assert!(detail.contains(says), "{name}: {detail}");
                assert!(challenge(&answer.headers).starts_with(r#"Bearer realm="ledger""#), "{name}: {answer:?}");
            }
            checked += 1;
        }
        for ((name, role, user), status) in ROLES.into_iter().zip(row.answers) {
            let key = world.key(role, user, Stored::Good).await.reveal();
            let claims = claims(user.unwrap_or(name), role);
            let tokens = issuer.keys.iter().map(|key| key.token(&claims)).chain([by_secret(SECRET, &claims)]);
            for credential in tokens.chain([key]) {
                let answer = check(&router, row, name, Some(&credential), status).await;
                if status == 403 {
                    assert_eq!(answer.problem(), "forbidden");
                }
                checked += 1;
            }
        }
    }
    assert_eq!(checked, rows.len() * (wrong.len() + 4 * 5));
    // What the service describes is what was asked, and the other way round.
    let api = get(&router, "/openapi.json").await.json();
    let described = operations(&api);
    for (method, path) in &described {
        assert!(rows.iter().any(|row| row.method.as_str() == method && row.path == path), "{method} {path} has no row");
    }
    let undescribed = ["/", "/page/{file}"];
    for row in rows.iter().filter(|row| !undescribed.contains(&row.path)) {
        assert!(described.contains(&(row.method.to_string(), row.path.to_owned())), "{} {}", row.method, row.path);
        let operation = &api["paths"][row.path][row.method.as_str().to_lowercase()];
        let security = operation["security"].as_array().expect("it is said");
        assert_eq!(security.is_empty(), row.is_open, "{} {}", row.method, row.path);
        assert_eq!(operation["responses"]["401"].is_object(), !row.is_open, "{} {}", row.method, row.path);
    }
    assert_eq!(api["components"]["securitySchemes"]["caller"]["scheme"], "bearer");
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_as_get_and_what_is_not_there_says_nothing() {
    let (world, issuer) = (World::new().await, Issuer::new());
    let router = world.router(&issuer.flags()).await;
    let anonymous = async |method, uri| ask(&router, request(&method, uri, None, "")).await.status;
    assert_eq!(anonymous(Method::HEAD, "/stock").await, 401);
    assert_eq!(anonymous(Method::HEAD, "/healthz").await, 200);
    assert_eq!(anonymous(Method::GET, "/nowhere").await, 404);
    for method in [Method::DELETE, Method::PUT, Method::OPTIONS, Method::TRACE] {
        assert_eq!(anonymous(method.clone(), "/orders").await, 401, "{method}: shut until somebody opens it");
    }
    let operator = world.key("operator", None, Stored::Good).await.reveal();
    assert_eq!(ask(&router, request(&Method::DELETE, "/orders", Some(&operator), "")).await.status, 405);
}
