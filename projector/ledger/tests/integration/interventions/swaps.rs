//! Pauses and swaps of tables: a rebuild while paused, a pause during a rebuild, and a rollback. A swap keeps the pause, and the position.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{answer, paused_at, position};
use crate::rebuild::flow::each_outcome_once;
use crate::rebuild::{contents, end, fill, filled, folded, generation, held, rebuild, said, start};
use crate::setting::{PARTITIONS, Setting, order, product_in, receipt};
use crate::writer::Fed;

#[tokio::test(flavor = "multi_thread")]
async fn inv_14_a_rebuild_while_paused_goes_on_and_its_swap_keeps_the_pause() {
    let (setting, projector) = filled("pausedrebuild").await;
    let at = paused_at(&setting, 1);
    fill(&setting, 100_000).await;
    for partition in [0, 2, 3] {
        setting.folded_to(partition, end(&setting, partition)).await;
    }
    crate::published::all_published(&setting).await;
    let summary = rebuild(&setting, &[], 0, "swapped");
    assert_eq!(summary["firstDifferences"], serde_json::json!([]), "{summary:#}");
    assert_eq!((generation(&setting).await, position(&setting, 1).await), (2, at));
    assert_eq!(setting.number("SELECT COUNT(*) FROM furthest_positions WHERE is_paused").await, 1);
    // The new tables are folded on elsewhere, and here not.
    let (here, elsewhere) = (product_in(1, "bar"), product_in(2, "bar"));
    setting.append_event(&here, &order(900_001, &here, 1)).await;
    let offset = setting.append_event(&elsewhere, &order(900_002, &elsewhere, 1)).await;
    setting.folded_to(2, offset + 1).await;
    assert_eq!(position(&setting, 1).await, at);
    // Back to the tables that stand further behind elsewhere, and at the same place here.
    let output = setting.ledger(&["rollback", "--yes"]);
    assert_eq!(crate::setting::code(&output), 0, "{}", crate::setting::stderr(&output));
    assert_eq!((generation(&setting).await, position(&setting, 1).await), (1, at));
    answer(&setting, &["resume", "1"]);
    folded(&setting).await;
    each_outcome_once(&setting);
    // To tables that stand before: only once nothing is paused there.
    let live = contents(&setting).await;
    let stays = paused_at(&setting, 1);
    check_refused_swap(&setting, &["rollback", "--yes", "--to", "2"], &format!("partition 1 is paused at {stays}"));
    assert_eq!((generation(&setting).await, contents(&setting).await), (1, live));
    answer(&setting, &["resume", "1"]);
    let output = setting.ledger(&["rollback", "--yes", "--to", "2"]);
    assert_eq!(crate::setting::code(&output), 0, "{}", crate::setting::stderr(&output));
    folded(&setting).await;
    each_outcome_once(&setting);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_14_a_pause_during_a_rebuild_holds_from_the_moment_that_it_is_said() {
    let setting = Arc::new(Setting::migrated("pausedmid"));
    let projector = setting.project();
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..PARTITIONS)
        .map(|partition| {
            let (setting, stop) = (setting.clone(), stop.clone());
            tokio::spawn(async move {
                let product = product_in(partition, "bar");
                let mut id = u128::from(partition.unsigned_abs()) * 1_000_000 + 1;
                setting.append_event(&product, &receipt(id, &product, 100_000)).await;
                while !stop.load(Ordering::Acquire) {
                    id += 1;
                    setting.append_event(&product, &order(id, &product, 1)).await;
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
            })
        })
        .collect();
    setting.folded_to(1, 30).await;
    // While it compares; then while it swaps; then wherever it is.
    for (phase, swaps) in [(Some("compare"), 1), (Some("swap"), 2), (None, 3)] {
        if let Some(phase) = phase {
            setting
                .execute(&format!(
                    "CREATE TRIGGER hold BEFORE UPDATE ON generations FOR EACH ROW IF NEW.phase = '{phase}' THEN DO SLEEP(2); END IF"
                ))
                .await;
        }
        let running = start(&setting, &[]);
        if phase.is_some() {
            held(&setting).await;
        }
        let at = paused_at(&setting, 1);
        let (exit, told) = said(running);
        assert_eq!(exit, 0, "{told}");
        assert_eq!((generation(&setting).await, position(&setting, 1).await), (swaps + 1, at), "{phase:?}");
        setting.folded_to(2, position(&setting, 2).await + 5).await;
        assert_eq!(position(&setting, 1).await, at, "{phase:?}");
        answer(&setting, &["resume", "1"]);
        setting.folded_to(1, at + 5).await;
        if phase.is_some() {
            setting.execute("DROP TRIGGER hold").await;
        }
    }
    stop.store(true, Ordering::Release);
    for client in clients {
        client.await.expect("sound");
    }
    folded(&setting).await;
    each_outcome_once(&setting);
    let live = contents(&setting).await;
    assert_eq!(projector.stop().0, 0);
    rebuild(&setting, &[], 0, "swapped");
    assert_eq!(contents(&setting).await, live);
    Arc::into_inner(setting).expect("nobody else").finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_14_a_swap_that_would_move_a_paused_partition_back_is_refused() {
    let setting = Setting::migrated("pausedbehind");
    assert_eq!(setting.project().stop().0, 0);
    let product = product_in(1, "bar");
    for id in 1..4 {
        setting.append_event(&product, &receipt(id, &product, 10)).await;
    }
    // Nobody publishes, so a rebuild would end before where the partition stands.
    let fed = Fed::start(&setting, setting.projector_url(), 1);
    fed.feed(0, &[receipt(1, &product, 10), receipt(2, &product, 10), receipt(3, &product, 10)]);
    fed.settled().await;
    fed.stop().await;
    assert_eq!(paused_at(&setting, 1), 3);
    let live = contents(&setting).await;
    check_refused_swap(&setting, &["rebuild", "--yes"], "partition 1 is paused at 3, and generation 2 stands at 0");
    assert_eq!(contents(&setting).await, live);
    // With a projector, which publishes, the same rebuild goes through, and the partition stays.
    let projector = setting.project();
    crate::published::all_published(&setting).await;
    rebuild(&setting, &["--yes"], 0, "swapped");
    assert_eq!(position(&setting, 1).await, 3);
    assert_eq!(contents(&setting).await, live);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

fn check_refused_swap(setting: &Setting, args: &[&str], says: &str) {
    let output = setting.ledger(args);
    let said = crate::setting::stderr(&output);
    assert_eq!((crate::setting::code(&output), said.contains(says)), (1, true), "expected {says}\nfound {said}");
}
