//! An operator's rebuild and rollback: the phases in their order, over the database in memory. The fold, the writer and the
//! intake are the projector's own; the driver of the phases is this file's, since the real one is SQL throughout. It must never
//! swap without the named lock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use projector::intake::{Control, Intake, Limits};
use projector::shared::Shared;
use projector::writer::{BatchSettings, Writer, WriterParts};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::scheduler::{ProcessId, Tasks};
use crate::settings::Mutant;
use crate::store::{MemoryStore, Target};
use crate::tables::TableSet;
use crate::world::{Lost, World, lock};

/// Attempts to swap.
const ATTEMPTS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(500);

/// Why a command ended early. It may be begun again.
#[derive(Debug)]
pub enum Ended {
    /// The connection that held the named lock is gone.
    Lost,
    /// Somebody else holds it, or there is nothing to do.
    Refused,
    /// The tables could not be swapped.
    Busy,
    /// Somebody else moved a position of the shadow tables.
    Moved,
}

impl From<Lost> for Ended {
    fn from(Lost: Lost) -> Self {
        Self::Lost
    }
}

/// One command.
pub struct Operator {
    pub world: Arc<World>,
    pub tasks: Tasks,
    pub process: ProcessId,
    /// How often everything was lost when the command began.
    pub losses: u32,
}

/// The named lock; it ends with its holder, unless the server still carries out a RENAME for it.
struct Guard {
    world: Arc<World>,
    process: ProcessId,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut database = lock(&self.world.database);
        if database.late_rename.is_none() && database.guard == Some(self.process) {
            (database.guard, database.swapping) = (None, false);
        }
        drop(database);
        self.world.has_changed();
    }
}

impl Operator {
    pub(crate) fn who(&self) -> String {
        format!("operator-{}", self.process)
    }

    pub(crate) async fn step(&self, what: &'static str) -> Result<(), Ended> {
        self.world.statement(&self.who(), what).await?;
        // A server that lost everything has lost our connection, too.
        if lock(&self.world.database).losses == self.losses { Ok(()) } else { Err(Ended::Lost) }
    }

    async fn take_guard(&self) -> Result<Guard, Ended> {
        self.step("taking the guard").await?;
        let mut database = lock(&self.world.database);
        if database.guard.is_some() {
            return Err(Ended::Refused);
        }
        database.guard = Some(self.process);
        Ok(Guard { world: Arc::clone(&self.world), process: self.process })
    }

    /// `ledger rebuild`.
    pub async fn rebuild(&self) -> Result<(), Ended> {
        let _guard = self.take_guard().await?;
        let generation = self.choose().await?;
        self.advance(generation).await?;
        self.step("adding indexes").await?;
        self.advance(generation).await?;
        self.step("comparing").await?;
        for attempt in 1..=ATTEMPTS {
            // Near, so that little is left to fold while nothing is published.
            self.advance(generation).await?;
            self.stop_publishing().await?;
            self.advance(generation).await?;
            let renamed = self.rename(generation, true).await;
            if matches!(renamed, Err(Ended::Lost)) {
                // Guard and barrier end with the connection, or with the RENAME that the server still carries out.
                return renamed;
            }
            self.resume_publishing().await?;
            match renamed {
                Err(Ended::Busy) if attempt < ATTEMPTS => tokio::time::sleep(PAUSE).await,
                Ok(()) => return self.settle().await,
                other => return other,
            }
        }
        Err(Ended::Busy)
    }

    /// `ledger rollback`.
    pub async fn roll_back(&self) -> Result<(), Ended> {
        let _guard = self.take_guard().await?;
        self.step("looking for a generation").await?;
        let kept = {
            let database = lock(&self.world.database);
            let kept = database.sets.iter().filter(|(number, set)| set.kept && **number != database.live);
            kept.map(|(number, _)| *number).max()
        };
        let kept = kept.ok_or(Ended::Refused)?;
        for attempt in 1..=ATTEMPTS {
            self.stop_publishing().await?;
            let renamed = self.rename(kept, false).await;
            if matches!(renamed, Err(Ended::Lost)) {
                // Guard and barrier end with the connection, or with the RENAME that the server still carries out.
                return renamed;
            }
            self.resume_publishing().await?;
            match renamed {
                Err(Ended::Busy) if attempt < ATTEMPTS => tokio::time::sleep(PAUSE).await,
                Ok(()) => return self.settle().await,
                other => return other,
            }
        }
        Err(Ended::Busy)
    }

    /// Reports to their homes what no open order wants, once the tables that were swapped in are folded as far as those before.
    async fn settle(&self) -> Result<(), Ended> {
        self.step("reporting lines that nobody wants").await?;
        crate::telling::settle(&self.world);
        Ok(())
    }

    /// Continues what an earlier run left, or begins a new generation.
    async fn choose(&self) -> Result<i32, Ended> {
        self.step("choosing a generation").await?;
        let mut database = lock(&self.world.database);
        let unfinished = database.sets.iter().find(|(_, set)| !set.kept).map(|(number, _)| *number);
        if let Some(found) = unfinished {
            return Ok(found);
        }
        let number = database.create(self.world.shape.partitions);
        drop(database);
        self.world.note(|| format!("{}: builds generation {number}", self.who()));
        Ok(number)
    }

    /// Where to end: at the cursors.
    async fn ends(&self) -> Result<BTreeMap<i32, i64>, Ended> {
        self.world.step(&self.who(), "reading the cursors").await?;
        if self.world.has(Mutant::RebuildEndsAtLogEnd) {
            return Ok(lock(&self.world.log).ends());
        }
        if self.world.has(Mutant::RebuildEndsAtAnotherCursor) {
            let cursors = lock(&self.world.broker).settled_cursors().unwrap_or_default();
            let farthest = cursors.values().max().copied().unwrap_or(0);
            let ends = lock(&self.world.log).ends();
            return Ok(ends.into_iter().map(|(partition, end)| (partition, end.min(farthest))).collect());
        }
        let mut changes = self.world.changes();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(cursors) = lock(&self.world.broker).settled_cursors() {
                return Ok(cursors);
            }
            let next = Instant::now() + Duration::from_secs(1);
            let _ = tokio::time::timeout_at(next, changes.changed()).await;
            if Instant::now() > deadline {
                return Err(Ended::Lost);
            }
        }
    }

    /// Folds up to the cursors as they are now.
    async fn advance(&self, generation: i32) -> Result<(), Ended> {
        let ends = self.ends().await?;
        self.step("reading the shadow's positions").await?;
        // What an earlier run's commit still does is waited for.
        let settled =
            self.world.until(Duration::from_secs(20), |database| (!database.in_use(generation)).then_some(()));
        settled.await.ok_or(Ended::Lost)?;
        let from = lock(&self.world.database).sets.get(&generation).map(TableSet::positions).unwrap_or_default();
        for (partition, end) in &ends {
            let start = from.get(partition).copied().unwrap_or(0);
            if start < *end {
                self.fold(generation, *partition, start, *end).await?;
            }
        }
        Ok(())
    }

    /// One partition from `start` to `end`, by the projector's writer.
    async fn fold(&self, generation: i32, partition: i32, start: i64, end: i64) -> Result<(), Ended> {
        let world = &self.world;
        let records = world.shape.batch_records;
        let limits = Limits { records, bytes: 1 << 20 };
        let intake = Arc::new(Intake::new(Limits { records: records * 2, bytes: 1 << 21 }));
        let shared = Arc::new(Shared::new(world.shape.partitions));
        let (resync, resyncs) = channel();
        let writer = Writer::new(WriterParts {
            name: "rebuild".to_owned(),
            store: MemoryStore::new(Arc::clone(world), &self.who(), Target::Shadow(generation)),
            partition_count: world.shape.partitions,
            intake: Arc::clone(&intake),
            shared: Arc::clone(&shared),
            resyncs: resync,
            settings: BatchSettings { limits, linger: Duration::ZERO },
            stop: CancellationToken::new(),
        });
        let (done, ended) = oneshot::channel();
        self.tasks.spawn(self.process, "rebuild's writer", async move {
            // Nobody waits any more when the command was killed.
            let _ = done.send(writer.run().await);
        });
        let epoch = shared.begin_epoch(partition);
        intake.tell(Control::Assigned { partition, epoch, start_offset: start, is_paused: false });
        let records = lock(&world.log).between(partition, start, end);
        let reached = records.last().map_or(start, |record| record.offset + 1);
        for record in records {
            let mut record = record.owned(partition, epoch);
            while let Err(back) = intake.push_within(record, Duration::from_millis(50)).await {
                record = back;
            }
        }
        intake.tell(Control::Stop);
        if let Ok(Err(error)) = ended.await {
            if lock(&world.database).losses != self.losses {
                return Err(Ended::Lost);
            }
            world.violated(|| format!("{} stopped: {error}", self.who()));
        }
        let found =
            lock(&world.database).sets.get(&generation).and_then(|set| set.of(partition)).map(|one| one.position);
        if found != Some(reached) || resyncs.try_recv().is_ok() {
            return Err(Ended::Moved);
        }
        Ok(())
    }
}
