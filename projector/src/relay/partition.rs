//! The loop of one partition's relay, on a thread of its own, since the Kafka client's transaction calls block. It must
//! never go on with a producer after an error.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger_kafka::KafkaUseError;
use ledger_store::log_check;
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
use super::rows::{self, Outstanding, PlainRow};
use super::step::CurrentStep;
use crate::meters;

/// The outbox is looked at this often without being nudged: rows that another projector left are found by it.
const IDLE_LOOK: Duration = Duration::from_secs(1);
/// Published rows are removed this often at most: removing them commits, which costs as much as a batch of the fold. What
/// is not removed yet the cursor passes over.
const PRUNE_INTERVAL: Duration = Duration::from_secs(1);
/// A relay that keeps up rests after a transaction for this many times as long as it took; what is committed meanwhile goes
/// into the next one. Each costs brokers, database and this machine much the same however few outcomes it has, so without
/// a rest the relays of a busy system take all time that is left (measured: 1,000 orders/s, two cores: 370 transactions a second
/// without, 150 with three times as long, and all else is faster for it). What comes to an idle system is published at once.
const REST_FACTOR: u32 = 2;
const MAX_REST: Duration = Duration::from_millis(50);
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

/// What a look at the outbox came to.
enum Next {
    Nothing,
    Published,
    /// As much as one transaction takes; more stands there.
    PublishedSome,
}

pub(super) struct PartitionRelay {
    pub(super) settings: Arc<RelaySettings>,
    pub(super) partition: i32,
    pub(super) runtime: Handle,
    /// Changes with every commit of the partition.
    pub(super) commits: watch::Receiver<i64>,
    pub(super) stop: CancellationToken,
    pub(super) step: Arc<CurrentStep>,
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
            meters::relay_restarted();
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
            self.pause("waiting before it begins anew", backoff);
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
        Ok(())
    }

    /// Start-up in the order that the argument needs (fence, read the cursor, publish), then publication after publication,
    /// until it is told to stop. The database is reached first: while it is away there is nothing to fence anybody for.
    fn session(&mut self, received_limit: usize, published: &mut bool) -> Result<(), Stop> {
        let runtime = self.runtime.clone();
        self.step.begin("connecting to the database");
        let mut connection =
            runtime.block_on(ledger_database::connect(&self.settings.database)).map_err(RelayError::from)?;
        self.step.begin("checking the topics");
        self.check_topics()?;
        self.step.begin("opening its producer");
        let publisher = Publisher::open(&self.settings, self.partition, received_limit, runtime).map_err(|cause| {
            RelayError::Kafka(KafkaUseError::Failed { action: "opening the relay's producer", cause })
        })?;
        self.step.begin("reading its cursor");
        let mut cursor = self.read_cursor()?;
        // What another relay had published, but not yet removed.
        self.prune(&mut connection, cursor)?;
        let mut pruned_at = Instant::now();
        // There may be rows before the cursor. Not only when it moved: after a swap of the tables the projector folds again, and
        // writes again, what is published.
        let mut prunable = false;
        while !self.stop.is_cancelled() {
            // Seen before looking: a commit that comes while we look is looked for again.
            prunable |= self.commits.has_changed().unwrap_or(false);
            self.commits.borrow_and_update();
            let begun = Instant::now();
            match self.publish_next(&publisher, &mut connection, &mut cursor)? {
                Next::Nothing => prunable |= self.wait(),
                Next::PublishedSome => (*published, prunable) = (true, true),
                Next::Published => {
                    (*published, prunable) = (true, true);
                    self.pause("resting", (begun.elapsed() * REST_FACTOR).min(MAX_REST));
                }
            }
            if prunable && pruned_at.elapsed() >= PRUNE_INTERVAL {
                self.prune(&mut connection, cursor)?;
                (pruned_at, prunable) = (Instant::now(), false);
            }
        }
        // Told to stop: the next owner would have to remove it.
        self.prune(&mut connection, cursor)
    }

    /// One Kafka transaction, if there is anything to publish.
    fn publish_next(
        &self,
        publisher: &Publisher,
        connection: &mut MySqlConnection,
        cursor: &mut i64,
    ) -> Result<Next, Stop> {
        self.step.begin("reading the outbox");
        let Outstanding { rows, is_backlog } =
            self.runtime.block_on(rows::load(connection, self.partition, *cursor))?;
        let rows = rows.iter().map(PlainRow::decode).collect::<Result<Vec<_>, _>>()?;
        let Some(publication) = plan(*cursor, rows) else { return Ok(Next::Nothing) };
        self.step.begin("publishing");
        let begun = Instant::now();
        publisher.publish(&self.settings, &publication).map_err(|cause| {
            let told = format!("publishing from {cursor} to {}: {cause}", publication.next_offset);
            match cause.rdkafka_error_code() {
                Some(RDKafkaErrorCode::MessageSizeTooLarge) => Stop::TooLarge(told),
                _ => Stop::Doubt(told),
            }
        })?;
        *cursor = publication.next_offset;
        meters::published(publication.entries.len(), begun.elapsed());
        meters::relay_cursor(self.partition, *cursor);
        Ok(if is_backlog { Next::PublishedSome } else { Next::Published })
    }

    fn prune(&self, connection: &mut MySqlConnection, cursor: i64) -> Result<(), Stop> {
        self.step.begin("removing what is published");
        Ok(self.runtime.block_on(rows::prune(connection, self.partition, cursor))?)
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
        meters::relay_cursor(self.partition, cursor);
        Ok(cursor)
    }

    /// Waits for a commit, a while, or the end; whether there was a commit. No SQL runs in this race with a timer.
    fn wait(&mut self) -> bool {
        self.step.begin("waiting");
        let (commits, stop) = (&mut self.commits, &self.stop);
        self.runtime.block_on(async {
            tokio::select! {
                changed = commits.changed() => changed.is_ok(),
                () = stop.cancelled() => false,
                () = tokio::time::sleep(IDLE_LOOK) => false,
            }
        })
    }

    /// Does nothing for so long, unless it is the end.
    fn pause(&self, step: &'static str, length: Duration) {
        self.step.begin(step);
        self.runtime.block_on(async {
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(length) => {}
            }
        });
    }
}
