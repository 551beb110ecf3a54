//! The loop of one partition's relay, on a thread of its own, since the Kafka client's transaction calls block. It must
//! never go on with a producer after an error.

use std::sync::Arc;
use std::time::Duration;

use sqlx::MySqlConnection;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::cursor::CursorReader;
use super::error::RelayError;
use super::group::RelaySettings;
use super::plan::plan;
use super::publisher::Publisher;
use super::rows::{self, PlainRow};
use crate::database::{self, Fault, fault_of};
use crate::kafka::KafkaUseError;

/// The outbox is looked at this often without being nudged: rows that another projector left are found by it.
const IDLE_LOOK: Duration = Duration::from_secs(1);
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(3);

/// How a session (one producer, one reading of the cursor) ended.
enum Ended {
    Stopped,
    /// Something was in doubt: begin anew.
    Doubt(String),
}

pub(super) struct PartitionRelay {
    pub(super) settings: Arc<RelaySettings>,
    pub(super) partition: i32,
    pub(super) runtime: Handle,
    /// Changes with every commit of the partition.
    pub(super) commits: watch::Receiver<i64>,
    pub(super) stop: CancellationToken,
}

impl PartitionRelay {
    /// Publishes until it is told to stop. Blocks.
    ///
    /// # Errors
    /// What needs a person.
    pub(super) fn run(mut self) -> Result<(), RelayError> {
        let mut backoff = FIRST_BACKOFF;
        let mut in_doubt = false;
        while !self.stop.is_cancelled() {
            let mut published = false;
            match self.session(&mut published)? {
                Ended::Stopped => break,
                Ended::Doubt(cause) => {
                    metrics::counter!("ledger_relay_restarts_total").increment(1);
                    if published || !in_doubt {
                        tracing::warn!(partition = self.partition, cause, "the relay begins anew from its cursor");
                        backoff = FIRST_BACKOFF;
                    }
                    in_doubt = true;
                    self.pause(backoff);
                    backoff = (backoff * 2).min(MAX_BACKOFF);
                }
            }
        }
        Ok(())
    }

    /// Start-up in the order that the argument needs, then publication after publication.
    fn session(&mut self, published: &mut bool) -> Result<Ended, RelayError> {
        let runtime = self.runtime.clone();
        let publisher = match Publisher::open(&self.settings, self.partition, runtime.clone()) {
            Ok(publisher) => publisher,
            Err(cause) => return Ok(Ended::Doubt(format!("opening the producer: {cause}"))),
        };
        let mut cursor = match self.read_cursor() {
            Ok(cursor) => cursor,
            Err(RelayError::Kafka(cause @ (KafkaUseError::Unreachable { .. } | KafkaUseError::Failed { .. }))) => {
                return Ok(Ended::Doubt(cause.to_string()));
            }
            Err(refused) => return Err(refused),
        };
        let mut connection = match runtime.block_on(database::connect(&self.settings.database)) {
            Ok(connection) => connection,
            Err(error) if error.is_retryable() => return Ok(Ended::Doubt(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        loop {
            // Seen before looking: a commit that comes while we look is looked for again.
            self.commits.borrow_and_update();
            match self.publish_next(&publisher, &mut connection, &mut cursor) {
                Ok(true) => *published = true,
                Ok(false) => self.wait(),
                Err(Stop::Doubt(cause)) => return Ok(Ended::Doubt(cause)),
                Err(Stop::Refused(error)) => return Err(error),
            }
            if self.stop.is_cancelled() {
                return Ok(Ended::Stopped);
            }
        }
    }

    /// One Kafka transaction, if there is anything to publish; whether there was.
    fn publish_next(
        &self,
        publisher: &Publisher,
        connection: &mut MySqlConnection,
        cursor: &mut i64,
    ) -> Result<bool, Stop> {
        let rows = self.runtime.block_on(rows::load(connection, self.partition, *cursor))?;
        let rows = rows.iter().map(PlainRow::decode).collect::<Result<Vec<_>, _>>()?;
        let Some(publication) = plan(*cursor, rows) else { return Ok(false) };
        publisher
            .publish(&self.settings, &publication)
            .map_err(|cause| Stop::Doubt(format!("publishing up to {}: {cause}", publication.next_offset)))?;
        *cursor = publication.next_offset;
        self.report(*cursor, publication.entries.len());
        self.runtime.block_on(rows::prune(connection, self.partition, *cursor))?;
        Ok(true)
    }

    fn read_cursor(&self) -> Result<i64, RelayError> {
        let topics = &self.settings.topics;
        let reader =
            CursorReader::new(&self.settings.kafka, &topics.cursors, &topics.outcomes, &self.settings.topic_id);
        let cursor = reader.read(self.partition)?;
        let end = self.settings.inspector.watermarks(&topics.orders, self.partition)?.high;
        if cursor > end {
            return Err(RelayError::CursorBeyondLog { partition: self.partition, expected: end, found: cursor });
        }
        self.report(cursor, 0);
        Ok(cursor)
    }

    /// Waits for a commit, a while, or the end. No SQL runs in this race with a timer.
    fn wait(&mut self) {
        let (commits, stop) = (&mut self.commits, &self.stop);
        self.runtime.block_on(async {
            tokio::select! {
                _ = commits.changed() => {}
                () = stop.cancelled() => {}
                () = tokio::time::sleep(IDLE_LOOK) => {}
            }
        });
    }

    /// Waits before the next try, unless it is the end.
    fn pause(&self, backoff: Duration) {
        self.runtime.block_on(async {
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(backoff) => {}
            }
        });
    }

    fn report(&self, cursor: i64, published: usize) {
        let partition = self.partition.to_string();
        // Exact up to 2^53, like every number in Prometheus.
        #[expect(clippy::cast_precision_loss, reason = "offsets stay far below 2^53")]
        metrics::gauge!("ledger_relay_cursor", "partition" => partition).set(cursor as f64);
        metrics::counter!("ledger_relay_published_total").increment(u64::try_from(published).unwrap_or(0));
    }
}

/// Why a publication did not go through.
enum Stop {
    Doubt(String),
    Refused(RelayError),
}

impl From<RelayError> for Stop {
    fn from(error: RelayError) -> Self {
        match &error {
            RelayError::Database { cause, .. } if matches!(fault_of(cause), Fault::ConnectionLost | Fault::Retry) => {
                Self::Doubt(error.to_string())
            }
            _ => Self::Refused(error),
        }
    }
}
