//! Outcomes that their topic does not take hold up the outcomes of their partitions, and nothing else: what partitions tell each other of lines goes
//! on, each thing once.

use std::time::Duration;

use super::{check_conserved, order_of, settled, stocked, told};
use crate::basket::statuses;
use crate::setting::{PARTITIONS, Setting};

const AS_MADE: (&str, &str) = ("max.message.bytes", "10485760");
/// A relay whose publication is refused tries again every three seconds at most.
const TWO_TRIES: Duration = Duration::from_secs(8);

#[tokio::test]
async fn orders_of_several_lines_are_decided_while_no_outcome_can_be_published() {
    let setting = Setting::migrated("linesunpublished");
    let projector = setting.project();
    let bars = stocked(&setting, 100).await;
    settled(&setting).await;
    setting.alter_topic(&setting.topic("outcomes"), &[("max.message.bytes", "200")]).await;
    // Each partition is home to orders, and has lines of others'; each has an outcome of its own that is refused before.
    let count = bars.len();
    for round in 0..3_u128 {
        for (nth, bar) in (0..).zip(&bars) {
            let others = [1, 2].map(|further| (bars[(nth + further) % count].as_str(), 1));
            let lines = [&[(bar.as_str(), 1)][..], &others].concat();
            let id = 100 + round * 10 + u128::try_from(nth).expect("small");
            setting.append_event(bar, &order_of(id, &lines, None)).await;
        }
        let decided = i64::try_from(round + 1).expect("small") * i64::from(PARTITIONS) * 3;
        setting.until("SELECT COUNT(*) FROM orders WHERE status = 'confirmed'", |lines| lines == decided).await;
    }
    let (reserved, expected) = ("SELECT COUNT(*) FROM reservations WHERE confirmed", i64::from(PARTITIONS) * 3 * 2);
    setting.until(reserved, |lines| lines == expected).await;
    projector.until("/readyz", |status, body| status == 503 && body.contains("cannot be published"));
    // Each line is asked for, decided and sold; nobody says any of it again, however often publishing is tried.
    let once = told(&setting).len();
    assert_eq!(once, usize::try_from(expected * 3).expect("small"));
    tokio::time::sleep(TWO_TRIES).await;
    assert_eq!(told(&setting).len(), once);

    setting.alter_topic(&setting.topic("outcomes"), &[AS_MADE]).await;
    settled(&setting).await;
    assert_eq!(told(&setting).len(), once);
    assert_eq!(statuses(&setting, 100).await, ["confirmed reserved"; 3]);
    check_conserved(&setting).await;
    projector.until_ready();
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}
