//! Orders of several lines on a real Kafka and a real MariaDB: lines in other partitions are asked for through the log, decided there,
//! sold or given back; holds end as the log says. Nothing here looks at how: only rows, records and numbers.

mod again;
mod holds;
mod killed;
mod unpublished;

use ledger_schema::wire::{self, Event};

use crate::basket::{self, basket, request as asked, statuses as lines_of};
use crate::published::{Published, all_published, published};
use crate::setting::{PARTITIONS, Setting, partition_of, product_in, receipt};

/// An order that is placed now.
pub(crate) fn order_of(id: u128, lines: &[(&str, i64)], hold_seconds: Option<i64>) -> String {
    basket(id, lines, hold_seconds, chrono::Utc::now())
}

/// A product in each partition, each with so many pieces in stock.
pub(crate) async fn stocked(setting: &Setting, quantity: i64) -> Vec<String> {
    let products: Vec<_> = (0..PARTITIONS).map(|partition| product_in(partition, "bar")).collect();
    for (id, product) in (1..).zip(&products) {
        setting.append_event(product, &receipt(id, product, quantity)).await;
    }
    products
}

/// Waits until no line waits for anybody: no order is pending, and no reservation for its order, but of those that are held.
pub(crate) async fn settled(setting: &Setting) {
    let waiting = "SELECT (SELECT COUNT(*) FROM orders WHERE status = 'pending') + (SELECT COUNT(*) FROM reservations r \
         WHERE r.status = 'reserved' AND NOT r.confirmed AND NOT EXISTS (SELECT 1 FROM orders o \
         WHERE o.order_id = r.order_id AND o.kafka_partition = r.home_partition AND o.status = 'held'))";
    basket::settled(setting).await;
    setting.until(waiting, |count| count == 0).await;
    all_published(setting).await;
}

/// INV-3 over every product: pieces that came are available, held, or sold.
pub(crate) async fn check_conserved(setting: &Setting) {
    let differing = "SELECT CONCAT_WS(' ', s.product_id, s.available, s.held) FROM stock s WHERE s.available + s.held \
         + (SELECT COALESCE(SUM(o.quantity), 0) FROM orders o WHERE o.product_id = s.product_id \
            AND o.kafka_partition = s.kafka_partition AND o.status = 'confirmed') \
         + (SELECT COALESCE(SUM(r.quantity), 0) FROM reservations r WHERE r.product_id = s.product_id AND r.confirmed) \
         <> (SELECT SUM(m.delta) FROM stock_movements m WHERE m.product_id = s.product_id AND m.status = 'confirmed')";
    assert_eq!(setting.texts(differing).await, [""; 0], "INV-3 in {}", setting.name);
}

/// Available and held of the products, in their order.
pub(crate) async fn levels(setting: &Setting) -> Vec<String> {
    setting.texts("SELECT CONCAT_WS(' ', available, held) FROM stock ORDER BY kafka_partition, product_id").await
}

/// Records of the log that partitions have told each other, with where they stand.
pub(crate) fn told(setting: &Setting) -> Vec<(i32, Published)> {
    let of_partition = |partition| {
        let records = published(setting, "orders", partition, 0);
        let is_told = |record: &Published| matches!(wire::decode(record.value.as_deref()), Ok(Event::LineTold(_)));
        records.into_iter().filter(is_told).map(move |record| (partition, record)).collect::<Vec<_>>()
    };
    (0..PARTITIONS).flat_map(of_partition).collect()
}

#[tokio::test]
async fn an_order_over_three_partitions_is_confirmed_whole_or_not_at_all() {
    let setting = Setting::migrated("lines");
    let projector = setting.project();
    let bars = stocked(&setting, 10).await;
    let home = partition_of(&bars[1]);
    setting.append_event(&bars[1], &order_of(20, &[(&bars[1], 3), (&bars[2], 2), (&bars[0], 1)], None)).await;
    settled(&setting).await;
    assert_eq!(lines_of(&setting, 20).await, ["confirmed reserved"; 3]);
    assert_eq!(levels(&setting).await, ["9 0", "7 0", "8 0", "10 0"]);
    let reserved = "SELECT CONCAT_WS(' ', kafka_partition, home_partition, line_no, quantity, status, confirmed) \
         FROM reservations ORDER BY kafka_partition";
    assert_eq!(setting.texts(reserved).await, ["0 1 3 1 reserved 1", "2 1 2 2 reserved 1"]);
    let outcomes = published(&setting, "outcomes", home, 2);
    let confirmed = outcomes.last().expect("an outcome").json();
    assert_eq!((&confirmed["type"], &confirmed["version"]), (&"OrderConfirmed".into(), &2.into()));
    assert_eq!(confirmed["lines"].as_array().map(Vec::len), Some(3));

    // Each record says what it follows from, in its value and in its headers, under the key of its product.
    let told = told(&setting);
    let said: Vec<_> =
        told.iter().map(|(partition, record)| (*partition, record.header("ce_type"), record.header("ce_id"))).collect();
    let to = |partition: i32, kind: &str, cause: &str| (partition, kind.to_owned(), cause.to_owned());
    assert_eq!(said[0], to(0, "LineRequested", "1-1-1"));
    assert!(said.contains(&to(2, "LineRequested", "1-1-0")), "{said:?}");
    assert_eq!(said.iter().filter(|(partition, kind, _)| *partition == 1 && kind == "LineDecided").count(), 2);
    assert_eq!(said.iter().filter(|(_, kind, _)| kind == "LineConfirmed").count(), 2);
    for (partition, record) in &told {
        assert_eq!(record.json()["cause"], record.header("ce_id"));
        assert_eq!(partition_of(&record.header("ce_subject")), *partition);
        assert_eq!(record.key.as_deref(), Some(record.header("ce_subject").as_bytes()));
        assert_eq!(record.header("ce_source"), "/ledger/projector");
    }

    // One line is refused: the line that was reserved, and the one at home, are given back.
    setting.append_event(&bars[1], &order_of(21, &[(&bars[1], 3), (&bars[2], 2), (&bars[0], 100)], None)).await;
    settled(&setting).await;
    setting.until("SELECT COUNT(*) FROM reservations WHERE status = 'released'", |count| count == 1).await;
    let refused =
        ["rejected released line-rejected", "rejected released line-rejected", "rejected rejected out-of-stock"];
    assert_eq!(lines_of(&setting, 21).await, refused);
    assert_eq!(levels(&setting).await, ["9 0", "7 0", "8 0", "10 0"]);
    // Refused at home: nobody else is asked.
    let before = setting.number("SELECT COUNT(*) FROM reservations").await;
    setting.append_event(&bars[1], &order_of(22, &[(&bars[1], 300), (&bars[2], 2)], None)).await;
    setting.until("SELECT COUNT(*) FROM orders WHERE status = 'rejected'", |count| count == 5).await;
    settled(&setting).await;
    assert_eq!(setting.number("SELECT COUNT(*) FROM reservations").await, before);
    check_conserved(&setting).await;
    assert_eq!(setting.number("SELECT COUNT(*) FROM open_orders").await, 0);
    assert_eq!(setting.number("SELECT COUNT(*) FROM dead_letters").await, 0);
    projector.until("/metrics", |_, body| {
        let lines = [
            "ledger_orders_total{status=\"pending\"} 2",
            "ledger_orders_total{status=\"confirmed\"} 1",
            "ledger_orders_total{status=\"rejected\"} 2",
            "ledger_open_orders{partition=\"1\",status=\"pending\"} 0",
            "ledger_oldest_undecided_seconds{partition=\"1\"} 0",
        ];
        lines.iter().all(|line| body.lines().any(|found| found == *line))
    });
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn an_order_that_is_cancelled_before_its_lines_are_decided_keeps_nothing() {
    for (purpose, batch) in [("cancelled", "5000"), ("cancelledone", "1")] {
        let setting = Setting::migrated(purpose);
        let bars = stocked(&setting, 10).await;
        // All of it stands on the log before anybody folds: cancelled in the batch that placed it, or in the next.
        let lines: [(&str, i64); 3] = [(&bars[1], 3), (&bars[2], 2), (&bars[0], 100)];
        for id in [30, 31] {
            setting.append_event(&bars[1], &order_of(id, &lines[..2], None)).await;
            setting.append_event(&bars[1], &order_of(id + 10, &lines, None)).await;
            for id in [id, id + 10] {
                setting.append_event(&bars[1], &asked("OrderCancelRequested", id, &bars[1])).await;
                // Twice at once: the stock comes back once.
                setting.append_event(&bars[1], &asked("OrderCancelRequested", id, &bars[1])).await;
            }
        }
        let projector = setting.project_with(&[("LEDGER_BATCH_MAX_RECORDS", batch)]);
        projector.until_ready();
        setting.folded_to(1, 13).await;
        settled(&setting).await;
        setting.until("SELECT COUNT(*) FROM reservations WHERE status = 'reserved'", |count| count == 0).await;
        for id in [30, 31, 40, 41] {
            let lines = lines_of(&setting, id).await;
            assert!(lines.iter().all(|line| line == "cancelled released cancelled"), "{lines:?}");
        }
        assert_eq!(levels(&setting).await, ["10 0"; 4]);
        check_conserved(&setting).await;
        assert_eq!(setting.number("SELECT COUNT(*) FROM dead_letters").await, 0);
        assert_eq!(projector.stop().0, 0);
        setting.finish().await;
    }
}

#[tokio::test]
async fn projectors_that_take_over_in_the_middle_leave_no_order_undecided() {
    let setting = Setting::migrated("takeover");
    let first = setting.project();
    let bars = stocked(&setting, 1000).await;
    let place = async |from: u128, count: u128| {
        for id in from..from + count {
            let at = |n: u128| bars[usize::try_from((id + n) % 4).expect("small")].as_str();
            let lines = [(at(0), 2), (at(1), 1), (at(2), if id % 5 == 0 { 5000 } else { 1 })];
            setting.append_event(at(0), &order_of(id, &lines, None)).await;
        }
    };
    place(100, 40).await;
    let second = setting.project();
    place(200, 40).await;
    first.kill();
    place(300, 40).await;
    let third = setting.project();
    place(400, 40).await;
    setting.until("SELECT COUNT(DISTINCT order_id) FROM orders", |count| count == 160).await;
    settled(&setting).await;
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders WHERE status = 'confirmed'").await, 3 * 128);
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders WHERE status = 'rejected'").await, 3 * 32);
    check_conserved(&setting).await;
    assert_eq!(setting.number("SELECT CAST(SUM(available) AS INT) FROM stock").await, 4000 - 128 * 4);
    assert_eq!(setting.number("SELECT COUNT(*) FROM dead_letters").await, 0);
    assert_eq!((second.stop().0, third.stop().0), (0, 0));
    setting.finish().await;
}
