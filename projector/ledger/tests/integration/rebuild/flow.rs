//! Rebuilds while orders flow and a projector folds them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{PARTITIONS, Setting, contents, folded, generation, order, product_in, rebuild, receipt};
use crate::published::event_ids;

/// Every outcome that is published is there once, in order, and there is one for each order and movement.
pub(crate) fn each_outcome_once(setting: &Setting) {
    for partition in 0..PARTITIONS {
        let ids = event_ids(setting, partition, 1);
        let offsets: Vec<i64> = ids
            .iter()
            .map(|id| id.split('-').nth(1).and_then(|offset| offset.parse().ok()).expect("an offset"))
            .collect();
        assert!(offsets.is_sorted(), "partition {partition} of {}: {offsets:?}", setting.name);
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "partition {partition}: {ids:?}");
    }
}

/// Between two orders of a client: as many orders as a machine can take would make each rebuild chase them for as long.
pub(super) const PACE: Duration = Duration::from_millis(10);

/// Of one partition, how many rows had an outcome to publish.
async fn decided(setting: &Setting, partition: i32) -> i64 {
    setting
        .number(&format!(
            "SELECT (SELECT COUNT(*) FROM orders WHERE kafka_partition = {partition}) \
             + (SELECT COUNT(*) FROM stock_movements WHERE kafka_partition = {partition})"
        ))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_flow_while_tables_are_swapped() {
    let setting = Arc::new(Setting::migrated("flow"));
    let projector = setting.project();
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..PARTITIONS)
        .map(|partition| {
            let (setting, stop) = (setting.clone(), stop.clone());
            tokio::spawn(async move {
                let product = product_in(partition, "bar");
                let first = u128::from(partition.unsigned_abs()) * 1_000_000;
                setting.append_event(&product, &receipt(first, &product, 300)).await;
                let mut id = first;
                while !stop.load(Ordering::Acquire) {
                    id += 1;
                    setting.append_event(&product, &order(id, &product, 1)).await;
                    if id % 7 == 0 {
                        setting.append_event(&product, &order(id - 3, &product, 1)).await;
                    }
                    tokio::time::sleep(PACE).await;
                }
                setting.append_event(&product, &receipt(first + 999_999, &product, 1)).await;
            })
        })
        .collect();
    for swaps in 1..=3 {
        let summary = rebuild(&setting, &[], 0, "swapped");
        assert_eq!(summary["firstDifferences"], serde_json::json!([]), "{summary:#}");
        assert_eq!(generation(&setting).await, swaps + 1);
    }
    stop.store(true, Ordering::Release);
    for client in clients {
        client.await.expect("sound");
    }
    folded(&setting).await;
    for partition in 0..PARTITIONS {
        let decided = usize::try_from(decided(&setting, partition).await).expect("a count");
        assert_eq!(event_ids(&setting, partition, decided).len(), decided, "partition {partition}");
    }
    each_outcome_once(&setting);
    let live = contents(&setting).await;
    assert_eq!(projector.stop().0, 0);
    rebuild(&setting, &[], 0, "swapped");
    assert_eq!(contents(&setting).await, live);
    Arc::into_inner(setting).expect("nobody else").finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_of_nothing_is_nothing() {
    let setting = Setting::migrated("nothing");
    // No projector ever ran: nothing is published, so nothing is folded.
    let summary = rebuild(&setting, &[], 0, "swapped");
    assert_eq!((&summary["replaced"], &summary["records"]), (&serde_json::Value::Null, &0.into()), "{summary:#}");
    let projector = setting.project();
    let product = product_in(1, "bar");
    setting.append_event(&product, &receipt(1, &product, 5)).await;
    setting.folded_to(1, 1).await;
    assert_eq!(generation(&setting).await, 1);
    drop(projector);
    setting.finish().await;
}
