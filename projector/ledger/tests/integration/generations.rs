//! Generations of the tables on real servers: which are refused, swapped, rolled back to, listed and dropped.

use std::collections::BTreeMap;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ledger_database::DatabaseUrl;
use ledger_operator::generations::record::{self, New};
use ledger_operator::generations::settle::SettledLog;
use ledger_operator::generations::swap::{self, Plan, Swapped};
use ledger_operator::generations::{GenerationsError, Guard};
use ledger_store::FOLD_VERSION;
use ledger_store::generations::Work;
use ledger_store::generations::{Counts, Live, Phase, State};
use serde_json::{Value, json};
use sqlx::Executor;

use crate::published::{all_published, event_ids};
use crate::setting::{LIMIT, PARTITIONS, Setting, code, last_line, order, partition_of, product_in, receipt, stderr};

/// A version of the rules that no program has.
const ANOTHER: i32 = 99;

fn another_fold() -> String {
    format!(
        "the tables (generation 1) were folded by version {ANOTHER} of the rules, and this program folds by version \
         {FOLD_VERSION}: run `ledger rebuild`, or continue with rows of both by --accept-mixed"
    )
}

#[tokio::test]
async fn tables_of_another_fold_are_refused_unless_mixing_is_accepted() {
    let setting = Setting::migrated("mixed");
    let product = product_in(1, "bar");
    let projector = setting.project();
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    setting.folded_to(1, 1).await;
    // Under a running projector: tables of another version are swapped in. It stops rather than mix them.
    setting
        .execute(&format!(
            "UPDATE positions SET fold_version = {ANOTHER}, next_offset = next_offset - 1 WHERE next_offset = 1"
        ))
        .await;
    let (exit, said) = projector.ended();
    assert_eq!(exit, 1, "{said}");
    assert!(said.ends_with(&another_fold()), "{said}");
    setting
        .execute(&format!("UPDATE positions SET fold_version = {ANOTHER}, next_offset = 1 WHERE kafka_partition = 1"))
        .await;
    // And it does not start again, but where it is told to.
    assert_eq!(setting.refused(&[]), (1, format!("ledger: {}", another_fold())));
    assert_eq!(setting.refused(&[("LEDGER_ACCEPT_MIXED", "maybe")]).0, 2);
    let projector = setting.project_with(&[("LEDGER_ACCEPT_MIXED", "true")]);
    projector.until_ready();
    setting.append_event(&product, &order(2, &product, 3)).await;
    setting.folded_to(1, 2).await;
    assert!(projector.log().contains("rows of both will stand in them"), "{}", projector.log());
    assert_eq!(projector.stop().0, 0);
    assert_eq!(
        setting.number("SELECT fold_version FROM positions WHERE kafka_partition = 1").await,
        i64::from(ANOTHER),
        "it stays"
    );
    setting.finish().await;
}

const TABLES: [&str; 7] =
    ["orders", "stock", "stock_movements", "reservations", "open_orders", "dead_letters", "positions"];

fn owner(setting: &Setting) -> DatabaseUrl {
    DatabaseUrl::parse(&setting.variable("LEDGER_OWNER_DATABASE_URL")).expect("valid")
}

/// Makes generation `number` as a copy of the live tables, as a rebuild leaves one that is complete. Nobody writes meanwhile.
async fn build(setting: &Setting, guard: &mut Guard, number: i32) -> Live {
    let topic = setting.topic("orders");
    let live = ledger_store::generations::live(guard.connection(), &topic).await.expect("live").expect("positions");
    let new = New { generation: number, topic: &topic, identity: &live.identity, fold_version: live.fold_version };
    record::begin(guard.connection(), &new).await.expect("begun");
    guard.works_on(number).await.expect("noted");
    let copy = |table: &str| {
        format!("CREATE TABLE {table}_g{number} LIKE {table}; INSERT INTO {table}_g{number} SELECT * FROM {table};")
    };
    setting.execute(&TABLES.map(copy).concat()).await;
    setting.execute(&format!("UPDATE positions_g{number} SET generation = {number}")).await;
    record::set_phase(guard.connection(), number, Phase::Swap).await.expect("written");
    let ends: BTreeMap<i32, i64> = live.positions.iter().map(|stored| (stored.partition, stored.next_offset)).collect();
    let counts = Counts { records: ends.values().sum(), orders: 0, movements: 0, dead_letters: 0 };
    record::built(guard.connection(), number, &ends, counts).await.expect("written");
    live
}

/// Swaps `number` in.
async fn swap_in(setting: &Setting, guard: &mut Guard, live: &Live, number: i32) -> Result<Swapped, GenerationsError> {
    let topic = setting.topic("orders");
    let plan = Plan { topic: &topic, identity: &live.identity, target: number, wait_seconds: 1 };
    let swapped = swap::swap(guard, &plan).await?;
    let log = SettledLog { kafka: setting.kafka(), topic: setting.topic("orders"), partition_count: PARTITIONS };
    let told = swap::follow_up(guard, &log, plan.target, swapped, Vec::new()).await?;
    assert_eq!(told, 0, "no order has lines elsewhere");
    Ok(swapped)
}

/// A ledger whose generation 2, a copy of the first, is live.
async fn with_two(purpose: &str) -> (Setting, String) {
    let setting = Setting::migrated(purpose);
    let product = product_in(1, "bar");
    let projector = setting.project();
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    setting.folded_to(1, 1).await;
    all_published(&setting).await;
    assert_eq!(projector.stop().0, 0);
    let mut guard = Guard::take(&owner(&setting), Work::Rebuild).await.expect("free");
    let live = build(&setting, &mut guard, 2).await;
    let swapped = swap_in(&setting, &mut guard, &live, 2).await.expect("swapped");
    assert!(matches!(swapped, Swapped::Now { old: Some(1), .. }), "{swapped:?}");
    guard.release().await;
    (setting, product)
}

/// Exit code, and the last line on stderr without what begins every one.
fn said(output: &Output) -> (i32, String) {
    (code(output), last_line(output).trim_start_matches("ledger: ").to_owned())
}

fn json(output: &Output) -> Value {
    assert_eq!(code(output), 0, "{}", stderr(output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn states(setting: &Setting) -> Vec<(i64, String)> {
    let listing = json(&setting.ledger(&["generations", "list", "--output", "json"]));
    let item = |item: &Value| {
        let state = item["state"].as_str().expect("a state").to_owned();
        (item["generation"].as_i64().expect("a number"), state)
    };
    listing["items"].as_array().expect("items").iter().map(item).collect()
}

fn expected_states(expected: &[(i64, &str)]) -> Vec<(i64, String)> {
    expected.iter().map(|(generation, state)| (*generation, (*state).to_owned())).collect()
}

/// Appends orders to four products, one in each partition, until it is told to stop; gives how many for each.
async fn orders_flow(
    setting: &Setting,
    products: &[String],
    first: u128,
    enough: &AtomicBool,
    moving: &AtomicBool,
) -> u128 {
    let mut round = 0;
    while !enough.load(Ordering::SeqCst) {
        for (index, product) in products.iter().enumerate() {
            let id = first + round * 10 + u128::try_from(index).expect("small");
            setting.append_event(product, &order(id, product, 1)).await;
        }
        round += 1;
        moving.store(round > 20, Ordering::SeqCst);
    }
    round
}

/// Runs `ledger ARGS..` on another thread once orders flow, and lets them flow on a little.
async fn meanwhile(
    setting: &Setting,
    args: &'static [&'static str],
    enough: &AtomicBool,
    moving: &AtomicBool,
) -> Output {
    let began = Instant::now();
    while !moving.load(Ordering::SeqCst) {
        assert!(began.elapsed() < LIMIT);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut command = setting.command(args, &[]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a thread").expect("it runs");
    let after = setting.number("SELECT CAST(SUM(next_offset) AS SIGNED) FROM positions").await;
    setting.until("SELECT CAST(SUM(next_offset) AS SIGNED) FROM positions", |now| now > after + 40).await;
    enough.store(true, Ordering::SeqCst);
    output
}

#[tokio::test]
async fn a_rollback_under_a_running_projector_while_orders_flow() {
    let setting = Setting::migrated("rollback");
    let products: Vec<String> = (0..PARTITIONS).map(|partition| product_in(partition, "bar")).collect();
    let projector = setting.project();
    for (id, product) in (1..).zip(&products) {
        // Some will be rejected: what is left matters for every decision.
        setting.append_event(product, &receipt(id, product, 60)).await;
        setting.folded_to(partition_of(product), 1).await;
    }
    all_published(&setting).await;
    let mut guard = Guard::take(&owner(&setting), Work::Rebuild).await.expect("free");
    let live = build(&setting, &mut guard, 2).await;
    swap_in(&setting, &mut guard, &live, 2).await.expect("swapped");
    guard.release().await;

    let mut rounds = 0;
    for (first, args, [from, to]) in [
        (1_000, &["rollback", "--yes", "--output", "json"][..], [2, 1]),
        (1_000_000, &["rollback", "--to", "2", "--yes", "--output", "json"], [1, 2]),
    ] {
        let (enough, moving) = (AtomicBool::new(false), AtomicBool::new(false));
        let (flowed, output) = tokio::join!(
            orders_flow(&setting, &products, first, &enough, &moving),
            meanwhile(&setting, args, &enough, &moving)
        );
        rounds += flowed;
        let done = json(&output);
        assert_eq!((&done["live"], &done["replaced"]), (&json!(to), &json!(from)), "{done}");
        let end = i64::try_from(rounds).expect("small") + 1;
        for partition in 0..PARTITIONS {
            setting.folded_to(partition, end).await;
        }
        let positions = format!("SELECT COUNT(*) FROM positions WHERE generation = {to} AND next_offset = {end}");
        assert_eq!(setting.number(&positions).await, i64::from(PARTITIONS));
    }
    projector.until_ready();
    // Every order took effect once, whatever tables were live meanwhile, and everybody heard of it once.
    let rounds = i64::try_from(rounds).expect("small");
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders").await, rounds * i64::from(PARTITIONS));
    let confirmed = "SELECT COUNT(*) FROM orders WHERE status = 'confirmed'";
    assert_eq!(setting.number(confirmed).await, rounds.min(60) * i64::from(PARTITIONS));
    let wrong = "SELECT COUNT(*) FROM stock s WHERE available <> 60 - (SELECT COUNT(*) FROM orders o \
         WHERE o.product_id = s.product_id AND o.status = 'confirmed')";
    assert_eq!(setting.number(wrong).await, 0);
    // What the kept tables hold, the live ones hold byte for byte.
    let other = "SELECT COUNT(*) FROM (SELECT * FROM orders_g1 EXCEPT SELECT * FROM orders) other";
    assert_eq!(setting.number(other).await, 0);
    assert!(setting.number("SELECT COUNT(*) FROM orders_g1").await > 0, "it was live for a while");
    for partition in 0..PARTITIONS {
        let count = usize::try_from(rounds).expect("small") + 1;
        let expected: Vec<String> = (0..count).map(|offset| format!("{partition}-{offset}-0")).collect();
        assert_eq!(event_ids(&setting, partition, count), expected);
    }
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn a_swap_that_was_not_written_down_is_found_and_never_done_twice() {
    let (setting, _) = with_two("diedafter").await;
    let mut guard = Guard::take(&owner(&setting), Work::Rebuild).await.expect("free");
    let live = build(&setting, &mut guard, 3).await;
    // The RENAME of a rebuild that died just after it.
    let rename = TABLES.map(|table| format!("{table} TO {table}_g2, {table}_g3 TO {table}")).join(", ");
    setting.execute(&format!("RENAME TABLE {rename}")).await;
    assert_eq!(swap_in(&setting, &mut guard, &live, 3).await.expect("found"), Swapped::Before);
    let row = ledger_store::generations::find(guard.connection(), 3).await.expect("an answer").expect("a row");
    assert_eq!((row.phase, row.state, row.swapped_at.is_some()), (Phase::Done, State::Kept, true));
    let first = row.swapped_at;
    assert_eq!(swap_in(&setting, &mut guard, &live, 3).await.expect("found"), Swapped::Before);
    let row = ledger_store::generations::find(guard.connection(), 3).await.expect("an answer").expect("a row");
    assert_eq!(row.swapped_at, first);
    // And so is one that is found by a rollback only: it must not be taken for one that is being built ever after.
    let live = build(&setting, &mut guard, 4).await;
    let rename = TABLES.map(|table| format!("{table} TO {table}_g3, {table}_g4 TO {table}")).join(", ");
    setting.execute(&format!("RENAME TABLE {rename}")).await;
    assert!(matches!(
        swap_in(&setting, &mut guard, &live, 3).await.expect("swapped"),
        Swapped::Now { old: Some(4), .. }
    ));
    assert_eq!(
        ledger_store::generations::building(guard.connection(), &setting.topic("orders")).await.expect("an answer"),
        None
    );
    guard.release().await;
    assert_eq!(states(&setting), expected_states(&[(1, "kept"), (2, "kept"), (3, "live"), (4, "kept")]));
    setting.finish().await;
}

#[tokio::test]
async fn tables_that_others_hold_are_waited_for_within_bounds() {
    let (setting, _) = with_two("held").await;
    let mut guard = Guard::take(&owner(&setting), Work::Rebuild).await.expect("free");
    let live = build(&setting, &mut guard, 3).await;
    let mut reader = setting.database_as("LEDGER_READER_DATABASE_URL").await;
    reader.execute("START TRANSACTION").await.expect("begun");
    reader.execute("SELECT COUNT(*) FROM stock_movements").await.expect("read");
    let error = swap_in(&setting, &mut guard, &live, 3).await.expect_err("held").to_string();
    assert!(error.starts_with("the tables could not be swapped in 1 attempts"), "{error}");
    assert_eq!(setting.number("SELECT MIN(generation) FROM positions").await, 2, "untouched");
    // Once the reader ends, one of the next attempts gets all tables.
    drop(reader);
    let began = Instant::now();
    let swapped = loop {
        match swap_in(&setting, &mut guard, &live, 3).await {
            Err(GenerationsError::Busy { .. }) => assert!(began.elapsed() < LIMIT),
            swapped => break swapped.expect("swapped"),
        }
    };
    assert!(matches!(swapped, Swapped::Now { old: Some(2), .. }), "{swapped:?}");
    guard.release().await;
    setting.finish().await;
}

#[tokio::test]
async fn only_one_at_a_time_and_the_other_is_told_who() {
    let (setting, _) = with_two("guarded").await;
    let mut guard = Guard::take(&owner(&setting), Work::Rebuild).await.expect("free");
    build(&setting, &mut guard, 3).await;
    record::set_phase(guard.connection(), 3, Phase::CatchUp).await.expect("written");
    assert_eq!(states(&setting), expected_states(&[(1, "kept"), (2, "live"), (3, "building")]));
    for args in [&["rollback", "--yes"][..], &["generations", "drop", "3"], &["generations", "drop", "1"]] {
        let (exit, refused) = said(&setting.ledger(args));
        assert_eq!(exit, 1, "{refused}");
        let names = "refused: `ledger rebuild` of generation 3, phase catch-up (";
        let pid = format!(" pid {}, since ", std::process::id());
        assert!(refused.starts_with(names) && refused.contains(&pid), "{refused}");
    }
    // Whoever is killed frees it: the connection ends without a word.
    drop(guard);
    let began = Instant::now();
    while states(&setting)[2].1 == "building" {
        assert!(began.elapsed() < LIMIT);
    }
    assert_eq!(states(&setting), expected_states(&[(1, "kept"), (2, "live"), (3, "interrupted")]));
    // An unfinished one is nothing to go back to, and can be dropped.
    let (exit, refused) = said(&setting.ledger(&["rollback", "--to", "3", "--yes"]));
    let says = "generation 3 cannot be rolled back to: it is building, and only one that is kept can be";
    assert_eq!((exit, refused.as_str()), (1, says));
    let dropped = json(&setting.ledger(&["generations", "drop", "3", "--output", "json"]));
    assert_eq!(dropped["tables"].as_array().map(Vec::len), Some(7));
    // Two at once: one does it, the other is refused, or comes late and finds it done.
    let both = [(), ()].map(|()| setting.command(&["rollback", "--to", "1", "--yes"], &[]));
    let both = both.map(|mut command| std::thread::spawn(move || command.output().expect("it runs")));
    let both = both.map(|one| said(&one.join().expect("a thread")));
    assert!(both.iter().any(|(exit, _)| *exit == 0), "{both:?}");
    for (exit, said) in both {
        assert!(exit == 0 || said.starts_with("refused: "), "{said}");
    }
    assert_eq!(states(&setting), expected_states(&[(1, "live"), (2, "kept"), (3, "dropped")]));
    setting.finish().await;
}

#[tokio::test]
async fn what_cannot_be_gone_back_to_is_refused_and_nothing_changes() {
    let setting = Setting::migrated("refused");
    let topic = setting.topic("orders");
    let nothing = format!("nothing was folded from topic {topic} yet: there is no generation to go back from");
    assert_eq!(said(&setting.ledger(&["rollback", "--yes"])), (1, nothing));
    setting.execute("DELETE FROM _sqlx_migrations WHERE version > 7").await;
    let older = "the tables are of version 7, expected 31: run `ledger migrate`";
    for args in [&["rollback"][..], &["generations", "list"], &["generations", "drop", "1"]] {
        assert_eq!(said(&setting.ledger(args)), (1, older.to_owned()));
    }
    setting.finish().await;

    let (setting, product) = with_two("refusals").await;
    let topic = setting.topic("orders");
    let refuse = |args: &[&str], says: &str| {
        let (exit, refused) = said(&setting.ledger(args));
        assert!(exit == 1 && refused.contains(says), "{args:?}: {refused}\nexpected: {says}");
    };
    let back = &["rollback", "--yes"][..];
    refuse(
        &["rollback"],
        "generation 1 becomes live in place of 2; the projector folds 0 records again, which its tables lack",
    );
    refuse(&["rollback"], "There is no terminal to ask on: --yes agrees to it. Nothing was changed");
    refuse(&["rollback", "--to", "7", "--yes"], "generation 7 is not known");
    assert_eq!(said(&setting.ledger(&["rollback", "--to", "0", "--yes"])).0, 2);
    let (another_fold, does_not_fit) = (
        another_fold(),
        format!(
            "the positions of generation 1 do not fit: expected generation 1, fold version {FOLD_VERSION}, found generation 5"
        ),
    );
    // Each of these is mended again, and only then the next one made.
    for (breaks, says, mends) in [
        (
            format!("UPDATE positions_g1 SET fold_version = {ANOTHER}"),
            another_fold.split(": run").next().expect("the first part"),
            format!("UPDATE positions_g1 SET fold_version = {FOLD_VERSION}"),
        ),
        (
            "UPDATE positions_g1 SET topic_id = 'other'".to_owned(),
            "was recreated: the positions belong to topic id ",
            "UPDATE positions_g1 p JOIN positions q USING (topic, kafka_partition) SET p.topic_id = q.topic_id"
                .to_owned(),
        ),
        (
            "UPDATE positions_g1 SET generation = 5 WHERE kafka_partition = 2".to_owned(),
            does_not_fit.as_str(),
            "UPDATE positions_g1 SET generation = 1".to_owned(),
        ),
        (
            "DELETE FROM positions_g1 WHERE kafka_partition = 3".to_owned(),
            "are incomplete: expected one for each of 4 partitions, found 3",
            "INSERT INTO positions_g1 SELECT topic, 3, 0, cluster_id, topic_id, 4, 1, fold_version, generation_id FROM positions LIMIT 1"
                .to_owned(),
        ),
        (
            "ALTER TABLE orders_g1 ADD KEY extra (quantity)".to_owned(),
            "its table orders_g1 is not like the live one: expected `CONSTRAINT",
            "ALTER TABLE orders_g1 DROP KEY extra".to_owned(),
        ),
        (
            "RENAME TABLE stock_g1 TO elsewhere".to_owned(),
            "generation 1 cannot be swapped in: table stock_g1 is missing",
            "RENAME TABLE elsewhere TO stock_g1".to_owned(),
        ),
        (
            "CREATE TABLE stock_g2 LIKE stock".to_owned(),
            "the live tables would become generation 2, and tables of that name are there: stock_g2",
            "DROP TABLE stock_g2".to_owned(),
        ),
    ] {
        setting.execute(&breaks).await;
        refuse(&["rollback", "--to", "1", "--yes"], says);
        assert_eq!(setting.number("SELECT MIN(generation) FROM positions").await, 2, "{breaks}");
        setting.execute(&mends).await;
    }
    // With its fold accepted it is possible, and says what the projectors need.
    setting.execute(&format!("UPDATE positions_g1 SET fold_version = {ANOTHER}")).await;
    let mixed = format!("version {ANOTHER} of the rules, not {FOLD_VERSION}: projectors need --accept-mixed, too");
    refuse(&["rollback", "--accept-mixed"], &mixed);
    setting.execute(&format!("UPDATE positions_g1 SET fold_version = {FOLD_VERSION}")).await;
    // Records that the old tables have not are gone.
    setting.append_event(&product, &order(2, &product, 1)).await;
    setting.append_event(&product, &order(3, &product, 1)).await;
    setting.delete_records(1, 2).await;
    let gone = format!(
        "records of topic {topic} partition 1 are gone that its tables do not have: expected the log to begin at 1 at most, found 2"
    );
    refuse(back, &gone);
    setting.execute("UPDATE positions_g1 SET next_offset = 2 WHERE kafka_partition = 1").await;
    refuse(back, "partition 1 is gone: expected first offset 0, found 2");
    assert_eq!(setting.number("SELECT MIN(generation) FROM positions").await, 2);
    // A projector's rights do not do.
    let projector = setting.variable("LEDGER_PROJECTOR_DATABASE_URL");
    let output = setting.ledger_with(back, &[("LEDGER_OWNER_DATABASE_URL", &projector)]);
    assert_eq!(code(&output), 1);
    assert!(last_line(&output).contains("denied"), "{}", stderr(&output));
    assert_eq!(said(&setting.ledger_with(back, &[("LEDGER_OWNER_DATABASE_URL", "")])).0, 2);
    let nowhere = "mysql://own:x@127.0.0.1:1/ledger";
    assert_eq!(said(&setting.ledger_with(back, &[("LEDGER_OWNER_DATABASE_URL", nowhere)])).0, 3);
    setting.finish().await;
}

#[tokio::test]
async fn generations_are_listed_and_dropped_and_no_number_is_given_twice() {
    let (setting, _) = with_two("listed").await;
    let listing = json(&setting.ledger(&["generations", "list", "--output", "json"]));
    assert_eq!((&listing["live"], &listing["working"]), (&json!(2), &Value::Null));
    // Under the name of another topic the live tables would pass for kept ones.
    let elsewhere = setting.ledger_with(&["generations", "drop", "2"], &[("LEDGER_ORDERS_TOPIC", "elsewhere")]);
    let (exit, refused) = said(&elsewhere);
    assert!(exit == 1 && refused.starts_with("the positions belong to topic "), "{refused}");
    let [first, second] = [&listing["items"][0], &listing["items"][1]];
    assert_eq!((&first["state"], &first["startedAt"], &first["records"]), (&json!("kept"), &Value::Null, &json!(1)));
    assert_eq!(
        (&second["state"], &second["phase"], &second["foldVersion"]),
        (&json!("live"), &json!("done"), &json!(FOLD_VERSION))
    );
    assert_eq!(second["built"], json!({ "records": 1, "orders": 0, "movements": 0, "deadLetters": 0 }));
    assert!(second["bytes"].as_i64().is_some_and(|bytes| bytes > 0));
    assert!(second["swappedAt"].is_string() && second["builder"].as_str().is_some_and(|by| by.contains(" pid ")));
    let table = setting.ledger(&["generations", "list", "--output", "table"]);
    assert_eq!(code(&table), 0);
    assert!(String::from_utf8_lossy(&table.stdout).contains("live since"));

    assert_eq!(
        said(&setting.ledger(&["generations", "drop", "2"])),
        (1, "generation 2 is live: it cannot be dropped".to_owned())
    );
    let unknown = "generation 9 is not known; `ledger generations list` shows which are";
    assert_eq!(said(&setting.ledger(&["generations", "drop", "9"])), (1, unknown.to_owned()));
    // As after a death in the middle of dropping it: the rest can be dropped, and it is nothing to go back to.
    setting.execute("DROP TABLE positions_g1, orders_g1").await;
    assert_eq!(states(&setting), expected_states(&[(1, "incomplete"), (2, "live")]));
    let none = "no generation before 2, which is live, is kept";
    assert_eq!(said(&setting.ledger(&["rollback", "--yes"])), (1, none.to_owned()));
    let left = ["stock_g1", "stock_movements_g1", "reservations_g1", "open_orders_g1", "dead_letters_g1"];
    for left in [json!(left), json!([])] {
        let dropped = json(&setting.ledger(&["generations", "drop", "1", "--output", "json"]));
        assert_eq!(dropped, json!({ "generation": 1, "tables": left }));
    }
    assert_eq!(states(&setting), expected_states(&[(1, "dropped"), (2, "live")]));
    let refused = "generation 1 cannot be rolled back to: it is dropped, and only one that is kept can be";
    assert_eq!(said(&setting.ledger(&["rollback", "--to", "1", "--yes"])), (1, refused.to_owned()));
    let same = json(&setting.ledger(&["rollback", "--to", "2", "--output", "json"]));
    assert_eq!((&same["live"], &same["replaced"]), (&json!(2), &Value::Null), "nothing to ask about");

    let mut connection = ledger_database::connect(&setting.owner_url()).await.expect("MariaDB answers");
    assert_eq!(record::next_number(&mut connection).await.expect("a number"), 3);
    setting.execute("CREATE TABLE stock_g4 LIKE stock").await;
    assert_eq!(record::next_number(&mut connection).await.expect("a number"), 5, "4 is the name of a table");
    // Positions of a ledger that is begun anew are of a number that no generation had.
    setting.execute("DROP TABLE stock_g4").await;
    setting.execute("DELETE FROM positions").await;
    setting.execute("DELETE FROM stock; DELETE FROM stock_movements").await;
    let projector = setting.project();
    setting.folded_to(1, 1).await;
    assert_eq!(setting.number("SELECT DISTINCT generation FROM positions").await, 6);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn tables_that_nothing_was_folded_into_are_replaced_and_not_kept() {
    let (setting, _) = with_two("firstever").await;
    let mut guard = Guard::take(&owner(&setting), Work::Rebuild).await.expect("free");
    let live = build(&setting, &mut guard, 3).await;
    // As a database that was lost and migrated anew, with what a run that died just after its RENAME left.
    setting.execute("DELETE FROM positions; DELETE FROM stock; DELETE FROM stock_movements").await;
    setting.execute("CREATE TABLE orders_g0 LIKE orders").await;
    let swapped = swap_in(&setting, &mut guard, &live, 3).await.expect("swapped");
    assert!(matches!(swapped, Swapped::Now { old: None, .. }), "{swapped:?}");
    assert_eq!(setting.number("SELECT COUNT(*) FROM stock").await, 1);
    assert_eq!(states(&setting)[0], (1, "kept".to_owned()), "nothing has the number 0");
    // Tables with rows, and no positions that would tell what they stand for: kept for a person to look at.
    let live = build(&setting, &mut guard, 4).await;
    setting.execute("DELETE FROM positions").await;
    swap_in(&setting, &mut guard, &live, 4).await.expect("swapped");
    assert_eq!(setting.number("SELECT COUNT(*) FROM stock_g0").await, 1);
    guard.release().await;
    let (exit, refused) = said(&setting.ledger(&["generations", "drop", "0"]));
    assert_eq!(exit, 0, "{refused}");
    setting.finish().await;
}
