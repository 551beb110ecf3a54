//! What a relay has other partitions told: before it is published, and whatever becomes of publishing it. An outcome that its topic does not take
//! stops the outcomes of one partition, for as long as a person needs; orders of other partitions wait for what this one says of their
//! lines, and must not wait for that.
//!
//! It must never tell again, of its own accord, what it told: each repeat is a record of the log, for ever, and has an answer. So what is told
//! outlives the session that told it, for as long as the same tables are live.

use std::time::Duration;

use ledger_store::GenerationKey;
use ledger_store::outbox::{OutboxEntry, told_entry};
use tokio::time::Instant;

use super::partition::{PartitionRelay, Stop};
use super::plan::{Publication, plan};
use super::rows::{Outstanding, PlainRow};
use super::seam::{OutboxRows, PublishError, RelayBroker};
use super::sizing::Sizing;
use crate::meters;

/// How far a session is, in offsets of the log.
pub(super) struct Reached {
    /// Everything before it is published.
    pub(super) cursor: i64,
    /// What records before it have other partitions told stands on the log. Never before the cursor.
    pub(super) told: i64,
    /// The tables that were live when the session began. Whoever swaps them ends it, at its next publication at the latest.
    pub(super) generation: Option<GenerationKey>,
}

/// What outlives a session.
#[derive(Default)]
pub(super) struct Known {
    /// When rows were found that are not published, and nothing was published since; none where there are no rows.
    pub(super) unpublished_since: Option<Instant>,
    pub(super) sizing: Sizing,
    /// As in [`Reached`]: told by these tables, up to there. By other tables it may be something else, and is told again.
    pub(super) told: Option<(GenerationKey, i64)>,
    /// The last publication was not taken: what comes behind it may have to wait for a person, and is told without it.
    pub(super) refused: bool,
    /// The session has published something.
    pub(super) published: bool,
}

impl Known {
    /// For how long there have been rows and none was published, at a look that found some, or none.
    pub(super) fn unpublished_for(&mut self, has_rows: bool) -> Duration {
        if !has_rows {
            self.unpublished_since = None;
            return Duration::ZERO;
        }
        self.unpublished_since.get_or_insert_with(Instant::now).elapsed()
    }

    /// Where telling goes on, with the cursor there and these tables live.
    pub(super) fn told_from(&self, cursor: i64, generation: Option<GenerationKey>) -> i64 {
        let told = self.told.filter(|(by, _)| Some(*by) == generation);
        told.map_or(cursor, |(_, told)| told.max(cursor))
    }
}

impl<B: RelayBroker, O: OutboxRows> PartitionRelay<B, O> {
    /// Appends to the log what other partitions have to know, as far as that was not done yet.
    pub(super) async fn tell(
        &self,
        publication: &Publication<'_>,
        reached: &mut Reached,
        known: &mut Known,
    ) -> Result<(), Stop> {
        self.tell_up_to(publication.told_from(reached.told), publication.next_offset, reached, known).await
    }

    /// The same of the next rows of the outbox; whether more stand there.
    pub(super) async fn tell_some(
        &self,
        connection: &mut O::Connection,
        reached: &mut Reached,
        known: &mut Known,
    ) -> Result<bool, Stop> {
        self.step.begin("reading the outbox");
        let Outstanding { rows, is_backlog } = self.outbox.load(connection, reached.told).await?;
        let rows = rows.iter().map(PlainRow::decode).collect::<Result<Vec<_>, _>>()?;
        let Some(publication) = plan(reached.told, rows) else { return Ok(false) };
        self.tell(&publication, reached, known).await?;
        Ok(is_backlog)
    }

    /// The same of everything that stands in the outbox, whatever can be published of it.
    pub(super) async fn tell_all(
        &self,
        connection: &mut O::Connection,
        reached: &mut Reached,
        known: &mut Known,
    ) -> Result<(), Stop> {
        while !self.stop.is_cancelled() && self.tell_some(connection, reached, known).await? {}
        Ok(())
    }

    /// The same of what this process's own writer has just committed, where it goes on from where this session is: it need not be read.
    /// Whether it did.
    pub(super) async fn tell_at_once(&self, reached: &mut Reached, known: &mut Known) -> Result<bool, Stop> {
        let stretch = self.shared.tellings(self.partition).take(reached.told, reached.generation);
        let Some(stretch) = stretch else { return Ok(false) };
        let told: Vec<_> = stretch.told.iter().map(told_entry).collect();
        self.tell_up_to(&told, stretch.to, reached, known).await?;
        Ok(true)
    }

    async fn tell_up_to(
        &self,
        told: &[OutboxEntry<'_>],
        to: i64,
        reached: &mut Reached,
        known: &mut Known,
    ) -> Result<(), Stop> {
        if !told.is_empty() {
            self.step.begin("telling other partitions");
            let from = reached.told;
            self.broker.tell(told).await.map_err(|PublishError { cause, .. }| {
                let cause = format!("telling other partitions what follows from {from} to {to}: {cause}");
                Stop::Unpublished { cause, too_large: None }
            })?;
            meters::told(told.len());
        }
        reached.told = reached.told.max(to);
        known.told = reached.generation.map(|generation| (generation, reached.told));
        Ok(())
    }
}
