//! The loop of one partition's relay, on a thread of its own, since the Kafka client's transaction calls block. It must
//! never go on with a producer after an error.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use sqlx::MySqlConnection;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::cursor::CursorReader;
use super::error::RelayError;
use super::group::{RelaySettings, RelayTopics};
use super::plan::plan;
use super::publisher::{Publisher, RECEIVED_LIMITS};
use super::rows::{self, PlainRow};
use crate::database;
use crate::kafka::KafkaUseError;
use crate::log_check;

/// The outbox is looked at this often without being nudged: rows that another projector left are found by it.
const IDLE_LOOK: Duration = Duration::from_secs(1);
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(3);

/// A session that lasted this long has got over what the one before it ended with.
const STEADY: Duration = Duration::from_secs(60);

/// Why a session (one producer, one reading of the cursor) ended before it was told to.
enum Stop {
    /// Something was in doubt: begin anew.
    Doubt(String),
    /// The same, and a topic takes no record of that size.
    TooLarge(String),
    Refused(RelayError),
}

impl From<RelayError> for Stop {
    fn from(error: RelayError) -> Self {
        if error.passes() { Self::Doubt(error.to_string()) } else { Self::Refused(error) }
    }
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
        let mut told = String::new();
        let mut received_limits = RECEIVED_LIMITS.into_iter();
        let mut received_limit = received_limits.next().unwrap_or(0);
        while !self.stop.is_cancelled() {
            let begun = Instant::now();
            let mut published = false;
            let cause = match self.session(received_limit, &mut published) {
                Ok(()) => break,
                Err(Stop::Refused(error)) => return Err(error),
                Err(Stop::Doubt(cause)) => cause,
                Err(Stop::TooLarge(cause)) => {
                    received_limit = received_limits.next().unwrap_or(received_limit);
                    cause
                }
            };
            metrics::counter!("ledger_relay_restarts_total").increment(1);
            if published || begun.elapsed() > STEADY {
                backoff = FIRST_BACKOFF;
                told.clear();
            }
            if told == cause {
                tracing::debug!(partition = self.partition, cause, "the relay begins anew from its cursor");
            } else {
                tracing::warn!(partition = self.partition, cause, "the relay begins anew from its cursor");
                told = cause;
            }
            self.pause(backoff);
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
        Ok(())
    }

    /// Start-up in the order that the argument needs (fence, read the cursor, publish), then publication after publication,
    /// until it is told to stop. The database is reached first: while it is away there is nothing to fence anybody for.
    fn session(&mut self, received_limit: usize, published: &mut bool) -> Result<(), Stop> {
        let runtime = self.runtime.clone();
        let mut connection = runtime.block_on(database::connect(&self.settings.database)).map_err(RelayError::from)?;
        self.check_topics()?;
        let publisher =
            Publisher::open(&self.settings, self.partition, received_limit, runtime.clone()).map_err(|cause| {
                RelayError::Kafka(KafkaUseError::Failed { action: "opening the relay's producer", cause })
            })?;
        let mut cursor = self.read_cursor()?;
        // What another relay had published, but not yet removed.
        runtime.block_on(rows::prune(&mut connection, self.partition, cursor))?;
        while !self.stop.is_cancelled() {
            // Seen before looking: a commit that comes while we look is looked for again.
            self.commits.borrow_and_update();
            if self.publish_next(&publisher, &mut connection, &mut cursor)? {
                *published = true;
            } else {
                self.wait();
            }
        }
        Ok(())
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
        publisher.publish(&self.settings, &publication).map_err(|cause| {
            let told = format!("publishing from {cursor} to {}: {cause}", publication.next_offset);
            match cause.rdkafka_error_code() {
                Some(RDKafkaErrorCode::MessageSizeTooLarge) => Stop::TooLarge(told),
                _ => Stop::Doubt(told),
            }
        })?;
        *cursor = publication.next_offset;
        self.report(*cursor, publication.entries.len());
        self.runtime.block_on(rows::prune(connection, self.partition, *cursor))?;
        Ok(true)
    }

    /// A topic that was deleted, or made anew with other partitions, is refused, where its broker's answers would look like
    /// those of one that is not ready yet.
    fn check_topics(&self) -> Result<(), RelayError> {
        let RelayTopics { orders, outcomes, dead_letters, cursors } = &self.settings.topics;
        Ok(log_check::check_outputs(&self.settings.inspector, orders, &[outcomes, dead_letters, cursors])?)
    }

    fn read_cursor(&self) -> Result<i64, RelayError> {
        let RelaySettings { kafka, inspector, topics, topic_id, .. } = &*self.settings;
        let cursor = CursorReader::new(kafka, topics, topic_id).read(self.partition)?;
        let end = inspector.watermarks(&topics.orders, self.partition)?.high;
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
