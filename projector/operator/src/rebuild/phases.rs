//! A rebuild's phases, in order. Every line may be the last: what is written down is written down before what it announces
//! becomes true only where that is harmless, and after it otherwise. It must never swap tables that were not compared where
//! they could be.

use std::sync::PoisonError;

use ledger_database::{Tables, Watched};
use ledger_failpoints::FailPoint;
use ledger_kafka::ask;
use ledger_store::FOLD_VERSION;
use ledger_store::generations::Phase;
use ledger_store::{log_check, positions};

use super::build::Build;
use super::error::{RebuildCause, sql};
use super::options::RebuildOptions;
use super::progress::Bar;
use super::report::{RebuildOutcome, Summary};
use super::tables;
use crate::ends::Ends;
use crate::generations::record::New;
use crate::generations::{GenerationsError, Guard, drop, record};
use crate::verify::told::Extent;
use crate::verify::{self, CompareOptions, Compared};

impl Build<'_> {
    pub(super) async fn run(&mut self, guard: &mut Guard) -> Result<Summary, RebuildCause> {
        let generation = self.summary.generation;
        guard.works_on(generation).await?;
        if self.live.as_ref().is_some_and(|live| live.generation == generation) {
            // An earlier run died between the RENAME and what follows it.
            self.may_be_live = true;
            let swapped = self.try_swap(guard).await?;
            self.follow_up(guard, swapped, 1).await?;
            return Ok(self.finished());
        }
        self.prepare(guard).await?;
        if self.phase <= Phase::Load {
            self.load(guard).await?;
        }
        self.index(guard).await?;
        self.catch_up(guard, Phase::CatchUp).await?;
        self.compare(guard).await?;
        self.compare_between().await?;
        if self.options.dry_run {
            drop::discard(guard, generation).await?;
            self.clean = true;
            self.summary.outcome = RebuildOutcome::DryRun;
            return Ok(self.finished());
        }
        if self.summary.changes_rows() && !self.agreed().await? {
            self.summary.outcome = RebuildOutcome::Refused;
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
                tracing::info!(generation, phase = phase.as_str(), "an earlier run was interrupted: it is continued");
                // Also writes down who continues it.
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
        let RebuildOptions { kafka, database, difference_limit, .. } = self.options;
        let options = CompareOptions {
            kafka: kafka.clone(),
            database: database.clone(),
            topic: topic.clone(),
            partition_count: self.log.identity.partition_count,
            limit: *difference_limit,
        };
        let compared = tokio::select! {
            compared = verify::compare(&options, &live, &built, &progress) => compared?,
            // It only reads: the server ends it with its connections.
            () = self.stop.cancelled() => return Err(RebuildCause::Stopped),
        };
        let took = bar.finish();
        self.took(Phase::Compare, took);
        match compared {
            Compared::Whole(differences) => self.summary.take_differences(differences),
            Compared::Not(why) => self.summary.not_compared = Some(why),
        }
        ledger_failpoints::reach(FailPoint::RebuildCompared);
        Ok(())
    }

    /// What partitions tell each other, against what stands on the log. The tables end at the cursor, so all that was told by what they
    /// are a fold of was acknowledged before.
    async fn compare_between(&mut self) -> Result<(), RebuildCause> {
        let between = std::mem::take(&mut *self.between.lock().unwrap_or_else(PoisonError::into_inner));
        if self.summary.resumed_from.is_some() {
            return Ok(());
        }
        let stands: Ends =
            self.positions().await?.into_iter().map(|position| (position.partition, position.next_offset)).collect();
        let RebuildOptions { kafka, topics, difference_limit, .. } = self.options;
        let (inspector, topic, count) =
            (self.log.inspector.clone(), topics.orders.clone(), self.log.identity.partition_count);
        let marks = ask(move || inspector.watermarks_of(&topic, &(0..count).collect::<Vec<_>>())).await?;
        let log_ends: Ends = marks.iter().map(|(partition, marks)| (*partition, marks.stable)).collect();
        let blocked = marks.iter().filter(|(_, marks)| marks.is_blocked()).map(|(partition, _)| *partition).collect();
        let extent = Extent { folded: stands.clone(), cursors: stands, log_ends, blocked };
        let read = between.read_rest(kafka.clone(), topics.orders.clone(), count, &extent);
        let between = tokio::select! {
            read = read => read?,
            () = self.stop.cancelled() => return Err(RebuildCause::Stopped),
        };
        let (counts, missing) = between.judge(&extent, *difference_limit);
        self.summary.between = Some(counts);
        self.missing = missing;
        Ok(())
    }

    /// Rows that are compared, as the server estimates them: for the bar only.
    async fn count_live(&self, connection: &mut Watched) -> Result<u64, RebuildCause> {
        sqlx::query_scalar(
            "SELECT CAST(COALESCE(SUM(table_rows), 0) AS UNSIGNED) FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name IN ('orders', 'stock_movements', 'stock', 'reservations', 'open_orders', \
             'dead_letters')",
        )
        .fetch_one(connection)
        .await
        .map_err(sql("estimating rows"))
    }

    async fn agreed(&self) -> Result<bool, RebuildCause> {
        let agreed = self.options.consent.given(&self.summary.changes(), self.stop).await;
        self.check_stop().map(|()| agreed)
    }

    /// Once more: the log may have been recreated, cut, or set to lose records, while it was read.
    async fn check_log(&self) -> Result<(), RebuildCause> {
        let stored = self.positions().await?;
        let (inspector, topic) = (self.log.inspector.clone(), self.options.topics.orders.clone());
        Ok(ask(move || log_check::check(&inspector, &topic, &stored)).await?)
    }
}
