//! Reading the status: positions and generations from the database, ends from Kafka. It writes nothing.

use std::sync::{Arc, Mutex, PoisonError};

use ledger_database::{DatabaseUrl, NO_SUCH_TABLE, Watched, number_of};
use ledger_kafka::{KafkaSettings, LogInspector, ask};
use ledger_store::positions::{self, StoredPosition};
use ledger_store::{FOLD_VERSION, StoreError};

use super::counts::{self, Counts};
use super::error::StatusError;
use super::generations::{self, Known};
use super::left::Knowledge;
use super::log;
use super::shown::Status;

/// Reads the status, and remembers what it learnt of the log. Cheap to clone; clones share what they know.
#[derive(Clone)]
pub struct StatusReader {
    kafka: KafkaSettings,
    inspector: LogInspector,
    database: DatabaseUrl,
    topic: String,
    knowledge: Arc<Mutex<Knowledge>>,
}

impl StatusReader {
    pub fn new(kafka: &KafkaSettings, inspector: LogInspector, database: DatabaseUrl, topic: &str) -> Self {
        Self { kafka: kafka.clone(), inspector, database, topic: topic.to_owned(), knowledge: Arc::default() }
    }

    /// Reads the status with a connection of its own.
    ///
    /// # Errors
    /// [`StatusError`].
    pub async fn read(&self) -> Result<Status, StatusError> {
        let mut connection = ledger_database::connect(&self.database).await?;
        let found = of_tables(&mut connection, &self.topic).await?;
        // A projector reads this every two seconds, and the server warns of each client that leaves without closing.
        connection.close().await;
        self.with_ends(found).await
    }

    /// As [`Self::read`], and counts what else stands in the tables.
    ///
    /// # Errors
    /// [`StatusError`].
    pub async fn read_with_counts(&self) -> Result<(Status, Counts), StatusError> {
        let mut connection = ledger_database::connect(&self.database).await?;
        let found = of_tables(&mut connection, &self.topic).await?;
        let counts = counts::read(&mut connection).await?;
        connection.close().await;
        Ok((self.with_ends(found).await?, counts))
    }

    async fn with_ends(&self, (stored, known): (Vec<StoredPosition>, Known)) -> Result<Status, StatusError> {
        let reader = self.clone();
        ask(move || reader.of_positions(&stored, known)).await
    }

    /// Adds the ends of the partitions, which are read after the positions, and so not before them. Blocks.
    fn of_positions(self, stored: &[StoredPosition], known: Known) -> Result<Status, StatusError> {
        let Self { kafka, inspector, topic, knowledge, .. } = self;
        let Known { kept, rebuild, working, read_only } = known;
        let Some(first) = stored.first() else { return Err(StatusError::NoPositions { topic, rebuild }) };
        let log = log::find(&inspector, &topic, &first.identity)?;
        let numbers: Vec<i32> = stored.iter().map(|position| position.partition).collect();
        let marks = inspector.watermarks_of(&topic, &numbers)?;
        // Whoever else reads the status waits: what this look finds, the next need not look for.
        let mut knowledge = knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        let partitions = knowledge.look(&kafka, &topic, stored, &marks)?;
        Ok(Status {
            lag: partitions.iter().map(|partition| partition.lag).sum(),
            partitions,
            log,
            cluster_id: first.identity.cluster_id.clone(),
            topic_id: first.identity.topic_id.clone(),
            topic,
            generation: first.generation.number,
            fold_version: first.fold_version,
            program_fold_version: FOLD_VERSION,
            kept,
            rebuild,
            working,
            database_read_only: read_only,
        })
    }
}

/// Positions, and what is known of generations.
async fn of_tables(connection: &mut Watched, topic: &str) -> Result<(Vec<StoredPosition>, Known), StatusError> {
    let stored = match positions::read(&mut *connection, topic).await {
        Err(StoreError::Database { cause, .. }) if number_of(&cause) == Some(NO_SUCH_TABLE) => {
            return Err(StatusError::NotMigrated);
        }
        stored => stored?,
    };
    let known = generations::read(connection, topic, stored.first().map(|position| position.generation.number)).await?;
    Ok((stored, known))
}
