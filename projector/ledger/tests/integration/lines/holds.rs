//! Holds: confirmed, cancelled, over. The log's order decides, and what a projector's clock says is in the event.

use super::{check_conserved, levels, order_of, settled, stocked};
use crate::basket::{request as asked, statuses as lines_of};
use crate::published::published;
use crate::setting::{Setting, get, partition_of};

/// A projector that looks often, so that a test does not wait for long.
const OFTEN: [(&str, &str); 2] = [("LEDGER_TICK_MS", "20"), ("LEDGER_HOLD_GRACE_MS", "0")];

#[tokio::test]
async fn a_hold_is_confirmed_cancelled_or_over_and_the_first_on_the_log_counts() {
    let setting = Setting::migrated("holds");
    let bars = stocked(&setting, 100).await;
    let projector = setting.project_with(&OFTEN);
    projector.until_ready();
    let (home, far) = (bars[1].as_str(), bars[2].as_str());
    let (confirm, cancel) = ("OrderConfirmRequested", "OrderCancelRequested");
    for (id, hold) in [(50, 3600), (51, 3600), (52, 1), (53, 3600)] {
        setting.append_event(home, &order_of(id, &[(home, 3), (far, 2)], Some(hold))).await;
        // The same of one line: no hop, and no row beside its own.
        setting.append_event(home, &order_of(id + 10, &[(home, 1)], Some(hold))).await;
    }
    setting.until("SELECT COUNT(*) FROM orders WHERE status IN ('held', 'cancelled')", |count| count == 12).await;
    projector.until("/metrics", |_, body| {
        body.lines().any(|line| line == "ledger_open_orders{partition=\"1\",status=\"held\"} 6")
    });
    assert_eq!(lines_of(&setting, 50).await, ["held reserved", "held reserved"]);
    for (first, second, ids) in [(confirm, confirm, [50, 60]), (cancel, confirm, [51, 61])] {
        for id in ids {
            setting.append_event(home, &asked(first, id, home)).await;
            setting.append_event(home, &asked(second, id, home)).await;
        }
    }
    setting.until("SELECT COUNT(*) FROM open_orders", |count| count == 2).await;
    settled(&setting).await;
    for id in [50, 60] {
        assert!(lines_of(&setting, id).await.iter().all(|line| line == "confirmed reserved"), "{id}");
    }
    for (id, reason) in [(51, "cancelled"), (61, "cancelled"), (52, "expired"), (62, "expired")] {
        let lines = lines_of(&setting, id).await;
        assert!(lines.iter().all(|line| *line == format!("cancelled released {reason}")), "{id}: {lines:?}");
    }
    // Not one was ended before its time, by the log's own clock.
    let early = "SELECT COUNT(*) FROM orders WHERE reason = 'expired' AND expires_at > UTC_TIMESTAMP(6)";
    assert_eq!(setting.number(early).await, 0);
    let ends = published(&setting, "orders", partition_of(home), 0);
    let expiries: Vec<_> = ends.iter().filter(|record| record.header("ce_type") == "HoldExpired").collect();
    assert_eq!(expiries.len(), 2, "each is appended once while nothing fails");
    for expired in expiries {
        let (id, at) = (expired.json()["order_id"].clone(), expired.json()["occurred_at"].clone());
        assert_eq!(id, expired.header("ce_id"));
        let sql = format!(
            "SELECT COUNT(*) FROM orders WHERE order_id = UNHEX(REPLACE('{}', '-', '')) AND expires_at <= '{}'",
            id.as_str().expect("an id"),
            at.as_str().expect("a time").trim_end_matches('Z')
        );
        assert!(setting.number(&sql).await > 0, "{sql}");
    }
    // Sold: 3 + 1 here and 2 there; held: as much by 53 and 63.
    assert_eq!(levels(&setting).await, ["100 0", "92 4", "96 2", "100 0"]);
    check_conserved(&setting).await;
    // A confirmed order, too, is given back when it is cancelled, whole and once.
    for _ in 0..2 {
        setting.append_event(home, &asked(cancel, 50, home)).await;
    }
    setting.until("SELECT COUNT(*) FROM reservations WHERE status = 'released'", |count| count == 3).await;
    settled(&setting).await;
    assert_eq!(levels(&setting).await, ["100 0", "95 4", "98 2", "100 0"]);
    check_conserved(&setting).await;
    assert_eq!(setting.number("SELECT COUNT(*) FROM dead_letters").await, 0);
    projector.until("/metrics", |_, body| {
        ["ledger_overruled_total 2", "ledger_expiries_appended_total 2"]
            .iter()
            .all(|line| body.lines().any(|found| found == *line))
    });
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn holds_that_ended_while_nobody_folded_are_ended_by_the_next_owner() {
    /// A member that says who it is takes its own place in the group when it comes again.
    const MEMBER: (&str, &str) = ("LEDGER_KAFKA_PROPERTIES", "group.instance.id=mortal");
    let setting = Setting::migrated("holdsaway");
    let bars = stocked(&setting, 100).await;
    let often = [OFTEN[0], OFTEN[1], MEMBER];
    let projector = setting.project_with(&often);
    projector.until_ready();
    for id in 0..30 {
        setting.append_event(&bars[0], &order_of(500 + id, &[(&bars[0], 1), (&bars[3], 1)], Some(2))).await;
    }
    setting.until("SELECT COUNT(*) FROM orders WHERE status <> 'pending'", |count| count == 60).await;
    projector.kill();
    setting.until("SELECT COUNT(*) FROM orders WHERE expires_at > UTC_TIMESTAMP(6)", |count| count == 0).await;
    // Whoever does not trust its clock that far ends none of them.
    let careful = setting.project_with(&[OFTEN[0], ("LEDGER_HOLD_GRACE_MS", "600000"), MEMBER]);
    careful.until_ready();
    setting.append_event(&bars[0], &order_of(600, &[(&bars[0], 1)], None)).await;
    setting.until("SELECT COUNT(*) FROM orders WHERE status = 'confirmed'", |count| count == 1).await;
    let (_, metrics) = get(careful.address, "/metrics").expect("an answer");
    let appended = metrics.lines().find_map(|line| line.strip_prefix("ledger_expiries_appended_total "));
    assert_eq!(appended.unwrap_or("0"), "0");
    careful.kill();
    let projector = setting.project_with(&often);
    setting.until("SELECT COUNT(DISTINCT order_id) FROM orders WHERE reason = 'expired'", |count| count == 30).await;
    settled(&setting).await;
    setting.until("SELECT COUNT(*) FROM reservations WHERE status = 'released'", |count| count == 30).await;
    assert_eq!(levels(&setting).await, ["99 0", "100 0", "100 0", "100 0"]);
    check_conserved(&setting).await;
    assert_eq!(setting.number("SELECT COUNT(*) FROM open_orders").await, 0);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}
