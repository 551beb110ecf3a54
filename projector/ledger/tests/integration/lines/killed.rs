//! The projector dies at each line that writes for orders of several lines, and the next one finds everything as it has to be: the same
//! rows as without a death, whatever was told twice.

use super::{check_conserved, levels, order_of, settled, stocked};
use crate::basket::{request as asked, statuses as lines_of};
use crate::setting::{Setting, failpoints};

/// A member that says who it is takes its own place in the group when it comes again.
const MEMBER: (&str, &str) = ("LEDGER_KAFKA_PROPERTIES", "group.instance.id=mortal");
const OFTEN: (&str, &str) = ("LEDGER_TICK_MS", "20");

/// Confirmed, refused, confirmed after a hold, cancelled, over: all that orders of several lines can come to.
async fn place_all(setting: &Setting, bars: &[String]) {
    let home = bars[1].as_str();
    let lines = |last: i64| [(home, 1), (bars[2].as_str(), 2), (bars[3].as_str(), last)];
    for (id, last, hold) in [(1, 3, None), (2, 300, None), (3, 3, Some(3600)), (4, 3, Some(3600)), (5, 3, Some(1))] {
        setting.append_event(home, &order_of(90 + id, &lines(last), hold)).await;
    }
}

async fn check_all(setting: &Setting, bars: &[String]) {
    let home = bars[1].as_str();
    setting.until("SELECT COUNT(*) FROM orders WHERE status <> 'pending'", |count| count == 15).await;
    setting.append_event(home, &asked("OrderConfirmRequested", 93, home)).await;
    setting.append_event(home, &asked("OrderCancelRequested", 94, home)).await;
    setting.until("SELECT COUNT(*) FROM open_orders", |count| count == 0).await;
    settled(setting).await;
    setting.until("SELECT COUNT(*) FROM reservations WHERE status = 'released'", |count| count == 5).await;
    for (id, expected) in [(91, ["confirmed reserved"; 3]), (93, ["confirmed reserved"; 3])] {
        assert_eq!(lines_of(setting, id).await, expected);
    }
    assert_eq!(lines_of(setting, 94).await, ["cancelled released cancelled"; 3]);
    assert_eq!(lines_of(setting, 95).await, ["cancelled released expired"; 3]);
    assert_eq!(lines_of(setting, 92).await[2], "rejected rejected out-of-stock");
    assert_eq!(levels(setting).await, ["50 0", "48 0", "46 0", "44 0"]);
    check_conserved(setting).await;
    assert_eq!(setting.number("SELECT COUNT(*) FROM dead_letters").await, 0);
}

async fn check(point: &str, deaths_before: u32) {
    let setting = Setting::migrated("dies");
    let bars = stocked(&setting, 50).await;
    let at = format!("{point}={deaths_before}*off->kill");
    let mortal = setting.project_by(&failpoints(), &[("FAILPOINTS", &at), MEMBER, OFTEN]);
    mortal.until_ready();
    place_all(&setting, &bars).await;
    assert_eq!(mortal.signal_it_died_of(), 9, "{point}");
    let projector = setting.project_with(&[MEMBER, OFTEN]);
    projector.until_ready();
    check_all(&setting, &bars).await;
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn a_death_at_a_write_of_reservations_changes_nothing() {
    check("store.reservations", 0).await;
    check("store.changed-reservations", 0).await;
}

#[tokio::test]
async fn a_death_at_a_write_of_orders_changes_nothing() {
    check("store.changed-orders", 0).await;
    check("store.open-added", 0).await;
    check("store.open-removed", 0).await;
}

#[tokio::test]
async fn a_death_after_other_partitions_were_told_tells_them_again_without_effect() {
    for deaths_before in 0..3 {
        check("relay.told", deaths_before).await;
    }
}

#[tokio::test]
async fn a_death_after_a_hold_was_ended_on_the_log_ends_it_once() {
    check("tick.appended", 0).await;
}
