//! A table that was dropped, or a row of the few that others rest on: `migrate`, and where rows of the fold are gone `rebuild`, bring all
//! of it back, and no outcome is published twice or not at all.

use super::{check, project, told};
use crate::rebuild::{contents, fill, filled, flow, folded, generation, rebuild};
use crate::setting::Setting;

/// Of the fold: without one of these, the others stand for nothing.
const OF_THE_FOLD: [&str; 8] =
    ["orders", "stock", "stock_movements", "reservations", "open_orders", "dead_letters", "positions", "outbox"];
const BESIDE_IT: [&str; 9] = [
    "api_keys",
    "api_key_uses",
    "generations",
    "generation_guard",
    "generation_numbers",
    "furthest_positions",
    "redrives",
    "skips",
    "_sqlx_migrations",
];

fn migrated(setting: &Setting) -> String {
    let output = setting.ledger(&["migrate"]);
    let (exit, said) = told(&output);
    assert_eq!(exit, 0, "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Drops what the tables of before are kept as.
fn forget(setting: &Setting) {
    let (exit, said) = told(&setting.ledger(&["generations", "drop", "0"]));
    assert_eq!(exit, 0, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_table_of_the_fold_comes_back_with_all_others() {
    let (setting, projector) = filled("lostfold").await;
    let before = contents(&setting).await;
    assert_eq!(projector.stop().0, 0);
    for table in OF_THE_FOLD {
        setting.execute(&format!("DROP TABLE {table}")).await;
        let missing = format!("table {table}: expected a table, found none; run `ledger migrate`");
        check("project", project(&setting), &[&missing]);
        check("rebuild", told(&setting.ledger(&["rebuild", "--yes"])), &[&missing]);
        assert!(migrated(&setting).contains("run `ledger rebuild`"), "{table}");
        // Nothing is folded on, and no read is answered from what is left.
        assert_eq!(setting.number("SELECT COUNT(*) FROM positions").await, 0, "{table}");
        check(
            "project",
            project(&setting),
            &["nobody can know what was folded; `ledger rebuild` makes all tables anew"],
        );
        rebuild(&setting, &["--yes"], 0, "swapped");
        let projector = setting.project();
        folded(&setting).await;
        assert_eq!(contents(&setting).await, before, "{table}");
        flow::each_outcome_once(&setting);
        assert_eq!(projector.stop().0, 0);
        forget(&setting);
    }
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_table_beside_the_fold_comes_back_alone() {
    let (setting, projector) = filled("lostbeside").await;
    let before = contents(&setting).await;
    assert_eq!(projector.stop().0, 0);
    rebuild(&setting, &["--yes"], 0, "swapped");
    for table in BESIDE_IT {
        let live = generation(&setting).await;
        setting.execute(&format!("DROP TABLE {table}")).await;
        if !["api_keys", "api_key_uses", "redrives"].contains(&table) {
            check("project", project(&setting), &["run `ledger migrate`"]);
        }
        migrated(&setting);
        let projector = setting.project();
        folded(&setting).await;
        assert_eq!(contents(&setting).await, before, "{table}");
        flow::each_outcome_once(&setting);
        assert_eq!(projector.stop().0, 0);
        // Numbers are not given again.
        rebuild(&setting, &[], 0, "swapped");
        assert!(generation(&setting).await > live, "{table}");
    }
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_deleted_are_made_good() {
    let (setting, projector) = filled("lostrows").await;
    assert_eq!(projector.stop().0, 0);
    let before = contents(&setting).await;
    setting.execute("DELETE FROM positions WHERE kafka_partition = 2").await;
    let remedy = "run `ledger migrate`, then `ledger rebuild`";
    check("project", project(&setting), &["expected one for each of 4 partitions, found 3", remedy]);
    check("rebuild", told(&setting.ledger(&["rebuild", "--yes"])), &[remedy]);
    assert!(migrated(&setting).contains("run `ledger rebuild`"));
    rebuild(&setting, &["--yes"], 0, "swapped");
    // A second loss, with the tables of the first still there, is refused before anything is built.
    setting.execute("DELETE FROM positions WHERE kafka_partition = 1").await;
    migrated(&setting);
    let refused = ["tables of that name are there: orders_g0", "`ledger generations drop 0`"];
    check("rebuild", told(&setting.ledger(&["rebuild", "--yes"])), &refused);
    forget(&setting);
    rebuild(&setting, &["--yes"], 0, "swapped");
    assert_eq!(contents(&setting).await, before);

    // Nobody knows what was observed of a partition without a furthest position: all that the log holds.
    let furthest = "SELECT CAST(SUM(next_offset) AS SIGNED) FROM furthest_positions";
    let whole = setting.number(furthest).await;
    setting.execute("DELETE FROM furthest_positions WHERE kafka_partition = 0").await;
    setting.execute("DELETE FROM generation_numbers").await;
    migrated(&setting);
    assert_eq!(setting.number(furthest).await, whole);
    let live = generation(&setting).await;
    assert_eq!(setting.number("SELECT CAST(last_number AS SIGNED) FROM generation_numbers").await, live);
    let projector = setting.project();
    fill(&setting, 500_000).await;
    folded(&setting).await;
    flow::each_outcome_once(&setting);
    drop(projector);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_died_while_it_brought_a_table_back_is_continued() {
    let (setting, projector) = filled("lostagain").await;
    assert_eq!(projector.stop().0, 0);
    let before = contents(&setting).await;
    // As it leaves things when it dies after the first of the statements that make the table.
    setting.execute("DELETE FROM positions").await;
    setting.execute("DROP TABLE positions").await;
    setting.execute("DELETE FROM _sqlx_migrations WHERE version IN (1, 8, 15, 16, 17)").await;
    setting.execute("CREATE TABLE positions (topic VARCHAR(249) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, kafka_partition INT NOT NULL, \
                     next_offset BIGINT NOT NULL, cluster_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, \
                     topic_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, partition_count INT NOT NULL, \
                     PRIMARY KEY (topic, kafka_partition), \
                     CONSTRAINT positions_partition CHECK (kafka_partition >= 0 AND kafka_partition < partition_count), \
                     CONSTRAINT positions_offset CHECK (next_offset >= 0)) ENGINE = InnoDB").await;
    check("project", project(&setting), &["migration 1 was interrupted: run `ledger migrate`"]);
    migrated(&setting);
    rebuild(&setting, &["--yes"], 0, "swapped");
    let projector = setting.project();
    folded(&setting).await;
    assert_eq!(contents(&setting).await, before);
    drop(projector);
    setting.finish().await;
}
