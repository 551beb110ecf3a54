//! Keys that change while the process runs: in a file, and at an issuer that answers, is silent, is flooded, or is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use ledger_auth::{Denied, Unproven};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::minting::{SigningKey, claims, jwks};
use crate::world::{File, built, shown};

const PATIENCE: Duration = Duration::from_secs(30);

/// An issuer on a real socket.
struct Issuer {
    url: String,
    set: Arc<std::sync::Mutex<String>>,
    asked: Arc<AtomicU32>,
    is_silent: Arc<AtomicBool>,
    stop: CancellationToken,
}

impl Issuer {
    async fn start(set: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
        let (set, asked, is_silent) =
            (Arc::new(std::sync::Mutex::new(set)), Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let stop = CancellationToken::new();
        let (text, count, silent) = (set.clone(), asked.clone(), is_silent.clone());
        let answer = move || {
            let (text, count, silent) = (text.clone(), count.clone(), silent.clone());
            async move {
                count.fetch_add(1, Ordering::Relaxed);
                while silent.load(Ordering::Relaxed) {
                    sleep(Duration::from_millis(10)).await;
                }
                let text = text.lock().expect("no panic").clone();
                if text.is_empty() { (StatusCode::SERVICE_UNAVAILABLE, text) } else { (StatusCode::OK, text) }
            }
        };
        let router = Router::new().route("/keys", get(answer));
        let stopped = stop.clone();
        tokio::spawn(async move {
            axum::serve(listener, router).with_graceful_shutdown(async move { stopped.cancelled().await }).await
        });
        Self { url, set, asked, is_silent, stop }
    }

    fn publish(&self, set: String) {
        *self.set.lock().expect("no panic") = set;
    }
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_new_key_of_an_issuer_is_found_by_its_token_and_an_old_one_stays_while_it_is_silent() {
    let (first, second) = (SigningKey::ed25519("first"), SigningKey::p256("second"));
    let issuer = Issuer::start(jwks(&[&first])).await;
    let gate = built(&["--jwt-jwks", &issuer.url]).await.expect("good settings");
    let (old, new) = (first.token(&claims("ann", "customer")), second.token(&claims("ann", "customer")));
    assert!(shown(&gate, &old).await.is_ok());
    issuer.publish(jwks(&[&first, &second]));
    // Nothing watches here: it is the token itself that makes the set be read again.
    eventually("the new key is found", async || shown(&gate, &new).await.is_ok()).await;
    assert!(shown(&gate, &old).await.is_ok());
    // However many unknown keys are named, the issuer is asked seldom.
    let before = issuer.asked.load(Ordering::Relaxed);
    let made_up = SigningKey::ed25519("made-up").token(&claims("ann", "operator"));
    for _ in 0..200 {
        let denied = shown(&gate, &made_up).await.expect_err("unknown");
        assert!(matches!(denied, Denied::Unauthenticated(Unproven::Token(_))), "{denied:?}");
    }
    assert!(issuer.asked.load(Ordering::Relaxed) <= before + 1);
    // Silent, or gone: whose key is known is let in, at once.
    issuer.is_silent.store(true, Ordering::Relaxed);
    eventually("what is unknown is not said to be", async || {
        let begun = Instant::now();
        assert!(shown(&gate, &old).await.is_ok() && shown(&gate, &new).await.is_ok());
        assert!(begun.elapsed() < Duration::from_millis(500), "nobody waits for the issuer");
        matches!(shown(&gate, &made_up).await, Err(Denied::Unavailable { .. }))
    })
    .await;
    issuer.stop.cancel();
}

#[tokio::test]
async fn an_issuer_that_is_away_at_the_start_is_waited_for_by_tokens_alone() {
    let key = SigningKey::ed25519("key");
    let issuer = Issuer::start(String::new()).await;
    let gate = built(&["--jwt-jwks", &issuer.url]).await.expect("it starts");
    let token = key.token(&claims("ann", "customer"));
    assert!(matches!(shown(&gate, &token).await, Err(Denied::Unavailable { .. })));
    issuer.publish(jwks(&[&key]));
    let (jwks, stop) = (gate.jwks.clone().expect("a set"), CancellationToken::new());
    let watching = tokio::spawn({
        let stop = stop.clone();
        async move { jwks.watch(stop).await }
    });
    eventually("it is read again by itself", async || shown(&gate, &token).await.is_ok()).await;
    stop.cancel();
    watching.await.expect("it ends");
}

#[tokio::test]
async fn a_file_is_read_again_and_what_became_unreadable_leaves_the_keys_that_are_known() {
    let (first, second) = (SigningKey::ed25519("first"), SigningKey::ed25519("second"));
    let file = File::new(jwks(&[&first]).as_bytes(), 0o644);
    let gate = built(&["--jwt-jwks", file.path()]).await.expect("good settings");
    let (old, new) = (first.token(&claims("ann", "reader")), second.token(&claims("ann", "reader")));
    assert!(shown(&gate, &old).await.is_ok());
    file.write(jwks(&[&second]).as_bytes());
    eventually("the new key is found", async || shown(&gate, &new).await.is_ok()).await;
    assert!(shown(&gate, &old).await.is_err(), "the old one was taken away");
    file.write(b"{\"keys\":");
    let (jwks, stop) = (gate.jwks.clone().expect("a set"), CancellationToken::new());
    assert!(jwks.read().await.expect_err("half a file").contains("no JWKS"));
    assert!(shown(&gate, &new).await.is_ok());
    stop.cancel();
}
