//! What a server refuses for now is an outage and no end: every number of the table, as a real server answers it, and those that
//! an operator causes by hand.

use std::time::{Duration, Instant};

use ledger_database::Fault;
use ledger_database::fault::{KNOWN, Known};

use crate::setting::{LIMIT, Setting, code, last_line, order, product_in, receipt};
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

fn refusing_trigger(Known { number, name, .. }: &Known) -> String {
    format!(
        "CREATE TRIGGER refuses BEFORE INSERT ON orders FOR EACH ROW \
         SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'as {name}'"
    )
}

/// The server itself gives each error: a trigger of the test's own table signals it.
#[tokio::test(flavor = "multi_thread")]
async fn every_number_that_passes_is_waited_for() {
    let (setting, fed) = fed("numbers").await;
    let mut next = 1;
    for known in KNOWN.iter().filter(|known| known.fault.passes()) {
        let name = known.name;
        setting.execute(&refusing_trigger(known)).await;
        fed.feed(next, &[order(100 + u128::try_from(next).expect("few"), &fed.product, 1)]);
        // In the server's own words.
        until_told(&fed, &format!("as {name}")).await;
        setting.execute("DROP TRIGGER refuses").await;
        fed.settled().await;
        next += 1;
        assert_eq!(setting.number("SELECT available FROM stock").await, 1_001 - next, "{name}");
        assert!(fed.shared.readiness().ready, "{name}");
    }
    assert!(next > 80, "the table has them all");
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

/// As a Galera cluster says that a transaction is too large for it: a batch gets smaller until it gets through.
#[tokio::test(flavor = "multi_thread")]
async fn what_gets_through_only_in_small_transactions_gets_through() {
    let (setting, fed) = fed("smaller").await;
    // The first statement of each transaction moves the position.
    setting.execute("CREATE TRIGGER begins BEFORE UPDATE ON positions FOR EACH ROW SET @orders = 0").await;
    setting
        .execute(
            "CREATE TRIGGER refuses BEFORE INSERT ON orders FOR EACH ROW BEGIN \
             SET @orders = @orders + 1; \
             IF @orders > 10 THEN \
                 SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1180, MESSAGE_TEXT = 'Got error 90 during COMMIT'; \
             END IF; END",
        )
        .await;
    let orders: Vec<String> = (0..99).map(|number| order(100 + number, &fed.product, 1)).collect();
    fed.feed(1, &orders);
    fed.settled().await;
    assert_eq!(setting.number("SELECT available FROM stock").await, 901);
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders").await, 99, "each once");
    assert!(fed.shared.readiness().ready, "{:?}", fed.shared.readiness().reasons);
    fed.stop().await;
    setting.finish().await;
}

/// Not only the probe says why: also the status, to whoever looks at it.
#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_what_the_projector_waits_for() {
    let setting = Setting::migrated("statussays");
    let projector = setting.project_with(&[]);
    tokio::task::block_in_place(|| projector.until_ready());
    let product = product_in(1, "bar");
    let mut last = setting.append_event(&product, &receipt(1, &product, 100)).await;
    setting.folded_to(1, last + 1).await;
    for number in [1114, 1226, 1290] {
        let known = KNOWN.iter().find(|known| known.number == number).expect("a known number");
        setting.execute(&refusing_trigger(known)).await;
        last = setting.append_event(&product, &order(u128::from(number), &product, 1)).await;
        let says = format!("as {}", known.name);
        tokio::task::block_in_place(|| {
            projector.until("/status", |status, body| {
                status == 200 && body.contains("\"ready\":false") && body.contains(&says)
            });
        });
        setting.execute("DROP TRIGGER refuses").await;
        setting.folded_to(1, last + 1).await;
        tokio::task::block_in_place(|| {
            projector.until("/status", |status, body| status == 200 && body.contains("\"ready\":true,\"reasons\":[]"));
        });
    }
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

/// A command waits for nobody: it ends with the server's words, with 3 where the server cannot be reached, else with 1.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_ends_with_the_words_of_every_number() {
    let setting = Setting::with_positions("commandnumbers").await;
    setting.execute("RENAME TABLE positions TO kept_positions").await;
    // Of a right that a view lacks the server says another number.
    let rights = [1142, 1143, 1370];
    for known in KNOWN.iter().filter(|known| !rights.contains(&known.number)) {
        let Known { number, name, fault, .. } = known;
        setting
            .execute(&format!(
                "CREATE FUNCTION refuses() RETURNS INT NO SQL BEGIN \
                 SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'as {name}'; RETURN 1; END"
            ))
            .await;
        setting.execute("CREATE VIEW positions AS SELECT * FROM kept_positions WHERE refuses() = 1").await;
        let output = tokio::task::block_in_place(|| setting.ledger(&["status"]));
        let expected = if *fault == Fault::ConnectionLost { 3 } else { 1 };
        let said = last_line(&output);
        assert_eq!(code(&output), expected, "{name}: {said}");
        assert!(said.contains(&format!("as {name}")), "{said}");
        setting.execute("DROP VIEW positions; DROP FUNCTION refuses").await;
    }
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
