//! The live store on a real MariaDB: what a transaction writes, and what every way to fail leaves behind.

mod lines;

use ledger_fold::{BatchEffects, BatchFold, Partition, PartitionState, Prior};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::{OrderId, ProductId};
use ledger_store::for_fold;
use ledger_store::outbox::{self, EntryContent, OutboxKey};
use ledger_store::{GenerationKey, Ids, LiveStore, MixedFolds, PartitionBatch, Standing, Store, Written};
use sqlx::{Connection, Executor, MySqlConnection};
use uuid::Uuid;

use crate::setting::{LIMIT, PARTITIONS, PAUSE, Setting, order, partition_of, product_in, receipt};

/// Records of one partition from `from` on.
pub(crate) fn records(partition: i32, from: i64, key: &str, values: &[String]) -> Vec<OwnedRecord> {
    let record = |(offset, value): (i64, &String)| {
        OwnedRecord::from_parts(partition, offset, 1, Some(key.as_bytes()), Some(value.as_bytes()), &[])
    };
    (from..).zip(values).map(record).collect()
}

pub(crate) fn fold(
    partition: i32,
    state: &PartitionState,
    prior: &Prior,
    from: i64,
    records: &[OwnedRecord],
) -> BatchEffects {
    let mut fold = BatchFold::new(Partition { number: partition, count: PARTITIONS }, state, prior, from);
    records.iter().for_each(|record| fold.fold(&for_fold(record)));
    fold.finish()
}

/// As `Setting::with_positions` makes them.
pub(crate) const FIRST: GenerationKey = GenerationKey { number: 1, id: Uuid::nil() };
const SECOND: GenerationKey = GenerationKey { number: 2, ..FIRST };

/// A store with `product` in stock, position 1.
async fn stocked(setting: &Setting, product: &str, quantity: i64) -> (LiveStore, PartitionState) {
    let mut store = LiveStore::new(setting.projector_url(), &setting.topic("orders"), MixedFolds::Refused);
    let partition = partition_of(product);
    let mut state = PartitionState::default();
    let records = records(partition, 0, product, &[receipt(1, product, quantity)]);
    let effects = fold(partition, &state, &Prior::default(), 0, &records);
    state.apply(&effects);
    let written =
        store.write(&[PartitionBatch { generation: FIRST, effects, records: &records }]).await.expect("written");
    assert!(matches!(written, Written::Committed));
    (store, state)
}

/// The positions that the store reads.
async fn offsets(store: &mut LiveStore) -> Vec<(i32, i64)> {
    let positions = store.positions().await.expect("positions");
    positions.into_iter().map(|(partition, standing)| (partition, standing.next_offset)).collect()
}

const COUNTS: &str = "SELECT (SELECT COUNT(*) FROM orders) * 1000000 + (SELECT COUNT(*) FROM stock_movements) * 10000 \
     + (SELECT COUNT(*) FROM dead_letters) * 100 + (SELECT COUNT(*) FROM outbox)";

#[tokio::test]
async fn inv_1_a_batch_of_several_partitions_is_written_whole() {
    let setting = Setting::with_positions("whole").await;
    let mut store = LiveStore::new(setting.projector_url(), &setting.topic("orders"), MixedFolds::Refused);
    let (one, two) = (product_in(1, "bar"), product_in(2, "bar"));
    let first = records(1, 0, &one, &[receipt(1, &one, 5), order(2, &one, 3), order(3, &one, 3)]);
    let mut second = records(2, 0, &two, &[receipt(4, &two, 9)]);
    let headers: &[(&str, Option<&[u8]>)] = &[("ce_id", Some(b"\xff\0")), ("none", None)];
    second.push(OwnedRecord::from_parts(2, 1, 1, Some(b"\0\xffkey"), Some(b"\xc3\x28"), headers));
    let folded =
        |partition, records: &[OwnedRecord]| fold(partition, &PartitionState::default(), &Prior::default(), 0, records);
    let batch = [
        PartitionBatch { generation: FIRST, effects: folded(1, &first), records: &first },
        PartitionBatch { generation: FIRST, effects: folded(2, &second), records: &second },
    ];
    assert!(matches!(store.write(&batch).await.expect("written"), Written::Committed));

    assert_eq!(offsets(&mut store).await, [(0, 0), (1, 3), (2, 2), (3, 0)]);
    let orders = "SELECT CONCAT_WS(' ', HEX(order_id), kafka_partition, line_no, kafka_offset, user_id, quantity, \
         total_price, status, reason, placed_at) FROM orders ORDER BY kafka_offset";
    assert_eq!(
        setting.texts(orders).await,
        [
            "00000000000000000000000000000002 1 1 1 alice 3 300 confirmed 2026-11-23 10:00:00.123456",
            "00000000000000000000000000000003 1 1 2 alice 3 300 rejected out-of-stock 2026-11-23 10:00:00.123456",
        ]
    );
    let stock = "SELECT CONCAT_WS(' ', available, kafka_partition, kafka_offset) FROM stock ORDER BY kafka_partition";
    assert_eq!(setting.texts(stock).await, ["2 1 1", "9 2 0"]);
    let letters = "SELECT CONCAT_WS(' ', kafka_partition, kafka_offset, reason, HEX(message_key), HEX(message_value), \
         value_bytes, message_headers) FROM dead_letters";
    assert_eq!(setting.texts(letters).await, [r#"2 1 undecodable 00FF6B6579 C328 2 [["ce_id","/wA="],["none",null]]"#]);
    check_outbox(&setting).await;
    setting.finish().await;
}

async fn check_outbox(setting: &Setting) {
    let rows: Vec<(i32, i64, i64, i32, Vec<u8>)> = sqlx::query_as(
        "SELECT kafka_partition, first_offset, next_offset, entry_count, entries FROM outbox WHERE generation = 1 \
         ORDER BY kafka_partition",
    )
    .fetch_all(&mut setting.database().await)
    .await
    .expect("outbox rows");
    let mut seen = Vec::new();
    for (partition, first_offset, next_offset, entry_count, entries) in rows {
        let key = OutboxKey { partition, first_offset, next_offset };
        let plain = outbox::decompress(key, &entries).expect("a frame");
        for entry in outbox::decode_entries(key, entry_count, &plain).expect("entries") {
            let kind = match &entry.content {
                EntryContent::Outcome { event_type, .. } => event_type.to_string(),
                EntryContent::DeadLetter { reason, .. } => reason.to_string(),
                EntryContent::Told { event_type, partition, .. } => format!("{event_type} to {partition}"),
            };
            seen.push(format!("{} {kind} {} headers", entry.event_id(), entry.headers.len()));
        }
    }
    let expected = [
        "1-0-0 StockChanged 0 headers",
        "1-1-0 OrderConfirmed 0 headers",
        "1-2-0 OrderRejected 0 headers",
        "2-0-0 StockChanged 0 headers",
        "2-1-0 undecodable 2 headers",
    ];
    assert_eq!(seen, expected);
}

/// Values stand in the text of the statements: none may end a literal.
#[tokio::test]
async fn what_strangers_write_is_stored_as_it_is() {
    let setting = Setting::with_positions("strangers").await;
    let product = (0..).map(|nth| format!("it's\\\"`{nth};--é%_")).find(|id| partition_of(id) == 3).expect("one");
    let user = "o'neil\\'\"/*é";
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let of_product = |event: String| event.replace("\"stranger\"", &quoted(&product));
    let ordered = of_product(order(7, "stranger", 2)).replace("\"alice\"", &quoted(user));
    let values = [of_product(receipt(1, "stranger", 5)), ordered, "no event \\' \"".to_owned()];
    let found = records(3, 0, &product, &values);
    let effects = fold(3, &PartitionState::default(), &Prior::default(), 0, &found);
    let mut store = LiveStore::new(setting.projector_url(), &setting.topic("orders"), MixedFolds::Refused);
    let batch = [PartitionBatch { generation: FIRST, effects, records: &found }];
    assert!(matches!(store.write(&batch).await.expect("written"), Written::Committed));
    let rows = "SELECT CONCAT_WS(' ', user_id, product_id, quantity, status) FROM orders";
    assert_eq!(setting.texts(rows).await, [format!("{user} {product} 2 confirmed")]);
    let stock = "SELECT CONCAT_WS(' ', product_id, available, held) FROM stock";
    assert_eq!(setting.texts(stock).await, [format!("{product} 3 0")]);
    let letters = "SELECT CONVERT(message_value USING utf8mb4) FROM dead_letters";
    assert_eq!(setting.texts(letters).await, [values[2].clone()]);
    setting.finish().await;
}

/// A batch of more text than is sent at once: all of it, or nothing.
#[tokio::test]
async fn inv_1_a_large_batch_is_written_whole_or_not_at_all() {
    const ORDERS: u128 = 6_000;
    let setting = Setting::with_positions("large").await;
    let product = product_in(1, "bar");
    let (mut store, mut state) = stocked(&setting, &product, 1_000_000).await;
    let values: Vec<String> = (0..ORDERS).map(|id| order(100 + id, &product, 1)).collect();
    let found = records(1, 1, &product, &values);
    let effects = fold(1, &state, &Prior::default(), 1, &found);
    state.apply(&effects);
    let batch = [PartitionBatch { generation: FIRST, effects, records: &found }];
    assert!(matches!(store.write(&batch).await.expect("written"), Written::Committed));
    assert_eq!(
        setting.number("SELECT COUNT(*) FROM orders WHERE status = 'confirmed'").await,
        i64::try_from(ORDERS).expect("few")
    );
    check_stock(&setting, 1_000_000 - i64::try_from(ORDERS).expect("few")).await;
    // The last one was there before: it is found in the last text of several.
    let next = i64::try_from(ORDERS).expect("few") + 1;
    let again: Vec<String> =
        (0..ORDERS).map(|id| order(1 << 100 | id, &product, 1)).chain([order(100, &product, 1)]).collect();
    let found = records(1, next, &product, &again);
    let effects = fold(1, &state, &Prior::default(), next, &found);
    let before = setting.number(COUNTS).await;
    let batch = [PartitionBatch { generation: FIRST, effects, records: &found }];
    assert!(matches!(store.write(&batch).await.expect("answered"), Written::IdKnown));
    assert_eq!(setting.number(COUNTS).await, before);
    assert_eq!(offsets(&mut store).await[1], (1, next));
    setting.finish().await;
}

async fn check_stock(setting: &Setting, available: i64) {
    assert_eq!(setting.number("SELECT available FROM stock").await, available);
}

#[tokio::test]
async fn inv_1_a_missed_position_changes_nothing() {
    let setting = Setting::with_positions("missed").await;
    let (one, two) = (product_in(1, "bar"), product_in(2, "bar"));
    let (mut store, state) = stocked(&setting, &one, 9).await;
    setting.execute("UPDATE positions SET next_offset = 7 WHERE kafka_partition = 2").await;
    let before = setting.number(COUNTS).await;
    let (first, second) = (records(1, 1, &one, &[order(2, &one, 3)]), records(2, 0, &two, &[receipt(3, &two, 1)]));
    let batch = [
        PartitionBatch { generation: FIRST, effects: fold(1, &state, &Prior::default(), 1, &first), records: &first },
        PartitionBatch {
            generation: FIRST,
            effects: fold(2, &PartitionState::default(), &Prior::default(), 0, &second),
            records: &second,
        },
    ];
    let written = store.write(&batch).await.expect("an answer");
    assert!(matches!(&written, Written::Missed(partitions) if partitions == &[2]), "{written:?}");
    assert_eq!(offsets(&mut store).await, [(0, 0), (1, 1), (2, 7), (3, 0)]);
    assert_eq!(setting.number(COUNTS).await, before);
    // The connection is as new: what did not miss goes through.
    let [first, _] = batch;
    assert!(matches!(store.write(&[first]).await.expect("an answer"), Written::Committed));
    setting.finish().await;
}

#[tokio::test]
async fn inv_1_the_same_number_in_another_database_is_missed() {
    let setting = Setting::with_positions("lost").await;
    let product = product_in(1, "bar");
    let (mut store, state) = stocked(&setting, &product, 9).await;
    // The database was lost and made anew while a projector slept: generation 1 again, at the very same offset.
    setting.execute("UPDATE positions SET generation_id = UNHEX(REPLACE(UUID(), '-', ''))").await;
    let before = setting.number(COUNTS).await;
    let records = records(1, 1, &product, &[order(2, &product, 3)]);
    let effects = fold(1, &state, &Prior::default(), 1, &records);
    let written = store.write(&[PartitionBatch { generation: FIRST, effects, records: &records }]).await;
    assert!(matches!(&written, Ok(Written::Missed(partitions)) if partitions == &[1]), "{written:?}");
    assert_eq!(setting.number(COUNTS).await, before);
    let loaded = store.load(1).await.expect("loaded").standing;
    assert_eq!((loaded.next_offset, loaded.generation.number), (1, 1));
    assert_ne!(loaded.generation.id, FIRST.id);
    setting.finish().await;
}

#[tokio::test]
async fn inv_13_the_furthest_position_is_raised_with_the_position_and_never_lowered() {
    let setting = Setting::with_positions("furthest").await;
    let product = product_in(1, "bar");
    let (mut store, _) = stocked(&setting, &product, 9).await;
    let furthest = "SELECT next_offset FROM furthest_positions WHERE kafka_partition = 1";
    assert_eq!(setting.number(furthest).await, 1);
    // A rollback: the tables stand before what was observed.
    setting.execute("UPDATE positions SET next_offset = 0; DELETE FROM stock; DELETE FROM stock_movements").await;
    assert_eq!(store.load(1).await.expect("loaded").standing.next_offset, 0);
    assert_eq!(setting.number(furthest).await, 1);
    let records = records(1, 0, &product, &[receipt(1, &product, 9)]);
    let effects = fold(1, &PartitionState::default(), &Prior::default(), 0, &records);
    let batch = [PartitionBatch { generation: FIRST, effects, records: &records }];
    assert!(matches!(store.write(&batch).await.expect("an answer"), Written::Committed));
    assert_eq!(setting.number(furthest).await, 1);
    // A row that somebody removed comes back when the partition is loaded: a compare-and-set needs it.
    setting.execute("DELETE FROM furthest_positions").await;
    store.load(1).await.expect("loaded");
    assert_eq!(setting.number(furthest).await, 1);
    setting.finish().await;
}

#[tokio::test]
async fn inv_1_the_same_offset_in_another_generation_is_missed() {
    let setting = Setting::with_positions("othertables").await;
    let product = product_in(1, "bar");
    let (mut store, state) = stocked(&setting, &product, 9).await;
    setting.execute("UPDATE positions SET generation = 2").await;
    let before = setting.number(COUNTS).await;
    let records = records(1, 1, &product, &[order(2, &product, 3)]);
    let of_generation = |generation| PartitionBatch {
        generation,
        effects: fold(1, &state, &Prior::default(), 1, &records),
        records: &records,
    };
    let written = store.write(&[of_generation(FIRST)]).await.expect("an answer");
    assert!(matches!(&written, Written::Missed(partitions) if partitions == &[1]), "{written:?}");
    assert_eq!(setting.number(COUNTS).await, before);
    let loaded = store.load(1).await.expect("loaded").standing;
    assert_eq!(loaded, Standing { next_offset: 1, generation: SECOND, is_paused: false });
    assert!(matches!(store.write(&[of_generation(SECOND)]).await.expect("an answer"), Written::Committed));
    setting.finish().await;
}

#[tokio::test]
async fn inv_5_a_known_id_is_a_duplicate_or_a_conflict() {
    let setting = Setting::with_positions("known").await;
    let product = product_in(1, "bar");
    let (mut store, mut state) = stocked(&setting, &product, 9).await;
    let first = records(1, 1, &product, &[order(2, &product, 3)]);
    let effects = fold(1, &state, &Prior::default(), 1, &first);
    state.apply(&effects);
    store.write(&[PartitionBatch { generation: FIRST, effects, records: &first }]).await.expect("written");
    let before = setting.number(COUNTS).await;

    // The order again, the order with other contents, the receipt again, and one that is new.
    let again = [order(2, &product, 3), order(2, &product, 4), receipt(1, &product, 9), order(5, &product, 1)];
    let again = records(1, 2, &product, &again);
    let blind =
        PartitionBatch { generation: FIRST, effects: fold(1, &state, &Prior::default(), 2, &again), records: &again };
    assert!(matches!(store.write(&[blind]).await.expect("an answer"), Written::IdKnown));
    assert_eq!(setting.number(COUNTS).await, before, "nothing was written");

    let id = |n| Uuid::from_u128(n);
    let orders = [2, 5].map(|n| OrderId::from_uuid(id(n)));
    let movements = vec![ledger_schema::MovementId::from_uuid(id(1))];
    let ids = Ids { orders: orders.to_vec(), movements, reservations: Vec::new() };
    let elsewhere = store.prior(2, &ids).await.expect("an answer");
    assert!(elsewhere.movements.is_empty() && elsewhere.orders.values().all(Option::is_none), "another partition");
    let prior = store.prior(1, &ids).await.expect("an answer");
    let found = orders.map(|order| prior.orders[&order].as_ref().map(|row| row.offset));
    assert_eq!((found, prior.movements.len()), ([Some(1), None], 1));
    let effects = fold(1, &state, &prior, 2, &again);
    assert_eq!((effects.duplicate_count, effects.parked.len(), effects.orders.len()), (2, 1, 1));
    let batch = [PartitionBatch { generation: FIRST, effects, records: &again }];
    assert!(matches!(store.write(&batch).await.expect("an answer"), Written::Committed));
    let stock = setting.number("SELECT available FROM stock").await;
    assert_eq!(stock, 9 - 3 - 1);
    let reasons = setting.texts("SELECT CONCAT_WS(' ', kafka_offset, reason) FROM dead_letters").await;
    assert_eq!(reasons, ["3 conflicting-duplicate"]);
    setting.finish().await;
}

#[tokio::test]
async fn a_partition_is_loaded_with_its_own_products_only() {
    let setting = Setting::with_positions("loaded").await;
    let product = product_in(1, "bar");
    let (mut store, _) = stocked(&setting, &product, 9).await;
    let loaded = store.load(1).await.expect("loaded");
    let id = ProductId::parse(&product).expect("valid");
    assert_eq!(
        (loaded.standing.next_offset, loaded.state.product_count(), loaded.state.available(&id)),
        (1, 1, Some(9))
    );
    let other = store.load(2).await.expect("loaded");
    assert_eq!((other.standing.next_offset, other.state.product_count()), (0, 0));
    setting.finish().await;
}

#[tokio::test]
async fn a_row_that_cannot_be_is_named() {
    let setting = Setting::with_positions("corrupt").await;
    let product = product_in(1, "bar");
    let (mut store, _) = stocked(&setting, &product, 9).await;
    setting.execute("INSERT INTO stock VALUES ('a b', 1, 0, 1, 0)").await;
    let error = store.load(1).await.expect_err("refused");
    assert!(!error.is_retryable());
    assert_eq!(error.to_string(), "table stock, row a b: must not contain the character U+0020 (at character 2)");
    setting.finish().await;
}

#[tokio::test]
async fn a_session_is_strict_whatever_the_server_is() {
    let setting = Setting::migrated("strict");
    let mut connection = ledger_database::connect(&setting.projector_url()).await.expect("connected");
    let too_long = "INSERT INTO dead_letters VALUES (0, 0, REPEAT('x', 33), '', NULL, NULL, NULL, '[]')";
    let error = connection.execute(too_long).await.expect_err("refused, not cut");
    assert_eq!(ledger_database::number_of(&error), Some(1406), "{error}");
    let isolation: String =
        sqlx::query_scalar("SELECT @@tx_isolation").fetch_one(&mut connection).await.expect("a setting");
    assert_eq!(isolation, "READ-COMMITTED");
    setting.finish().await;
}

/// Begins a transaction that holds `lock`.
async fn holding(setting: &Setting, lock: &'static str) -> MySqlConnection {
    let mut other = setting.database().await;
    other.execute("START TRANSACTION").await.expect("begun");
    other.execute(lock).await.expect("locked");
    other
}

/// Waits until a session of the projector's user waits for a row: a statement of its transaction has been running for
/// longer than it takes. (`innodb_trx` would say it, but it is a cache that is not renewed while anybody keeps reading it.)
/// Gives its connection's number.
async fn waiting_session(setting: &Setting) -> u64 {
    let mut database = setting.database().await;
    let started = std::time::Instant::now();
    loop {
        let found: Option<u64> = sqlx::query_scalar(
            "SELECT CAST(id AS UNSIGNED) FROM information_schema.processlist \
             WHERE user = ? AND command IN ('Query', 'Execute') AND time_ms > 300",
        )
        .bind(format!("prj_{}", setting.name))
        .fetch_optional(&mut database)
        .await
        .expect("an answer");
        if let Some(session) = found {
            return session;
        }
        assert!(started.elapsed() < LIMIT, "nobody waits");
        tokio::time::sleep(PAUSE).await;
    }
}

/// One order to write over a stock of nine.
async fn one_order(setting: &Setting) -> (LiveStore, BatchEffects, Vec<OwnedRecord>) {
    let product = product_in(1, "bar");
    let (store, state) = stocked(setting, &product, 9).await;
    let records = records(1, 1, &product, &[order(2, &product, 3)]);
    (store, fold(1, &state, &Prior::default(), 1, &records), records)
}

#[tokio::test]
async fn a_lock_wait_that_ends_rolls_all_back_and_is_retryable() {
    let setting = Setting::with_positions("lockwait").await;
    let (mut store, effects, records) = one_order(&setting).await;
    let mut other = holding(&setting, "UPDATE stock SET available = available").await;
    let batch = [PartitionBatch { generation: FIRST, effects, records: &records }];
    let error = store.write(&batch).await.expect_err("1205");
    assert!(error.is_retryable() && error.to_string().starts_with("writing stock: "), "{error}");
    // 1205 rolls back one statement only; the store rolled back the rest, or this would wait for its locks.
    other.execute("UPDATE positions SET next_offset = next_offset").await.expect("free");
    other.execute("COMMIT").await.expect("committed");
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders").await, 0);
    assert!(matches!(store.write(&batch).await.expect("again"), Written::Committed));
    setting.finish().await;
}

#[tokio::test]
async fn a_deadlock_rolls_all_back_and_is_retryable() {
    let setting = Setting::with_positions("deadlock").await;
    let (mut store, effects, records) = one_order(&setting).await;
    setting.execute("CREATE TABLE weight (n INT PRIMARY KEY)").await;
    let mut other = holding(&setting, "UPDATE stock SET available = available + 0, kafka_offset = 0").await;
    // The server ends the transaction that has changed less.
    other.execute("INSERT INTO weight SELECT seq FROM seq_1_to_2000").await.expect("inserted");
    let writing = tokio::spawn(async move {
        let batch = [PartitionBatch { generation: FIRST, effects, records: &records }];
        let first = store.write(&batch).await;
        (first, store.write(&batch).await)
    });
    waiting_session(&setting).await;
    other
        .execute("UPDATE positions SET next_offset = next_offset + 0 WHERE kafka_partition = 1")
        .await
        .expect("locked");
    other.execute("ROLLBACK").await.expect("rolled back");
    let (first, second) = writing.await.expect("ended");
    let error = first.expect_err("1213");
    assert!(error.is_retryable() && error.to_string().contains("1213"), "{error}");
    assert!(matches!(second.expect("again"), Written::Committed));
    setting.finish().await;
}

#[tokio::test]
async fn a_killed_connection_is_replaced() {
    let setting = Setting::with_positions("killed").await;
    let (mut store, effects, records) = one_order(&setting).await;
    let mut other = holding(&setting, "UPDATE stock SET available = available").await;
    let writing = tokio::spawn(async move {
        let batch = [PartitionBatch { generation: FIRST, effects, records: &records }];
        let first = store.write(&batch).await;
        (first, store.write(&batch).await)
    });
    let session = waiting_session(&setting).await;
    setting.execute(&format!("KILL CONNECTION {session}")).await;
    other.execute("ROLLBACK").await.expect("rolled back");
    let (first, second) = writing.await.expect("ended");
    assert!(first.expect_err("killed").is_retryable());
    assert!(matches!(second.expect("again"), Written::Committed));
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders").await, 1);
    other.close().await.expect("closed");
    setting.finish().await;
}

#[tokio::test]
async fn a_megabytes_record_is_parked_whole() {
    let setting = Setting::with_positions("megabytes").await;
    let mut store = LiveStore::new(setting.projector_url(), &setting.topic("orders"), MixedFolds::Refused);
    let value = vec![b'x'; 17 * 1024 * 1024];
    let key = vec![0xff; 2 * 1024 * 1024];
    let records = [OwnedRecord::from_parts(1, 0, 1, Some(&key), Some(&value), &[])];
    let effects = fold(1, &PartitionState::default(), &Prior::default(), 0, &records);
    let written =
        store.write(&[PartitionBatch { generation: FIRST, effects, records: &records }]).await.expect("written");
    assert!(matches!(written, Written::Committed));
    let sizes =
        "SELECT CONCAT_WS(' ', reason, LENGTH(message_key), LENGTH(message_value), value_bytes) FROM dead_letters";
    assert_eq!(setting.texts(sizes).await, ["too-large 1048576 16777216 17825792"]);
    setting.finish().await;
}
