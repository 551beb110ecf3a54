//! Sizes, positions and counts of the tables. Each statement by itself: what a login may not read is said in its place. No statement here reads a
//! column of an order, and the session is a read-only one.

use ledger_database::{DatabaseUrl, Watched};
use serde_json::{Map, Value, json};
use sqlx::Executor;
use sqlx::mysql::MySqlRow;
use sqlx::{Column, Row, TypeInfo};

use crate::doctor;

/// What is asked, under which name. All columns are numbers, words of ours, or names of tables and topics.
const ASKED: [(&str, &str); 9] = [
    ("server", "SELECT VERSION() AS version, CAST(@@max_allowed_packet AS SIGNED) AS max_allowed_packet"),
    (
        "tables",
        "SELECT table_name AS name, CAST(table_rows AS SIGNED) AS estimated_rows, CAST(data_length AS SIGNED) AS data_bytes, \
         CAST(index_length AS SIGNED) AS index_bytes FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name",
    ),
    ("migrations", "SELECT version, CAST(success AS SIGNED) AS success FROM _sqlx_migrations ORDER BY version"),
    (
        "positions",
        "SELECT topic, kafka_partition, next_offset, partition_count, generation, fold_version FROM positions ORDER BY topic, kafka_partition",
    ),
    (
        "furthestPositions",
        "SELECT topic, kafka_partition, next_offset FROM furthest_positions ORDER BY topic, kafka_partition",
    ),
    (
        "generations",
        "SELECT generation, topic, CAST(state AS CHAR) AS state, CAST(phase AS CHAR) AS phase, fold_version, record_count FROM generations ORDER BY generation",
    ),
    (
        "deadLetters",
        "SELECT CAST(reason AS CHAR) AS reason, CAST(COUNT(*) AS SIGNED) AS rows_of_it FROM (SELECT reason FROM dead_letters LIMIT 100000) some \
         GROUP BY reason ORDER BY reason",
    ),
    (
        "openOrders",
        "SELECT CAST(status AS CHAR) AS status, CAST(COUNT(*) AS SIGNED) AS rows_of_it FROM open_orders GROUP BY status ORDER BY status",
    ),
    (
        "outbox",
        "SELECT kafka_partition, CAST(COUNT(*) AS SIGNED) AS rows_of_it FROM outbox GROUP BY kafka_partition ORDER BY kafka_partition",
    ),
];

/// # Errors
/// That there is no login, or that none is let in.
pub(super) async fn read(look: &doctor::Options) -> Result<Value, String> {
    let database = doctor::most_login(look).ok_or("no login of the database was given")?;
    let mut connection = connect(&database).await?;
    let mut told = Map::new();
    for (name, text) in ASKED {
        let rows = sqlx::query(text).fetch_all(&mut connection).await;
        let value = match rows {
            Ok(rows) => rows.iter().map(object_of).collect(),
            Err(error) => json!({ "failed": error.to_string() }),
        };
        told.insert(name.to_owned(), value);
    }
    connection.close().await;
    Ok(Value::Object(told))
}

async fn connect(database: &DatabaseUrl) -> Result<Watched, String> {
    let mut connection = ledger_database::connect(database).await.map_err(|error| error.to_string())?;
    let read_only = connection.execute("SET SESSION TRANSACTION READ ONLY").await;
    read_only.map_err(|error| error.to_string())?;
    Ok(connection)
}

/// A row by its columns, which are numbers or words.
fn object_of(row: &MySqlRow) -> Value {
    let value = |column: &sqlx::mysql::MySqlColumn| {
        let index = column.ordinal();
        let value = match column.type_info().name() {
            "BIGINT" => row.try_get::<Option<i64>, _>(index).map(Value::from),
            "INT" => row.try_get::<Option<i32>, _>(index).map(Value::from),
            _ => row.try_get::<Option<String>, _>(index).map(Value::from),
        };
        (column.name().to_owned(), value.unwrap_or_else(|error| json!({ "failed": error.to_string() })))
    };
    Value::Object(row.columns().iter().map(value).collect())
}
