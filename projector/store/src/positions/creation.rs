//! Creating the positions of a log that nothing was folded from, all of them or none. It must never touch positions that are
//! there.

use std::sync::Arc;

use ledger_database::Tables;
use ledger_fold::log_safety::LogIdentity;
use sqlx::{AssertSqlSafe, Executor, MySqlConnection, SqlSafeStr};

use crate::batch::GenerationKey;
use crate::error::{StoreError, at};

/// What positions that are created say of their tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub generation: GenerationKey,
    pub fold_version: i32,
}

/// Creates the positions of a log that nothing was folded from, all of them or none.
///
/// # Errors
/// The database's; a duplicate key when another projector was faster.
pub async fn create(
    connection: &mut MySqlConnection,
    topic: &str,
    identity: &LogIdentity,
    origin: Origin,
) -> Result<(), StoreError> {
    create_in(connection, &Tables::live(), topic, identity, origin).await
}

/// As [`create`], in the positions of `tables`.
///
/// # Errors
/// As there.
pub async fn create_in(
    connection: &mut MySqlConnection,
    tables: &Tables,
    topic: &str,
    identity: &LogIdentity,
    origin: Origin,
) -> Result<(), StoreError> {
    connection.execute("START TRANSACTION").await.map_err(at("creating the positions"))?;
    let inserted = insert_all(connection, &tables.positions, topic, identity, origin).await;
    if let Err(error) = inserted {
        // Whether that goes well, too, makes no difference: the cause is what is reported, and its caller ends the connection.
        drop(connection.execute("ROLLBACK").await);
        return Err(at("creating the positions")(error));
    }
    connection.execute("COMMIT").await.map(drop).map_err(at("creating the positions"))
}

async fn insert_all(
    connection: &mut MySqlConnection,
    table: &str,
    topic: &str,
    identity: &LogIdentity,
    origin: Origin,
) -> Result<(), sqlx::Error> {
    let text = format!(
        "INSERT INTO {table} (topic, kafka_partition, next_offset, cluster_id, topic_id, partition_count, generation, \
         generation_id, fold_version) VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?)"
    );
    let text = AssertSqlSafe(Arc::<str>::from(text)).into_sql_str();
    for partition in 0..identity.partition_count {
        sqlx::query(text.clone())
            .bind(topic)
            .bind(partition)
            .bind(&identity.cluster_id)
            .bind(&identity.topic_id)
            .bind(identity.partition_count)
            .bind(origin.generation.number)
            .bind(origin.generation.id)
            .bind(origin.fold_version)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
