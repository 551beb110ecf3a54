//! Pause and resume: positions that stay, whoever has the partition, and records that are all folded once afterwards.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor};

use super::{answer, check_refused, paused_at, position};
use crate::basket::verified;
use crate::lines::order_of;
use crate::published::published;
use crate::rebuild::flow::each_outcome_once;
use crate::rebuild::{contents, end, folded, rebuild};
use crate::setting::{LIMIT, PARTITIONS, PAUSE, Setting, code, get, order, product_in, receipt, stderr};
use crate::writer::Fed;

/// Long enough for a projector that did not heed a pause: it folds an order in some milliseconds, and looks at positions every second.
const A_WHILE: Duration = Duration::from_millis(2_500);

async fn check_stays(setting: &Setting, partition: i32, at: i64) {
    let began = Instant::now();
    while began.elapsed() < A_WHILE {
        assert_eq!(position(setting, partition).await, at, "partition {partition} of {}", setting.name);
        tokio::time::sleep(PAUSE).await;
    }
}

/// As [`check_stays`], of all partitions at once.
async fn check_all_stay(setting: &Setting, at: i64) {
    let began = Instant::now();
    while began.elapsed() < A_WHILE {
        let moved = format!("SELECT COUNT(*) FROM positions WHERE next_offset <> {at}");
        assert_eq!(setting.number(&moved).await, 0, "in {}", setting.name);
        tokio::time::sleep(PAUSE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_14_a_paused_partition_stays_while_orders_flow_and_nothing_is_lost_or_doubled() {
    let setting = Arc::new(Setting::migrated("paused"));
    let projector = setting.project();
    let products: Vec<_> = (0..PARTITIONS).map(|partition| product_in(partition, "bar")).collect();
    for (id, product) in (1..).zip(&products) {
        setting.append_event(product, &receipt(id, product, 10_000)).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = [1, 2]
        .into_iter()
        .map(|partition: usize| {
            let (setting, stop, product) = (setting.clone(), stop.clone(), products[partition].clone());
            tokio::spawn(async move {
                let mut id = 1_000_000 * u128::try_from(partition).expect("small");
                while !stop.load(Ordering::Acquire) {
                    id += 1;
                    setting.append_event(&product, &order(id, &product, 1)).await;
                }
            })
        })
        .collect();
    for _ in 0..3 {
        setting.folded_to(1, position(&setting, 1).await + 20).await;
        let at = paused_at(&setting, 1);
        // From the very moment that the command returned.
        check_stays(&setting, 1, at).await;
        let others = position(&setting, 2).await;
        setting.folded_to(2, others + 20).await;
        assert!(end(&setting, 1) > at, "records wait");
        let resumed = answer(&setting, &["resume", "1"]);
        assert_eq!(resumed["partitions"][0]["wasPaused"]["by"], "ann");
        let began = Instant::now();
        setting.folded_to(1, at + 1).await;
        eprintln!("resumed -> folded: {:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
    stop.store(true, Ordering::Release);
    for client in clients {
        client.await.expect("sound");
    }
    folded(&setting).await;
    // It kept its place in the group all along.
    assert_eq!(projector.log().matches("partitions taken over").count(), 1, "{}", projector.log());
    assert!(projector.log().contains("paused since") && projector.log().contains("by ann: a test"));
    assert!(!projector.log().contains("moved by somebody else"), "a pause is no lost partition: {}", projector.log());
    let orders = setting.number("SELECT COUNT(*) FROM orders").await;
    let sold = setting.number("SELECT CAST(SUM(10000 - available) AS SIGNED) FROM stock").await;
    assert_eq!(sold, orders, "each once");
    each_outcome_once(&setting);
    let live = contents(&setting).await;
    assert_eq!(projector.stop().0, 0);
    rebuild(&setting, &[], 0, "swapped");
    assert_eq!(contents(&setting).await, live);
    Arc::into_inner(setting).expect("nobody else").finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_14_a_pause_is_shown_and_outlives_projectors_whoever_starts_next() {
    let setting = Setting::migrated("pausedstart");
    check_refused(&setting, &["pause"], 1, "there are no positions of topic");
    let projector = setting.project();
    let products: Vec<_> = (0..PARTITIONS).map(|partition| product_in(partition, "bar")).collect();
    for (id, product) in (1..).zip(&products) {
        setting.append_event(product, &receipt(id, product, 50)).await;
    }
    folded(&setting).await;
    assert_eq!(projector.stop().0, 0);
    let all = answer(&setting, &["pause"]);
    assert_eq!(all["partitions"].as_array().map(Vec::len), Some(4), "{all:#}");
    for (id, product) in (100..).zip(&products) {
        setting.append_event(product, &order(id, product, 1)).await;
    }
    // Two that share the group, and are ready: they do what they were told.
    let projectors = [setting.project(), setting.project()];
    check_all_stay(&setting, 1).await;
    for projector in &projectors {
        projector.until("/readyz", |status, body| status == 200 && body.contains("partition 3 is paused since"));
        projector.until("/status", |_, body| {
            let status: Value = serde_json::from_str(body).expect("JSON");
            status["partitions"][2]["paused"]["by"] == "ann" && status["ready"] == true
        });
        assert!(!projector.log().contains("belongs to another member"), "{}", projector.log());
    }
    let shown = |address| {
        let (_, body) = get(address, "/metrics")?;
        Some(body.lines().filter(|line| line.starts_with("ledger_paused_seconds{") && !line.ends_with("} 0")).count())
    };
    let began = Instant::now();
    while projectors.iter().filter_map(|one| shown(one.address)).sum::<usize>() != 4 {
        assert!(began.elapsed() < LIMIT, "{:?}", get(projectors[0].address, "/metrics"));
        tokio::time::sleep(PAUSE).await;
    }
    let status = setting.ledger(&["status", "--output", "table"]);
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(said.contains("paused since") && said.contains("`ledger resume 3`"), "{said}");
    let status = setting.ledger(&["status", "--output", "json"]);
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    assert_eq!(status["partitions"][0]["paused"]["reason"], Value::Null, "{status:#}");
    assert!(status["partitions"][0]["paused"]["since"].is_string() && status["lag"] == 4, "{status:#}");
    // One goes on, the others stay.
    answer(&setting, &["resume", "2"]);
    setting.folded_to(2, 2).await;
    for partition in [0, 1, 3] {
        assert_eq!(position(&setting, partition).await, 1);
    }
    answer(&setting, &["resume"]);
    folded(&setting).await;
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders WHERE status = 'confirmed'").await, 4);
    each_outcome_once(&setting);
    for projector in projectors {
        assert_eq!(projector.stop().0, 0);
    }
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_14_an_owner_that_does_not_know_of_the_pause_misses() {
    let setting = Setting::with_positions("pausedzombie").await;
    // It loaded the partition before, and nobody tells it anything.
    let fed = Fed::start(&setting, setting.projector_url(), 1);
    let product = fed.product.clone();
    fed.feed(0, &[receipt(1, &product, 10), order(2, &product, 1)]);
    fed.settled().await;
    assert_eq!(position(&setting, 1).await, 2);
    assert_eq!(paused_at(&setting, 1), 2);
    fed.feed(2, &[order(3, &product, 1)]);
    let (mut fed, resync) = fed.resynced().await;
    assert_eq!((resync.partition, position(&setting, 1).await), (1, 2));
    // Whoever is told to take it over as if nothing were, loads it and sees.
    fed.assign(2);
    fed.feed(2, &[order(3, &product, 1)]);
    let (mut fed, _) = fed.resynced().await;
    assert_eq!(position(&setting, 1).await, 2);
    answer(&setting, &["resume", "1"]);
    fed.assign(2);
    fed.feed(2, &[order(3, &product, 1)]);
    fed.settled().await;
    assert_eq!(position(&setting, 1).await, 3);
    assert_eq!(setting.number("SELECT available FROM stock").await, 8);
    fed.stop().await;
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_14_a_pause_waits_for_the_batch_that_is_being_written() {
    let setting = Setting::with_positions("pausedbatch").await;
    let mut writer = setting.database().await;
    writer.execute("START TRANSACTION").await.expect("begun");
    let moved = "UPDATE positions p JOIN furthest_positions f USING (topic, kafka_partition) SET p.next_offset = 7, f.next_offset = 7 \
                 WHERE p.kafka_partition = 1";
    writer.execute(moved).await.expect("moved");
    let mut command = setting.command(&["pause", "1", "--as", "ann", "--output", "json"], &[]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let waits = format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '{}' AND INFO LIKE '%furthest_positions%' \
         AND INFO NOT LIKE '%PROCESSLIST%'",
        setting.name
    );
    setting.until(&waits, |count| count > 0).await;
    assert!(child.try_wait().expect("a child").is_none(), "it does not say so before it is true");
    writer.execute("COMMIT").await.expect("committed");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let paused: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(paused["partitions"][0]["nextOffset"], 7, "{paused:#}");
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pauses_first_is_named_and_repeats_change_nothing() {
    let setting = Setting::with_positions("pausedtwice").await;
    // Two at once: one of them was first, and both say who.
    let start = |name: &str| {
        let mut command = setting.command(&["pause", "2", "--as", name, "--output", "json"], &[]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    };
    let children = [start("ann"), start("bob")];
    let said = children.map(|child| {
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")["partitions"][0].clone()
    });
    assert_eq!(said[0]["by"], said[1]["by"], "{said:#?}");
    assert_eq!(said.iter().filter(|one| one["wasPaused"] == true).count(), 1, "{said:#?}");
    let again = answer(&setting, &["pause", "2", "--reason", "another"]);
    let again = &again["partitions"][0];
    assert_eq!((&again["by"], &again["since"], &again["reason"]), (&said[0]["by"], &said[0]["since"], &Value::Null));
    assert_eq!(again["wasPaused"], true);
    for was in [true, false] {
        let resumed = answer(&setting, &["resume", "2", "--reason", "all is well"]);
        assert_eq!(resumed["partitions"][0]["wasPaused"].is_object(), was, "{resumed:#}");
    }
    let kept =
        "SELECT CONCAT_WS(' ', resumed_by, resume_reason, paused_by) FROM furthest_positions WHERE kafka_partition = 2";
    let by = said[0]["by"].as_str().expect("a name");
    assert_eq!(setting.texts(kept).await, [format!("ann all is well {by}")]);
    check_refused(&setting, &["pause", "9"], 1, "partition 9 does not exist: topic");
    check_refused(&setting, &["resume", "4"], 1, "has partitions 0 to 3");
    check_refused(&setting, &["pause", "-1"], 2, "-1");
    check_refused(&setting, &["pause", "--reason", "a\nb"], 2, "printable characters on one line");
    // Who: the login name where nothing else is said, and somebody in any case.
    let output = setting.ledger_with(&["pause", "1"], &[("USER", ""), ("LOGNAME", "")]);
    assert_eq!((code(&output), stderr(&output).contains("--as NAME")), (2, true), "{}", stderr(&output));
    let output = setting.ledger_with(&["pause", "1", "--output", "json"], &[("USER", "carla"), ("LOGNAME", "")]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("carla"), "{}", stderr(&output));
    // Neither the services' user nor the projector's may say that somebody else did.
    for variable in ["LEDGER_READER_DATABASE_URL", "LEDGER_PROJECTOR_DATABASE_URL"] {
        let url = setting.variable(variable);
        let output = setting
            .ledger_with(&["skip", "3", "0", "--as", "eve", "--reason", "x"], &[("LEDGER_OWNER_DATABASE_URL", &url)]);
        assert_eq!(code(&output), 1, "{}", stderr(&output));
    }
    let reader = setting.variable("LEDGER_READER_DATABASE_URL");
    let output = setting.ledger_with(&["pause", "3", "--as", "eve"], &[("LEDGER_OWNER_DATABASE_URL", &reader)]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert_eq!(setting.number("SELECT COUNT(*) FROM furthest_positions WHERE is_paused").await, 1);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_hold_ends_while_its_partition_is_paused_and_each_ends_afterwards() {
    let setting = Setting::migrated("pausedhold");
    let projector = setting.project_with(&[("LEDGER_TICK_MS", "20"), ("LEDGER_HOLD_GRACE_MS", "0")]);
    projector.until_ready();
    let product = product_in(1, "bar");
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    setting.append_event(&product, &order_of(50, &[(&product, 3)], Some(3600))).await;
    let offset = setting.append_event(&product, &order_of(51, &[(&product, 2)], Some(2))).await;
    setting.folded_to(1, offset + 1).await;
    paused_at(&setting, 1);
    projector.until("/readyz", |_, body| body.contains("partition 1 is paused"));
    let before = end(&setting, 1);
    setting
        .until("SELECT COUNT(*) FROM orders WHERE expires_at < UTC_TIMESTAMP(6) - INTERVAL 2 SECOND", |due| due == 1)
        .await;
    let appended = end(&setting, 1) - before;
    assert!(appended <= 1, "{appended} records were appended for one hold: nobody folds them");
    answer(&setting, &["resume", "1"]);
    setting.until("SELECT COUNT(*) FROM orders WHERE reason = 'expired'", |ended| ended == 1).await;
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders WHERE status = 'held'").await, 1);
    let expiries = published(&setting, "orders", 1, 0);
    assert_eq!(expiries.iter().filter(|record| record.header("ce_type") == "HoldExpired").count(), 1);
    verified(&setting, 0);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_before_a_pause_is_published_all_the_same() {
    let setting = Setting::with_positions("pausedrelay").await;
    let product = product_in(1, "bar");
    // Folded by a writer without a relay, so that its outcomes wait.
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    let fed = Fed::start(&setting, setting.projector_url(), 1);
    fed.feed(0, &[receipt(1, &product, 10)]);
    fed.settled().await;
    fed.stop().await;
    assert_eq!(setting.number("SELECT COUNT(*) FROM outbox").await, 1);
    assert_eq!(paused_at(&setting, 1), 1);
    let offset = setting.append_event(&product, &order(2, &product, 1)).await;
    let projector = setting.project();
    assert_eq!(published(&setting, "outcomes", 1, 1).len(), 1);
    assert_eq!(position(&setting, 1).await, 1);
    answer(&setting, &["resume", "1"]);
    setting.folded_to(1, offset + 1).await;
    assert_eq!(published(&setting, "outcomes", 1, 2).len(), 2);
    drop(projector);
    setting.finish().await;
}

/// What waits is not asked for again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_projector_asks_no_more_than_an_idle_one() {
    let setting = Setting::migrated("pausedidle");
    let projector = setting.project();
    let product = product_in(1, "bar");
    setting.append_event(&product, &receipt(1, &product, 1)).await;
    folded(&setting).await;
    let asked = format!(
        "SELECT CAST(COALESCE(SUM(SELECT_COMMANDS), 0) AS SIGNED) FROM information_schema.USER_STATISTICS WHERE USER = 'prj_{}'",
        setting.name
    );
    let mut admin = setting.database().await;
    let was: i64 =
        sqlx::query_scalar("SELECT CAST(@@GLOBAL.userstat AS SIGNED)").fetch_one(&mut admin).await.expect("a flag");
    admin.execute(AssertSqlSafe("SET GLOBAL userstat = ON")).await.expect("it counts");
    let window = Duration::from_secs(4);
    let mut counts = Vec::new();
    for paused in [false, true] {
        if paused {
            paused_at(&setting, 1);
            setting.append_event(&product, &order(2, &product, 1)).await;
            projector.until("/readyz", |_, body| body.contains("is paused"));
        }
        let before = setting.number(&asked).await;
        tokio::time::sleep(window).await;
        counts.push(setting.number(&asked).await - before);
    }
    if was == 0 {
        admin.execute(AssertSqlSafe("SET GLOBAL userstat = OFF")).await.expect("as before");
    }
    eprintln!("SELECTs in {window:?}: idle {}, paused with a record waiting {}", counts[0], counts[1]);
    assert!(counts[1] <= counts[0] * 3 / 2 + 8, "{counts:?}");
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}
