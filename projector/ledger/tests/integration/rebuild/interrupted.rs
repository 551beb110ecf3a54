//! A rebuild that is killed at each of its phases, stopped, or kept from swapping: the live tables are as they were, and the
//! next run goes on.

use std::time::Instant;

use super::{
    LIMIT, Setting, contents, filled, folded, generation, held, hold_at, other_tables, rebuild, release, said, start,
};
use crate::setting::{code, last_line, order, product_in, receipt};

/// Where a rebuild is held: what it writes into `generations`, and the phase that it writes; then whether the new tables are
/// live by then, and the phase that the next run goes on with.
struct Point {
    statement: &'static str,
    phase: &'static str,
    live: bool,
    resumed: Option<&'static str>,
}

const POINTS: [Point; 6] = [
    // Before its number is written down: nothing is there to go on with.
    Point { statement: "INSERT", phase: "load", live: false, resumed: None },
    Point { statement: "UPDATE", phase: "index", live: false, resumed: Some("load") },
    Point { statement: "UPDATE", phase: "catch-up", live: false, resumed: Some("index") },
    Point { statement: "UPDATE", phase: "compare", live: false, resumed: Some("catch-up") },
    Point { statement: "UPDATE", phase: "swap", live: false, resumed: Some("compare") },
    // After the RENAME.
    Point { statement: "UPDATE", phase: "done", live: true, resumed: Some("swap") },
];

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_phase_the_live_tables_are_whole_and_the_next_run_goes_on() {
    let (setting, projector) = filled("killed").await;
    let before = contents(&setting).await;
    for Point { statement, phase, live, resumed } in POINTS {
        let old = generation(&setting).await;
        hold_at(&setting, statement, phase).await;
        let mut killed = start(&setting, &[]);
        let connection = held(&setting).await;
        killed.kill().expect("kill -9");
        killed.wait().expect("it ends");
        release(&setting, connection).await;
        assert_eq!(generation(&setting).await != old, live, "{statement} {phase}");
        assert_eq!(contents(&setting).await, before, "{statement} {phase}");
        let summary = rebuild(&setting, &[], 0, if live { "swappedBefore" } else { "swapped" });
        assert_eq!(summary["resumedFrom"].as_str(), resumed, "{statement} {phase}: {summary:#}");
        assert_eq!(contents(&setting).await, before, "{statement} {phase}");
        assert_ne!(generation(&setting).await, old);
        assert_eq!(setting.number("SELECT COUNT(*) FROM generations WHERE state = 'building'").await, 0);
        projector.until_ready();
    }
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

/// A ledger with a longer log, so that a load takes a moment.
async fn long(purpose: &str) -> Setting {
    let setting = Setting::migrated(purpose);
    let projector = setting.project();
    let product = product_in(2, "bar");
    setting.append_event(&product, &receipt(1, &product, 1_000_000)).await;
    for id in 2..2_000 {
        setting.append_event(&product, &order(id, &product, 1)).await;
    }
    folded(&setting).await;
    assert_eq!(projector.stop().0, 0);
    setting
}

async fn until_half_loaded(setting: &Setting) {
    let exists = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'positions\\_g2'";
    setting.until(exists, |count| count > 0).await;
    setting.until("SELECT COALESCE(MAX(next_offset), 0) FROM positions_g2", |offset| offset > 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_loads_it_goes_on_from_its_own_positions() {
    let setting = long("killedload").await;
    let before = contents(&setting).await;
    // A record a transaction, so that it dies in the middle.
    let mut killed = start(&setting, &["--batch-max-records", "1"]);
    until_half_loaded(&setting).await;
    killed.kill().expect("kill -9");
    killed.wait().expect("it ends");
    let reached = setting.number("SELECT COALESCE(MAX(next_offset), 0) FROM positions_g2").await;
    assert!(reached < 2_000 - 1, "it was faster than the test: {reached}");
    assert_eq!(contents(&setting).await, before);
    let summary = rebuild(&setting, &[], 0, "swapped");
    assert_eq!((&summary["resumedFrom"], &summary["generation"]), (&"load".into(), &2.into()), "{summary:#}");
    let folded = summary["recordsFolded"].as_i64().expect("a count");
    assert!(folded <= 2_000 - reached, "{folded} after {reached}");
    assert_eq!(contents(&setting).await, before);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_it_soon_and_says_how_it_goes_on_and_restart_begins_anew() {
    let setting = long("stopped").await;
    let before = contents(&setting).await;
    let stopped = start(&setting, &["--batch-max-records", "1"]);
    until_half_loaded(&setting).await;
    let signalled = Instant::now();
    let kill = std::process::Command::new("kill").args(["-INT", &stopped.id().to_string()]).status();
    assert!(kill.is_ok_and(|done| done.success()));
    let (exit, said) = said(stopped);
    assert_eq!(exit, 1, "{said}");
    assert!(signalled.elapsed() < LIMIT / 6, "it took {:?}", signalled.elapsed());
    assert!(
        said.contains("stopped as asked; the live tables are untouched; what was built of generation 2 is kept"),
        "{said}"
    );
    assert_eq!(contents(&setting).await, before);
    let summary = rebuild(&setting, &["--restart"], 0, "swapped");
    assert_eq!((&summary["resumedFrom"], &summary["generation"]), (&serde_json::Value::Null, &3.into()), "{summary:#}");
    assert_eq!(contents(&setting).await, before);
    // The generation that was not gone on with is gone.
    let left = other_tables(&setting).await;
    assert!(left.len() == 7 && left.iter().all(|name| name.ends_with("_g1")), "{left:?}");
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_once_the_second_is_refused_and_told_of_the_first() {
    let (setting, projector) = filled("two").await;
    hold_at(&setting, "UPDATE", "catch-up").await;
    let mut first = start(&setting, &[]);
    let connection = held(&setting).await;
    let second = setting.ledger(&["rebuild", "--yes", "--restart"]);
    assert_eq!(code(&second), 1);
    let said = last_line(&second);
    let expected = format!("pid {}", first.id());
    assert!(said.contains("generation 2") && said.contains(&expected) && said.contains("index"), "{said}");
    first.kill().expect("kill -9");
    first.wait().expect("it ends");
    release(&setting, connection).await;
    rebuild(&setting, &[], 0, "swapped");
    drop(projector);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_hold_the_tables_are_waited_for_and_can_be_given_up() {
    use sqlx::Executor;
    let (setting, projector) = filled("readers").await;
    let before = contents(&setting).await;
    let mut reader = setting.database().await;
    reader.execute("START TRANSACTION").await.expect("begun");
    reader.execute("SELECT * FROM orders LIMIT 1").await.expect("read");
    let output = setting.ledger(&["rebuild", "--swap-attempts", "2"]);
    assert_eq!(code(&output), 1);
    let said = crate::setting::stderr(&output);
    assert!(said.contains("others hold the tables, so they could not be swapped yet"), "{said}");
    assert!(said.contains("could not be swapped in 2 attempts") && said.contains("continues from there"), "{said}");
    assert_eq!((contents(&setting).await, generation(&setting).await), (before.clone(), 1));
    // One that waits for readers can be stopped, too; and it goes through as soon as they end.
    let waiting = start(&setting, &[]);
    setting.until("SELECT COUNT(*) FROM generations WHERE phase = 'swap'", |rows| rows == 1).await;
    reader.execute("COMMIT").await.expect("ended");
    let (exit, said) = super::said(waiting);
    assert_eq!(exit, 0, "{said}");
    assert_eq!((contents(&setting).await, generation(&setting).await), (before, 2));
    drop(projector);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_is_gone_on_with_only_where_it_fits() {
    let (setting, projector) = filled("leftover").await;
    let before = contents(&setting).await;
    hold_at(&setting, "UPDATE", "catch-up").await;
    let mut killed = start(&setting, &[]);
    let connection = held(&setting).await;
    killed.kill().expect("kill -9");
    killed.wait().expect("it ends");
    release(&setting, connection).await;
    // As a migration that came in between would leave it.
    setting.execute("ALTER TABLE stock_g2 ADD COLUMN colour INT NULL").await;
    // And as a run that died while it dropped tables.
    setting.execute("CREATE TABLE dead_letters_g3 LIKE dead_letters").await;
    setting.execute("INSERT INTO generations SELECT 3, topic, cluster_id, topic_id, partition_count, fold_version, phase, 'dropped', NULL, NULL, NULL, NULL, NULL, started_at, NULL, NULL, NULL FROM generations WHERE generation = 2").await;
    let summary = rebuild(&setting, &[], 0, "swapped");
    assert_eq!((&summary["resumedFrom"], &summary["generation"]), (&serde_json::Value::Null, &4.into()), "{summary:#}");
    assert_eq!(contents(&setting).await, before);
    let left = other_tables(&setting).await;
    assert!(left.len() == 7 && left.iter().all(|name| name.ends_with("_g1")), "{left:?}");
    drop(projector);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_tables_that_somebody_else_moves_are_not_swapped_in() {
    let setting = long("fenced").await;
    let before = contents(&setting).await;
    let fenced = start(&setting, &["--batch-max-records", "1"]);
    until_half_loaded(&setting).await;
    // As another builder that was taken for dead.
    setting.execute("UPDATE positions_g2 SET next_offset = next_offset + 1 WHERE next_offset > 0").await;
    let (exit, said) = said(fenced);
    assert_eq!(exit, 1, "{said}");
    assert!(
        said.contains("the positions of generation 2 were moved by somebody else: expected partition 2 at"),
        "{said}"
    );
    assert_eq!((contents(&setting).await, generation(&setting).await), (before.clone(), 1));
    rebuild(&setting, &["--restart"], 0, "swapped");
    assert_eq!(contents(&setting).await, before);
    setting.finish().await;
}
