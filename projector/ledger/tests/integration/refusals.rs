//! What a server refuses for now is an outage and no end: every number of the table, as a real server answers it, and those that
//! an operator causes by hand.

use std::time::{Duration, Instant};

use ledger_database::Fault;
use ledger_database::fault::KNOWN;

use crate::setting::{LIMIT, Setting, order, receipt};
use crate::writer::Fed;

/// Waits until the writer waits, and says this.
async fn until_told(fed: &Fed, words: &str) {
    let began = Instant::now();
    while !fed.shared.readiness().reasons.iter().any(|reason| reason.contains(words)) {
        assert!(began.elapsed() < LIMIT, "{words}: {:?}", fed.shared.readiness().reasons);
        assert!(!fed.running.is_finished(), "{words}: the writer ended");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn fed(purpose: &str) -> (Setting, Fed) {
    let setting = Setting::with_positions(purpose).await;
    let fed = Fed::start(&setting, setting.projector_url(), 1);
    fed.shared.health.joined();
    fed.feed(0, &[receipt(1, &fed.product, 1_000)]);
    fed.settled().await;
    (setting, fed)
}

/// The server itself gives each error: a trigger of the test's own table signals it.
#[tokio::test(flavor = "multi_thread")]
async fn every_number_that_passes_is_waited_for() {
    let (setting, fed) = fed("numbers").await;
    let mut next = 1;
    for known in KNOWN.iter().filter(|known| known.fault.passes()) {
        let (number, name) = (known.number, known.name);
        setting
            .execute(&format!(
                "CREATE TRIGGER refuses BEFORE INSERT ON orders FOR EACH ROW \
                 SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'as {name}'"
            ))
            .await;
        fed.feed(next, &[order(100 + u128::try_from(next).expect("few"), &fed.product, 1)]);
        // In the server's own words.
        until_told(&fed, &format!("as {name}")).await;
        setting.execute("DROP TRIGGER refuses").await;
        fed.settled().await;
        next += 1;
        assert_eq!(setting.number("SELECT available FROM stock").await, 1_001 - next, "{name}");
        assert!(fed.shared.readiness().ready, "{name}");
    }
    assert!(next > 40, "the table has them all");
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders").await, next - 1, "each once");
    // And one that does not pass ends it.
    setting
        .execute(
            "CREATE TRIGGER refuses BEFORE INSERT ON orders FOR EACH ROW \
             SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1665, MESSAGE_TEXT = 'a mistake'",
        )
        .await;
    assert_eq!(ledger_database::fault::fault_of_number(1665), Fault::Other);
    fed.feed(next, &[order(99, &fed.product, 1)]);
    let error = fed.running.await.expect("ended").expect_err("an error").to_string();
    assert!(error.contains("a mistake"), "{error}");
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_passwords_locks_and_limits_of_the_user_are_waited_for() {
    let (setting, fed) = fed("user").await;
    let user = format!("`prj_{}`@'%'", setting.name);
    let kill = format!("KILL USER `prj_{}`", setting.name);
    let table = format!("`{}`.orders", setting.name);
    let mut next = 1;
    for (refuse, ends_connections, mend, words) in [
        (format!("REVOKE INSERT ON {table} FROM {user}"), false, format!("GRANT INSERT ON {table} TO {user}"), "1142"),
        (
            format!("ALTER USER {user} IDENTIFIED BY 'another'"),
            true,
            format!("ALTER USER {user} IDENTIFIED BY 'a''b\\\\ c'"),
            "1045",
        ),
        (format!("ALTER USER {user} ACCOUNT LOCK"), true, format!("ALTER USER {user} ACCOUNT UNLOCK"), "4151"),
        (
            format!("ALTER USER {user} WITH MAX_QUERIES_PER_HOUR 1"),
            true,
            format!("ALTER USER {user} WITH MAX_QUERIES_PER_HOUR 0"),
            "1226",
        ),
    ] {
        setting.execute(&refuse).await;
        if ends_connections {
            setting.execute(&kill).await;
        }
        fed.feed(next, &[order(100 + u128::try_from(next).expect("few"), &fed.product, 1)]);
        until_told(&fed, words).await;
        setting.execute(&mend).await;
        fed.settled().await;
        next += 1;
        assert_eq!(setting.number("SELECT available FROM stock").await, 1_001 - next, "{refuse}");
        assert!(fed.shared.readiness().ready, "{refuse}: {:?}", fed.shared.readiness().reasons);
    }
    fed.stop().await;
    setting.finish().await;
}

/// Whoever starts takes a refusal for what it is: named, and no wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_a_wrong_password_is_refused_by_name() {
    let setting = Setting::migrated("wrongpassword");
    let url = setting.variable("LEDGER_PROJECTOR_DATABASE_URL").replace("a%27b", "wrong");
    let (code, said) = setting.refused(&[("LEDGER_PROJECTOR_DATABASE_URL", &url)]);
    assert_eq!(code, 1, "a server that refuses was reached: {said}");
    assert!(said.contains(&format!("refuses user prj_{}", setting.name)) && said.contains("1045"), "{said}");
    assert!(!said.contains("wrong%5C"), "{said}");
    setting.finish().await;
}
