//! Orders of several lines in the store: a row per line, rows that change, reservations, open orders, and what is looked up.

use std::collections::BTreeSet;

use ledger_fold::{BatchEffects, OpenOrder, PartitionState, Prior, ReservationKey, Stage};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::{LineNo, OrderId, Status};
use ledger_store::open_orders::PAGE;
use ledger_store::{DueOrders, Ids, LiveStore, MixedFolds, OpenCounts, PartitionBatch, Store, Written};
use uuid::Uuid;

use super::{FIRST, fold, records};
use crate::basket::{basket, line_event, long_ago, request};
use crate::setting::{Setting, product_in, receipt};

const HERE: i32 = 1;

/// One partition, written batch by batch as a writer does.
struct Here {
    store: LiveStore,
    state: PartitionState,
    open: OpenCounts,
    next_offset: i64,
    product: String,
}

impl Here {
    fn new(setting: &Setting) -> Self {
        let store = LiveStore::new(setting.projector_url(), &setting.topic("orders"), MixedFolds::Refused);
        let (state, open) = (PartitionState::default(), OpenCounts::default());
        Self { store, state, open, next_offset: 0, product: product_in(HERE, "bar") }
    }

    fn fold(&self, prior: &Prior, values: &[String]) -> (BatchEffects, Vec<OwnedRecord>) {
        let records = records(HERE, self.next_offset, &self.product, values);
        (fold(HERE, &self.state, prior, self.next_offset, &records), records)
    }

    async fn write(&mut self, effects: BatchEffects, records: &[OwnedRecord]) -> Result<Written, String> {
        let batch = [PartitionBatch { generation: FIRST, effects, records }];
        let written = self.store.write(&batch).await.map_err(|error| error.to_string())?;
        let [PartitionBatch { effects, .. }] = batch;
        if matches!(written, Written::Committed) {
            self.state.apply(&effects);
            self.open.apply(&effects.open_orders);
            self.next_offset = effects.next_offset;
        }
        Ok(written)
    }

    /// Folds, looks up what the fold wants to know, folds again, writes.
    async fn take(&mut self, values: &[String]) -> BatchEffects {
        let (effects, _) = self.fold(&Prior::default(), values);
        let ids = Ids {
            orders: effects.wanted.orders.iter().copied().collect(),
            movements: Vec::new(),
            reservations: effects.wanted.reservations.iter().copied().collect(),
        };
        let prior = self.store.prior(HERE, &ids).await.expect("an answer");
        let (effects, records) = self.fold(&prior, values);
        assert!(effects.wanted.is_empty(), "once is enough");
        let written = self.write(effects.clone(), &records).await.expect("written");
        assert!(matches!(written, Written::Committed), "{written:?}");
        effects
    }
}

fn id(n: u128) -> OrderId {
    OrderId::from_uuid(Uuid::from_u128(n))
}

#[tokio::test]
async fn an_order_of_lines_is_written_changed_and_looked_up_whole() {
    let setting = Setting::with_positions("storelines").await;
    let mut here = Here::new(&setting);
    let (home, far) = (here.product.clone(), product_in(2, "bar"));
    let placed = basket(7, &[(&home, 2), (&far, 1)], Some(60), long_ago());
    here.take(&[receipt(1, &home, 9), placed]).await;
    let rows = "SELECT CONCAT_WS(' ', line_no, kafka_offset, product_id, quantity, total_price, status, line_status, \
         CAST(expires_at AS CHAR), CAST(placed_at AS CHAR)) FROM orders ORDER BY line_no";
    let (ends, begins) = ("2025-11-24 16:01:00.000000", "2025-11-24 16:00:00.000000");
    assert_eq!(
        setting.texts(rows).await,
        [
            format!("1 1 {home} 2 200 pending reserved {ends} {begins}"),
            format!("2 1 {far} 1 100 pending pending {ends} {begins}")
        ]
    );
    let open = "SELECT CONCAT_WS(' ', kafka_partition, status, HEX(order_id)) FROM open_orders";
    assert_eq!(setting.texts(open).await, ["1 pending 00000000000000000000000000000007"]);
    assert_eq!(here.open, OpenCounts { pending: 1, held: 0 });

    // Answered: what is changed are these rows, and the open order moves to its other place.
    let reserved = line_event("LineDecided", "2-0-0", 7, &home, &far)
        .replace("\"line_no\"", "\"status\":\"reserved\",\"line_no\"");
    here.take(&[reserved]).await;
    assert_eq!(setting.texts(rows).await[1], format!("2 1 {far} 1 100 held reserved {ends} {begins}"));
    assert_eq!(setting.texts(open).await, ["1 held 00000000000000000000000000000007"]);
    assert_eq!(here.open, OpenCounts { pending: 0, held: 1 });
    assert_eq!(here.store.load(HERE).await.expect("loaded").open, here.open);
    assert_eq!(setting.texts("SELECT CONCAT_WS(' ', available, held) FROM stock").await, ["7 2"]);

    let ids = Ids { orders: vec![id(7), id(8), id(7)], ..Ids::default() };
    let prior = here.store.prior(HERE, &ids).await.expect("an answer");
    assert_eq!((prior.orders.len(), &prior.orders[&id(8)]), (2, &None));
    let row = prior.orders[&id(7)].as_ref().expect("it was written");
    assert_eq!((row.offset, row.state.stage(), row.order.line_count()), (1, Stage::Held, 2));
    assert_eq!(row.order.expires_at(), Some(long_ago() + chrono::TimeDelta::seconds(60)));

    // Ended: nothing is open, and a line that contradicts its order stops whoever looks it up.
    here.take(&[request("OrderCancelRequested", 7, &home)]).await;
    assert_eq!(setting.number("SELECT COUNT(*) FROM open_orders").await, 0);
    assert_eq!(setting.texts("SELECT CONCAT_WS(' ', available, held) FROM stock").await, ["9 0"]);
    setting.execute("UPDATE orders SET user_id = 'eve' WHERE line_no = 2").await;
    let error = here.store.prior(HERE, &ids).await.expect_err("refused");
    assert!(!error.is_retryable());
    assert_eq!(
        error.to_string(),
        format!("table orders, row {}: line 2 is of another order than line 1", Uuid::from_u128(7))
    );
    setting.finish().await;
}

#[tokio::test]
async fn inv_5_a_line_that_is_asked_for_again_is_known() {
    let setting = Setting::with_positions("storeknown").await;
    let mut here = Here::new(&setting);
    let (home, far) = (product_in(2, "bar"), here.product.clone());
    let asked = line_event("LineRequested", "2-5-0", 7, &home, &far);
    here.take(&[receipt(1, &far, 9), asked.clone()]).await;
    let rows = "SELECT CONCAT_WS(' ', HEX(order_id), home_partition, line_no, kafka_partition, kafka_offset, quantity, status, \
         reason, confirmed) FROM reservations";
    assert_eq!(setting.texts(rows).await, ["00000000000000000000000000000007 2 2 1 1 1 reserved 0"]);

    let (blind, records) = here.fold(&Prior::default(), std::slice::from_ref(&asked));
    assert_eq!((blind.reservations.len(), blind.wanted.is_empty()), (1, true), "it is taken for new");
    assert!(matches!(here.write(blind, &records).await, Ok(Written::IdKnown)));
    let key = |line_no| ReservationKey { order_id: id(7), home_partition: 2, line_no };
    let keys = [key(LineNo::at(1)), key(LineNo::at(2))];
    // Once for each record that needs it.
    let ids = Ids { reservations: [keys, keys].concat(), ..Ids::default() };
    let prior = here.store.prior(HERE, &ids).await.expect("an answer");
    assert!(prior.reservations[&keys[0]].is_some() && prior.reservations[&keys[1]].is_none());
    let (again, records) = here.fold(&prior, std::slice::from_ref(&asked));
    assert_eq!((again.duplicate_count, again.told.len()), (1, 1), "it is answered once more");
    assert!(matches!(here.write(again, &records).await, Ok(Written::Committed)));

    here.take(&[line_event("LineConfirmed", "2-6-0", 7, &home, &far)]).await;
    assert_eq!(setting.texts(rows).await, ["00000000000000000000000000000007 2 2 1 1 1 reserved 1"]);
    here.take(&[line_event("LineReleased", "2-7-0", 7, &home, &far)]).await;
    assert_eq!(setting.texts(rows).await, ["00000000000000000000000000000007 2 2 1 1 1 released 0"]);
    assert_eq!(setting.texts("SELECT CONCAT_WS(' ', available, held) FROM stock").await, ["9 0"]);
    setting.finish().await;
}

#[tokio::test]
async fn open_orders_are_removed_by_their_keys_and_read_in_the_order_in_which_they_are_due() {
    let setting = Setting::with_positions("storeopen").await;
    let mut here = Here::new(&setting);
    let product = here.product.clone();
    let many = PAGE + 5;
    let later = chrono::TimeDelta::seconds;
    let placed = |n: usize| {
        let seconds = i64::try_from(n / 3).expect("small");
        basket(u128::try_from(n).expect("small") + 1, &[(&product, 1)], Some(60), long_ago() + later(seconds))
    };
    here.take(&[receipt(1, &product, 5000)]).await;
    here.take(&(0..many).map(placed).collect::<Vec<_>>()).await;
    assert_eq!(here.open.held, i64::try_from(many).expect("small"));

    let mut due = DueOrders::new(setting.projector_url());
    let late = chrono::Utc::now();
    let page = due.due(HERE, Status::Held, late, None).await.expect("an answer");
    let rest = due.due(HERE, Status::Held, late, page.last().copied()).await.expect("an answer");
    let expected: Vec<_> = (0..many).map(|n| id(u128::try_from(n).expect("small") + 1)).collect();
    assert_eq!((page.len(), rest.len()), (PAGE, 5));
    assert_eq!(page.iter().chain(&rest).map(|open| open.order_id).collect::<Vec<_>>(), expected);
    let by_then = long_ago() + later(61);
    let early = due.due(HERE, Status::Held, by_then, None).await.expect("an answer");
    assert_eq!(early.iter().map(|open| open.order_id).collect::<Vec<_>>(), expected[..6]);
    for (partition, status) in [(2, Status::Held), (HERE, Status::Pending)] {
        assert_eq!(due.due(partition, status, late, None).await.expect("an answer"), []);
    }
    assert_eq!(due.oldest_pending(HERE).await.expect("an answer"), None);
    let read = due.orders(HERE, &[id(2), id(3), id(9999)]).await.expect("an answer");
    assert_eq!(read.iter().filter_map(ledger_fold::OrderRow::open).collect::<Vec<_>>(), page[1..3]);

    // Few and many at once, each exactly those.
    let cancel = |n: usize| request("OrderCancelRequested", u128::try_from(n).expect("small") + 1, &product);
    let left = || async {
        let left = setting.texts("SELECT HEX(order_id) FROM open_orders").await;
        left.iter().map(|hex| u128::from_str_radix(hex, 16).expect("an id") - 1).collect::<BTreeSet<_>>()
    };
    for (from, to) in [(0, 1), (1, 6), (6, 10), (10, 300)] {
        here.take(&(from..to).map(cancel).collect::<Vec<_>>()).await;
        let expected = (to..many).map(|n| u128::try_from(n).expect("small")).collect();
        assert_eq!(left().await, expected);
    }
    assert_eq!(setting.number("SELECT available + held FROM stock").await, 5000);

    // One that should be there and is not stops the projector by its name, and nothing is written.
    setting.execute("DELETE FROM open_orders WHERE order_id = x'0000000000000000000000000000012D'").await;
    let ids = Ids { orders: vec![id(301), id(302)], ..Ids::default() };
    let prior = here.store.prior(HERE, &ids).await.expect("an answer");
    let (effects, records) = here.fold(&prior, &[cancel(300), cancel(301)]);
    let error = here.write(effects, &records).await.expect_err("refused");
    assert!(
        error.contains("open_orders of partition 1 lacks orders that `orders` says are held: expected 2"),
        "{error}"
    );
    assert!(left().await.contains(&301));
    setting.finish().await;
}

#[tokio::test]
async fn what_is_due_is_a_range_of_the_key_however_many_are_open() {
    let setting = Setting::with_positions("storedue").await;
    setting
        .execute(
            "INSERT INTO open_orders SELECT p.seq, 'held', '2030-01-01' + INTERVAL o.seq SECOND, UNHEX(LPAD(HEX(o.seq), 32, '0')) \
             FROM seq_0_to_3 p JOIN seq_1_to_25000 o",
        )
        .await;
    setting.execute("ANALYZE TABLE open_orders").await;
    let mut store = LiveStore::new(setting.projector_url(), &setting.topic("orders"), MixedFolds::Refused);
    assert_eq!(store.load(HERE).await.expect("loaded").open, OpenCounts { pending: 0, held: 25_000 });
    let statements = ledger_store::open_orders::OpenOrderStatements::new(&ledger_database::Tables::live());
    let mut connection = ledger_database::connect(&setting.projector_url()).await.expect("connected");
    let reads = async |connection: &mut ledger_database::Watched| -> i64 {
        let sql = "SELECT CAST(SUM(variable_value) AS SIGNED) FROM information_schema.session_status \
             WHERE variable_name IN ('HANDLER_READ_KEY', 'HANDLER_READ_NEXT', 'HANDLER_READ_RND_NEXT', 'HANDLER_READ_FIRST', 'HANDLER_READ_PREV')";
        sqlx::query_scalar(sql).fetch_one(connection).await.expect("an answer")
    };
    let at = |time: &str| time.parse::<chrono::DateTime<chrono::Utc>>().expect("a time");
    for (up_to, expected) in [("2029-12-31T00:00:00Z", 0), ("2030-01-01T00:00:10Z", 10)] {
        reads(&mut connection).await;
        let before = reads(&mut connection).await;
        let own = reads(&mut connection).await - before;
        let due = statements.due(&mut connection, HERE, Status::Held, at(up_to), None).await.expect("an answer");
        let read = reads(&mut connection).await - before - 2 * own;
        assert_eq!(due.len(), expected);
        assert!(read <= 20, "{read} reads for {expected} of 25,000 that are open");
    }
    // From the middle on, a page as long as any.
    let after = OpenOrder { order_id: id(10_000), status: Status::Held, due_at: at("2030-01-01T02:46:40Z") };
    reads(&mut connection).await;
    let before = reads(&mut connection).await;
    let own = reads(&mut connection).await - before;
    let page = statements.due(&mut connection, HERE, Status::Held, at("2031-01-01T00:00:00Z"), Some(after)).await;
    let page = page.expect("an answer");
    let read = reads(&mut connection).await - before - 2 * own;
    assert_eq!((page.len(), page[0].order_id), (PAGE, id(10_001)));
    assert!(read <= 1100, "{read} reads for a page");
    setting.finish().await;
}
