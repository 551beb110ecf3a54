//! The projector's own HTTP: every route as every caller, and a start that is refused.

use serde_json::{Value, json};

use super::{ask, key};
use crate::minting::{AUDIENCE, ISSUER, but, by_secret, claims, in_seconds, token};
use crate::setting::{Setting, free_address};

const SECRET: &[u8] = b"a secret of the projector's, for this test";

#[tokio::test(flavor = "multi_thread")]
async fn every_route_as_every_caller() {
    let setting = Setting::migrated("asks_who");
    let file = std::env::temp_dir().join(format!("{}.secret", setting.name));
    std::fs::write(&file, SECRET).expect("written");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode");
    let path = file.display().to_string();
    let projector = setting.project_with(&[
        ("LEDGER_AUTH", "on"),
        ("LEDGER_JWT_SECRET_FILE", &path),
        ("LEDGER_JWT_ISSUER", ISSUER),
        ("LEDGER_JWT_AUDIENCE", AUDIENCE),
        ("LEDGER_LOG", "debug"),
    ]);
    projector.until_ready();
    let good = claims("boss", "operator");
    let by = |changes: Value| by_secret(SECRET, &but(good.clone(), &changes));
    let (operator, reader) = (key(&setting, &["--role", "operator"]), key(&setting, &["--role", "reader"]));
    let customer = key(&setting, &["--role", "customer", "--user", "ann"]);
    let revoked = key(&setting, &["--role", "operator"]);
    let id_of = |key: &str| key[7..23].to_owned();
    assert!(setting.ledger(&["keys", "revoke", &id_of(&revoked)]).status.success());
    let expired = key(&setting, &["--role", "operator", "--expires", "90m"]);
    setting
        .execute(&format!("UPDATE api_keys SET expires_at = UTC_TIMESTAMP(6) WHERE key_id = '{}'", id_of(&expired)))
        .await;
    let other = key(&setting, &["--role", "operator"]);
    let wrong_secret = format!("ledger_{}{}", id_of(&operator), &other[23..]);
    let none = token(&json!({ "alg": "none" }), &good, |_| Vec::new());
    let callers: [(&str, Option<String>, u16); 14] = [
        ("nobody", None, 401),
        ("nonsense", Some("nonsense".to_owned()), 401),
        ("a wrong secret", Some(wrong_secret), 401),
        ("a revoked key", Some(revoked), 401),
        ("an expired key", Some(expired), 401),
        ("an expired token", Some(by(json!({ "exp": in_seconds(-3600) }))), 401),
        ("another audience", Some(by(json!({ "aud": "another" }))), 401),
        ("alg none", Some(none), 401),
        ("a token without a role", Some(by(json!({ "role": null }))), 403),
        ("a customer", Some(customer), 403),
        ("a reader", Some(reader), 200),
        ("an operator", Some(operator.clone()), 200),
        ("a reader's token", Some(by(json!({ "role": "reader" }))), 200),
        ("an operator's token", Some(by(json!({}))), 200),
    ];
    for (who, credential, status) in &callers {
        for (path, is_open) in [("/healthz", true), ("/readyz", true), ("/metrics", false), ("/status", false)] {
            let expected = if is_open { 200 } else { *status };
            let (found, head, body) = ask(projector.address, "GET", path, credential.as_deref());
            assert_eq!(found, expected, "{path} as {who}: {body}");
            assert_eq!(
                head.contains("www-authenticate: bearer realm=\"ledger\""),
                matches!(found, 401 | 403),
                "{head}"
            );
            if found >= 400 {
                let problem: Value = serde_json::from_str(&body).expect("a problem");
                let word = if found == 401 { "/problems/unauthenticated" } else { "/problems/forbidden" };
                assert_eq!(problem["type"], word, "{who}");
            }
            if let Some(credential) = credential.as_deref().filter(|credential| credential.len() > 20) {
                assert!(!body.contains(&credential[credential.len() - 20..]), "{path} repeats the credential of {who}");
            }
        }
        let (found, ..) = ask(projector.address, "POST", "/status", credential.as_deref());
        assert_eq!(found, if *status == 200 { 405 } else { *status }, "POST /status as {who}");
        assert_eq!(ask(projector.address, "GET", "/nowhere", credential.as_deref()).0, 404);
    }
    // A database that is away: who was known goes on, for a while; it is the same code as the services', which test the rest.
    setting.until("SELECT COUNT(*) FROM api_key_uses", |count| count >= 2).await;
    let log = projector.log();
    for (who, credential, _) in callers.iter().filter(|(_, credential, _)| credential.is_some()) {
        let credential = credential.as_deref().unwrap_or_default();
        let last = &credential[credential.len().saturating_sub(20)..];
        assert!(who == &"nonsense" || !log.contains(last), "the log holds the credential of {who}");
    }
    assert!(!log.contains("a secret of the projector's"));
    assert_eq!(projector.stop().0, 0);
    std::fs::remove_file(file).expect("removed");
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_listens_elsewhere_asks_who_calls() {
    let setting = Setting::migrated("listens");
    let address = format!("0.0.0.0:{}", free_address().port());
    let output = setting.ledger(&["project", "--listen", &address]);
    assert_eq!(output.status.code(), Some(2));
    let words = super::printed(&output);
    for word in ["--listen", &address, "LEDGER_AUTH=on", "ledger keys create", "--insecure"] {
        assert!(words.contains(word), "{word} in {words}");
    }
    let (exit, words) = setting.refused(&[("LEDGER_JWT_AUDIENCE", "a")]);
    assert!(exit == 2 && words.contains("--jwt-audience is set"), "{exit} {words}");
    let projector = setting.project_with(&[("LEDGER_INSECURE", "true"), ("LEDGER_PROJECTOR_LISTEN", &address)]);
    projector.until_ready();
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}
