//! What the relay's statements read: counted by the server, over a backlog of 100,000 rows. A look that reads its backlog is
//! right, and slower with every row that waits.

use std::sync::Arc;

use ledger_database::Watched;
use ledger_kafka::LogInspector;
use projector::appender::LogAppender;
use projector::relay::{Compression, OutboxRows, OutboxTable, RelaySettings, RelayTopics};
use sqlx::Executor;

use crate::setting::Setting;

const HERE: i32 = 1;
const BACKLOG: i64 = 100_000;
/// Rows that one transaction looks at.
const MAX_ROWS: i64 = 256;

fn settings(setting: &Setting) -> RelaySettings {
    let topic = |which: &str| setting.topic(which);
    let kafka = setting.kafka();
    let log = Arc::new(LogAppender::new(&kafka, &topic("orders")));
    RelaySettings {
        log,
        inspector: LogInspector::new(&kafka).expect("valid"),
        kafka,
        compression: Compression::default(),
        topics: RelayTopics {
            orders: topic("orders"),
            outcomes: topic("outcomes"),
            dead_letters: topic("dead-letters"),
            cursors: topic("cursors"),
        },
        topic_id: "topic".to_owned(),
        database: setting.projector_url(),
    }
}

/// Rows of one record each, `[first, first + count)`, all with the same entries; they are decoded no further here.
async fn fill(setting: &Setting, generation: i32, first: i64, count: i64) {
    let entries = ledger_store::outbox::encode_entries(&[]).expect("encodable").entries;
    sqlx::query(
        "INSERT INTO outbox (kafka_partition, generation, first_offset, next_offset, entry_count, entries) \
         SELECT ?, ?, ? + seq, ? + seq + 1, 1, ? FROM seq_0_to_99999 WHERE seq < ?",
    )
    .bind(HERE)
    .bind(generation)
    .bind(first)
    .bind(first)
    .bind(entries)
    .bind(count)
    .execute(&mut setting.database().await)
    .await
    .expect("rows");
}

/// Rows and index entries that the server read for this connection since the last call.
async fn reads(connection: &mut Watched) -> i64 {
    let text = "SHOW SESSION STATUS LIKE 'Handler_read%'";
    let read: Vec<(String, String)> = sqlx::query_as(text).fetch_all(&mut *connection).await.expect("counters");
    connection.execute("FLUSH STATUS").await.expect("the right to begin them anew");
    read.iter().map(|(_, count)| count.parse::<i64>().expect("a number")).sum()
}

#[tokio::test]
async fn a_look_at_a_backlog_reads_what_it_takes() {
    let setting = Setting::with_positions("look").await;
    let published = 10;
    fill(&setting, 1, 0, BACKLOG).await;
    // Of tables that were replaced, and are kept: after the cursor they stay.
    fill(&setting, 0, published, BACKLOG).await;
    let table = OutboxTable::new(Arc::new(settings(&setting)), HERE);
    let mut connection = ledger_database::connect(&setting.admin_database_url()).await.expect("MariaDB answers");
    reads(&mut connection).await;
    for cursor in [0, published] {
        let found = table.load(&mut connection, cursor).await.expect("rows");
        assert!(found.is_backlog);
        assert_eq!(i64::try_from(found.rows.len()), Ok(MAX_ROWS));
        // Sizes, then entries; each from the generation's first row on.
        let read = reads(&mut connection).await;
        let expected = 2 * (MAX_ROWS + cursor) + 20;
        assert!(read <= expected, "from {cursor}: expected at most {expected}, found {read}");
    }
    table.prune(&mut connection, published).await.expect("removed");
    let read = reads(&mut connection).await;
    // The keys of one statement are sixty-four, and are looked up one by one.
    assert!(read <= 1000, "removing {published} rows: found {read}");
    let left = setting.number("SELECT COUNT(*) FROM outbox").await;
    assert_eq!(left, 2 * BACKLOG - published);
    setting.finish().await;
}
