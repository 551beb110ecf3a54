//! Creating the positions of a log that nothing was folded from, all of them or none. It must never touch positions that are
//! there.

use std::sync::Arc;

use ledger_database::{Tables, Watched};
use ledger_fold::log_safety::LogIdentity;
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use crate::batch::GenerationKey;
use crate::error::{StoreError, at};

/// What positions that are created say of their tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub generation: GenerationKey,
    pub fold_version: i32,
}

/// Creates the live positions of a log that nothing was folded from, and with them how far each partition may have been
/// observed: all of them or none. `furthest` is by partition.
///
/// # Errors
/// The database's; a duplicate key when another projector was faster.
pub async fn create(
    connection: &mut Watched,
    topic: &str,
    identity: &LogIdentity,
    origin: Origin,
    furthest: &[i64],
) -> Result<(), StoreError> {
    create_all(connection, &Tables::live(), topic, identity, origin, furthest).await
}

/// As [`create`], in the positions of `tables`, which nobody reads.
///
/// # Errors
/// As there.
pub async fn create_in(
    connection: &mut Watched,
    tables: &Tables,
    topic: &str,
    identity: &LogIdentity,
    origin: Origin,
) -> Result<(), StoreError> {
    create_all(connection, tables, topic, identity, origin, &[]).await
}

async fn create_all(
    connection: &mut Watched,
    tables: &Tables,
    topic: &str,
    identity: &LogIdentity,
    origin: Origin,
    furthest: &[i64],
) -> Result<(), StoreError> {
    connection.execute("START TRANSACTION").await.map_err(at("creating the positions"))?;
    let inserted = match insert_all(connection, &tables.positions, topic, identity, origin).await {
        Ok(()) => insert_furthest(connection, topic, furthest).await,
        failed => failed,
    };
    if let Err(error) = inserted {
        // Whether that goes well, too, makes no difference: the cause is what is reported, and its caller ends the connection.
        drop(connection.execute("ROLLBACK").await);
        return Err(at("creating the positions")(error));
    }
    connection.execute("COMMIT").await.map(drop).map_err(at("creating the positions"))
}

async fn insert_all(
    connection: &mut Watched,
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

/// Nothing was folded in this database, so a row that is there is of another log, or says as much. A pause stays: nobody has resumed. Who
/// loads these positions knows every skip that was written before.
async fn insert_furthest(connection: &mut Watched, topic: &str, furthest: &[i64]) -> Result<(), sqlx::Error> {
    for (partition, next_offset) in (0_i32..).zip(furthest) {
        sqlx::query(
            "INSERT INTO furthest_positions (topic, kafka_partition, next_offset) VALUES (?, ?, ?) \
             ON DUPLICATE KEY UPDATE next_offset = VALUES(next_offset), last_skip = NULL",
        )
        .bind(topic)
        .bind(partition)
        .bind(next_offset)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Writes down how far each partition may have been observed, where nothing is folded yet, or the tables may be older than what was
/// observed of them: reads wait until they are as far (INV-13). Nothing is lowered. `furthest` is by partition.
///
/// # Errors
/// The database's.
pub async fn raise_furthest(connection: &mut Watched, topic: &str, furthest: &[i64]) -> Result<(), StoreError> {
    for (partition, next_offset) in (0_i32..).zip(furthest) {
        sqlx::query(
            "INSERT INTO furthest_positions (topic, kafka_partition, next_offset) VALUES (?, ?, ?) \
             ON DUPLICATE KEY UPDATE next_offset = GREATEST(next_offset, VALUES(next_offset))",
        )
        .bind(topic)
        .bind(partition)
        .bind(next_offset)
        .execute(&mut *connection)
        .await
        .map_err(at("raising the furthest positions"))?;
    }
    Ok(())
}
