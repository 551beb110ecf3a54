//! The command: what it prints, what it stores, and what outlives the tables.

use serde_json::{Value, json};

use super::{create, key, printed};
use crate::setting::{Setting, code, stderr};

fn list(setting: &Setting) -> Vec<Value> {
    let output = setting.ledger(&["keys", "list", "--output", "json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let listed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    listed["items"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_only_its_hash_is_stored() {
    let setting = Setting::migrated("keys_shown");
    let made = create(&setting, &["--role", "customer", "--user", "ann", "--expires", "30d"]);
    let (id, whole) = (made["keyId"].as_str().expect("an id"), made["key"].as_str().expect("a key"));
    assert!(whole.starts_with(&format!("ledger_{id}_")), "{made}");
    assert_eq!((&made["role"], &made["user"]), (&"customer".into(), &"ann".into()));
    let secret = whole.rsplit_once(id).expect("its id").1;
    let table = setting.ledger(&["keys", "list", "--output", "table"]);
    assert!(printed(&table).contains(id) && !printed(&table).contains(secret), "{}", printed(&table));
    let listed = &list(&setting)[0];
    assert_eq!(
        (&listed["keyId"], &listed["state"], &listed["lastUsedAt"]),
        (&id.into(), &"active".into(), &Value::Null)
    );
    assert!(!listed.to_string().contains(secret) && listed["expiresAt"].is_string());
    let hash_bytes = setting.number("SELECT LENGTH(secret_hash) FROM api_keys").await;
    assert_eq!(hash_bytes, 32);
    assert_eq!(
        setting.number(&format!("SELECT COUNT(*) FROM api_keys WHERE secret_hash LIKE '%{}%'", &secret[1..20])).await,
        0
    );

    let printed_table = setting.ledger(&["keys", "create", "--role", "reader", "--output", "table"]);
    let text = printed(&printed_table);
    assert_eq!(text.matches("ledger_").count(), 1, "once: {text}");
    assert!(text.contains("only time"), "{text}");

    let revoked = setting.ledger(&["keys", "revoke", id, "--output", "json"]);
    assert_eq!(code(&revoked), 0, "{}", stderr(&revoked));
    let first: Value = serde_json::from_slice(&revoked.stdout).expect("JSON");
    assert_eq!((&first["state"], &first["refusedWithinSeconds"]), (&"revoked".into(), &5.into()));
    let again: Value =
        serde_json::from_slice(&setting.ledger(&["keys", "revoke", id, "--output", "json"]).stdout).expect("JSON");
    assert_eq!(again["revokedAt"], first["revokedAt"], "once and for all");
    assert_eq!(list(&setting).len(), 2, "nothing is deleted");
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_and_no_key_is_made() {
    let setting = Setting::migrated("keys_wrong");
    let whole = key(&setting, &["--role", "operator"]);
    for (args, exit, says) in [
        (&["create"][..], 2, "--role"),
        (&["create", "--role", "admin"], 2, "customer"),
        (&["create", "--role", "customer"], 2, "--user"),
        (&["create", "--role", "operator", "--user", "ann"], 2, "--user"),
        (&["create", "--role", "customer", "--user", "a b"], 2, "--user"),
        (&["create", "--role", "reader", "--expires", "soon"], 2, "--expires"),
        (&["create", "--role", "reader", "--expires", "2020-01-01T00:00:00Z"], 1, "not in the future"),
        (&["revoke", "0123456789abcdef"], 1, "ledger keys list"),
        (&["revoke", &whole], 2, "16 digits"),
    ] {
        let output = setting.ledger(&[&["keys"], args].concat());
        assert_eq!(code(&output), exit, "{args:?}: {}", printed(&output));
        assert!(stderr(&output).contains(says), "{args:?}: {}", stderr(&output));
    }
    assert_eq!(list(&setting).len(), 1);
    let reader = setting.variable("LEDGER_READER_DATABASE_URL");
    let output =
        setting.ledger_with(&["keys", "create", "--role", "operator"], &[("LEDGER_OWNER_DATABASE_URL", &reader)]);
    assert_eq!(code(&output), 1, "who only reads makes no keys: {}", printed(&output));
    for (variable, statement) in [
        ("LEDGER_READER_DATABASE_URL", "UPDATE api_keys SET role = 'operator', user_id = NULL"),
        ("LEDGER_PROJECTOR_DATABASE_URL", "DELETE FROM api_keys"),
        ("LEDGER_READER_DATABASE_URL", "UPDATE orders SET quantity = 1"),
    ] {
        let mut database = setting.database_as(variable).await;
        let refused = sqlx::query(statement).execute(&mut database).await.expect_err(statement);
        assert!(refused.to_string().contains("denied"), "{statement}: {refused}");
    }
    setting.finish().await;
}

/// Keys are no function of the log.
#[tokio::test(flavor = "multi_thread")]
async fn keys_outlive_rebuild_rollback_and_verify() {
    let setting = Setting::migrated("keys_outlive");
    let projector = setting.project();
    let whole = key(&setting, &["--role", "operator"]);
    let before = list(&setting);
    for args in [&["rebuild", "--yes"][..], &["verify"], &["rollback", "--yes"], &["verify"], &["migrate"]] {
        let output = setting.ledger(args);
        assert_eq!(code(&output), 0, "{args:?}: {}", printed(&output));
        assert_eq!(list(&setting), before, "{args:?}");
        assert!(!printed(&output).contains("api_key"), "{args:?} has nothing to do with keys: {}", printed(&output));
    }
    let shown: Value = json!(before);
    assert!(!shown.to_string().contains(&whole));
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}
