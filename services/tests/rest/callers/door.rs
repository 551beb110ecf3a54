//! A service that others can reach and that asks nobody does not start; nothing of a credential is ever shown.

use order_service::start::StartError;
use sqlx::Executor;

use super::world::{Issuer, Stored, get_as};
use crate::minting::claims;
use crate::world::{World, get};

async fn refused(world: &World, flags: &[&str]) -> StartError {
    world.start(flags).await.err().unwrap_or_else(|| panic!("{flags:?} must not start"))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_listens_elsewhere_asks_who_calls() {
    let world = World::new().await;
    let error = refused(&world, &["--listen", "0.0.0.0:0"]).await;
    assert_eq!(error.exit_code(), 2);
    let words = error.to_string();
    for word in ["--listen 0.0.0.0:0", "LEDGER_AUTH=on", "ledger keys create", "--insecure"] {
        assert!(words.contains(word), "{word} in {words}");
    }
    world.start(&["--listen", "0.0.0.0:0", "--insecure"]).await.expect("it was said to be meant");
    world.start(&["--listen", "0.0.0.0:0", "--auth", "on"]).await.expect("it asks");
    let error = refused(&world, &["--auth", "on", "--jwt-issuer", "i"]).await;
    assert_eq!((error.exit_code(), error.to_string().contains("--jwt-jwks")), (2, true), "{error}");
    world.sql.execute("DROP TABLE api_keys").await.expect("as before the last migrations");
    let error = refused(&world, &["--auth", "on"]).await;
    assert!(error.exit_code() == 1 && error.to_string().contains("ledger migrate"), "{error}");
    world.start(&[]).await.expect("who asks nobody needs no keys");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_credential_is_shown() {
    let (world, issuer) = (World::new().await, Issuer::new());
    let router = world.router(&issuer.flags()).await;
    let key = world.key("operator", None, Stored::Good).await.reveal();
    let token = issuer.keys[0].token(&claims("boss", "operator"));
    // Of a key what follows its id, of a token its signature.
    let secret_of = |text: &str| text.rsplit('.').next().filter(|part| *part != text).unwrap_or(&text[24..]).to_owned();
    for credential in [&key, &token] {
        assert_eq!(get_as(&router, "/stock", credential).await.status, 200);
        assert_eq!(get_as(&router, "/stock", &credential[..credential.len() - 2]).await.status, 401);
    }
    for uri in ["/metrics", "/status", "/readyz", "/openapi.json"] {
        let text = String::from_utf8(get_as(&router, uri, &key).await.bytes).expect("text");
        for credential in [&key, &token] {
            assert!(!text.contains(&secret_of(credential)), "{uri}");
        }
    }
    let stored: Vec<(Vec<u8>,)> =
        sqlx::query_as("SELECT CONCAT(key_id, secret_hash) FROM api_keys").fetch_all(&world.sql).await.expect("rows");
    assert!(
        stored.iter().all(|(bytes,)| !String::from_utf8_lossy(bytes).contains(&secret_of(&key))),
        "only a hash is stored"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_is_asked_a_credential_changes_nothing() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    assert_eq!(get(&router, "/status").await.status, 200);
    assert_eq!(get_as(&router, "/status", "nonsense").await.status, 200);
    let api = get(&router, "/openapi.json").await.json();
    let security = &api["paths"]["/orders"]["post"]["security"];
    assert_eq!(security, &serde_json::json!([{ "caller": [] }, {}]), "a key may be shown, and need not be");
}
