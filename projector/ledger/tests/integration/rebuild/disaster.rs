//! The database is gone, with outcomes in its outbox that nobody published. The log gives everything back.

use rdkafka::admin::{AdminOptions, AlterConfig, ResourceSpecifier};

use super::{PARTITIONS, Setting, contents, end, fill, filled, flow, folded, other_tables, rebuild};
use crate::published::{event_ids, published};
use crate::setting::code;

/// Outcomes of all partitions.
fn outcomes(setting: &Setting) -> Vec<Vec<String>> {
    (0..PARTITIONS).map(|partition| event_ids(setting, partition, 1)).collect()
}

/// Whether the relay can write its cursor, without which it publishes nothing.
async fn let_publish(setting: &Setting, may: bool) {
    let topic = setting.topic("cursors");
    // Too little for a cursor, and enough for the marks with which the broker ends what was begun.
    let bytes = if may { "1048588" } else { "100" };
    let change = AlterConfig::new(ResourceSpecifier::Topic(&topic))
        .set("max.message.bytes", bytes)
        .set("cleanup.policy", "compact");
    let done = setting.admin().alter_configs([&change], &AdminOptions::new()).await.expect("Kafka answers");
    assert!(done.iter().all(Result::is_ok), "{done:?}");
}

async fn rows_of(setting: &Setting, table: &str, partition: i32) -> usize {
    let rows = setting.number(&format!("SELECT COUNT(*) FROM {table} WHERE kafka_partition = {partition}")).await;
    usize::try_from(rows).expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_outcomes_come_back_when_the_database_is_lost_with_its_outbox() {
    let (setting, projector) = filled("disaster").await;
    let published_before = outcomes(&setting);
    let ends_before: Vec<i64> = (0..PARTITIONS).map(|partition| end(&setting, partition)).collect();
    let_publish(&setting, false).await;
    fill(&setting, 100_000).await;
    for partition in 0..PARTITIONS {
        setting.folded_to(partition, end(&setting, partition)).await;
    }
    // Folded, and not published: the outbox has what is about to be lost.
    let before = contents(&setting).await;
    assert!(setting.number("SELECT COUNT(*) FROM outbox").await > 0);
    projector.kill();
    assert_eq!(outcomes(&setting), published_before);
    setting.execute(&format!("DROP DATABASE `{}`", setting.name)).await;
    assert_eq!(code(&setting.ledger(&["migrate"])), 0);
    // Whatever the log holds may have been observed: no read is answered before the tables are as far (INV-13).
    let furthest =
        setting.texts("SELECT CAST(next_offset AS CHAR) FROM furthest_positions ORDER BY kafka_partition").await;
    let ends: Vec<String> = (0..PARTITIONS).map(|partition| end(&setting, partition).to_string()).collect();
    assert_eq!(furthest, ends);

    let summary = rebuild(&setting, &[], 0, "swapped");
    assert_eq!((&summary["replaced"], &summary["compared"]), (&serde_json::Value::Null, &false.into()));
    // It ended where the relay had: nothing is in the tables that has no outcome, and nothing was published.
    assert_eq!(summary["ends"], serde_json::json!(ends_before));
    assert_eq!(outcomes(&setting), published_before);
    assert_eq!(other_tables(&setting).await, Vec::<String>::new());

    let_publish(&setting, true).await;
    let projector = setting.project();
    folded(&setting).await;
    assert_eq!(contents(&setting).await, before);
    flow::each_outcome_once(&setting);
    for (partition, before) in (0..PARTITIONS).zip(published_before) {
        let decided =
            rows_of(&setting, "orders", partition).await + rows_of(&setting, "stock_movements", partition).await;
        let found = event_ids(&setting, partition, decided);
        assert_eq!(found.len(), decided, "partition {partition}");
        assert_eq!(found[..before.len()], before);
        let parked = rows_of(&setting, "dead_letters", partition).await;
        assert_eq!(published(&setting, "dead-letters", partition, parked).len(), parked, "partition {partition}");
    }
    assert_eq!(projector.stop().0, 0);
    rebuild(&setting, &[], 0, "swapped");
    assert_eq!(contents(&setting).await, before);
    setting.finish().await;
}
