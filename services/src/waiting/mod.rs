//! The waiting room: a request that waits for a decision is answered by whichever comes first, the outcome of its id, or the
//! projection that has passed its position.
//!
//! Outcomes come by themselves and cost the database nothing, so the projection is read only when none came for a while
//! ([`OUTCOME_GRACE`]): the relay lags, or the record was parked or is a duplicate, and there will be none. An order whose lines
//! lie in several partitions is not decided by its own record, nor by one that is known beforehand: it gets longer
//! ([`GRACE_OF_LINES`]), and is looked at again, more and more rarely, until it is decided ([`Look::After`]).
//!
//! No outcome slips by. A request registers before it looks its id up and before it appends. If the id was decided before
//! that, the look-up finds it, since an outcome is published after the commit of what it says; if not, its outcome comes after the
//! registration.
//!
//! Never unbounded: beyond [`Waits::new`]'s number of waiters, or when the service stops, the time is over at once.

mod projection;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ledger_database::Backoff;
use ledger_schema::Position;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use self::projection::Projection;
use crate::metrics::Metrics;
use crate::outcomes::{Answering, Awaited, AwaitedOutcomes, DecidedRecord, Registration};
use crate::reader::Reader;

/// How long an outcome may take before the projection is read, too. The projection is first whenever the relay needs longer than
/// this, since its commit stands before the outcome's; all waits share one look at it. Measured on two cores that carry brokers
/// and database as well: with 10 ms p99 is 37 ms at 1,000 orders/s, nearly all answered from the projection; with 25 ms 51 ms,
/// with outcomes alone 57 to 76 ms. An idle system that is answered by outcomes needs 25 ms, otherwise 17 ms.
const OUTCOME_GRACE: Duration = Duration::from_millis(10);

/// The same for an order whose lines have to be asked for in other partitions: each way there and back is a publication of the
/// relay and a commit, and its outcome comes with the last. A look before that finds it pending, and slows down what it waits for
/// (measured: 300 orders/s of three lines on two cores; with looks from 40 ms on 5.7 of them for each order, and a median of 480 ms).
const GRACE_OF_LINES: Duration = Duration::from_millis(500);
/// Between two looks at such an order.
const SHORTEST_PAUSE_OF_LINES: Duration = Duration::from_millis(250);
const LONGEST_PAUSE_OF_LINES: Duration = Duration::from_millis(1_000);

/// When to read what became of a request, while no outcome says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Once the record is folded, which decides it.
    Folded(Position),
    /// Once the record is folded, and other partitions had time to decide.
    FoldedOfLines(Position),
    /// After a pause.
    After(Duration),
}

impl Look {
    /// The looks at what was seen undecided, one after the other.
    pub(crate) fn again() -> Backoff {
        Backoff::new(SHORTEST_PAUSE_OF_LINES, LONGEST_PAUSE_OF_LINES)
    }
}

/// How a wait for the projection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The record at the position is folded, and what it did can be read.
    Folded,
    TimeOver,
}

/// How a wait for a decision ended.
#[derive(Debug, Clone)]
pub(crate) enum Decided {
    /// What became of the id in the record's partition; the tables have it, too.
    Outcome(Arc<DecidedRecord>),
    /// It is time to look: what became of the record can be read, or will be after another wait.
    Look,
    TimeOver,
}

/// The waiting room.
#[derive(Debug)]
pub(crate) struct Waits {
    outcomes: Arc<AwaitedOutcomes>,
    projection: Projection,
    waiters: AtomicUsize,
    max_waiters: usize,
    stop: CancellationToken,
    metrics: Arc<Metrics>,
}

/// Counts its holder as a waiter.
#[derive(Debug)]
struct Seat<'a>(&'a Waits);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.waiters.decrement(1);
    }
}

/// A request that will wait for a decision, registered so that no outcome slips by. Dropped, it counts what ended its wait.
#[derive(Debug)]
pub(crate) struct Waiter<'a> {
    seat: Seat<'a>,
    registration: Registration,
    last: Option<Ended>,
}

/// How a wait ended last.
#[derive(Debug, Clone, Copy)]
enum Ended {
    ByOutcome,
    ByProjection,
    TimeOver,
}

impl Waits {
    pub(crate) fn new(
        partition_count: i32,
        max_waiters: usize,
        stop: CancellationToken,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            outcomes: Arc::default(),
            projection: Projection::new(partition_count, metrics.projection_polls.clone()),
            waiters: AtomicUsize::new(0),
            max_waiters,
            stop,
            metrics,
        }
    }

    /// Where the follower finds the requests that wait.
    pub(crate) fn outcomes(&self) -> &Arc<AwaitedOutcomes> {
        &self.outcomes
    }

    /// Registers for an outcome; `None` when the room is full, which is as if the time were over. To be called before
    /// the id is looked up.
    pub(crate) fn register(&self, awaited: Awaited, answering: Answering) -> Option<Waiter<'_>> {
        let seat = self.take_seat()?;
        Some(Waiter { seat, registration: self.outcomes.register(awaited, answering), last: None })
    }

    /// Waits until the record at `position` is folded, at most until `deadline`.
    pub(crate) async fn until_folded(&self, position: Position, deadline: Instant) -> Waited {
        let Some(_seat) = self.take_seat() else { return Waited::TimeOver };
        match self.stop.run_until_cancelled(timeout_at(deadline, self.projection.passes(position))).await {
            Some(Ok(())) => Waited::Folded,
            _ => Waited::TimeOver,
        }
    }

    fn take_seat(&self) -> Option<Seat<'_>> {
        if self.waiters.fetch_add(1, Ordering::Relaxed) >= self.max_waiters {
            self.waiters.fetch_sub(1, Ordering::Relaxed);
            self.metrics.turned_away_waiters.increment(1);
            return None;
        }
        self.metrics.waiters.increment(1);
        Some(Seat(self))
    }

    /// Reads the projection's positions while a request needs them, until the service stops.
    pub(crate) async fn poll(&self, reader: &Reader) {
        self.stop.run_until_cancelled(self.projection.poll(reader)).await;
    }
}

impl Waiter<'_> {
    /// Waits until it is decided what became of the request, or until it is time to look, at most until `deadline`. After an
    /// outcome there is nothing more to wait for.
    pub(crate) async fn until_decided(&mut self, look: Look, deadline: Instant) -> Decided {
        let waits = self.seat.0;
        let outcome = &mut self.registration.outcome;
        let decided = async {
            tokio::select! {
                biased;
                Ok(record) = outcome => Decided::Outcome(record),
                () = waits.time_to_look(look) => Decided::Look,
            }
        };
        let decided = match waits.stop.run_until_cancelled(timeout_at(deadline, decided)).await {
            Some(Ok(decided)) => decided,
            _ => Decided::TimeOver,
        };
        self.last = Some(match decided {
            Decided::Outcome(_) => Ended::ByOutcome,
            Decided::Look => Ended::ByProjection,
            Decided::TimeOver => Ended::TimeOver,
        });
        decided
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let waits = &self.seat.0.metrics.waits;
        match self.last {
            Some(Ended::ByOutcome) => waits.by_outcome.increment(1),
            Some(Ended::ByProjection) => waits.by_projection.increment(1),
            Some(Ended::TimeOver) => waits.time_over.increment(1),
            None => {}
        }
    }
}

impl Waits {
    async fn time_to_look(&self, look: Look) {
        match look {
            Look::Folded(position) => {
                sleep(OUTCOME_GRACE).await;
                self.projection.passes(position).await;
            }
            Look::FoldedOfLines(position) => {
                sleep(GRACE_OF_LINES).await;
                self.projection.passes(position).await;
            }
            Look::After(pause) => sleep(pause).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Subject;
    use ledger_schema::OrderId;

    const ID: &str = "77a436fd-64f9-4d35-999b-a957195f5d23";

    fn waits(max_waiters: usize) -> Waits {
        Waits::new(2, max_waiters, CancellationToken::new(), Arc::new(Metrics::new(&[])))
    }

    fn far() -> Instant {
        Instant::now() + Duration::from_secs(3_600)
    }

    fn position() -> Position {
        Position { partition: 0, offset: 3 }
    }

    fn awaited() -> Awaited {
        Awaited { subject: Subject::Order(OrderId::parse(ID).expect("valid")), partition: 0 }
    }

    fn record() -> DecidedRecord {
        let value = format!(
            r#"{{"type":"OrderConfirmed","version":1,"event_id":"0-3-0","order_id":"{ID}","user_id":"u","product_id":"p","quantity":1,"unit_price":1,"total_price":1,"available":0}}"#
        );
        DecidedRecord::decode(value.as_bytes()).expect("an outcome").expect("of an order")
    }

    #[tokio::test]
    async fn a_full_room_and_a_stop_end_the_wait_at_once() {
        assert_eq!(waits(0).until_folded(position(), far()).await, Waited::TimeOver);
        assert!(waits(0).register(awaited(), Answering::Any).is_none());
        let waits = waits(1);
        let mut waiter = waits.register(awaited(), Answering::Any).expect("a seat");
        assert!(waits.register(awaited(), Answering::Any).is_none(), "several waiters of one id take a seat each");
        waits.stop.cancel();
        assert!(matches!(waiter.until_decided(Look::Folded(position()), far()).await, Decided::TimeOver));
        drop(waiter);
        assert_eq!(waits.until_folded(position(), far()).await, Waited::TimeOver);
        assert_eq!(waits.waiters.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn an_outcome_before_the_wait_begins_is_not_missed() {
        let waits = waits(8);
        let mut waiter = waits.register(awaited(), Answering::Any).expect("a seat");
        waits.outcomes().hand_over(record());
        let decided = waiter.until_decided(Look::Folded(position()), far()).await;
        let Decided::Outcome(record) = decided else { panic!("an outcome") };
        assert_eq!(record.cause, position());
    }

    #[tokio::test]
    async fn a_wait_of_several_looks_is_counted_once_by_what_ended_it() {
        let waits = waits(8);
        let mut waiter = waits.register(awaited(), Answering::Any).expect("a seat");
        for _ in 0..3 {
            let decided = waiter.until_decided(Look::After(Duration::from_millis(1)), far()).await;
            assert!(matches!(decided, Decided::Look));
        }
        waits.outcomes().hand_over(record());
        assert!(matches!(waiter.until_decided(Look::After(Duration::ZERO), far()).await, Decided::Outcome(_)));
        drop(waiter);
        let metrics = waits.metrics.render();
        assert!(metrics.contains(r#"order_service_waits_total{ended_by="outcome"} 1"#), "{metrics}");
        assert!(metrics.contains(r#"order_service_waits_total{ended_by="projection"} 0"#), "{metrics}");
    }

    #[tokio::test]
    async fn a_waiter_that_is_dropped_leaves_nothing() {
        let waits = waits(8);
        drop(waits.register(awaited(), Answering::Any));
        assert!(waits.outcomes().is_empty());
        assert_eq!(waits.waiters.load(Ordering::Relaxed), 0);
    }
}
