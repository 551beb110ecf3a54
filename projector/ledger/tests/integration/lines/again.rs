//! What partitions tell each other may come twice, late, and in another order: from a relay that was frozen for years. And what waits for
//! long is asked for again.

use sqlx::Executor;

use super::{check_conserved, levels, order_of, settled, stocked, told};
use crate::basket::{request as asked, statuses as lines_of};
use crate::published::{all_published, published};
use crate::setting::{Append, PARTITIONS, Setting, get};

/// Every row of the fold's tables, in words.
async fn rows(setting: &Setting) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for sql in [
        "SELECT CONCAT_WS(' ', HEX(order_id), kafka_partition, line_no, kafka_offset, status, line_status, reason) FROM orders ORDER BY 1",
        "SELECT CONCAT_WS(' ', HEX(order_id), home_partition, line_no, kafka_partition, kafka_offset, status, confirmed, reason) \
         FROM reservations ORDER BY 1",
        "SELECT CONCAT_WS(' ', kafka_partition, status, due_at, HEX(order_id)) FROM open_orders ORDER BY 1",
        "SELECT CONCAT_WS(' ', product_id, available, held, kafka_offset) FROM stock ORDER BY 1",
        "SELECT CONCAT_WS(' ', kafka_partition, kafka_offset, reason) FROM dead_letters ORDER BY 1",
    ] {
        all.push(setting.texts(sql).await);
    }
    all
}

fn outcomes(setting: &Setting) -> Vec<String> {
    let of = |partition| published(setting, "outcomes", partition, 0).into_iter().map(|record| record.header("ce_id"));
    (0..PARTITIONS).flat_map(of).collect()
}

#[tokio::test]
async fn what_comes_again_from_a_relay_that_was_frozen_for_years_has_no_effect() {
    let setting = Setting::migrated("frozen");
    let projector = setting.project();
    let bars = stocked(&setting, 10).await;
    let home = bars[1].as_str();
    for (id, lines, hold) in [
        (70, vec![(home, 1), (&bars[2], 1), (&bars[3], 1)], None),
        (71, vec![(home, 1), (&bars[2], 1), (&bars[3], 100)], None),
        (72, vec![(home, 1), (&bars[2], 1)], Some(3600)),
        (73, vec![(home, 1), (&bars[2], 1)], Some(3600)),
    ] {
        setting.append_event(home, &order_of(id, &lines, hold)).await;
    }
    setting.until("SELECT COUNT(*) FROM orders WHERE status = 'held'", |count| count == 4).await;
    setting.append_event(home, &asked("OrderCancelRequested", 73, home)).await;
    settled(&setting).await;
    setting.until("SELECT COUNT(*) FROM reservations WHERE status = 'released'", |count| count == 2).await;
    all_published(&setting).await;
    let (before, published_before, mut told) = (rows(&setting).await, outcomes(&setting), told(&setting));
    assert_eq!(lines_of(&setting, 72).await, ["held reserved", "held reserved"]);
    // Once in the order of the log and once from its end.
    for _ in 0..2 {
        let mut last = vec![-1; usize::try_from(PARTITIONS).expect("small")];
        for (partition, record) in &told {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            let offset = setting.append(Append { partition: *partition, key, value, headers: &[] }).await;
            last[usize::try_from(*partition).expect("small")] = offset;
        }
        for (partition, last) in (0..).zip(last) {
            setting.folded_to(partition, last + 1).await;
        }
        told.reverse();
    }
    settled(&setting).await;
    assert_eq!(rows(&setting).await, before);
    assert_eq!(outcomes(&setting), published_before);
    check_conserved(&setting).await;
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn lines_that_are_undecided_for_long_are_asked_for_again() {
    let setting = Setting::migrated("askedagain");
    let bars = stocked(&setting, 10).await;
    let projector =
        setting.project_with(&[("LEDGER_TICK_MS", "20"), ("LEDGER_ASK_AGAIN_MS", "100"), ("LEDGER_WRITERS", "4")]);
    projector.until_ready();
    for partition in 0..PARTITIONS {
        setting.folded_to(partition, 1).await;
    }
    // The line's partition does not fold: somebody holds its position.
    let mut other = setting.database().await;
    other.execute("START TRANSACTION").await.expect("begun");
    let held = format!(
        "SELECT * FROM positions WHERE topic = '{}' AND kafka_partition = 2 FOR UPDATE",
        setting.topic("orders")
    );
    other.execute(sqlx::AssertSqlSafe(held)).await.expect("locked");
    setting.append_event(&bars[1], &order_of(80, &[(&bars[1], 1), (&bars[2], 1)], None)).await;
    projector.until("/metrics", |_, body| {
        let count = body.lines().find_map(|line| line.strip_prefix("ledger_lines_asked_again_total "));
        let oldest =
            body.lines().find_map(|line| line.strip_prefix("ledger_oldest_undecided_seconds{partition=\"1\"} "));
        count.is_some_and(|count| count != "0") && oldest.is_some_and(|oldest| oldest != "0")
    });
    assert_eq!(lines_of(&setting, 80).await, ["pending reserved", "pending pending"]);
    assert_eq!(levels(&setting).await, ["10 0", "9 1", "10 0", "10 0"]);
    other.execute("ROLLBACK").await.expect("released");
    settled(&setting).await;
    assert_eq!(lines_of(&setting, 80).await, ["confirmed reserved", "confirmed reserved"]);
    assert_eq!(levels(&setting).await, ["10 0", "9 0", "9 0", "10 0"]);
    check_conserved(&setting).await;
    projector.until("/metrics", |_, body| {
        body.lines().any(|line| line == "ledger_oldest_undecided_seconds{partition=\"1\"} 0")
    });
    assert!(get(projector.address, "/metrics").is_some_and(|(_, body)| body.contains("ledger_relay_told_total")));
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}
