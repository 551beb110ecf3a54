//! A service that asks who calls, and everybody who could.

use std::path::PathBuf;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use chrono::{TimeDelta, Utc};
use http_body_util::BodyExt;
use ledger_auth::ApiKey;
use ledger_schema::Position;
use ledger_schema::partitioner::partition_of;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::minting::{AUDIENCE, ISSUER, SigningKey, jwks};
use crate::world::{Answer, OrderLine, PARTITIONS, World};

pub(crate) const SECRET: &[u8] = b"a secret of this test, known to nobody";

/// A file of this test alone, taken away with it.
pub(crate) struct File(PathBuf);

impl File {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let file = Self(std::env::temp_dir().join(format!("callers-{}", Uuid::new_v4().simple())));
        std::fs::write(&file.0, bytes).expect("written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file.0, private).expect("its mode");
        file
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Keys of an issuer, one of each kind, in a file of the service's.
pub(crate) struct Issuer {
    pub(crate) keys: [SigningKey; 3],
    set: File,
    secret: File,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let keys = [SigningKey::ed25519("ed"), SigningKey::p256("ec"), SigningKey::rsa("rsa")];
        let set = File::new(jwks(&keys.iter().collect::<Vec<_>>()).as_bytes());
        Self { keys, set, secret: File::new(SECRET) }
    }

    /// The flags of a service that takes its tokens.
    pub(crate) fn flags(&self) -> Vec<&str> {
        vec![
            "--auth",
            "on",
            "--jwt-jwks",
            self.set.path(),
            "--jwt-secret-file",
            self.secret.path(),
            "--jwt-issuer",
            ISSUER,
            "--jwt-audience",
            AUDIENCE,
        ]
    }
}

/// What is wrong with a stored key, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    Good,
    Expired,
    Revoked,
}

impl World {
    /// Stores a new key, as `ledger keys create` does; gives the credential.
    pub(crate) async fn key(&self, role: &str, user: Option<&str>, stored: Stored) -> ApiKey {
        let key = ApiKey::generate().expect("random");
        let past = Utc::now() - TimeDelta::seconds(1);
        sqlx::query(
            "INSERT INTO api_keys (key_id, secret_hash, role, user_id, created_at, expires_at, revoked_at) \
             VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6), ?, ?)",
        )
        .bind(key.id().as_str())
        .bind(key.hash().as_bytes())
        .bind(role)
        .bind(user)
        .bind((stored == Stored::Expired).then_some(past))
        .bind((stored == Stored::Revoked).then_some(past))
        .execute(&self.sql)
        .await
        .expect("a key");
        key
    }

    /// A confirmed order of a user.
    pub(crate) async fn order_of(&self, user_id: &str, offset: i64) -> Uuid {
        let order_id = Uuid::now_v7();
        let position = Position { partition: partition_of(b"chocolate", PARTITIONS), offset };
        self.decide(&OrderLine { order_id, position, user_id, ..OrderLine::default() }).await;
        self.pass(position).await;
        order_id
    }
}

/// A request with a credential, or without.
pub(crate) fn request(method: &Method, uri: &str, credential: Option<&str>, body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(uri);
    if let Some(credential) = credential {
        request = request.header("authorization", format!("Bearer {credential}"));
    }
    if !body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    request.body(Body::from(body.to_owned())).expect("a request")
}

/// Status and headers; the body is read where it ends by itself.
pub(crate) async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let is_stream = parts.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
    let bytes = if is_stream { Vec::new() } else { body.collect().await.expect("a body").to_bytes().to_vec() };
    Answer { status: parts.status.as_u16(), headers: parts.headers, bytes }
}

pub(crate) async fn get_as(router: &Router, uri: &str, credential: &str) -> Answer {
    ask(router, request(&Method::GET, uri, Some(credential), "")).await
}

pub(crate) async fn post_as(router: &Router, uri: &str, credential: &str, body: &str) -> Answer {
    ask(router, request(&Method::POST, uri, Some(credential), body)).await
}

/// What RFC 6750 wants of a 401 and a 403.
pub(crate) fn challenge(headers: &HeaderMap) -> &str {
    headers.get("www-authenticate").map_or("", |value| value.to_str().expect("ASCII"))
}

/// An order of a user, as a body.
pub(crate) fn order(user_id: &str) -> String {
    json!({ "userId": user_id, "productId": "chocolate", "quantity": 1, "unitPrice": 250 }).to_string()
}

/// Method and path of each operation that a service describes.
pub(crate) fn operations(api: &Value) -> Vec<(String, String)> {
    let paths = api["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &Value)| {
        let methods: Vec<_> = item.as_object().expect("methods").keys().map(|method| method.to_uppercase()).collect();
        methods.into_iter().map(|method| (method, path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}
