//! The relay, on a real Kafka and a real MariaDB: what is published, in which order, how often, and what is refused.
//! Outbox rows are made by hand where a fold would not make them.

use std::borrow::Cow;
use std::time::Duration;

use ledger_store::outbox::{EntryContent, OutboxEntry, encode_entries};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use sqlx::{Executor, MySqlConnection};

use crate::published::{all_published, by_name, client, event_ids, produce, published};
use crate::setting::{Append, LIMIT, PARTITIONS, Projector, Setting, grow, noise, order, product_in, receipt};

/// The partition that these tests use.
const HERE: i32 = 1;
/// Records of the log in it, after [`ready`].
const END: i64 = 21;

/// A ledger whose partition has one published outcome, that of offset 0, and behind it records without any: room for rows
/// that a test makes. No projector runs.
async fn ready(purpose: &str) -> Setting {
    let setting = Setting::migrated(purpose);
    let product = product_in(HERE, "bar");
    let projector = setting.project();
    setting.append_event(&product, &receipt(1, &product, 100)).await;
    assert_eq!(event_ids(&setting, HERE, 1), ["1-0-0"]);
    for _ in 1..END {
        setting.append_event(&product, &receipt(1, &product, 100)).await;
    }
    setting.folded_to(HERE, END).await;
    all_published(&setting).await;
    assert_eq!(projector.stop().0, 0);
    setting
}

/// Puts a row into the outbox: outcomes of `offsets`, made from the records `[first, next)`.
async fn put_row(setting: &Setting, first: i64, next: i64, offsets: &[i64]) {
    insert_row(&mut setting.database().await, first, next, offsets).await;
}

async fn insert_row(connection: &mut MySqlConnection, first: i64, next: i64, offsets: &[i64]) {
    let entries: Vec<_> = offsets
        .iter()
        .map(|offset| OutboxEntry {
            content: EntryContent::Outcome { event_type: "StockChanged".into(), subject: "bar".into() },
            partition: HERE,
            offset: *offset,
            index: 0,
            key: Some(Cow::Borrowed(b"bar")),
            value: Some(Cow::Owned(format!("{{\"offset\":{offset}}}").into_bytes())),
            headers: Vec::new(),
        })
        .collect();
    let row = encode_entries(&entries).expect("encodable");
    sqlx::query(
        "INSERT INTO outbox (kafka_partition, generation, first_offset, next_offset, entry_count, entries) \
         SELECT ?, generation, ?, ?, ?, ? FROM positions LIMIT 1",
    )
    .bind(HERE)
    .bind(first)
    .bind(next)
    .bind(row.entry_count)
    .bind(row.entries)
    .execute(connection)
    .await
    .expect("a row");
}

/// Rows of two ways to cut the same records, as a rebuild leaves them.
async fn put_overlapping_rows(setting: &Setting) {
    put_row(setting, 1, 6, &[2, 3, 5]).await;
    put_row(setting, 3, 9, &[3, 5, 7]).await;
    put_row(setting, 9, 12, &[10]).await;
}

const OVERLAPPING: [&str; 6] = ["1-0-0", "1-2-0", "1-3-0", "1-5-0", "1-7-0", "1-10-0"];

/// The projector ends by itself: exit code 1 and what it says; and nothing was published, no row removed.
async fn check_refused(setting: &Setting, says: &str) {
    let rows = setting.number("SELECT COUNT(*) FROM outbox").await;
    let (exit, said) = setting.project_with(&[]).ended();
    assert_eq!(exit, 1, "{said}");
    assert!(said.contains(says), "expected {says}\nfound {said}");
    assert_eq!(event_ids(setting, HERE, 1), ["1-0-0"]);
    assert_eq!(setting.number("SELECT COUNT(*) FROM outbox").await, rows);
}

fn restarts(projector: &Projector) {
    projector.until("/metrics", |_, body| {
        let count = body.lines().find_map(|line| line.strip_prefix("ledger_relay_restarts_total "));
        count.is_some_and(|count| count != "0")
    });
}

#[tokio::test]
async fn inv_6_every_effect_is_published_once_in_order_of_position() {
    let setting = Setting::migrated("published");
    let projector = setting.project();
    let product = product_in(HERE, "bar");
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    setting.append_event(&product, &order(2, &product, 3)).await;
    setting.append_event(&product, &order(2, &product, 3)).await;
    let headers: &[(&str, Option<&[u8]>)] = &[("ce_id", Some(b"\x00\xff")), ("twice", Some(b"1")), ("twice", None)];
    let (key, value) = (Some(&b"\xfe"[..]), Some(&b"\xff garbage"[..]));
    setting.append(Append { partition: HERE, key, value, headers }).await;
    setting.append_event(&product, &order(3, &product, 8)).await;

    let outcomes = published(&setting, "outcomes", HERE, 3);
    let told: Vec<_> = outcomes.iter().map(|outcome| (outcome.header("ce_id"), outcome.header("ce_type"))).collect();
    let expected = [("1-0-0", "StockChanged"), ("1-1-0", "OrderConfirmed"), ("1-4-0", "OrderRejected")];
    assert_eq!(told, expected.map(|(id, kind)| (id.to_owned(), kind.to_owned())));
    for outcome in &outcomes {
        let found = by_name(outcome);
        assert_eq!(found["ce_specversion"], b"1.0");
        assert_eq!(found["ce_source"], b"/ledger/projector");
        assert_eq!(found["ce_subject"], product.as_bytes());
        assert_eq!(found["content-type"], b"application/json");
        // When the log took the cause, whoever folds it and whenever.
        let time = chrono::DateTime::parse_from_rfc3339(&outcome.header("ce_time")).expect("RFC 3339");
        let age = chrono::Utc::now().signed_duration_since(time);
        assert!((0..60).contains(&age.num_seconds()), "{time}");
        assert_eq!(outcome.json()["event_id"], outcome.header("ce_id"));
    }
    assert_eq!(outcomes[0].key.as_deref(), Some(product.as_bytes()));
    assert_eq!(outcomes[1].key.as_deref(), Some(uuid::Uuid::from_u128(2).to_string().as_bytes()));
    assert_eq!((&outcomes[1].json()["available"], &outcomes[2].json()["reason"]), (&7.into(), &"out-of-stock".into()));

    let letters = published(&setting, "dead-letters", HERE, 1);
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].key.as_deref(), letters[0].value.as_deref()), (key, value));
    let received: Vec<_> =
        letters[0].headers[..3].iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    assert_eq!(received, headers);
    assert_eq!(letters[0].header("ledger_reason"), "undecodable");
    assert_eq!(letters[0].header("ledger_event_id"), "1-3-0");

    all_published(&setting).await;
    for partition in (0..PARTITIONS).filter(|partition| *partition != HERE) {
        assert_eq!(event_ids(&setting, partition, 0), [""; 0]);
    }
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn inv_6_rows_that_overlap_or_come_again_are_published_once() {
    let setting = ready("overlapping").await;
    put_overlapping_rows(&setting).await;
    let projector = setting.project();
    assert_eq!(event_ids(&setting, HERE, OVERLAPPING.len()), OVERLAPPING);
    all_published(&setting).await;
    assert_eq!(projector.stop().0, 0);
    // As a crash between the commit in Kafka and the removal of the rows leaves it, and one row that is not published.
    put_overlapping_rows(&setting).await;
    put_row(&setting, 12, 15, &[13]).await;
    let projector = setting.project();
    let all = [&OVERLAPPING[..], &["1-13-0"]].concat();
    assert_eq!(event_ids(&setting, HERE, all.len()), all);
    all_published(&setting).await;
    assert_eq!(projector.stop().0, 0);
    // And with nothing to publish behind them, the next start removes them.
    put_overlapping_rows(&setting).await;
    let projector = setting.project();
    all_published(&setting).await;
    assert_eq!(event_ids(&setting, HERE, all.len()), all);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

/// The removal waits for no row that a writer has inserted and not yet committed, wherever it stands in the table.
#[tokio::test]
async fn published_rows_are_removed_beside_open_transactions() {
    let setting = ready("beside").await;
    for first in 2..20 {
        put_row(&setting, first, first + 1, &[first]).await;
    }
    let (mut before, mut behind) = (setting.database().await, setting.database().await);
    for (connection, first) in [(&mut before, 1), (&mut behind, 20)] {
        connection.execute("START TRANSACTION").await.expect("a transaction");
        insert_row(connection, first, first + 1, &[first]).await;
    }
    let projector = setting.project();
    all_published(&setting).await;
    let expected: Vec<_> = [0].into_iter().chain(2..20).map(|offset| format!("1-{offset}-0")).collect();
    assert_eq!(event_ids(&setting, HERE, expected.len()), expected);
    for connection in [&mut before, &mut behind] {
        connection.execute("ROLLBACK").await.expect("still open");
    }
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn inv_6_a_fenced_relay_recovers_and_fences_in_turn() {
    let setting = ready("fenced").await;
    let projector = setting.project();
    let product = product_in(HERE, "bar");
    // So that its relay has begun: else it would fence the other.
    setting.append_event(&product, &order(6, &product, 1)).await;
    assert_eq!(event_ids(&setting, HERE, 2), ["1-0-0", "1-21-0"]);
    all_published(&setting).await;
    let other: BaseProducer = client(&setting)
        .set("transactional.id", format!("ledger-relay-{}-{HERE}", setting.topic("cursors")))
        .set("transaction.timeout.ms", "60000")
        .create()
        .expect("a producer");
    other.init_transactions(LIMIT).expect("it fences");
    // A transaction that is left open: nobody must see it, nor wait for it.
    other.begin_transaction().expect("begun");
    let topic = setting.topic("outcomes");
    let record = BaseRecord::<str, str>::to(&topic).partition(HERE).key("x").payload("never committed");
    other.send(record).expect("queued");
    other.flush(LIMIT).expect("sent");
    setting.append_event(&product, &order(7, &product, 1)).await;
    assert_eq!(event_ids(&setting, HERE, 3), ["1-0-0", "1-21-0", "1-22-0"]);
    restarts(&projector);
    all_published(&setting).await;
    let fenced = other.commit_transaction(LIMIT).expect_err("fenced");
    assert!(fenced.to_string().to_lowercase().contains("fenced"), "{fenced}");
    setting.append_event(&product, &order(8, &product, 1)).await;
    assert_eq!(event_ids(&setting, HERE, 4), ["1-0-0", "1-21-0", "1-22-0", "1-23-0"]);
    assert_eq!(projector.log().matches("begins anew").count(), 1, "{}", projector.log());
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn a_corrupt_row_stops_the_projector() {
    let setting = ready("corrupt").await;
    put_row(&setting, 1, 6, &[2, 3, 5]).await;
    setting.execute("UPDATE outbox SET entry_count = 7").await;
    let row = "ledger: outbox row of partition 1, offsets 1 to 6: expected ";
    check_refused(&setting, &format!("{row}7 entries, found 3")).await;
    setting.execute("UPDATE outbox SET entry_count = 3, entries = INSERT(entries, 30, 1, '!')").await;
    check_refused(&setting, &format!("{row}one whole LZ4 frame, found ")).await;
    setting.execute("UPDATE outbox SET next_offset = 4").await;
    setting.execute("DELETE FROM outbox").await;
    put_row(&setting, 1, 6, &[2, 3, 5]).await;
    setting.execute("UPDATE outbox SET next_offset = 4").await;
    check_refused(&setting, "offsets 1 to 4: expected entries of the row's own interval, found entry 1-5-0").await;
    setting.finish().await;
}

#[tokio::test]
async fn a_cursor_topic_that_was_emptied_is_refused() {
    let setting = ready("lostcursor").await;
    put_row(&setting, 1, 6, &[2]).await;
    let cursors = setting.topic("cursors");
    setting.delete_topic(&cursors).await;
    setting.create_topic(&cursors, PARTITIONS, &[("cleanup.policy", "compact")]).await;
    let outcomes = setting.topic("outcomes");
    let says = format!(
        "topic {cursors} has no cursor of partition 1, but {outcomes} was written there: expected no record, found offset 0"
    );
    check_refused(&setting, &says).await;
    setting.finish().await;
}

#[tokio::test]
async fn a_cursor_that_is_none_is_refused() {
    let setting = ready("nocursor").await;
    put_row(&setting, 1, 6, &[2]).await;
    let log = setting.texts("SELECT topic_id FROM positions LIMIT 1").await.remove(0);
    let cursor = |log: &str, next_offset: i64| {
        format!(r#"{{"version":1,"topic_id":"{log}","partition":1,"next_offset":{next_offset}}}"#)
    };
    let of_another = cursor("another", 1);
    for (value, says) in [
        ("nonsense", format!("expected a cursor of version 1, log {log}, partition 1, found `nonsense`")),
        (of_another.as_str(), format!("expected a cursor of version 1, log {log}, partition 1, found `{of_another}`")),
        (&cursor(&log, 999), "is beyond the log: expected at most 21, found 999".to_owned()),
    ] {
        produce(&setting, "cursors", HERE, "1", value.as_bytes()).await;
        check_refused(&setting, &says).await;
    }
    setting.finish().await;
}

#[tokio::test]
async fn outcomes_with_another_partition_count_are_refused() {
    let setting = ready("outcount").await;
    let topic = setting.topic("outcomes");
    grow(&setting.kafka(), &topic, 5).await;
    let orders = setting.topic("orders");
    check_refused(&setting, &format!("topic {topic} must have as many partitions as {orders}: expected 4, found 5"))
        .await;
    setting.finish().await;
}

#[tokio::test]
async fn a_topic_that_is_deleted_while_the_relay_runs_stops_the_projector() {
    let setting = ready("deleted").await;
    let projector = setting.project();
    setting.delete_topic(&setting.topic("outcomes")).await;
    // A new session is what looks at the topics, and a fenced producer is what makes one begin.
    let other: BaseProducer = client(&setting)
        .set("transactional.id", format!("ledger-relay-{}-{HERE}", setting.topic("cursors")))
        .create()
        .expect("a producer");
    other.init_transactions(LIMIT).expect("it fences");
    put_row(&setting, 1, 6, &[2]).await;
    let (exit, said) = projector.ended();
    assert_eq!(exit, 1, "{said}");
    assert!(said.contains(&format!("topic {} does not exist", setting.topic("outcomes"))), "{said}");
    setting.finish().await;
}

#[tokio::test]
async fn what_the_dead_letters_topic_does_not_take_is_left_out_and_told() {
    let setting = Setting::migrated("toolarge");
    let topic = setting.topic("dead-letters");
    setting.delete_topic(&topic).await;
    setting.create_topic(&topic, PARTITIONS, &[("max.message.bytes", "100000")]).await;
    let projector = setting.project();
    let (large, fitting) = (noise(300_000), noise(90_000));
    let headers: &[(&str, Option<&[u8]>)] = &[("kept", Some(b"yes"))];
    for value in [&large[..], &fitting, b"small"] {
        setting.append(Append { partition: HERE, key: Some(b"k"), value: Some(value), headers }).await;
    }
    let product = product_in(HERE, "bar");
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    let letters = published(&setting, "dead-letters", HERE, 3);
    assert_eq!(letters.len(), 3);
    assert_eq!((letters[0].key.as_deref(), letters[0].value.as_deref()), (Some(&b"k"[..]), None));
    assert_eq!(letters[0].header("ledger_value_omitted_bytes"), "300000");
    assert_eq!((letters[0].header("kept"), letters[0].header("ledger_reason")), ("yes".into(), "too-large".into()));
    // Of those that the topic takes, nothing is left out.
    for (letter, value) in letters[1..].iter().zip([&fitting[..], b"small"]) {
        assert_eq!(letter.value.as_deref(), Some(value));
        assert_eq!(letter.header("ledger_value_omitted_bytes"), "(none)");
    }
    assert_eq!(event_ids(&setting, HERE, 1), ["1-3-0"]);
    // The table has it whole.
    assert_eq!(setting.number("SELECT LENGTH(message_value) FROM dead_letters WHERE kafka_offset = 0").await, 300_000);
    let (ended, took) = projector.stop();
    assert!(ended == 0 && took < Duration::from_secs(10), "{ended} {took:?}");
    setting.finish().await;
}
