//! Reads never go back: what was observed once, on any service, is never followed by an older state. Every read of a request
//! goes through [`Reads`], also the look-ups that decide whether a POST appends.
//!
//! **What could go back.** A swap (rebuild or rollback) exchanges the tables for others, whose positions may stand before those
//! of the tables that they replace; the projector folds on from there, and for a while every row is as it was earlier. A used
//! key is unknown in that while, and a retry with other contents would be appended. A database that was lost and is filled
//! anew is the same, for longer.
//!
//! **Who guarantees what.**
//! - The projector: `furthest_positions` is raised in the transaction that moves a position (INV-1), and never lowered. No
//!   RENAME exchanges that table. So whatever a service read, and whatever outcome was published, stands before it.
//! - The statement: positions, furthest positions and rows come from one snapshot (`reader::standing`). A partition that stands
//!   before its furthest position cannot be missed, however a swap falls.
//! - This service ([`floor`]): it never shows less than it showed itself, nor less than outcomes were published of while it ran,
//!   by which any service may have answered. Both are kept in memory and compared, too: for a database that lost
//!   `furthest_positions` along with the rest, or a replica that lags, whose furthest positions are as old as its rows. A
//!   service that starts after such a loss knows nothing of before; nothing in the system would tell it.
//!
//! **What a replica cannot know.** What is decided and not published yet, or was published before this service began to follow:
//! there it may show what the replica has, and take a used key for a new one, which the fold then finds to be used.
//!
//! Whoever finds a partition of its concern before one of these waits as long as its request may, all with the one poller of
//! [`crate::waiting`], then says so: a 503 that names partition, position and furthest position. It never shows what it read.
//!
//! A record that the caller named (`?after=`) and that is not there for a moment may be none at all: then the log is asked for
//! its end ([`EventLog::end_before`]), and a position beyond it is refused rather than waited for.
//!
//! In the ordinary case all this is a comparison: positions are raised together, so nothing stands before anything.

mod floor;

pub(crate) use floor::Lag;

use std::sync::Arc;
use std::time::Duration;

use ledger_database::Backoff;
use ledger_schema::{Contents, MovementId, OrderId, Position, ProductId, UserId, partitioner};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use tracing::instrument;

use self::floor::Reported;
use crate::decision::Subject;
use crate::event_log::EventLog;
use crate::list_cursor::{OrderCursor, StockCursor};
use crate::metrics::Metrics;
use crate::published::Furthest;
use crate::reader::{Concern, MovementRow, ReadError, Reader, Snapshot, Standing, StockRow, StoredOrder, UnderId};
use crate::waiting::{Waited, Waits};

/// Before a snapshot is read again that the poller took for good, and was not: another swap fell between.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// How long a record that the caller named may be on its way before the log is asked whether it is there at all.
const NAMED_GRACE: Duration = Duration::from_millis(100);

/// What a read must at least show, and until when it may wait for that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// The record whose effects must be in it, if the caller names one.
    pub(crate) after: Option<Position>,
    pub(crate) deadline: Instant,
}

impl Terms {
    /// What a read of rows of one partition is about: of every one, too, where the caller names a record of another. So does who has placed a
    /// basket, whose record stands with its first line, and looks at the stock of the second.
    fn about(self, partition: i32) -> Concern {
        match self.after {
            Some(named) if named.partition != partition => Concern::Every,
            _ => Concern::One(partition),
        }
    }
}

/// Why a read has no answer. All but the last are retryable.
#[derive(Debug, Error)]
pub(crate) enum NotRead {
    #[error(transparent)]
    Failed(#[from] ReadError),
    #[error("not folded in time: {0}")]
    TooEarly(#[from] Lag),
    #[error("the log has no record at {named} yet: its partition ends at {end}")]
    BeyondEnd { named: Position, end: i64 },
}

/// The reads of requests.
pub(crate) struct Reads {
    reader: Reader,
    waits: Arc<Waits>,
    log: Arc<EventLog>,
    reported: Reported,
    partition_count: i32,
    metrics: Arc<Metrics>,
}

impl Reads {
    /// `published` is what the outcomes say.
    pub(crate) fn new(
        reader: Reader,
        waits: Arc<Waits>,
        log: Arc<EventLog>,
        published: Arc<Furthest>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let partition_count = log.partition_count();
        Self { reader, waits, log, reported: Reported::new(partition_count, published), partition_count, metrics }
    }

    /// Every order under an id, by partition. More than one is what a race for the id over two home partitions left.
    pub(crate) async fn order(&self, order_id: OrderId, terms: Terms) -> Result<Vec<StoredOrder>, NotRead> {
        let orders = self.settled(Concern::Every, terms, || self.reader.order(order_id)).await?;
        if orders.len() > 1 {
            self.metrics.shared_ids.increment(1);
        }
        Ok(orders)
    }

    /// At most `limit` orders of a user before `cursor`, newest first.
    pub(crate) async fn orders_of(
        &self,
        user_id: UserId,
        cursor: Option<OrderCursor>,
        limit: u16,
        terms: Terms,
    ) -> Result<Vec<StoredOrder>, NotRead> {
        self.settled(Concern::Every, terms, || self.reader.orders_of(user_id.clone(), cursor.clone(), limit)).await
    }

    pub(crate) async fn stock_of(&self, product_id: &ProductId, terms: Terms) -> Result<Option<StockRow>, NotRead> {
        let concern = terms.about(self.partition_of(product_id));
        self.settled(concern, terms, || self.reader.stock_of(product_id.clone(), concern)).await
    }

    /// The receipt or adjustment of a product under an id.
    pub(crate) async fn movement_of(
        &self,
        product_id: &ProductId,
        movement_id: MovementId,
        terms: Terms,
    ) -> Result<Option<MovementRow>, NotRead> {
        let concern = terms.about(self.partition_of(product_id));
        let attempt = || self.reader.movement_of(product_id.clone(), movement_id, concern);
        self.settled(concern, terms, attempt).await
    }

    /// At most `limit` products after `cursor`, by the bytes of their ids.
    pub(crate) async fn stock_list(
        &self,
        cursor: Option<StockCursor>,
        limit: u16,
        terms: Terms,
    ) -> Result<Vec<StockRow>, NotRead> {
        self.settled(Concern::Every, terms, || self.reader.stock_list(cursor.clone(), limit)).await
    }

    /// What stands under an id that `contents` ask for something under; `product_id` is the key of such a request.
    pub(crate) async fn under_id_of(
        &self,
        subject: Subject,
        contents: &Contents<'_>,
        product_id: &ProductId,
        terms: Terms,
    ) -> Result<UnderId, NotRead> {
        let partition = self.partition_of(product_id);
        let concern = match subject {
            Subject::Order(_) => Concern::Every,
            Subject::Movement(_) => Concern::One(partition),
        };
        self.settled(concern, terms, || self.reader.under_id_of(subject, contents, partition)).await
    }

    /// Why the record at `position` was parked, if it was.
    pub(crate) async fn parked_at(&self, position: Position, terms: Terms) -> Result<Option<String>, NotRead> {
        self.settled(Concern::One(position.partition), terms, || self.reader.parked_at(position)).await
    }

    /// A request is about to be answered with what became of the record at `position`, known from an outcome.
    pub(crate) fn report(&self, position: Position) {
        self.reported.raise(position.partition, position.offset + 1);
    }

    /// Where the records of a product lie.
    pub(crate) fn partition_of(&self, product_id: &ProductId) -> i32 {
        partitioner::partition_of(product_id.as_str().as_bytes(), self.partition_count)
    }

    /// Reads until what was found may be shown, at most until the deadline.
    #[instrument(name = "read", level = "debug", skip_all, fields(?concern))]
    async fn settled<T, F, A>(&self, concern: Concern, terms: Terms, attempt: F) -> Result<T, NotRead>
    where
        F: Fn() -> A,
        A: Future<Output = Result<Snapshot<T>, ReadError>>,
    {
        // Before the first attempt: what others are answered meanwhile was not observed before this read began.
        let floor = self.reported.floor();
        let mut pauses = Backoff::new(SHORTEST_PAUSE, LONGEST_PAUSE);
        let mut is_first = true;
        loop {
            let snapshot = attempt().await?;
            let Some(lag) = floor.lag_of(&snapshot.standing, concern, terms.after) else {
                self.reported.raise_to(&snapshot.standing, concern);
                return Ok(snapshot.found);
            };
            if std::mem::take(&mut is_first) {
                self.metrics.held_reads.increment(1);
                tracing::debug!(%lag, "a read waits");
                if self.has_come(lag, &snapshot.standing, terms).await? {
                    continue;
                }
            } else {
                let _ = timeout_at(terms.deadline, tokio::time::sleep(pauses.next_wait())).await;
            }
            if Instant::now() >= terms.deadline
                || self.waits.until_folded(lag.last_missing(), terms.deadline).await == Waited::TimeOver
            {
                return Err(lag.into());
            }
        }
    }

    /// Waits a moment for a record that the caller named; then it is certain that there is one.
    ///
    /// # Errors
    /// [`NotRead::BeyondEnd`].
    async fn has_come(&self, lag: Lag, standing: &Standing, terms: Terms) -> Result<bool, NotRead> {
        let Lag::BeforeNamed(named) = lag else { return Ok(false) };
        let soon = terms.deadline.min(Instant::now() + NAMED_GRACE);
        if self.waits.until_folded(named, soon).await == Waited::Folded {
            return Ok(true);
        }
        let is_known = standing.of(named.partition).furthest > named.offset;
        match if is_known { None } else { self.log.end_before(named).await } {
            Some(end) => Err(NotRead::BeyondEnd { named, end }),
            None => Ok(false),
        }
    }
}
