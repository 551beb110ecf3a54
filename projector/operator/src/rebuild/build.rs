//! A rebuild under way: what it knows, and the steps that several phases take. It must never fold past the relay's cursor, nor
//! write a live table (INV-12). Read next: `phases.rs` (their order), `swapping.rs`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ledger_failpoints::FailPoint;
use ledger_fold::log_safety::LogIdentity;
use ledger_kafka::LogInspector;
use ledger_schema::LineEvent;
use ledger_store::Tally;
use ledger_store::generations::{Live, Phase};
use ledger_store::positions::StoredPosition;
use tokio_util::sync::CancellationToken;

use super::error::{Left, RebuildCause};
use super::load::Loader;
use super::options::RebuildOptions;
use super::progress::{Bar, millis, per_second};
use super::report::{PhaseTime, Summary};
use super::{tables, unfinished};
use crate::ends::{EndReader, Ends};
use crate::generations::{Guard, record};
use crate::verify::told::Correspondence;

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
    pub(super) options: &'a RebuildOptions,
    pub(super) log: Log,
    pub(super) live: Option<Live>,
    pub(super) stop: &'a CancellationToken,
    pub(super) summary: Summary,
    pub(super) phase: Phase,
    /// Nothing was created yet, or everything was dropped.
    pub(super) clean: bool,
    pub(super) may_be_live: bool,
    /// Orders, movements, dead letters, when they were counted, and what was committed since.
    pub(super) counted: [i64; 3],
    pub(super) tally: Arc<Tally>,
    /// What partitions tell each other, as far as this run has folded.
    pub(super) between: Arc<Mutex<Correspondence>>,
    /// Of that, what is not on the log.
    pub(super) missing: Vec<LineEvent>,
    loaded_for: Duration,
}

impl<'a> Build<'a> {
    /// Continues what an earlier run left, or begins anew.
    pub(super) async fn choose(
        options: &'a RebuildOptions,
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
            between: Arc::default(),
            missing: Vec::new(),
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

    /// Follows the cursor until it is near, or comes no nearer: a round takes its time however little there is, and orders come
    /// meanwhile.
    pub(super) async fn catch_up(&mut self, guard: &mut Guard, phase: Phase) -> Result<(), RebuildCause> {
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

    pub(super) async fn positions(&self) -> Result<Vec<StoredPosition>, RebuildCause> {
        let mut connection = ledger_database::connect(&self.options.database).await?;
        tables::positions_of(&mut connection, self.summary.generation, &self.options.topics.orders).await
    }

    /// Folds up to the cursor as it is now; gives how many records that were, and how long it took.
    pub(super) async fn advance(
        &mut self,
        guard: &mut Guard,
        phase: &'static str,
    ) -> Result<(u64, Duration), RebuildCause> {
        self.check_stop()?;
        let partition_count = self.log.identity.partition_count;
        // The barrier of a swap may stand: while brokers take their time, the guard is shown to be held.
        let (log, stop) = (&self.log, self.stop);
        let ends = guard.while_held(async {
            tokio::select! {
                ends = log.ends.read(partition_count) => Ok(ends?),
                () = stop.cancelled() => Err(RebuildCause::Stopped),
            }
        });
        let ends = ends.await??;
        let stands: Ends =
            self.positions().await?.into_iter().map(|position| (position.partition, position.next_offset)).collect();
        check_not_after(self.summary.generation, &stands, &ends)?;
        let ahead = distance(&stands, &ends);
        let bar = Bar::counting(phase, "records", ahead);
        let (options, generation, stop) = (self.options, self.summary.generation, self.stop);
        let (tally, between) = (&self.tally, &self.between);
        Loader { options, generation, partition_count, tally, between, stop }.advance(&ends, guard, &bar).await?;
        let took = bar.finish();
        self.summary.records_folded += ahead;
        self.loaded_for += took;
        Ok((ahead, took))
    }

    /// Writes down that a phase begins.
    pub(super) async fn enter(&mut self, guard: &mut Guard, phase: Phase) -> Result<(), RebuildCause> {
        self.check_stop()?;
        record::set_phase(guard.connection(), self.summary.generation, phase).await?;
        ledger_failpoints::reach(FailPoint::RebuildPhase);
        self.phase = phase;
        Ok(())
    }

    pub(super) fn took(&mut self, phase: Phase, took: Duration) {
        let phases = &mut self.summary.phases;
        match phases.iter_mut().find(|time| time.phase == phase) {
            Some(time) => time.milliseconds += millis(took),
            None => phases.push(PhaseTime { phase, milliseconds: millis(took) }),
        }
    }

    pub(super) fn check_stop(&self) -> Result<(), RebuildCause> {
        if self.stop.is_cancelled() { Err(RebuildCause::Stopped) } else { Ok(()) }
    }

    pub(super) fn finished(&mut self) -> Summary {
        self.summary.records_per_second = per_second(self.summary.records_folded, self.loaded_for);
        self.summary.clone()
    }
}

/// INV-11: tables that stand after a cursor would swallow the outcomes between.
fn check_not_after(generation: i32, stands: &Ends, ends: &Ends) -> Result<(), RebuildCause> {
    for (partition, found) in stands {
        if let Some(expected) = ends.get(partition).filter(|end| found > *end) {
            let (partition, expected, found) = (*partition, *expected, *found);
            return Err(RebuildCause::AfterCursor { generation, partition, expected, found });
        }
    }
    Ok(())
}

/// How many offsets lie between, in all partitions.
fn distance(from: &Ends, to: &Ends) -> u64 {
    let between = |(partition, to): (&i32, &i64)| {
        // A partition without a position counts from 0: the swap refuses positions that are not complete.
        let from = from.get(partition).copied().unwrap_or(0);
        u64::try_from(to - from).expect("no position stands after its cursor (INV-11)")
    };
    to.iter().map(between).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_11_tables_after_a_cursor_are_refused_by_name() {
        let ends = |pairs: &[(i32, i64)]| -> Ends { pairs.iter().copied().collect() };
        let cursors = ends(&[(0, 5), (1, 9)]);
        for stands in [&[][..], &[(0, 5), (1, 9)], &[(0, 0), (1, 8)]] {
            assert!(check_not_after(3, &ends(stands), &cursors).is_ok(), "{stands:?}");
        }
        let refused = check_not_after(3, &ends(&[(0, 5), (1, 10)]), &cursors).expect_err("after").to_string();
        assert!(
            refused.starts_with("generation 3 stands after the relay's cursor: expected partition 1 at 9"),
            "{refused}"
        );
        assert_eq!(distance(&ends(&[(0, 5), (1, 2)]), &cursors), 7);
    }
}
