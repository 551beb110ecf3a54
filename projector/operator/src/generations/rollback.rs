//! Going back to a generation that was live before. Everything is checked first, under the guard; then the caller may ask a
//! person; then the swap. The projector folds on from where the old tables stand: what it folds again gives the same rows, and
//! the relay passes over what is published. It must never swap in tables that a projector would refuse.

use futures_util::future::LocalBoxFuture;
use std::time::{Duration, Instant};

use ledger_database::DatabaseUrl;
use ledger_database::Tables;
use ledger_database::requirements::Role;
use ledger_database::schema_version;
use ledger_fold::log_safety::{LogIdentity, LogRefusal};
use ledger_kafka::{KafkaSettings, LogInspector, ask};
use ledger_store::generations::Work;
use ledger_store::generations::{Live, State};
use ledger_store::log_check::{self, LogCheckError};
use ledger_store::positions::StoredPosition;
use ledger_store::{FOLD_VERSION, MixedFolds};
use projector::relay::{CursorReader, RelayError, RelayTopics};
use projector::start_check;
use serde::Serialize;

use super::barrier::{self, Publishers};
use super::error::GenerationsError;
use super::guard::Guard;
use super::settle::SettledLog;
use super::shadow;
use super::swap::{self, Patience, Plan, Swapped};

/// Before a cursor that was not found is looked for again.
const CURSOR_PAUSE: Duration = Duration::from_millis(500);

/// Where to, and with what.
#[derive(Debug, Clone)]
pub struct RollbackOptions {
    pub owner: DatabaseUrl,
    pub kafka: KafkaSettings,
    pub topics: RelayTopics,
    /// `None`: the newest kept generation before the live one.
    pub to: Option<i32>,
    pub mixed_folds: MixedFolds,
    pub patience: Patience,
}

/// An attempt that did not get the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub attempt: u32,
    pub attempts: u32,
}

/// What a rollback changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub from: i32,
    pub to: i32,
    /// Records that the live tables have and the old ones do not: the projector folds them again.
    pub records_to_fold: i64,
    /// Of the old tables, where it is not this program's.
    pub other_fold: Option<i32>,
}

/// What a rollback came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolledBack {
    pub live: i32,
    /// The generation that was live before; `None` when the one that was asked for was live already.
    pub replaced: Option<i32>,
    #[serde(rename = "recordsBehind")]
    pub records_to_fold: i64,
    /// RENAMEs until one got all tables.
    pub attempts: u32,
    pub swap_millis: u128,
    /// Lines whose partitions told their order's home once more that they are reserved.
    pub lines_told: u64,
}

/// A rollback that may be carried out: checked, and with the guard held.
pub struct Rollback {
    guard: Guard,
    topics: RelayTopics,
    identity: LogIdentity,
    publishers: Publishers,
    patience: Patience,
    to: i32,
    change: Option<Change>,
}

impl Rollback {
    /// Takes the guard and checks all that can be checked.
    ///
    /// # Errors
    /// [`GenerationsError`], the first that applies. Nothing is changed.
    pub fn prepare(options: RollbackOptions) -> LocalBoxFuture<'static, Result<Self, GenerationsError>> {
        // Boxed here, so that it is compiled here, once, and not again in each program that awaits it.
        Box::pin(Self::checked(options))
    }

    async fn checked(options: RollbackOptions) -> Result<Self, GenerationsError> {
        let RollbackOptions { owner, kafka, topics, to, mixed_folds, patience } = options;
        let topic = topics.orders.clone();
        check_database(&owner).await?;
        let mut guard = Guard::take(&owner, Work::Rollback).await?;
        let live = ledger_store::generations::live(guard.connection(), &topic).await?;
        let live = live.ok_or_else(|| GenerationsError::NothingLive { topic: topic.clone() })?;
        let to = match to {
            Some(to) => to,
            None => previous(&mut guard, &live).await?,
        };
        guard.works_on(to).await?;
        let partition_count = live.identity.partition_count;
        let publishers = Publishers { kafka, cursors_topic: topics.cursors.clone(), partition_count };
        let identity = live.identity.clone();
        let mut rollback = Self { guard, topics, identity, publishers, patience, to, change: None };
        if to != live.generation {
            let stands = rollback.check(mixed_folds).await?;
            // The swap asks once more, behind its barrier.
            swap::check_pauses(to, &live, &stands)?;
            rollback.change = Some(change(&live, to, &stands));
        }
        Ok(rollback)
    }

    /// What it would change; `None`: the generation that was asked for is live already.
    pub fn change(&self) -> Option<Change> {
        self.change
    }

    /// Carries it out. `on_held` observes each attempt that failed because others held the tables.
    ///
    /// # Errors
    /// As [`swap::swap`].
    pub async fn run(mut self, mut on_held: impl FnMut(Held)) -> Result<RolledBack, GenerationsError> {
        let attempts = self.patience.attempts;
        let began = Instant::now();
        for attempt in 1..=attempts {
            match self.attempt().await {
                Err(GenerationsError::Busy { .. }) => on_held(Held { attempt, attempts }),
                Err(error) => return Err(error),
                Ok(swapped) => {
                    let log = SettledLog {
                        kafka: self.publishers.kafka.clone(),
                        topic: self.topics.orders.clone(),
                        partition_count: self.publishers.partition_count,
                    };
                    let told = swap::follow_up(&mut self.guard, &log, self.to, swapped, Vec::new()).await;
                    self.guard.release().await;
                    let lines_told = told?;
                    let records_to_fold = self.change.map_or(0, |change| change.records_to_fold);
                    let (replaced, attempts, took) = match swapped {
                        Swapped::Now { old, took } => (old, attempt, took),
                        Swapped::Before => (None, 0, Duration::ZERO),
                    };
                    return Ok(RolledBack {
                        live: self.to,
                        replaced,
                        records_to_fold,
                        attempts,
                        swap_millis: took.as_millis(),
                        lines_told,
                    });
                }
            }
            if attempt < attempts {
                tokio::time::sleep(self.patience.pause_after(attempt)).await;
            }
        }
        Err(GenerationsError::Busy { attempts, seconds: began.elapsed().as_secs() })
    }

    /// One attempt, during which nothing is published.
    async fn attempt(&mut self) -> Result<Swapped, GenerationsError> {
        let plan = Plan {
            topic: &self.topics.orders,
            identity: &self.identity,
            target: self.to,
            wait_seconds: self.patience.wait_seconds,
        };
        if self.change.is_none() {
            // It is live already: only what follows a swap is left to do.
            return swap::swap(&mut self.guard, &plan).await;
        }
        barrier::stop_publishing(&mut self.guard, &self.publishers).await?;
        let swapped = swap::swap(&mut self.guard, &plan).await;
        barrier::resume_publishing(&mut self.guard).await;
        swapped
    }

    fn plan(&self) -> (String, LogIdentity) {
        (self.topics.orders.clone(), self.identity.clone())
    }

    /// Whether the old tables may be live: whole, a fold of this log by this version, and the log still has what follows.
    async fn check(&mut self, mixed_folds: MixedFolds) -> Result<Vec<StoredPosition>, GenerationsError> {
        let generation = self.to;
        let (topic, identity) = self.plan();
        let connection = self.guard.connection();
        let tables = shadow::existing(connection, &Tables::of_generation(generation)).await?;
        match ledger_store::generations::find(connection, generation).await?.map(|row| row.state) {
            None if tables.is_empty() => return Err(GenerationsError::Unknown { generation }),
            Some(state @ (State::Building | State::Dropped)) => {
                return Err(GenerationsError::NotKept { generation, state });
            }
            None | Some(State::Kept) => {}
        }
        let plan =
            Plan { topic: &topic, identity: &identity, target: generation, wait_seconds: self.patience.wait_seconds };
        let stands = swap::check_target(connection, &plan).await?;
        for position in &stands {
            mixed_folds.check(position.generation.number, position.fold_version)?;
        }
        check_log(&self.publishers.kafka, &self.topics, &self.identity, stands.clone()).await?;
        Ok(stands)
    }
}

/// Whether the database is as the RENAME needs it.
async fn check_database(owner: &DatabaseUrl) -> Result<(), GenerationsError> {
    let mut connection = ledger_database::connect(owner).await?;
    schema_version::check(&mut connection).await?;
    Ok(start_check::check_database(&mut connection, Role::Owner).await?)
}

/// The newest generation before the live one whose tables are there.
async fn previous(guard: &mut Guard, live: &Live) -> Result<i32, GenerationsError> {
    let rows = ledger_store::generations::all(guard.connection()).await?;
    let mut kept = Vec::new();
    for generation in shadow::generations(guard.connection()).await? {
        let row = rows.iter().find(|row| row.generation == generation);
        if row.is_some_and(|row| row.state != State::Kept) {
            continue;
        }
        match shadow::check_complete(guard.connection(), generation).await {
            Ok(()) => kept.push(generation),
            Err(GenerationsError::Incomplete { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let before = kept.iter().copied().filter(|kept| *kept < live.generation).max();
    before.ok_or(GenerationsError::NoPrevious { live: live.generation, kept })
}

/// A relay's very first transaction may be committed between the look for a cursor and the look for what was published: then the
/// next look finds its cursor. Blocks.
fn read_cursor(cursors: &CursorReader, partition: i32) -> Result<i64, RelayError> {
    match cursors.read(partition) {
        Err(RelayError::LostCursor { .. }) => {
            std::thread::sleep(CURSOR_PAUSE);
            cursors.read(partition)
        }
        read => read,
    }
}

/// The same checks as a projector's, which would otherwise stop on the old positions. The topic of the cursors has to be one of
/// this log: by its name the relays are fenced, and under another name nobody would be.
async fn check_log(
    kafka: &KafkaSettings,
    topics: &RelayTopics,
    identity: &LogIdentity,
    stands: Vec<StoredPosition>,
) -> Result<(), GenerationsError> {
    let (inspector, topic) = (LogInspector::new(kafka)?, topics.orders.clone());
    let (cursors, outputs) = (CursorReader::new(kafka, topics, &identity.topic_id), topics.clone());
    let partition_count = identity.partition_count;
    ask(move || {
        log_check::check_outputs(&inspector, &topic, &outputs.outputs())?;
        // A cursor names its log: the topic of another ledger is refused.
        for partition in 0..partition_count {
            read_cursor(&cursors, partition)?;
        }
        // Identity comes first in it: the watermarks of another log would say nothing.
        let checked = log_check::check(&inspector, &topic, &stands);
        if let Err(LogCheckError::Refused(LogRefusal::BeginningGone { .. })) = &checked {
            // Whether only the beginning is gone, or records that the old tables have not, makes a difference to a person.
            for StoredPosition { partition, next_offset, .. } in stands {
                let found = inspector.watermarks(&topic, partition)?.low;
                if found > next_offset {
                    return Err(GenerationsError::RecordsGone { topic, partition, expected: next_offset, found });
                }
            }
        }
        Ok(checked?)
    })
    .await
}

fn change(live: &Live, to: i32, stands: &[StoredPosition]) -> Change {
    let lacking = |(live, old): (&StoredPosition, &StoredPosition)| (live.next_offset - old.next_offset).max(0);
    let records_to_fold = live.positions.iter().zip(stands).map(lacking).sum();
    let fold = stands.first().map(|position| position.fold_version);
    Change { from: live.generation, to, records_to_fold, other_fold: fold.filter(|fold| *fold != FOLD_VERSION) }
}
