//! Folding a part of the log into the new tables: one reader, a few writers with a share of the partitions each, the same
//! writer and the same fold as the projector's. Used for the first load, and again for each catch-up. Memory: two batches per
//! writer, the client's queue, and the stock of all products.
//!
//! What it must never do is to continue when somebody else moved a position: nobody else may write these tables, so a
//! compare-and-set that misses ends the rebuild.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ledger_kafka::replay::LogRange;
use ledger_store::positions::StoredPosition;
use ledger_store::{ShadowStore, Tally};
use projector::intake::{Control, Intake, Limits};
use projector::shared::{Resync, Shared};
use projector::writer::{Writer, WriterError, WriterParts};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::error::RebuildCause;
use super::feed::{Fed, Feed, Lane};
use super::options::RebuildOptions;
use super::progress::Bar;
use super::tables;
use super::telling::TellingStore;
use crate::ends::Ends;
use crate::generations::{Guard, record};
use crate::verify::told::Correspondence;

/// How often progress is shown, and failures are looked for.
const TICK: Duration = Duration::from_millis(200);
/// How many ticks pass between two looks whether the guard is still ours.
const GUARD_TICKS: u32 = 25;
/// How long writers have to finish or roll back a batch when the load ends early.
const END_LIMIT: Duration = Duration::from_secs(15);

/// What a load works on.
pub(super) struct Loader<'a> {
    pub(super) options: &'a RebuildOptions,
    pub(super) generation: i32,
    pub(super) partition_count: i32,
    /// Counts what is committed.
    pub(super) tally: &'a Arc<Tally>,
    /// Takes what partitions tell each other.
    pub(super) between: &'a Arc<Mutex<Correspondence>>,
    pub(super) stop: &'a CancellationToken,
}

impl Loader<'_> {
    /// Folds everything before `ends` that the tables do not have yet.
    ///
    /// # Errors
    /// [`RebuildCause`]; what was committed stays, and the next call continues from there.
    pub(super) async fn advance(&self, ends: &Ends, guard: &mut Guard, bar: &Bar) -> Result<(), RebuildCause> {
        let positions = self.positions().await?;
        let ranges = ranges(&positions, ends);
        if ranges.is_empty() {
            return Ok(());
        }
        let before = positions.iter().map(|position| position.next_offset).sum();
        record::set_records(guard.connection(), self.generation, before).await?;
        let mut run = self.start(&ranges, before)?;
        let outcome = run.until_ended(guard, bar, self.stop).await;
        run.end().await;
        let fed = outcome?;
        let records = self.check(&fed, &run.resyncs).await?;
        Ok(record::set_records(guard.connection(), self.generation, records).await?)
    }

    async fn positions(&self) -> Result<Vec<StoredPosition>, RebuildCause> {
        let mut connection = ledger_database::connect(&self.options.database).await?;
        tables::settled_positions(&mut connection, self.generation, &self.options.topics.orders).await
    }

    fn start(&self, ranges: &[LogRange], before: i64) -> Result<Run, RebuildCause> {
        let RebuildOptions { topics, database, writers, batch, kafka, .. } = self.options;
        let stop = self.stop.child_token();
        let shared = Arc::new(Shared::new(self.partition_count));
        // Two batches: one that is taken next while the other is written.
        let held = Limits { records: batch.limits.records * 2, bytes: batch.limits.bytes * 2 };
        let intakes: Vec<_> = (0..(*writers).min(ranges.len())).map(|_| Arc::new(Intake::new(held))).collect();
        let (resync, resyncs) = channel();
        let mut tasks = JoinSet::new();
        for (number, intake) in intakes.iter().enumerate() {
            let writer = Writer::new(WriterParts {
                name: format!("rebuild-{number}"),
                store: TellingStore::new(
                    ShadowStore::new(database.clone(), &topics.orders, self.generation, self.tally.clone()),
                    self.partition_count,
                    self.between.clone(),
                ),
                partition_count: self.partition_count,
                intake: intake.clone(),
                shared: shared.clone(),
                resyncs: resync.clone(),
                settings: *batch,
                stop: stop.clone(),
            });
            tasks.spawn(async move { Ended::Writer(writer.run().await) });
        }
        let mut lanes = BTreeMap::new();
        for (range, writer) in ranges.iter().zip(share_out(ranges, intakes.len())) {
            let intake = &intakes[writer];
            let (partition, epoch) = (range.partition, shared.begin_epoch(range.partition));
            // Tables that nobody reads: whoever has paused the partition has paused the live ones.
            intake.tell(Control::Assigned { partition, epoch, start_offset: range.from, is_paused: false });
            lanes.insert(partition, Lane { epoch, intake: intake.clone() });
        }
        let feed = Feed::open(kafka, &topics.orders, ranges, lanes, stop.clone())?;
        tasks.spawn(async move {
            let fed = tokio::task::spawn_blocking(move || feed.run()).await;
            Ended::Feed(fed.unwrap_or_else(|error| Err(RebuildCause::Part(error.to_string()))))
        });
        let done = ranges.iter().map(|range| (range.partition, range.from)).collect();
        let began = ranges.iter().map(|range| range.from).sum();
        Ok(Run { tasks, intakes, shared, resyncs, stop, generation: self.generation, before, began, done })
    }

    /// What was read has to be what was written. How far the tables are, in records.
    async fn check(&self, fed: &Fed, resyncs: &Receiver<Resync>) -> Result<i64, RebuildCause> {
        let generation = self.generation;
        let stored: Ends =
            self.positions().await?.into_iter().map(|position| (position.partition, position.next_offset)).collect();
        let lost = resyncs.try_iter().next().map(|resync| resync.partition);
        for (partition, expected) in fed {
            let found = stored.get(partition);
            if found != Some(expected) || lost == Some(*partition) {
                let found = found.map_or_else(|| "nothing".to_owned(), i64::to_string);
                return Err(RebuildCause::ShadowMoved {
                    generation,
                    partition: *partition,
                    expected: *expected,
                    found,
                });
            }
        }
        Ok(stored.values().sum())
    }
}

enum Ended {
    Feed(Result<Fed, RebuildCause>),
    Writer(Result<(), WriterError>),
}

/// A load that runs.
struct Run {
    tasks: JoinSet<Ended>,
    intakes: Vec<Arc<Intake>>,
    shared: Arc<Shared>,
    resyncs: Receiver<Resync>,
    /// Ends this load only.
    stop: CancellationToken,
    generation: i32,
    /// Sum of all positions at the beginning, and of those that are moved.
    before: i64,
    began: i64,
    /// Committed positions, as far as writers have reported them.
    done: Ends,
}

impl Run {
    /// Until everything is read and written, the first failure, or a stop; gives what was read.
    async fn until_ended(
        &mut self,
        guard: &mut Guard,
        bar: &Bar,
        stop: &CancellationToken,
    ) -> Result<Fed, RebuildCause> {
        let mut fed = None;
        let mut tick = tokio::time::interval(TICK);
        let mut ticks = 0;
        loop {
            tokio::select! {
                () = stop.cancelled() => return Err(RebuildCause::Stopped),
                ended = self.tasks.join_next() => match ended {
                    None => {
                        self.show(bar);
                        return fed.ok_or_else(|| RebuildCause::Part("the writers ended before the reader".to_owned()));
                    }
                    Some(ended) => self.take_end(ended, &mut fed)?,
                },
                _ = tick.tick() => {
                    let moved = self.show(bar);
                    self.check_ours()?;
                    ticks += 1;
                    if ticks % GUARD_TICKS == 0 {
                        // Not raced against the stop: an answer that nobody reads would be taken for that of the next statement.
                        guard.show_life().await.map_err(|cause| RebuildCause::GuardLost { cause })?;
                        record::set_records(guard.connection(), self.generation, self.before + moved).await?;
                    }
                }
            }
        }
    }

    fn take_end(
        &self,
        ended: Result<Ended, tokio::task::JoinError>,
        fed: &mut Option<Fed>,
    ) -> Result<(), RebuildCause> {
        match ended.map_err(|error| RebuildCause::Part(error.to_string()))? {
            Ended::Feed(read) => {
                *fed = Some(read?);
                // In order after the last record: a writer ends when it has written all.
                self.intakes.iter().for_each(|intake| intake.tell(Control::Stop));
                Ok(())
            }
            Ended::Writer(outcome) => Ok(outcome?),
        }
    }

    /// Shows how far it is, and says it: how many offsets were folded since the beginning.
    fn show(&mut self, bar: &Bar) -> i64 {
        self.done.extend(self.shared.take_committed());
        let moved = self.done.values().sum::<i64>() - self.began;
        bar.set(u64::try_from(moved).expect("positions only grow"));
        moved
    }

    /// Whether a writer found a position elsewhere than it left it.
    fn check_ours(&self) -> Result<(), RebuildCause> {
        let Ok(Resync { partition, .. }) = self.resyncs.try_recv() else { return Ok(()) };
        let expected = *self.done.get(&partition).expect("a resync is of a partition that is loaded");
        let found = "another position".to_owned();
        Err(RebuildCause::ShadowMoved { generation: self.generation, partition, expected, found })
    }

    /// Ends what still runs: what is queued is dropped, a batch that is being written is finished or rolled back.
    async fn end(&mut self) {
        self.stop.cancel();
        self.done.keys().for_each(|partition| self.shared.end_epoch(*partition));
        self.intakes.iter().for_each(|intake| intake.tell(Control::Stop));
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(END_LIMIT, all).await.is_err() {
            tracing::warn!("a writer did not end in time: what it has not committed is rolled back");
        }
    }
}

/// What is still to be read, of partitions that have something.
fn ranges(positions: &[StoredPosition], ends: &Ends) -> Vec<LogRange> {
    let range = |position: &StoredPosition| {
        let to = ends.get(&position.partition).copied()?;
        let range = LogRange { partition: position.partition, from: position.next_offset, to };
        (range.from < range.to).then_some(range)
    };
    positions.iter().filter_map(range).collect()
}

/// Which writer each range goes to: the longest first, each to the one with the least to do.
fn share_out(ranges: &[LogRange], writers: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    let length = |index: &usize| ranges[*index].to - ranges[*index].from;
    order.sort_by_key(|index| std::cmp::Reverse(length(index)));
    let (mut loads, mut shares) = (vec![0_i64; writers], vec![0; ranges.len()]);
    for index in order {
        let least = (0..writers).min_by_key(|writer| loads[*writer]).expect("ranges have at least one writer");
        loads[least] += length(&index);
        shares[index] = least;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_ranges_are_shared_out_first() {
        let ranges = |lengths: &[i64]| -> Vec<LogRange> {
            (0..).zip(lengths).map(|(partition, length)| LogRange { partition, from: 5, to: 5 + length }).collect()
        };
        for (lengths, writers, shares) in [
            (&[][..], 2, vec![]),
            (&[7], 2, vec![0]),
            (&[1, 9, 8, 3], 2, vec![0, 0, 1, 1]),
            (&[4, 4, 4], 1, vec![0, 0, 0]),
            (&[4, 4, 4], 3, vec![0, 1, 2]),
        ] {
            assert_eq!(share_out(&ranges(lengths), writers), shares, "{lengths:?}");
        }
    }
}
