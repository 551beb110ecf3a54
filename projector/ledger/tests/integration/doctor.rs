//! `ledger doctor`: one bad thing after the other is seen and named, with what to change; nothing is changed; and whoever is silent keeps nobody else from
//! being looked at.

use std::process::Output;
use std::time::{Duration, Instant};

use rdkafka::producer::Producer;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::found::server::Server;
use crate::log_end::open_transaction;
use crate::services::Shop;
use crate::setting::{LIMIT, PARTITIONS, Setting, code, free_address, grow, product_in, receipt, stderr};
use crate::silent_proxy::{SilentProxy, Swallow};

/// Thirty seconds for what is silent, and a few for the rest.
const BOUND: Duration = Duration::from_secs(45);
const LOGINS: [&str; 3] = ["LEDGER_OWNER_DATABASE_URL", "LEDGER_PROJECTOR_DATABASE_URL", "LEDGER_READER_DATABASE_URL"];
const ALONE: [(&str, &str); 2] = [("LEDGER_OWNER_DATABASE_URL", ""), ("LEDGER_PROJECTOR_DATABASE_URL", "")];

/// All that a doctor found, by what it looked at.
pub(crate) struct Told {
    exit: i32,
    diagnosis: Value,
}

fn told_of(output: &Output) -> Told {
    let diagnosis =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(output)));
    Told { exit: code(output), diagnosis }
}

fn doctor(setting: &Setting, further: &[(&str, &str)]) -> Told {
    told_of(&setting.ledger_with(&["doctor", "--output", "json"], further))
}

impl Told {
    fn findings(&self) -> &Vec<Value> {
        self.diagnosis["findings"].as_array().expect("findings")
    }

    /// Those about `what`, which has to be looked at.
    fn of(&self, what: &str) -> Vec<&Value> {
        let found: Vec<&Value> =
            self.findings().iter().filter(|finding| finding["what"].as_str().is_some_and(|of| of == what)).collect();
        assert!(!found.is_empty(), "{what} was not looked at: {:#}", self.diagnosis);
        found
    }

    /// `what` is judged so, and this is said to be done.
    fn says(&self, what: &str, verdict: &str, advice: &str) {
        let found = self.of(what);
        let is_said = |finding: &&Value| {
            finding["verdict"] == verdict && finding["advice"].as_str().unwrap_or_default().contains(advice)
        };
        assert!(found.iter().any(is_said), "{what}: expected {verdict} with `{advice}`, found {found:#?}");
    }

    /// Everything that is judged so, by name.
    fn all(&self, verdict: &str) -> Vec<&str> {
        let found = self.findings().iter().filter(|finding| finding["verdict"] == verdict);
        found.map(|finding| finding["what"].as_str().expect("a text")).collect()
    }

    /// No value of the logins stands in it.
    fn holds_no_secret(&self) {
        let text = self.diagnosis.to_string();
        for secret in ["a%27b%5C%20c", "a'b", "IDENTIFIED", "*"] {
            assert!(!text.replace("*.*", "").replace(".*", "").contains(secret), "{secret}: {text}");
        }
    }
}

/// Everything that anybody could have changed: rows, rights, topics with their ends and settings.
async fn state_of(setting: &Setting) -> Vec<String> {
    let mut state = Vec::new();
    let mut database = setting.database().await;
    let tables = setting
        .texts(
            "SELECT CAST(table_name AS CHAR) FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1",
        )
        .await;
    for table in &tables {
        let row = database.fetch_one(AssertSqlSafe(format!("CHECKSUM TABLE `{table}`"))).await.expect("a checksum");
        state.push(format!("{table} {:?}", row.get::<Option<i64>, _>(1)));
    }
    for role in ["own", "prj", "rdr"] {
        let shown = format!("SHOW GRANTS FOR `{role}_{}`", setting.name);
        let rows = database.fetch_all(AssertSqlSafe(shown)).await.expect("grants");
        let mut grants: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        // Their order changes with what others are granted meanwhile.
        grants.sort_unstable();
        state.extend(grants);
    }
    let inspector = ledger_kafka::LogInspector::new(&setting.kafka()).expect("valid");
    for which in ["orders", "outcomes", "dead-letters", "cursors"] {
        let topic = setting.topic(which);
        let marks = inspector.watermarks_of(&topic, &(0..PARTITIONS).collect::<Vec<_>>()).expect("Kafka answers");
        state.push(format!("{topic} {marks:?} {:?}", inspector.settings(&topic).expect("Kafka answers")));
    }
    state
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_as_migrate_and_projector_leave_it_is_fine_and_is_left_as_it_was() {
    let shop = Shop::open("doctored");
    let product = product_in(0, "fine");
    shop.answer(&["stock", "receive", &product, "10"]);
    shop.answer(&["order", "place", "--user", "ann", "--product", &product, "--quantity", "2", "--unit-price", "250"]);
    // Published, and removed: nothing changes by itself any more.
    shop.setting.until("SELECT COUNT(*) FROM outbox", |rows| rows == 0).await;
    let before = state_of(&shop.setting).await;
    let (services, projector) = (shop.service.url(), format!("http://{}", shop.projector.address));
    let urls = [("LEDGER_URL", services.as_str()), ("LEDGER_PROJECTOR_URL", projector.as_str())];
    let told = doctor(&shop.setting, &urls);
    assert_eq!((told.exit, told.all("wrong"), told.all("unreachable")), (0, vec![], vec![]), "{:#}", told.diagnosis);
    let orders = shop.setting.topic("orders");
    for (what, verdict) in [
        (format!("topic {orders}, retention.ms"), "fine"),
        (format!("topic {orders}, min.insync.replicas"), "fine"),
        (format!("topic {orders}, open transactions"), "fine"),
        ("brokers".to_owned(), "warning"),
        ("version of the brokers".to_owned(), "not-looked-at"),
        ("auto.create.topics.enable".to_owned(), "fine"),
        ("version".to_owned(), "fine"),
        ("patch level".to_owned(), "fine"),
        ("max_allowed_packet".to_owned(), "fine"),
        ("tx_isolation of our sessions".to_owned(), "fine"),
        ("sql_mode of our sessions".to_owned(), "fine"),
        ("innodb_doublewrite".to_owned(), "fine"),
        ("TLS of our sessions".to_owned(), "fine"),
        ("rights of the owner".to_owned(), "fine"),
        ("rights of the projector".to_owned(), "fine"),
        ("rights of the reader".to_owned(), "fine"),
        ("way of logging in of the reader".to_owned(), "fine"),
        ("migrations, as the projector sees them".to_owned(), "fine"),
        ("tables that the owner uses".to_owned(), "fine"),
        ("sets of tables that are not live".to_owned(), "fine"),
        ("the log is the one that was folded".to_owned(), "fine"),
        ("dead letters".to_owned(), "fine"),
        ("clock of the database, against this machine's".to_owned(), "fine"),
        ("clock of Kafka's brokers, against this machine's".to_owned(), "fine"),
        ("clock of the services, against this machine's".to_owned(), "fine"),
        ("clock of the projector, against this machine's".to_owned(), "fine"),
        ("readiness of the services".to_owned(), "fine"),
        ("readiness of the projector".to_owned(), "fine"),
        ("version of the projector".to_owned(), "fine"),
    ] {
        told.says(&what, verdict, "");
    }
    told.holds_no_secret();
    // A thing a line, for people.
    let table = shop.setting.ledger_with(&["doctor", "--output", "table"], &urls);
    let shown = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(code(&table) == 0 && shown.contains("0 wrong") && shown.contains("nothing was changed"), "{shown}");
    assert_eq!(state_of(&shop.setting).await, before);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_setting_of_a_topic_is_named_with_the_command_that_mends_it() {
    let setting = Setting::with_positions("badtopics").await;
    let orders = setting.topic("orders");
    let right = [
        ("cleanup.policy", "delete"),
        ("retention.ms", "-1"),
        ("retention.bytes", "-1"),
        ("compression.type", "uncompressed"),
        ("message.timestamp.type", "LogAppendTime"),
        ("max.message.bytes", "10485760"),
    ];
    for (name, value, verdict) in [
        ("cleanup.policy", "compact", "wrong"),
        ("retention.ms", "604800000", "wrong"),
        ("retention.bytes", "1000000000", "wrong"),
        ("compression.type", "lz4", "wrong"),
        ("unclean.leader.election.enable", "true", "wrong"),
        ("min.insync.replicas", "2", "wrong"),
        ("message.timestamp.type", "CreateTime", "warning"),
        ("max.message.bytes", "1000000", "warning"),
    ] {
        let mut settings: Vec<(&str, &str)> = right.iter().copied().filter(|(of, _)| *of != name).collect();
        settings.push((name, value));
        setting.configure(&settings).await;
        let told = doctor(&setting, &[]);
        let what = format!("topic {orders}, {name}");
        told.says(&what, verdict, &format!("--entity-name {orders} --add-config {name}="));
        assert_eq!(told.of(&what)[0]["found"], value);
        assert_eq!(told.exit, i32::from(verdict == "wrong"), "{name}={value}: {:?}", told.all("wrong"));
    }
    // A topic that is gone, one that is compacted, and one with another number of partitions, at once.
    setting.configure(&right).await;
    setting.delete_topic(&setting.topic("dead-letters")).await;
    setting.alter_topic(&setting.topic("outcomes"), &[("cleanup.policy", "compact")]).await;
    grow(&setting.kafka(), &setting.topic("cursors"), PARTITIONS + 1).await;
    let told = doctor(&setting, &[]);
    assert_eq!(told.exit, 1);
    told.says(&format!("topic {}", setting.topic("dead-letters")), "wrong", "ledger migrate");
    told.says(&format!("topic {}, cleanup.policy", setting.topic("outcomes")), "wrong", "cleanup.policy=delete");
    told.says(
        &format!("topic {}, partitions", setting.topic("cursors")),
        "wrong",
        "expected 4, as many as the log has",
    );
    told.says(&format!("topic {orders}, cleanup.policy"), "fine", "");
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_is_named_with_its_age() {
    let setting = Setting::with_positions("opentx").await;
    let orders = setting.topic("orders");
    let open = open_transaction(&setting, "doctored", &["what is not committed".to_owned()]);
    let told = doctor(&setting, &[]);
    // Young ones are every writer's; what it is and since when is told.
    let found = told.of(&format!("topic {orders}, open transaction on partition 1"));
    let says = found[0]["found"].as_str().expect("a text");
    assert!(says.starts_with("from offset 0 on, since 20"), "{says}");
    assert_eq!(told.of(&format!("topic {}, open transactions", setting.topic("outcomes")))[0]["verdict"], "fine");
    open.abort_transaction(LIMIT).expect("aborted");
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_missing_or_too_many_are_named_and_keep_nothing_else_from_being_looked_at() {
    let setting = Setting::with_positions("badrights").await;
    let name = &setting.name;
    let mut database = setting.database().await;
    for change in [
        format!("REVOKE DELETE ON `{name}`.outbox FROM `prj_{name}`"),
        format!("REVOKE SELECT ON `{name}`.stock FROM `rdr_{name}`"),
        format!("GRANT FILE ON *.* TO `rdr_{name}`"),
        format!("GRANT DROP ON `{name}`.orders TO `prj_{name}`"),
    ] {
        database.execute(AssertSqlSafe(change)).await.expect("changed");
    }
    let told = doctor(&setting, &[]);
    assert_eq!(told.exit, 1);
    told.says("rights of the projector", "wrong", &format!("GRANT DELETE ON `{name}`.`outbox` TO prj_{name}"));
    told.says("rights of the projector", "warning", &format!("REVOKE DROP ON `{name}`.`orders` FROM prj_{name}"));
    told.says("rights of the reader", "wrong", &format!("GRANT SELECT ON `{name}`.`stock` TO rdr_{name}"));
    told.says("rights of the reader", "warning", &format!("REVOKE FILE ON *.* FROM rdr_{name}"));
    told.says("rights of the owner", "fine", "");
    told.says("max_allowed_packet", "fine", "");
    told.holds_no_secret();
    // One login, with hardly a right: what it may not see is told, the rest is looked at.
    let bare = format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM `rdr_{name}`");
    database.execute(AssertSqlSafe(bare)).await.expect("revoked");
    database
        .execute(AssertSqlSafe(format!("GRANT SELECT ON `{name}`.positions TO `rdr_{name}`")))
        .await
        .expect("granted");
    let told = doctor(&setting, &ALONE);
    assert_eq!(told.exit, 1);
    assert!(told.all("not-looked-at").contains(&"migrations"), "{:#}", told.diagnosis);
    told.says("innodb_flush_log_at_trx_commit", "fine", "");
    told.says("clock of the database, against this machine's", "fine", "");
    told.says("rights of the reader", "wrong", "GRANT SELECT ON");
    for finding in told.findings().iter().filter(|finding| finding["verdict"] == "not-looked-at") {
        assert!(finding["found"].as_str().is_some_and(|text| text.starts_with("not looked at, because ")), "{finding}");
    }
    // No login at all is a mistake of whoever asks.
    let none = LOGINS.map(|login| (login, ""));
    let refused = setting.ledger_with(&["doctor"], &none);
    assert_eq!(code(&refused), 2, "{}", stderr(&refused));
    setting.finish().await;
}

/// A server of its own: nobody else could bear its settings.
#[tokio::test(flavor = "multi_thread")]
async fn each_bad_setting_of_the_server_is_named() {
    let server = Server::with(&[
        "--log-bin=binlog",
        "--server-id=1",
        "--binlog-format=MIXED",
        "--sync-binlog=0",
        "--max-allowed-packet=64M",
        "--innodb-flush-log-at-trx-commit=2",
        "--innodb-doublewrite=0",
    ]);
    let mut root = server.connect().await;
    let setting = Setting::on("badserver", &server.admin_url());
    let migrated = setting.ledger(&["migrate"]);
    assert_eq!(code(&migrated), 0, "{}", stderr(&migrated));
    let told = doctor(&setting, &[]);
    assert_eq!(told.exit, 0, "{:?}", told.all("wrong"));
    for name in ["innodb_flush_log_at_trx_commit", "sync_binlog", "innodb_doublewrite"] {
        told.says(name, "warning", "");
    }
    told.says("binlog_format", "fine", "");
    told.says("positions", "warning", "ledger project");
    for change in ["max_allowed_packet = 1048576", "binlog_format = 'STATEMENT'", "read_only = ON"] {
        root.execute(AssertSqlSafe(format!("SET GLOBAL {change}"))).await.expect(change);
    }
    let told = doctor(&setting, &[]);
    assert_eq!(told.exit, 1);
    told.says("max_allowed_packet", "wrong", "max_allowed_packet=32M");
    told.says("binlog_format", "wrong", "binlog_format=ROW");
    told.says("read_only", "wrong", "name the one that writes");
    // As a replica it is as it should be: only a reader is looked at.
    let told = doctor(&setting, &ALONE);
    told.says("read_only", "fine", "");
    // Tables that somebody changed, and ones of another version.
    root.execute("SET GLOBAL read_only = OFF").await.expect("set");
    let name = setting.name.clone();
    let dropped = format!("ALTER TABLE `{name}`.stock DROP CONSTRAINT stock_never_negative");
    root.execute(AssertSqlSafe(dropped)).await.expect("changed");
    doctor(&setting, &[]).says("table stock, check stock_never_negative", "wrong", "add it again");
    let newest = format!("DELETE FROM `{name}`._sqlx_migrations ORDER BY version DESC LIMIT 1");
    root.execute(AssertSqlSafe(newest)).await.expect("changed");
    doctor(&setting, &[]).says("migrations", "wrong", "ledger migrate");
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_away_or_silent_is_unreachable_in_bounded_time_and_the_rest_is_looked_at() {
    let setting = Setting::with_positions("silentdoctor").await;
    setting.append_event(&product_in(0, "x"), &receipt(1, &product_in(0, "x"), 1)).await;
    let orders = setting.topic("orders");
    let log = format!("topic {orders}, retention.ms");
    let nobody = free_address().to_string();
    // Kafka is away; then it takes connections and says nothing.
    let silent = SilentProxy::before(setting.variable("LEDGER_KAFKA_BROKERS")).await;
    silent.silence(Swallow::Both);
    let silent_kafka = silent.address().to_owned();
    for brokers in [nobody.as_str(), silent_kafka.as_str()] {
        let begun = Instant::now();
        let told = doctor(&setting, &[("LEDGER_KAFKA_BROKERS", brokers)]);
        assert!(begun.elapsed() < BOUND, "{brokers}: {:?}", begun.elapsed());
        assert_eq!((told.exit, told.all("unreachable")), (3, vec!["brokers"]), "{:#}", told.diagnosis);
        told.says("max_allowed_packet", "fine", "");
        told.says("rights of the projector", "fine", "");
    }
    // The database is away; then silent.
    let proxy = SilentProxy::start(&setting).await;
    proxy.silence(Swallow::Both);
    let host = setting.variable(LOGINS[0]).split(['@', '/']).nth(3).expect("host:port").to_owned();
    for address in [nobody, proxy.address().to_owned()] {
        let moved = LOGINS.map(|login| (login, setting.variable(login).replace(&host, &address)));
        let further: Vec<(&str, &str)> = moved.iter().map(|(name, url)| (*name, url.as_str())).collect();
        let begun = Instant::now();
        let told = doctor(&setting, &further);
        assert!(begun.elapsed() < BOUND, "{address}: {:?}", begun.elapsed());
        assert_eq!((told.exit, told.all("unreachable").len()), (3, 1), "{:#}", told.diagnosis);
        told.says(&log, "fine", "");
        told.holds_no_secret();
    }
    // Both, and a projector and services that nobody runs.
    let away = free_address().to_string();
    let url = format!("http://{away}");
    let told = doctor(&setting, &[("LEDGER_URL", &url), ("LEDGER_PROJECTOR_URL", &url)]);
    assert_eq!((told.exit, told.all("unreachable")), (3, vec!["services", "projector"]), "{:#}", told.diagnosis);
    told.says(&log, "fine", "");
    // A password that is refused is no silence.
    let wrong = setting.variable(LOGINS[2]).replace("a%27b%5C%20c", "another");
    let told = doctor(&setting, &[ALONE[0], ALONE[1], (LOGINS[2], &wrong)]);
    assert_eq!(told.exit, 1);
    told.says("login of the reader", "wrong", "correct user and password");
    setting.finish().await;
}
