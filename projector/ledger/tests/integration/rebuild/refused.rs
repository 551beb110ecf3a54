//! What a rebuild refuses: each with expected and found, with the live tables as they were, and saying what is left.

use sqlx::{AssertSqlSafe, Executor};

use super::{PARTITIONS, Setting, contents, filled, generation, other_tables, rebuild, said, start};
use crate::setting::{code, grow, last_line};

/// Refused: exit code 1, and what it says.
async fn check(setting: &Setting, further: &[(&str, &str)], says: &[&str]) {
    let before = contents(setting).await;
    let output = setting.ledger_with(&["rebuild", "--yes"], further);
    let said = last_line(&output);
    assert_eq!(code(&output), 1, "{said}");
    for says in says {
        assert!(said.contains(says), "expected {says}\nfound {said}");
    }
    assert_eq!(contents(setting).await, before);
    assert_eq!(generation(setting).await, 1);
}

const UNTOUCHED: &str = "the live tables are untouched, and nothing new was left";

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_its_beginning_is_refused() {
    let (setting, projector) = filled("cut").await;
    assert_eq!(projector.stop().0, 0);
    setting.delete_records(1, 3).await;
    let says = "partition 1 is gone: expected first offset 0, found 3";
    check(&setting, &[], &[says, UNTOUCHED]).await;
    assert_eq!(other_tables(&setting).await, Vec::<String>::new());
    // Also where the database was lost.
    setting.execute(&format!("DROP DATABASE `{}`", setting.name)).await;
    assert_eq!(code(&setting.ledger(&["migrate"])), 0);
    let output = setting.ledger(&["rebuild"]);
    assert!(code(&output) == 1 && last_line(&output).contains(says), "{}", last_line(&output));
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_log_of_the_same_name_is_refused() {
    let (setting, projector) = filled("recreated").await;
    assert_eq!(projector.stop().0, 0);
    let topic = setting.topic("orders");
    grow(&setting.kafka(), &topic, 5).await;
    check(&setting, &[], &["has another number of partitions: expected 4, found 5", UNTOUCHED]).await;
    setting.delete_topic(&topic).await;
    setting.create_topic(&topic, PARTITIONS, &[]).await;
    check(&setting, &[], &["was recreated: the positions belong to topic id", UNTOUCHED]).await;
    assert_eq!(other_tables(&setting).await, Vec::<String>::new());
    setting.finish().await;
}

/// What happens to the log while a rebuild is half-way.
enum Change {
    Altered(&'static str, &'static str),
    Recreated,
}

/// The new tables are loaded from what was the log then, so only the last look at it tells.
#[tokio::test(flavor = "multi_thread")]
async fn inv_9_a_log_that_is_altered_or_recreated_while_it_is_rebuilt_is_refused() {
    let (setting, projector) = filled("halfway").await;
    assert_eq!(projector.stop().0, 0);
    let (topic, lock, before) = (setting.topic("orders"), setting.name.clone(), contents(&setting).await);
    let usual =
        [("retention.ms", "-1"), ("compression.type", "uncompressed"), ("message.timestamp.type", "LogAppendTime")];
    setting
        .execute(&format!(
            "CREATE TRIGGER hold BEFORE UPDATE ON generations FOR EACH ROW \
             IF NEW.phase = 'compare' AND OLD.phase <> 'compare' THEN DO GET_LOCK('{lock}', 300); END IF"
        ))
        .await;
    let mut holder = setting.database().await;
    let waiting = format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '{}' AND STATE = 'User lock'",
        setting.name
    );
    for (change, says) in [
        (Change::Altered("cleanup.policy", "compact"), "has the wrong cleanup.policy: expected delete, found compact"),
        (
            Change::Altered("retention.bytes", "1000000000"),
            "has the wrong retention.bytes: expected -1, found 1000000000",
        ),
        (Change::Recreated, "was recreated: the positions belong to topic id"),
    ] {
        holder.execute(AssertSqlSafe(format!("DO GET_LOCK('{lock}', 60)"))).await.expect("locked");
        let child = start(&setting, &["--yes", "--restart"]);
        setting.until(&waiting, |count| count > 0).await;
        match change {
            Change::Altered(name, value) => setting.configure(&[&usual[..], &[(name, value)]].concat()).await,
            Change::Recreated => {
                setting.delete_topic(&topic).await;
                setting.create_topic(&topic, PARTITIONS, &usual).await;
            }
        }
        holder.execute(AssertSqlSafe(format!("DO RELEASE_LOCK('{lock}')"))).await.expect("released");
        let (exit, found) = said(child);
        assert!(exit == 1 && found.contains(says), "{says}: {exit} {found}");
        assert_eq!(contents(&setting).await, before, "{says}");
        assert_eq!(generation(&setting).await, 1, "{says}");
        if !matches!(change, Change::Recreated) {
            setting.configure(&usual).await;
        }
    }
    setting.execute("DROP TRIGGER hold").await;
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_the_rights_is_told_which_it_takes() {
    let (setting, projector) = filled("rights").await;
    for role in ["LEDGER_READER_DATABASE_URL", "LEDGER_PROJECTOR_DATABASE_URL"] {
        let url = setting.variable(role);
        let says = ["lacks a right that a rebuild needs", "--owner-database-url", UNTOUCHED];
        check(&setting, &[("LEDGER_OWNER_DATABASE_URL", &url)], &says).await;
    }
    assert_eq!(setting.number("SELECT COUNT(*) FROM generations").await, 0);
    drop(projector);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_keeps_what_was_built() {
    let (setting, projector) = filled("full").await;
    // As the server says it when it happens.
    setting
        .execute(
            "CREATE TRIGGER full BEFORE UPDATE ON generations FOR EACH ROW IF NEW.phase = 'index' THEN \
             SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'; END IF",
        )
        .await;
    check(
        &setting,
        &[],
        &["the database server has no room left: ", "generation 2 is kept: `ledger rebuild` continues"],
    )
    .await;
    setting.execute("DROP TRIGGER full").await;
    assert_eq!(rebuild(&setting, &[], 0, "swapped")["resumedFrom"], "load");
    drop(projector);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_is_no_longer_there_is_refused() {
    let (setting, projector) = filled("cursorless").await;
    assert_eq!(projector.stop().0, 0);
    let topic = setting.topic("cursors");
    setting.delete_topic(&topic).await;
    setting.create_topic(&topic, PARTITIONS, &[("cleanup.policy", "compact")]).await;
    // Where it would end is not known: at the log's end, outcomes would be lost.
    check(&setting, &[], &["has no cursor of partition", UNTOUCHED]).await;
    setting.finish().await;
}
