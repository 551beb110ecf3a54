//! What `ledger status`, the projector's `/status` and its metrics say of generations, with the reader's and the projector's
//! rights.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use chrono::Utc;
use ledger_database::DatabaseUrl;
use ledger_operator::generations::Guard;
use ledger_operator::generations::record::{self, New};
use ledger_store::FOLD_VERSION;
use ledger_store::generations::Phase;
use ledger_store::generations::Work;
use serde_json::{Value, json};

use crate::basket::basket;
use crate::setting::{Projector, Setting, code, last_line, product_in, receipt, stderr};

fn told(setting: &Setting) -> Value {
    let output = setting.ledger(&["status", "--output", "json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The projector says the same, and that it is ready, once it reads anew: what it read last may be a second old.
fn agrees(projector: &Projector, told: &Value) {
    let mut told = told.clone();
    told["ready"] = true.into();
    told["reasons"] = json!([]);
    projector.until("/status", |status, body| {
        status == 200 && serde_json::from_str::<Value>(body).is_ok_and(|found| found == told)
    });
}

fn shows(projector: &Projector, lines: &[&str]) {
    projector.until("/metrics", |_, body| lines.iter().all(|line| body.lines().any(|found| found == *line)));
}

#[tokio::test(flavor = "multi_thread")]
async fn generations_and_an_unfinished_rebuild_are_told() {
    let setting = Setting::migrated("told");
    let projector = setting.project();
    projector.until_ready();
    let before = told(&setting);
    assert_eq!(
        (&before["generation"], &before["foldVersion"], &before["programFoldVersion"]),
        (&1.into(), &FOLD_VERSION.into(), &FOLD_VERSION.into())
    );
    assert_eq!((&before["kept"], &before["rebuild"], &before["working"]), (&json!([]), &Value::Null, &Value::Null));
    agrees(&projector, &before);
    let fold_version = format!("ledger_fold_version {FOLD_VERSION}");
    shows(&projector, &["ledger_generation 1", &fold_version, "ledger_rebuild_running 0"]);

    let owner = DatabaseUrl::parse(&setting.variable("LEDGER_OWNER_DATABASE_URL")).expect("valid");
    let mut guard = Guard::take(&owner, Work::Rebuild).await.expect("free");
    let topic = setting.topic("orders");
    let live = ledger_store::generations::live(guard.connection(), &topic).await.expect("read").expect("live");
    let new = New { generation: 2, topic: &topic, identity: &live.identity, fold_version: live.fold_version };
    record::begin(guard.connection(), &new).await.expect("written");
    guard.works_on(2).await.expect("written");
    record::set_phase(guard.connection(), 2, Phase::CatchUp).await.expect("written");
    record::set_records(guard.connection(), 2, 41).await.expect("written");
    let running = told(&setting);
    let rebuild = &running["rebuild"];
    assert_eq!((&rebuild["generation"], &rebuild["running"]), (&2.into(), &true.into()), "{running:#}");
    assert_eq!((&rebuild["phase"], &rebuild["records"]), (&"catch-up".into(), &41.into()), "{running:#}");
    assert!(rebuild["startedAt"].is_string() && running["working"]["work"]["command"] == "rebuild", "{running:#}");
    agrees(&projector, &running);
    shows(
        &projector,
        &["ledger_rebuild_running 1", "ledger_rebuild_records 41", "ledger_rebuild_phase{phase=\"catch-up\"} 1"],
    );

    guard.release().await;
    let unfinished = told(&setting);
    assert_eq!((&unfinished["rebuild"]["running"], &unfinished["working"]), (&false.into(), &Value::Null));
    shows(&projector, &["ledger_rebuild_running 0", "ledger_rebuild_unfinished 1"]);
    let table = String::from_utf8(setting.ledger(&["status", "--output", "table"]).stdout).expect("UTF-8");
    for line in [
        &format!("generation 1 is live (fold version {FOLD_VERSION})"),
        "rebuild of generation 2: unfinished (`ledger rebuild` continues it), phase catch-up, 41 records, started ",
    ] {
        assert!(table.lines().any(|found| found.starts_with(line)), "{table}");
    }

    // A run that died between the swap and writing it down: its generation is live, not unfinished.
    setting.execute("UPDATE positions SET generation = 2").await;
    let swapped = told(&setting);
    assert_eq!((&swapped["generation"], &swapped["rebuild"]), (&2.into(), &Value::Null));
    setting.execute("UPDATE generations SET state = 'kept', phase = 'done'").await;
    setting.execute("UPDATE positions SET generation = 3, fold_version = 7").await;
    let another = told(&setting);
    assert_eq!((&another["kept"][0]["generation"], &another["foldVersion"]), (&2.into(), &7.into()));
    let table = String::from_utf8(setting.ledger(&["status", "--output", "table"]).stdout).expect("UTF-8");
    let says = format!("this program folds by version {FOLD_VERSION}: `ledger rebuild` makes tables of it");
    assert!(table.contains(&says), "{table}");
    assert!(table.ends_with("kept for `ledger rollback`: 2\n"), "{table}");
    drop(projector);
    setting.finish().await;
}

/// While the database is made anew there are no positions; whoever looks is told of the rebuild all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_of_lost_tables_is_told() {
    let setting = Setting::migrated("told_lost");
    let owner = DatabaseUrl::parse(&setting.variable("LEDGER_OWNER_DATABASE_URL")).expect("valid");
    let mut guard = Guard::take(&owner, Work::Rebuild).await.expect("free");
    let topic = setting.topic("orders");
    let identity = ledger_fold::log_safety::LogIdentity {
        cluster_id: "a cluster".to_owned(),
        topic_id: "a topic".to_owned(),
        partition_count: 1,
    };
    let new = New { generation: 1, topic: &topic, identity: &identity, fold_version: FOLD_VERSION };
    record::begin(guard.connection(), &new).await.expect("written");
    guard.works_on(1).await.expect("written");
    let output = setting.ledger(&["status"]);
    assert_eq!(code(&output), 1);
    let said = last_line(&output);
    assert!(said.contains("there are no positions of topic"), "{said}");
    assert!(said.contains("; rebuild of generation 1: running, phase load"), "{said}");
    guard.release().await;
    setting.finish().await;
}

/// The next look that a watching command printed.
fn look(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> Value {
    let line = lines.next().expect("it looks again").expect("UTF-8");
    serde_json::from_str(&line).expect("JSON on one line")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_sees_rates_open_orders_and_dead_letters() {
    let setting = Setting::migrated("watched");
    let projector = setting.project();
    projector.until_ready();
    let mut command = setting.command(&["status", "--watch", "--interval", "1", "--output", "json"], &[]);
    let mut watching = command.stdout(Stdio::piped()).spawn().expect("the binary runs");
    let mut lines = BufReader::new(watching.stdout.take().expect("piped")).lines();
    let first = look(&mut lines);
    assert_eq!((&first["heldOrders"], &first["deadLetters"], &first["rates"]), (&json!(0), &json!(0), &Value::Null));
    let product = product_in(0, "watched");
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    setting.append_event(&product, &basket(2, &[(&product, 3)], Some(3_600), Utc::now())).await;
    setting.append_event(&product, "no event").await;
    let mut appended = 0.0;
    let seen = loop {
        let seen = look(&mut lines);
        appended += seen["rates"]["appendedPerSecond"].as_f64().expect("a rate from the second look on");
        if seen["deadLetters"] == 1 {
            break seen;
        }
    };
    assert!(appended > 0.0, "{seen}");
    assert_eq!((&seen["heldOrders"], &seen["pendingOrders"]), (&json!(1), &json!(0)));
    assert!(seen["nextExpiry"].is_string() && seen["partitions"][0]["nextOffset"] == 3, "{seen}");
    // Nobody reads any more: quiet, and no failure.
    drop(lines);
    let ended = watching.wait_with_output().expect("it ends");
    assert_eq!((code(&ended), stderr(&ended).as_str()), (0, ""));
    // A look that fails at once is the command's failure, as without --watch.
    let refused = setting.ledger(&["status", "--watch", "--orders-topic", "no-such-topic"]);
    assert_eq!(code(&refused), 1, "{}", stderr(&refused));
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}
