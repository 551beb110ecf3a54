//! A rebuild's phases, in order. Every line may be the last: what is written down is written down before what it announces
//! becomes true only where that is harmless, and after it otherwise. It must never swap tables whose positions lie behind the
//! relay's cursor, and never tables that were not compared where they could be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger_database::Tables;
use ledger_failpoints::FailPoint;
use ledger_fold::log_safety::LogIdentity;
use ledger_kafka::{LogInspector, ask};
use ledger_store::generations::{Counts, Live, Phase};
use ledger_store::log_check;
use ledger_store::positions::{self, StoredPosition};
use ledger_store::{FOLD_VERSION, Tally};
use sqlx::{AssertSqlSafe, MySqlConnection};
use tokio_util::sync::CancellationToken;

use super::ends::{EndReader, Ends};
use super::error::{Left, RebuildCause, sql};
use super::load::Loader;
use super::progress::{Bar, millis, per_second};
use super::report::{Outcome, PhaseTime, Summary};
use super::{Options, tables, unfinished};
use crate::generations::barrier::{self, Publishers};
use crate::generations::record::{self, New};
use crate::generations::swap::{self, Plan, Swapped};
use crate::generations::{GenerationsError, Guard, drop};
use crate::verify;

/// A catch-up that folded no more than this, in records, was near enough to the cursor.
const NEAR: u64 = 2_000;

/// The log, and how it is asked.
pub(super) struct Log {
    pub(super) inspector: LogInspector,
    pub(super) identity: LogIdentity,
    pub(super) ends: EndReader,
}

/// One rebuild.
pub(super) struct Build<'a> {
    options: &'a Options,
    log: Log,
    live: Option<Live>,
    stop: &'a CancellationToken,
    summary: Summary,
    phase: Phase,
    /// Nothing was created yet, or everything was dropped.
    clean: bool,
    may_be_live: bool,
    /// Orders, movements, dead letters, when they were counted, and what was committed since.
    counted: [i64; 3],
    tally: Arc<Tally>,
    loaded_for: Duration,
}

impl<'a> Build<'a> {
    /// Goes on with what an earlier run left, or begins anew.
    pub(super) async fn choose(
        options: &'a Options,
        guard: &mut Guard,
        log: Log,
        live: Option<Live>,
        stop: &'a CancellationToken,
    ) -> Result<Self, RebuildCause> {
        let resumed = unfinished::find(options, guard, &log.identity, live.as_ref()).await?;
        let (generation, phase) = match &resumed {
            Some(found) => (found.generation, found.phase),
            None => (record::next_number(guard.connection()).await?, Phase::Load),
        };
        let replaced = live.as_ref().map(|live| live.generation);
        let summary = Summary::new(generation, replaced, resumed.as_ref().map(|found| found.phase));
        Ok(Self {
            options,
            log,
            live,
            stop,
            summary,
            phase,
            clean: resumed.is_none(),
            may_be_live: false,
            counted: [0; 3],
            tally: Arc::default(),
            loaded_for: Duration::ZERO,
        })
    }

    /// What is left when it failed.
    pub(super) fn left(&self) -> Left {
        let generation = self.summary.generation;
        match (self.clean, self.may_be_live) {
            (_, true) => Left::Unknown { generation },
            (true, false) => Left::Untouched,
            (false, false) => Left::Unfinished { generation },
        }
    }

    pub(super) async fn run(&mut self, guard: &mut Guard) -> Result<Summary, RebuildCause> {
        let generation = self.summary.generation;
        guard.works_on(generation).await?;
        if self.live.as_ref().is_some_and(|live| live.generation == generation) {
            // An earlier run died between the RENAME and writing it down.
            self.may_be_live = true;
            let swapped = self.try_swap(guard).await?;
            self.summary.take_swap(swapped, 1);
            return Ok(self.finished());
        }
        self.prepare(guard).await?;
        if self.phase <= Phase::Load {
            self.load(guard).await?;
        }
        self.index(guard).await?;
        self.catch_up(guard, Phase::CatchUp).await?;
        self.compare(guard).await?;
        if self.options.dry_run {
            drop::discard(guard, generation).await?;
            self.clean = true;
            self.summary.outcome = Outcome::DryRun;
            return Ok(self.finished());
        }
        if self.summary.changes_rows() && !self.agreed().await? {
            self.summary.outcome = Outcome::Refused;
            return Ok(self.finished());
        }
        self.check_log().await?;
        self.enter(guard, Phase::Swap).await?;
        self.count_built(guard.connection()).await?;
        self.swap(guard).await?;
        Ok(self.finished())
    }

    /// Writes down that the build begins, before its first table is created: so its number is known, whatever happens.
    async fn prepare(&mut self, guard: &mut Guard) -> Result<(), RebuildCause> {
        let (generation, topic) = (self.summary.generation, &self.options.topics.orders);
        let identity = &self.log.identity;
        match self.summary.resumed_from {
            Some(phase) => {
                tracing::info!(generation, phase = phase.as_str(), "an earlier run was interrupted: going on with it");
                // Also writes down who goes on with it.
                record::set_phase(guard.connection(), generation, self.phase).await?;
            }
            None => {
                tracing::info!(generation, topic, "a new generation of tables is built beside the live ones");
                let new = New { generation, topic, identity, fold_version: FOLD_VERSION };
                record::begin(guard.connection(), &new).await?;
                ledger_failpoints::reach(FailPoint::RebuildBegun);
                self.clean = false;
            }
        }
        let mut connection = ledger_database::connect(&self.options.database).await?;
        tables::prepare(&mut connection, generation, topic, identity).await
    }

    /// Folds up to the cursor as it is now.
    async fn load(&mut self, guard: &mut Guard) -> Result<(), RebuildCause> {
        let (_, took) = self.advance(guard, "load").await?;
        ledger_failpoints::reach(FailPoint::RebuildLoaded);
        self.took(Phase::Load, took);
        self.enter(guard, Phase::Index).await
    }

    /// Adds the indexes that are missing: all of them, or none after a run that had added them.
    async fn index(&mut self, guard: &mut Guard) -> Result<(), RebuildCause> {
        self.check_stop()?;
        let bar = Bar::share("index");
        tables::add_keys(&self.options.database, self.summary.generation, &bar, self.stop).await?;
        let took = bar.finish();
        self.took(Phase::Index, took);
        self.enter(guard, Phase::CatchUp).await
    }

    /// Follows the cursor until it is near, or comes no nearer: a round takes its time however little there is, and orders come
    /// meanwhile.
    async fn catch_up(&mut self, guard: &mut Guard, phase: Phase) -> Result<(), RebuildCause> {
        let (mut took, mut before) = (Duration::ZERO, u64::MAX);
        loop {
            let (ahead, one) = self.advance(guard, "catch-up").await?;
            took += one;
            if ahead <= NEAR || ahead > before / 4 * 3 {
                break;
            }
            before = ahead;
        }
        self.took(phase, took);
        Ok(())
    }

    /// What the swap would change, at the position that both have.
    async fn compare(&mut self, guard: &mut Guard) -> Result<(), RebuildCause> {
        self.enter(guard, Phase::Compare).await?;
        let topic = &self.options.topics.orders;
        // Read anew: a projector may have begun meanwhile.
        if ledger_store::generations::live(guard.connection(), topic).await?.is_none() {
            let rows = positions::table_with_rows(guard.connection()).await.map_err(GenerationsError::Store)?;
            self.summary.live_rows_of_unknown_origin = rows.is_some();
            return Ok(());
        }
        let (live, built) = (Tables::live(), Tables::of_generation(self.summary.generation));
        let bar = Bar::counting("compare", "rows", self.count_live(guard.connection()).await?);
        let progress = |rows| bar.set(rows);
        let options = self.options;
        let comparing = verify::compare(&options.database, topic, &live, &built, options.difference_limit, &progress);
        let differences = tokio::select! {
            differences = comparing => differences?,
            // It only reads: the server ends it with its connections.
            () = self.stop.cancelled() => return Err(RebuildCause::Stopped),
        };
        let took = bar.finish();
        self.took(Phase::Compare, took);
        self.summary.take_differences(differences);
        ledger_failpoints::reach(FailPoint::RebuildCompared);
        Ok(())
    }

    /// Rows that are compared, as the server estimates them: for the bar only.
    async fn count_live(&self, connection: &mut MySqlConnection) -> Result<u64, RebuildCause> {
        sqlx::query_scalar(
            "SELECT CAST(COALESCE(SUM(table_rows), 0) AS UNSIGNED) FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name IN ('orders', 'stock_movements', 'stock', 'dead_letters')",
        )
        .fetch_one(connection)
        .await
        .map_err(sql("estimating rows"))
    }

    async fn agreed(&self) -> Result<bool, RebuildCause> {
        let agreed = self.options.consent.given(&self.summary.changes(), self.stop).await;
        self.check_stop().map(|()| agreed)
    }

    /// Once more: the log may have been recreated, or cut, while it was read.
    async fn check_log(&self) -> Result<(), RebuildCause> {
        let stored = self.positions().await?;
        let (inspector, topic) = (self.log.inspector.clone(), self.options.topics.orders.clone());
        Ok(ask(move || log_check::check(&inspector, &topic, &stored)).await?)
    }

    /// Counts the rows of the new tables, which takes a moment where there are many: what comes behind is tallied.
    async fn count_built(&mut self, connection: &mut MySqlConnection) -> Result<(), RebuildCause> {
        let Tables { orders, stock_movements, dead_letters, .. } = Tables::of_generation(self.summary.generation);
        let mut counted = [0; 3];
        for (table, count) in [orders, stock_movements, dead_letters].into_iter().zip(&mut counted) {
            *count = sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) FROM `{table}`")))
                .fetch_one(&mut *connection)
                .await
                .map_err(sql("counting rows"))?;
        }
        self.counted = counted;
        self.tally = Arc::default();
        Ok(())
    }

    /// Writes down what the generation holds, before it is live.
    async fn write_down(&mut self, guard: &mut Guard) -> Result<(), RebuildCause> {
        let stored = self.positions().await?;
        let ends: Ends = stored.into_iter().map(|position| (position.partition, position.next_offset)).collect();
        if self.tally.counts().is_none() {
            self.count_built(guard.connection()).await?;
        }
        let added = self.tally.counts().unwrap_or_default();
        let [orders, movements, dead_letters] = std::array::from_fn(|of| self.counted[of] + added[of]);
        let counts = Counts { records: ends.values().sum(), orders, movements, dead_letters };
        record::built(guard.connection(), self.summary.generation, &ends, counts).await?;
        ledger_failpoints::reach(FailPoint::RebuildWrittenDown);
        self.summary.take_counts(&counts);
        self.summary.ends = ends.into_values().collect();
        Ok(())
    }

    /// The one statement that changes what the live names mean, as often as it takes within bounds: whoever reads for long
    /// must not be stopped, and new readers queue until the attempt is over. Each attempt comes just after a catch-up.
    async fn swap(&mut self, guard: &mut Guard) -> Result<(), RebuildCause> {
        let patience = self.options.patience;
        let attempts = patience.attempts;
        let began = Instant::now();
        for attempt in 1..=attempts {
            self.catch_up(guard, Phase::Swap).await?;
            barrier::stop_publishing(guard, &self.publishers()).await?;
            let attempted = self.attempt_swap(guard).await;
            barrier::resume_publishing(guard).await;
            if let Some(swapped) = attempted? {
                self.summary.take_swap(swapped, attempt);
                return Ok(());
            }
            tracing::warn!(attempt, of = attempts, "others hold the tables, so they could not be swapped yet");
            if attempt < attempts {
                tokio::select! {
                    () = tokio::time::sleep(patience.pause_after(attempt)) => {}
                    () = self.stop.cancelled() => {}
                }
            }
        }
        Err(GenerationsError::Busy { attempts, seconds: began.elapsed().as_secs() }.into())
    }

    /// One attempt, while nothing is published: the last records up to the cursors, which stand still now, then the RENAME. `None`
    /// when others hold the tables.
    async fn attempt_swap(&mut self, guard: &mut Guard) -> Result<Option<Swapped>, RebuildCause> {
        let (_, took) = self.advance(guard, "catch-up").await?;
        self.took(Phase::Swap, took);
        self.write_down(guard).await?;
        self.check_stop()?;
        match self.try_swap(guard).await {
            Ok(swapped) => Ok(Some(swapped)),
            Err(GenerationsError::Busy { .. }) => Ok(None),
            Err(error) => {
                self.may_be_live = error.may_have_swapped();
                Err(error.into())
            }
        }
    }

    fn publishers(&self) -> Publishers {
        let Options { kafka, topics, .. } = self.options;
        let (kafka, cursors_topic) = (kafka.clone(), topics.cursors.clone());
        Publishers { kafka, cursors_topic, partition_count: self.log.identity.partition_count }
    }

    /// The RENAME. It is never raced against anything: its statement must be answered.
    async fn try_swap(&self, guard: &mut Guard) -> Result<Swapped, GenerationsError> {
        let plan = Plan {
            topic: &self.options.topics.orders,
            identity: &self.log.identity,
            target: self.summary.generation,
            wait_seconds: self.options.patience.wait_seconds,
        };
        swap::swap(guard, &plan).await
    }

    async fn positions(&self) -> Result<Vec<StoredPosition>, RebuildCause> {
        let mut connection = ledger_database::connect(&self.options.database).await?;
        tables::positions_of(&mut connection, self.summary.generation, &self.options.topics.orders).await
    }

    /// Folds up to the cursor as it is now; gives how many records that were, and how long it took.
    async fn advance(&mut self, guard: &mut Guard, phase: &'static str) -> Result<(u64, Duration), RebuildCause> {
        self.check_stop()?;
        let partition_count = self.log.identity.partition_count;
        let ends = tokio::select! {
            ends = self.log.ends.read(partition_count) => ends?,
            () = self.stop.cancelled() => return Err(RebuildCause::Stopped),
        };
        let stands: Ends =
            self.positions().await?.into_iter().map(|position| (position.partition, position.next_offset)).collect();
        let ahead = distance(&stands, &ends);
        let bar = Bar::counting(phase, "records", ahead);
        let (options, generation, stop) = (self.options, self.summary.generation, self.stop);
        Loader { options, generation, partition_count, tally: &self.tally, stop }.advance(&ends, guard, &bar).await?;
        let took = bar.finish();
        self.summary.records_folded += ahead;
        self.loaded_for += took;
        Ok((ahead, took))
    }

    /// Writes down that a phase begins.
    async fn enter(&mut self, guard: &mut Guard, phase: Phase) -> Result<(), RebuildCause> {
        self.check_stop()?;
        record::set_phase(guard.connection(), self.summary.generation, phase).await?;
        ledger_failpoints::reach(FailPoint::RebuildPhase);
        self.phase = phase;
        Ok(())
    }

    fn took(&mut self, phase: Phase, took: Duration) {
        let phases = &mut self.summary.phases;
        match phases.iter_mut().find(|time| time.phase == phase) {
            Some(time) => time.milliseconds += millis(took),
            None => phases.push(PhaseTime { phase, milliseconds: millis(took) }),
        }
    }

    fn check_stop(&self) -> Result<(), RebuildCause> {
        if self.stop.is_cancelled() { Err(RebuildCause::Stopped) } else { Ok(()) }
    }

    fn finished(&mut self) -> Summary {
        self.summary.records_per_second = per_second(self.summary.records_folded, self.loaded_for);
        self.summary.clone()
    }
}

/// How many offsets lie between, in all partitions.
fn distance(from: &Ends, to: &Ends) -> u64 {
    let between = |(partition, to): (&i32, &i64)| to - from.get(partition).copied().unwrap_or(0);
    to.iter().map(between).filter_map(|between| u64::try_from(between).ok()).sum()
}
