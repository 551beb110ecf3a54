//! Reading the status: positions and generations from the database, ends from Kafka. It writes nothing.

use ledger_database::{DatabaseUrl, Limit, NO_SUCH_TABLE, WORK_LIMIT, Watched, number_of};
use ledger_kafka::{KafkaUseError, LogInspector, ask};
use ledger_store::positions::{self, StoredPosition};
use ledger_store::{FOLD_VERSION, StoreError, at};
use sqlx::MySqlConnection;

use super::error::StatusError;
use super::generations::{self, Known};
use super::shown::{PartitionStatus, Status};

/// Reads the status with a connection of its own.
///
/// # Errors
/// [`StatusError`].
pub async fn read(url: &DatabaseUrl, inspector: &LogInspector, topic: &str) -> Result<Status, StatusError> {
    let mut connection = Watched::open(url).await?;
    let work = connection.run(Limit::Of(WORK_LIMIT), |connection| of_tables(connection, topic));
    let (stored, known) = work.await.map_err(|silence| at("reading the status")(silence.into()))??;
    // A projector reads this every two seconds, and the server warns of each client that leaves without closing.
    connection.close().await;
    let (inspector, topic) = (inspector.clone(), topic.to_owned());
    ask(move || of_positions(&inspector, topic, &stored, known)).await
}

/// Positions, and what is known of generations.
async fn of_tables(connection: &mut MySqlConnection, topic: &str) -> Result<(Vec<StoredPosition>, Known), StatusError> {
    let stored = match positions::read(&mut *connection, topic).await {
        Err(StoreError::Database { cause, .. }) if number_of(&cause) == Some(NO_SUCH_TABLE) => {
            return Err(StatusError::NotMigrated);
        }
        stored => stored?,
    };
    let known = generations::read(connection, topic, stored.first().map(|position| position.generation.number)).await?;
    Ok((stored, known))
}

/// Adds the ends of the partitions. Blocks.
fn of_positions(
    inspector: &LogInspector,
    topic: String,
    stored: &[StoredPosition],
    known: Known,
) -> Result<Status, StatusError> {
    let Known { kept, rebuild, working } = known;
    let Some(first) = stored.first() else { return Err(StatusError::NoPositions { topic, rebuild }) };
    let status_of = |position: &StoredPosition| {
        let end_offset = inspector.watermarks(&topic, position.partition)?.high;
        let (partition, next_offset) = (position.partition, position.next_offset);
        // The end is read after the position, so it is not before it, but for a log that lost records.
        Ok(PartitionStatus { partition, next_offset, end_offset, lag: (end_offset - next_offset).max(0) })
    };
    let partitions = stored.iter().map(status_of).collect::<Result<Vec<_>, KafkaUseError>>()?;
    Ok(Status {
        lag: partitions.iter().map(|partition| partition.lag).sum(),
        partitions,
        cluster_id: first.identity.cluster_id.clone(),
        topic_id: first.identity.topic_id.clone(),
        topic,
        generation: first.generation.number,
        fold_version: first.fold_version,
        program_fold_version: FOLD_VERSION,
        kept,
        rebuild,
        working,
    })
}
