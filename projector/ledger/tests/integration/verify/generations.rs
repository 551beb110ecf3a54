//! Two generations of tables against each other, as before a swap: the live one goes on meanwhile.

use ledger_database::Tables;
use ledger_operator::verify::{CompareOptions, Compared, Differences, Kind, compare};

use super::{TABLES, bar, execute, folded};
use crate::setting::{Setting, order, receipt};

async fn compared(setting: &Setting) -> Differences {
    let options = CompareOptions {
        kafka: setting.kafka(),
        database: setting.projector_url(),
        topic: setting.topic("orders"),
        partition_count: crate::setting::PARTITIONS,
        limit: 20,
    };
    match compare(&options, &Tables::live(), &Tables::of_generation(2), &|_| {}).await.expect("they can be compared") {
        Compared::Whole(differences) => differences,
        Compared::Not(why) => panic!("they can be compared: {why}"),
    }
}

fn named(found: &Differences) -> Vec<(&'static str, Kind, Option<&'static str>)> {
    found.first.iter().map(|found| (found.table, found.kind, found.column)).collect()
}

#[tokio::test]
async fn live_tables_are_compared_at_the_position_of_the_shadow() {
    let setting = folded("compared").await;
    let mut database = setting.database().await;
    for table in TABLES {
        execute(&mut database, &format!("CREATE TABLE {table}_g2 LIKE {table}")).await;
        execute(&mut database, &format!("INSERT INTO {table}_g2 SELECT * FROM {table}")).await;
        execute(&mut database, &format!("GRANT SELECT ON {table}_g2 TO `prj_{}`", setting.name)).await;
    }
    let found = compared(&setting).await;
    assert!(found.is_empty() && found.compared() > 9_000, "{found:?}");

    // The live tables go on: known products, a new one, parked and rejected records.
    let (bar, new) = (bar(), crate::setting::product_in(1, "new"));
    let projector = setting.project();
    for event in [order(40_000, &bar, 1), order(40_001, &bar, 5_000), order(20_004, &bar, 9), receipt(40_002, &bar, 7)]
    {
        setting.append_event(&bar, &event).await;
    }
    setting.append_event(&new, &receipt(40_003, &new, 5)).await;
    let last = setting.append_event(&new, &order(40_004, &new, 2)).await;
    setting.folded_to(1, last + 1).await;
    let found = compared(&setting).await;
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(projector.stop().0, 0);

    let changed = |table, column| vec![(table, Kind::Changed, Some(column))];
    let (order, product) = ("order_id = UNHEX('00000000000000000000000000004e24')", format!("product_id = '{bar}'"));
    for (table, corrupt, mend, expected) in [
        (
            "orders",
            format!("user_id = 'x' WHERE {order}"),
            format!("user_id = 'alice' WHERE {order}"),
            changed("orders", "user_id"),
        ),
        (
            "orders",
            format!("kafka_offset = 8000 WHERE {order}"),
            format!("kafka_offset = 4 WHERE {order}"),
            changed("orders", "kafka_offset"),
        ),
        (
            "stock",
            format!("available = available + 1 WHERE {product}"),
            format!("available = available - 1 WHERE {product}"),
            changed("stock", "available"),
        ),
        (
            "dead_letters",
            "detail = CONCAT(detail, 'x') WHERE kafka_partition = 2 AND kafka_offset = 0".to_owned(),
            "detail = LEFT(detail, CHAR_LENGTH(detail) - 1) WHERE kafka_partition = 2 AND kafka_offset = 0".to_owned(),
            changed("dead_letters", "detail"),
        ),
        (
            "positions",
            "topic_id = 'x' WHERE kafka_partition = 2".to_owned(),
            String::new(),
            changed("positions", "topic_id"),
        ),
    ] {
        assert_eq!(execute(&mut database, &format!("UPDATE {table} SET {corrupt}")).await, 1, "{corrupt}");
        let found = compared(&setting).await;
        assert_eq!(named(&found), expected, "{found:?}");
        if !mend.is_empty() {
            execute(&mut database, &format!("UPDATE {table} SET {mend}")).await;
        }
    }
    execute(&mut database, "DELETE FROM positions WHERE kafka_partition = 2").await;
    execute(&mut database, &format!("DELETE FROM orders WHERE {order}")).await;
    let found = compared(&setting).await;
    assert!(named(&found).contains(&("orders", Kind::Missing, None)), "{found:?}");
    assert!(named(&found).contains(&("positions", Kind::Missing, None)), "{found:?}");
    setting.finish().await;
}
