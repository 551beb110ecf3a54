//! The last phase of a rebuild: the tables are swapped in, as often as it takes within bounds. It must never swap in tables whose
//! positions stand after the relay's cursor (INV-11): they are folded up to it, while the barrier keeps it where it is.
//!
//! Dying at any line leaves either generation live, and both whole. The barrier ends with the guard, so that at worst the relays
//! rest until the server has noticed.

use std::sync::Arc;
use std::time::Instant;

use ledger_database::{Tables, Watched};
use ledger_failpoints::FailPoint;
use ledger_store::generations::{Counts, Phase};
use sqlx::AssertSqlSafe;

use super::build::Build;
use super::error::{RebuildCause, sql};
use super::options::RebuildOptions;
use crate::ends::Ends;
use crate::generations::barrier::{self, Publishers};
use crate::generations::settle::SettledLog;
use crate::generations::swap::{self, Plan, Swapped};
use crate::generations::{GenerationsError, Guard, record};

/// Attempts while a paused partition is not published up to where it stands: some seconds, in which a relay publishes a lot.
const PAUSED_ATTEMPTS: u32 = 10;

impl Build<'_> {
    /// Counts the rows of the new tables, which takes a moment where there are many: what comes afterwards is tallied.
    pub(super) async fn count_built(&mut self, connection: &mut Watched) -> Result<(), RebuildCause> {
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
        let added = match self.tally.counts() {
            Some(added) => added,
            // A commit without an answer: only a count says what is there.
            None => {
                self.count_built(guard.connection()).await?;
                self.tally.counts().expect("nothing was tallied since the rows were counted")
            }
        };
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
    pub(super) async fn swap(&mut self, guard: &mut Guard) -> Result<(), RebuildCause> {
        let patience = self.options.patience;
        let attempts = patience.attempts;
        let (began, mut paused) = (Instant::now(), 0);
        for attempt in 1..=attempts {
            self.catch_up(guard, Phase::Swap).await?;
            barrier::stop_publishing(guard, &self.publishers()).await?;
            let attempted = self.attempt_swap(guard).await;
            barrier::resume_publishing(guard).await;
            match attempted {
                Ok(Some(swapped)) => return self.follow_up(guard, swapped, attempt).await,
                Ok(None) => {
                    tracing::warn!(attempt, of = attempts, "others hold the tables, so they could not be swapped yet");
                }
                // What is decided in a paused partition is still published, if a projector runs: then its cursor gets to the position.
                Err(RebuildCause::Generations(error @ GenerationsError::Paused { .. })) => {
                    paused += 1;
                    if paused >= PAUSED_ATTEMPTS {
                        return Err(error.into());
                    }
                    tracing::warn!(attempt, %error, "not swapped yet");
                }
                Err(error) => return Err(error),
            }
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

    /// What follows the RENAME. Dying here leaves it to the next run, which finds the generation live.
    pub(super) async fn follow_up(
        &mut self,
        guard: &mut Guard,
        swapped: Swapped,
        attempt: u32,
    ) -> Result<(), RebuildCause> {
        self.may_be_live = true;
        let RebuildOptions { kafka, topics, .. } = self.options;
        let partition_count = self.log.identity.partition_count;
        let log = SettledLog { kafka: kafka.clone(), topic: topics.orders.clone(), partition_count };
        let missing = std::mem::take(&mut self.missing);
        let told = swap::follow_up(guard, &log, self.summary.generation, swapped, missing).await?;
        self.summary.take_swap(swapped, attempt, told);
        Ok(())
    }

    fn publishers(&self) -> Publishers {
        let RebuildOptions { kafka, topics, .. } = self.options;
        let (kafka, cursors_topic) = (kafka.clone(), topics.cursors.clone());
        Publishers { kafka, cursors_topic, partition_count: self.log.identity.partition_count }
    }

    /// The RENAME. It is never raced against anything: its statement must be answered.
    pub(super) async fn try_swap(&self, guard: &mut Guard) -> Result<Swapped, GenerationsError> {
        let plan = Plan {
            topic: &self.options.topics.orders,
            identity: &self.log.identity,
            target: self.summary.generation,
            wait_seconds: self.options.patience.wait_seconds,
        };
        swap::swap(guard, &plan).await
    }
}
