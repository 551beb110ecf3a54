//! The loop of one partition's relay: in what order it uses Kafka and the outbox. It runs on a thread of its own, since the
//! Kafka client's transaction calls block. It must never use a producer again after an error. Read next: `telling.rs`.

use std::sync::Arc;
use std::time::Duration;

use ledger_database::Backoff;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::RelayError;
use super::plan::plan;
use super::rows::{Outstanding, PlainRow};
use super::seam::{OutboxRows, PublishError, RelayBroker, RelayProducer, TooLarge};
use super::sizing::Verdict;
use super::step::CurrentStep;
use super::telling::{Known, Reached};
use crate::meters;
use crate::shared::Shared;

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

/// How often a relay looks whether a swap of the tables is over. It takes milliseconds when nobody holds the tables.
const SWAP_LOOK: Duration = Duration::from_millis(20);

/// A session that lasted this long has got over what the one before it ended with.
const STEADY: Duration = Duration::from_secs(60);

/// Why a session (one producer, one reading of the cursor) ended before it was stopped.
pub(super) enum Stop {
    /// Something was in doubt: begin anew.
    Doubt(String),
    /// The same, of a publication. The topics or brokers that refuse it may do so for good.
    Unpublished {
        cause: String,
        too_large: Option<TooLarge>,
    },
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

/// The relay of one partition. Besides Kafka and MariaDB, the simulator has a broker and an outbox.
pub struct PartitionRelay<B, O> {
    pub broker: B,
    pub outbox: O,
    pub partition: i32,
    /// Changes with every commit of the partition.
    pub commits: watch::Receiver<i64>,
    /// Told what cannot be published.
    pub shared: Arc<Shared>,
    pub stop: CancellationToken,
    pub step: Arc<CurrentStep>,
}

impl<B: RelayBroker, O: OutboxRows> PartitionRelay<B, O> {
    /// Publishes until it is stopped.
    ///
    /// # Errors
    /// What needs a person.
    pub async fn run(mut self) -> Result<(), RelayError> {
        let mut backoff = Backoff::new(FIRST_BACKOFF, MAX_BACKOFF);
        let mut logged = String::new();
        let mut known = Known::default();
        while !self.stop.is_cancelled() {
            let begun = Instant::now();
            known.published = false;
            let cause = match self.session(&mut known).await {
                Ok(()) => break,
                Err(Stop::Refused(error)) => return Err(error),
                Err(Stop::Doubt(cause)) => cause,
                Err(Stop::Unpublished { cause, too_large }) => {
                    known.refused = true;
                    let verdict = too_large.map(|refusal| known.sizing.refused(&refusal));
                    let is_known = verdict == Some(Verdict::Blocked);
                    self.shared.health.cannot_publish(self.partition, &cause, is_known);
                    cause
                }
            };
            meters::relay_restarted();
            if known.published || begun.elapsed() > STEADY {
                backoff.reset();
                logged.clear();
            }
            if logged == cause {
                tracing::debug!(partition = self.partition, cause, "the relay begins anew from its cursor");
            } else {
                tracing::warn!(partition = self.partition, cause, "the relay begins anew from its cursor");
                logged = cause;
            }
            self.pause("waiting before it begins anew", backoff.next_wait()).await;
        }
        self.shared.health.publishes(self.partition);
        meters::relay_ended(self.partition);
        Ok(())
    }

    /// Start-up in the order that the argument needs (fence, read the cursor, publish), then publication after publication,
    /// until it is stopped. The database is reached first: while it is away there is nothing to fence anybody for.
    async fn session(&mut self, known: &mut Known) -> Result<(), Stop> {
        self.step.begin("connecting to the database");
        let mut connection = self.outbox.connect().await?;
        self.step.begin("checking the topics");
        self.broker.check_topics().await?;
        self.step.begin("opening its producer");
        let producer = self.broker.open().await?;
        // In this order. Who swaps tables sets the barrier, then fences: a relay that opened its producer before the fence is
        // fenced, one that opened it after the fence sees the barrier. So nothing is published between fence and RENAME.
        while self.outbox.swap_is_under_way(&mut connection).await? {
            self.pause("waiting for a swap of the tables", SWAP_LOOK).await;
            if self.stop.is_cancelled() {
                return Ok(());
            }
        }
        // Before anything is told: what this session tells by tables that are swapped in meanwhile counts as told by these, so the next one
        // tells it again.
        self.step.begin("looking which tables are live");
        let generation = self.outbox.generation(&mut connection).await?;
        self.step.begin("reading its cursor");
        let cursor = self.broker.read_cursor().await?;
        let mut reached = Reached { cursor, told: known.told_from(cursor, generation), generation };
        let mut tells = self.shared.tells(self.partition);
        // What another relay had published, but not yet removed.
        self.prune(&mut connection, cursor).await?;
        let mut pruned_at = Instant::now();
        // There may be rows before the cursor. Not only when it moved: after a swap of the tables the projector folds again, and
        // writes again, what is published.
        let mut prunable = false;
        if known.refused {
            self.tell_all(&mut connection, &mut reached, known).await?;
        }
        while !self.stop.is_cancelled() {
            // Seen before looking: a commit that comes while we look is looked for again.
            prunable |= self.commits.has_changed().unwrap_or(false);
            self.commits.borrow_and_update();
            tells.borrow_and_update();
            meters::relay_cursor(self.partition, reached.cursor);
            let begun = Instant::now();
            match self.publish_next(&producer, &mut connection, &mut reached, known).await? {
                Next::Nothing => prunable |= self.wait().await,
                Next::PublishedSome => (known.published, prunable) = (true, true),
                Next::Published => {
                    (known.published, prunable) = (true, true);
                    let until = Instant::now() + (begun.elapsed() * REST_FACTOR).min(MAX_REST);
                    self.rest(&mut connection, &mut reached, known, (&mut tells, until)).await?;
                }
            }
            if prunable && pruned_at.elapsed() >= PRUNE_INTERVAL {
                self.prune(&mut connection, reached.cursor).await?;
                (pruned_at, prunable) = (Instant::now(), false);
            }
        }
        // Stopped: the next owner would have to remove it.
        self.prune(&mut connection, reached.cursor).await
    }

    /// One Kafka transaction, if there is anything to publish. What other partitions are told stands on the log before it: a cursor
    /// that has passed something says that nobody has to tell it.
    async fn publish_next(
        &self,
        producer: &B::Producer,
        connection: &mut O::Connection,
        reached: &mut Reached,
        known: &mut Known,
    ) -> Result<Next, Stop> {
        self.tell_at_once(reached, known).await?;
        self.step.begin("reading the outbox");
        let Outstanding { rows, is_backlog } = self.outbox.load(connection, reached.cursor).await?;
        meters::outbox(self.partition, rows.len(), known.unpublished_for(!rows.is_empty()));
        let rows = rows.iter().map(PlainRow::decode).collect::<Result<Vec<_>, _>>()?;
        let Some(mut publication) = plan(reached.cursor, rows) else {
            self.shared.health.publishes(self.partition);
            known.refused = false;
            return Ok(Next::Nothing);
        };
        // All of it, also what stands behind an outcome that no topic takes: orders elsewhere wait for it.
        self.tell(&publication, reached, known).await?;
        let is_cut = known.sizing.cut(&mut publication);
        self.step.begin("publishing");
        let begun = Instant::now();
        let (from, to, entries) = (reached.cursor, publication.next_offset, publication.entries.len());
        producer.publish(&publication).await.map_err(|PublishError { too_large, cause }| match too_large {
            Some(_) => Stop::Unpublished { cause, too_large },
            None => Stop::Unpublished { cause: format!("publishing from {from} to {to}: {cause}"), too_large },
        })?;
        tracing::debug!(partition = self.partition, from, to, entries, "published");
        reached.cursor = to;
        known.sizing.published(to);
        known.unpublished_since = None;
        known.refused = false;
        self.shared.health.publishes(self.partition);
        meters::published(entries, begun.elapsed());
        Ok(if is_backlog || is_cut { Next::PublishedSome } else { Next::Published })
    }

    /// Rests until then. What other partitions have to know does not wait for it: an order of several lines takes three such hops.
    async fn rest(
        &self,
        connection: &mut O::Connection,
        reached: &mut Reached,
        known: &mut Known,
        (tells, until): (&mut watch::Receiver<i64>, Instant),
    ) -> Result<(), Stop> {
        loop {
            self.step.begin("resting");
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                // Before the next: outcomes must not wait for as long as there is something to tell.
                () = tokio::time::sleep_until(until) => return Ok(()),
                changed = tells.changed() => if changed.is_err() { return Ok(()) },
            }
            let told_to = *tells.borrow_and_update();
            if told_to <= reached.told || self.tell_at_once(reached, known).await? {
                continue;
            }
            self.tell_some(connection, reached, known).await?;
        }
    }

    async fn prune(&self, connection: &mut O::Connection, cursor: i64) -> Result<(), Stop> {
        self.step.begin("removing what is published");
        Ok(self.outbox.prune(connection, cursor).await?)
    }

    /// Waits for a commit, a while, or the end; whether there was a commit. No SQL runs in this race with a timer.
    async fn wait(&mut self) -> bool {
        self.step.begin("waiting");
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            changed = self.commits.changed() => changed.is_ok(),
            () = tokio::time::sleep(IDLE_LOOK) => false,
        }
    }

    /// Does nothing for so long, unless it is the end.
    async fn pause(&self, step: &'static str, length: Duration) {
        self.step.begin(step);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(length) => {}
        }
    }
}
