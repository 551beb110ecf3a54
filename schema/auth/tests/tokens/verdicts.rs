//! Which tokens are taken, as whom, and why the others are not: a row for each way in which one can be wrong.

use ledger_auth::{Denied, Role, Unproven};
use serde_json::{Value, json};

use crate::minting::{SigningKey, but, by_secret, claims, hs256, in_seconds, jwks, token};
use crate::world::{File, SECRET, built, shown};

fn header(algorithm: &str, kid: &str) -> Value {
    json!({ "alg": algorithm, "kid": kid })
}

#[tokio::test]
async fn each_algorithm_is_taken_with_its_own_key() {
    let keys = [SigningKey::rsa("rsa"), SigningKey::p256("ec"), SigningKey::ed25519("ed")];
    let set = File::new(jwks(&keys.iter().collect::<Vec<_>>()).as_bytes(), 0o644);
    let secret = File::new(SECRET, 0o600);
    let gate = built(&["--jwt-jwks", set.path(), "--jwt-secret-file", secret.path()]).await.expect("good settings");
    for key in &keys {
        let algorithm = key.algorithm();
        let caller = shown(&gate, &key.token(&claims("ann", "customer"))).await.expect(algorithm);
        assert_eq!((caller.role(), caller.only_user().map(|user| user.as_str())), (Role::Customer, Some("ann")));
    }
    let caller = shown(&gate, &by_secret(SECRET, &claims("boss", "operator"))).await.expect("HS256");
    assert_eq!((caller.role(), caller.only_user()), (Role::Operator, None));
    let caller = shown(&gate, &by_secret(SECRET, &claims("any text: a subject", "reader"))).await.expect("a reader");
    assert_eq!(caller.role(), Role::Reader);
}

#[tokio::test]
async fn each_way_to_be_wrong_is_named() {
    let (rsa, ed, stranger) = (SigningKey::rsa("rsa"), SigningKey::ed25519("ed"), SigningKey::ed25519("ed"));
    let set = File::new(jwks(&[&rsa, &ed]).as_bytes(), 0o644);
    let secret = File::new(SECRET, 0o600);
    let gate = built(&["--jwt-jwks", set.path(), "--jwt-secret-file", secret.path()]).await.expect("good settings");
    let good = claims("ann", "customer");
    let changed = |changes: Value| ed.token(&but(good.clone(), &changes));
    let unsigned = token(&header("none", "ed"), &good, |_| Vec::new());
    let none_signed = token(&header("none", "ed"), &good, |message| ed.sign(message));
    let mut cut = ed.token(&good);
    cut.truncate(cut.len() - 4);
    let foreign = token(
        &json!({ "alg": "EdDSA", "kid": "ed", "jwk": stranger.jwk(), "jku": "http://127.0.0.1:1/" }),
        &good,
        |message| stranger.sign(message),
    );
    for (name, credential, says) in [
        ("alg none", unsigned, "it is not signed"),
        ("alg none, with a signature", none_signed, "it cannot be read"),
        ("another signer", stranger.token(&good), "its signature is not that of its key"),
        ("a key that it brings itself", foreign, "its signature is not that of its key"),
        ("cut", cut, "it"),
        (
            "the public key as a secret",
            token(&header("HS256", "rsa"), &good, |message| hs256(&rsa.public_bytes(), message)),
            "its signature",
        ),
        (
            "the JWKS's text as a secret",
            token(&header("HS256", "rsa"), &good, |message| hs256(jwks(&[&rsa, &ed]).as_bytes(), message)),
            "its signature",
        ),
        (
            "the secret's HMAC under RS256",
            token(&header("RS256", "rsa"), &good, |message| hs256(SECRET, message)),
            "its signature",
        ),
        (
            "another algorithm of the same key",
            token(&header("PS256", "rsa"), &good, |message| rsa.sign(message)),
            "its algorithm (alg) is not taken here",
        ),
        (
            "another algorithm of the secret",
            token(&header("HS512", "rsa"), &good, |message| hs256(SECRET, message)),
            "its algorithm (alg) is not taken here",
        ),
        (
            "the id of a key of another algorithm",
            token(&header("EdDSA", "rsa"), &good, |message| ed.sign(message)),
            "no key is known here",
        ),
        (
            "an id that is none",
            token(&header("EdDSA", "gone"), &good, |message| ed.sign(message)),
            "no key is known here",
        ),
        (
            "a critical header that nobody knows",
            token(&json!({ "alg": "EdDSA", "kid": "ed", "crit": ["x"], "x": 1 }), &good, |message| ed.sign(message)),
            "it cannot be read",
        ),
        ("expired", changed(json!({ "exp": in_seconds(-61) })), "it has expired"),
        ("expired for long", changed(json!({ "exp": 1 })), "it has expired"),
        ("without an end", changed(json!({ "exp": null })), "it cannot be read"),
        ("an end that is none", changed(json!({ "exp": "tomorrow" })), "it cannot be read"),
        ("not yet", changed(json!({ "nbf": in_seconds(3600) })), "it is not valid yet"),
        ("another issuer", changed(json!({ "iss": "https://elsewhere.test" })), "its issuer (iss) is another"),
        ("without an issuer", changed(json!({ "iss": null })), "it must have exp, iss, aud and sub"),
        ("another audience", changed(json!({ "aud": "another" })), "its audience (aud) is another"),
        ("other audiences", changed(json!({ "aud": ["a", "b"] })), "its audience (aud) is another"),
        ("without an audience", changed(json!({ "aud": null })), "it must have exp, iss, aud and sub"),
        ("without a subject", changed(json!({ "sub": null })), "it cannot be read"),
        ("a subject that is no user", changed(json!({ "sub": "a b" })), "its subject (sub) cannot be a user"),
        ("no JSON", "bm8.bm8.bm8".to_owned(), "it cannot be read"),
    ] {
        let denied = shown(&gate, &credential).await.expect_err(name);
        let Denied::Unauthenticated(Unproven::Token(what)) = &denied else { panic!("{name}: {denied:?}") };
        assert!(what.contains(says), "{name}: {what}");
    }
    for role in [json!(null), json!("admin"), json!("Operator"), json!(["operator"]), json!(1), json!("")] {
        let denied = shown(&gate, &changed(json!({ "role": role }))).await.expect_err("no role");
        assert_eq!(denied, Denied::NoRole, "{role}");
    }
    for (name, changes) in [
        ("a clock that differs by less", json!({ "exp": in_seconds(-30), "nbf": in_seconds(30) })),
        ("one of several audiences", json!({ "aud": ["another", crate::minting::AUDIENCE] })),
        ("an end far away, with a fraction", json!({ "exp": 99_999_999_999_999.5 })),
    ] {
        assert!(shown(&gate, &changed(changes)).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn without_a_secret_or_a_set_the_other_kind_is_not_taken() {
    let ed = SigningKey::ed25519("ed");
    let set = File::new(jwks(&[&ed]).as_bytes(), 0o644);
    let secret = File::new(SECRET, 0o600);
    let of_set = built(&["--jwt-jwks", set.path()]).await.expect("good settings");
    let of_secret = built(&["--jwt-secret-file", secret.path()]).await.expect("good settings");
    let (by_key, by_hmac) = (ed.token(&claims("ann", "customer")), by_secret(SECRET, &claims("ann", "customer")));
    assert!(shown(&of_set, &by_key).await.is_ok() && shown(&of_secret, &by_hmac).await.is_ok());
    for denied in [shown(&of_set, &by_hmac).await, shown(&of_secret, &by_key).await] {
        let denied = denied.expect_err("no key for it");
        assert!(denied.detail().contains("no key is known here"), "{denied:?}");
    }
}
