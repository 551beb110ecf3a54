//! Rebuilds and rollbacks while orders of several lines, holds and releases are under way: the same bytes, nothing undecided for ever,
//! nothing lost and nothing given back twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::Utc;

use super::flow::{PACE, each_outcome_once};
use super::{PARTITIONS, Setting, contents, generation, product_in, rebuild, receipt};
use crate::basket::{basket, long_ago, request, settled, statuses, stock, verified};
use crate::setting::{code, stderr};

/// Received of each product.
const RECEIVED: i64 = 200;

fn products() -> Vec<String> {
    (0..PARTITIONS).map(|partition| product_in(partition, "basket")).collect()
}

async fn receive(setting: &Setting) {
    for (n, product) in (1..).zip(products()) {
        setting.append_event(&product, &receipt(n, &product, RECEIVED)).await;
    }
}

/// Of each product: what was received is available, held or sold.
async fn check_conserved(setting: &Setting) {
    for row in stock(setting).await {
        let sum: i64 = row.split(' ').skip(1).map(|number| number.parse::<i64>().expect("a number")).sum();
        assert_eq!(sum, RECEIVED, "{row} in {}", setting.name);
    }
}

/// A client at home in one partition: baskets of two or three lines, held, confirmed, cancelled, and left to expire.
async fn client(setting: Arc<Setting>, home: usize, stop: Arc<AtomicBool>) {
    let products = products();
    let of = |step: usize| products[(home + step) % products.len()].as_str();
    let mut id = u128::try_from(home + 1).expect("small") * 1_000_000;
    while !stop.load(Ordering::Acquire) {
        id += 1;
        let lines = [(of(0), 1), (of(1), 2), (of(2), 1)];
        let (lines, hold) = match id % 5 {
            0 => (&lines[..2], Some(86_400)),
            1 => (&lines[..], None),
            2 => (&lines[1..], Some(86_400)),
            3 => (&lines[..2], None),
            _ => (&lines[..], Some(1)),
        };
        let (first, placed_at) = (lines[0].0, if hold == Some(1) { long_ago() } else { Utc::now() });
        let event = basket(id, lines, hold, placed_at);
        setting.append_event(first, &event).await;
        match id % 5 {
            0 => drop(setting.append_event(first, &request("OrderConfirmRequested", id, first)).await),
            2 | 3 => drop(setting.append_event(first, &request("OrderCancelRequested", id, first)).await),
            _ => {}
        }
        if id % 11 == 0 {
            setting.append_event(first, &event).await;
        }
        tokio::time::sleep(PACE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn baskets_flow_while_tables_are_swapped_back_and_forth() {
    let setting = Arc::new(Setting::migrated("baskets"));
    let projector = setting.project();
    receive(&setting).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        (0..products().len()).map(|home| tokio::spawn(client(setting.clone(), home, stop.clone()))).collect();
    for swaps in 1..=2 {
        let summary = rebuild(&setting, &[], 0, "swapped");
        assert_eq!(summary["firstDifferences"], serde_json::json!([]), "{summary:#}");
        assert_eq!(summary["between"]["missing"], 0, "{summary:#}");
        assert_eq!(summary["between"]["extra"], 0, "{summary:#}");
        assert_eq!(generation(&setting).await, swaps + 1);
    }
    let back = setting.ledger(&["rollback", "--to", "2", "--yes", "--output", "json"]);
    assert_eq!(code(&back), 0, "{}", stderr(&back));
    // Something is to be folded by the tables that were brought back, and then swapped away again.
    rebuild(&setting, &["--yes"], 0, "swapped");
    stop.store(true, Ordering::Release);
    for client in clients {
        client.await.expect("sound");
    }
    settled(&setting).await;
    each_outcome_once(&setting);
    check_conserved(&setting).await;
    let found = verified(&setting, 0);
    assert_eq!(found["between"]["extra"], 0, "{found:#}");
    let live = contents(&setting).await;
    assert_eq!(projector.stop().0, 0);
    rebuild(&setting, &[], 0, "swapped");
    // Of the rows. The new tables end at the relay's cursor, and the last events between partitions may change nothing.
    let (again, is_row) = (contents(&setting).await, |text: &&String| !text.contains(".orders "));
    assert!(again.iter().filter(is_row).eq(live.iter().filter(is_row)), "{again:#?} {live:#?}");
    Arc::into_inner(setting).expect("nobody else").finish().await;
}

/// Baskets that are placed, and a projector that is killed while their lines are under way; gives the ids.
async fn undecided(setting: &Setting) -> Vec<u128> {
    let projector = setting.project();
    receive(setting).await;
    settled(setting).await;
    let products = products();
    let ids: Vec<u128> = (500..540).collect();
    for (n, id) in ids.iter().enumerate() {
        let of = |step: usize| products[(n + step) % products.len()].as_str();
        let hold = (n % 3 == 0).then_some(86_400);
        setting.append_event(of(0), &basket(*id, &[(of(0), 1), (of(1), 1), (of(2), 1)], hold, Utc::now())).await;
        if n % 4 == 0 {
            setting.append_event(of(0), &request("OrderCancelRequested", *id, of(0))).await;
        }
        if n == ids.len() / 2 {
            projector.signal("-STOP");
        }
    }
    projector.kill();
    ids
}

/// Each order has come to the end that was asked for, whatever was swapped meanwhile.
async fn check_decided(setting: &Setting, ids: &[u128]) {
    for (n, id) in ids.iter().enumerate() {
        let expected = match (n % 4 == 0, n % 3 == 0) {
            (true, _) => "cancelled released cancelled",
            (false, true) => "held reserved",
            (false, false) => "confirmed reserved",
        };
        assert_eq!(statuses(setting, *id).await, [expected; 3], "order {n} of {}", setting.name);
    }
    check_conserved(setting).await;
    let found = verified(setting, 0);
    assert_eq!((&found["between"]["missing"], &found["between"]["extra"]), (&0.into(), &0.into()), "{found:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_rebuilt_while_orders_are_undecided_decide_them() {
    let setting = Setting::migrated("undecided");
    let ids = undecided(&setting).await;
    rebuild(&setting, &["--yes"], 0, "swapped");
    let projector = setting.project();
    settled(&setting).await;
    check_decided(&setting, &ids).await;
    each_outcome_once(&setting);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

/// A rebuild dies after its swap, where `point` says; a projector runs before the next rebuild, or only after it.
async fn check_death(point: &str, is_folded_before: bool) {
    let setting = Setting::migrated("dieswap");
    let ids = undecided(&setting).await;
    setting.killed_at(point, &["rebuild", "--yes"]);
    assert_eq!(generation(&setting).await, 2, "{point}");
    let before = is_folded_before.then(|| setting.project());
    if is_folded_before {
        settled(&setting).await;
    }
    rebuild(&setting, &["--yes"], 0, "swappedBefore");
    assert_eq!(setting.number("SELECT COUNT(*) FROM generations WHERE state = 'building'").await, 0);
    let projector = before.unwrap_or_else(|| setting.project());
    settled(&setting).await;
    check_decided(&setting, &ids).await;
    each_outcome_once(&setting);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_dies_before_it_told_lines_again_is_ended_by_the_next() {
    check_death("swap.renamed", false).await;
    check_death("swap.renamed", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_dies_after_it_told_lines_again_is_ended_by_the_next() {
    check_death("swap.settled", false).await;
    check_death("swap.settled", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_rolled_back_while_orders_are_undecided_decide_them() {
    let setting = Setting::migrated("rolledback");
    // The set to go back to: rebuilt, and replaced, before the first order.
    let projector = setting.project();
    rebuild(&setting, &[], 0, "swapped");
    assert_eq!(projector.stop().0, 0);
    let ids = undecided(&setting).await;
    let back = setting.ledger(&["rollback", "--yes", "--output", "json"]);
    assert_eq!(code(&back), 0, "{}", stderr(&back));
    assert_eq!(generation(&setting).await, 1);
    let projector = setting.project();
    settled(&setting).await;
    check_decided(&setting, &ids).await;
    each_outcome_once(&setting);
    assert_eq!(projector.stop().0, 0);
    // The set that was replaced is like the live one in all its tables: dropped whole.
    let dropped = setting.ledger(&["generations", "drop", "2", "--output", "json"]);
    let dropped: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&dropped.stdout).expect("JSON");
    assert_eq!(dropped["tables"].as_array().map(Vec::len), Some(7), "{dropped:?}");
    setting.finish().await;
}
