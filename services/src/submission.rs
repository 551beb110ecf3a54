//! The path of a write: look the id up, append, wait if asked, say what became of it.
//!
//! It must never say more than is known. Before the append a fault means "nothing was appended"; a missing
//! acknowledgement means "unknown"; after the acknowledgement a fault of the database means "pending", because the
//! event stands. A retry while the first is still pending appends again, and the fold drops the second.
//!
//! Whoever is told a decision can read it on every service: an outcome is published, and a position advances, with or
//! after the commit of the rows.

use std::fmt;

use axum::http::HeaderValue;
use ledger_schema::wire::Event;
use ledger_schema::{MovementId, OrderId, Position, RejectionReason, Status, partitioner};
use tokio::time::Instant;

use crate::event_log::AppendError;
use crate::outcomes::DecidedRecord;
use crate::problem::{Case, Problem, parked};
use crate::reader::{Decision, UnderId};
use crate::request::Preference;
use crate::state::App;
use crate::waiting::{Awaited, Told};

/// What a write is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Order(OrderId),
    Movement(MovementId),
}

impl Subject {
    fn of(event: &Event) -> Self {
        match event {
            Event::OrderPlaced(order) => Self::Order(order.order_id()),
            Event::StockMoved(movement) => Self::Movement(movement.movement_id()),
        }
    }

    pub(crate) fn how_to_retry(self) -> String {
        match self {
            Self::Order(order_id) => {
                format!(
                    "retry with the same Idempotency-Key, or with \"orderId\":\"{order_id}\": it takes effect at most once"
                )
            }
            Self::Movement(_) => {
                "retry with the same Idempotency-Key; without one, compare the stock before you send it again"
                    .to_owned()
            }
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(order_id) => write!(f, "order {order_id}"),
            Self::Movement(movement_id) => write!(f, "movement {movement_id}"),
        }
    }
}

/// A write, ready to be appended.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) event: Event,
    /// The client chose the id, itself or by a key, so it may have been used before.
    pub(crate) is_identified: bool,
    pub(crate) preference: Preference,
    pub(crate) traceparent: Option<HeaderValue>,
}

/// What is known of a write that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// In the log, not folded as far as we know.
    Pending(Position),
    Decided(Decision),
}

impl Submission {
    fn case(&self, position: Option<Position>) -> Case {
        Case { subject: Subject::of(&self.event), product_id: self.event.product_id().to_string(), position }
    }

    /// What became of the id in the partition that the record will lie in.
    fn awaited(&self, partition_count: i32) -> Awaited {
        let key = self.event.product_id().as_str().as_bytes();
        Awaited { subject: Subject::of(&self.event), partition: partitioner::partition_of(key, partition_count) }
    }

    /// Runs the write to the answer that it gets.
    ///
    /// # Errors
    /// [`Problem`]: a conflict, a rejection (only with `Prefer: wait`), an outage, a doubt.
    pub(crate) async fn submit(&self, app: &App) -> Result<Accepted, Problem> {
        // Before the look-up and before the append: so no outcome slips by (see `waiting`).
        let waiter = self.preference.wait.and_then(|_| app.waits.register(self.awaited(app.partition_count)));
        if self.is_identified {
            match app.reader.under_id_of(&self.event).await? {
                UnderId::Nothing => {}
                UnderId::Same(decision) => return self.decided(app, decision).await,
                UnderId::Other(position) => {
                    return Err(Problem::IdempotencyConflict(Box::new(self.case(Some(position)))));
                }
            }
        }
        let position = app.log.append(&self.event, self.traceparent.as_ref()).await.map_err(|error| match error {
            AppendError::Refused(cause) => Problem::Unavailable { part: "Kafka", cause },
            AppendError::Unknown(cause) => Problem::UnknownOutcome { case: Box::new(self.case(None)), cause },
        })?;
        let (Some(wait), Some(waiter)) = (self.preference.wait, waiter) else { return Ok(Accepted::Pending(position)) };
        match waiter.until_decided(position, Instant::now() + wait).await {
            Told::Outcome(record) => self.told(app, &record, position).await,
            Told::Folded => self.look_up_folded(app, position).await,
            Told::TimeOver => Ok(Accepted::Pending(position)),
        }
    }

    /// The id was decided, by this write's own record at `position` or by one before it in the same partition.
    async fn told(&self, app: &App, record: &DecidedRecord, position: Position) -> Result<Accepted, Problem> {
        let is_own = record.position == position;
        match is_own.then_some(true).or_else(|| record.same_contents(&self.event)) {
            Some(true) => self.decided(app, record.decision()).await,
            Some(false) => Err(Problem::IdempotencyConflict(Box::new(self.case(Some(record.position))))),
            None => self.look_up_folded(app, position).await,
        }
    }

    /// The record at `position` is folded: under its id stands its own row, that of the first request, or nothing.
    async fn look_up_folded(&self, app: &App, position: Position) -> Result<Accepted, Problem> {
        match app.reader.under_id_of(&self.event).await {
            Ok(UnderId::Same(decision)) => self.decided(app, decision).await,
            Ok(UnderId::Other(first)) => Err(Problem::IdempotencyConflict(Box::new(self.case(Some(first))))),
            Ok(UnderId::Nothing) => match app.reader.parked_at(position).await {
                Ok(Some(letter)) => Err(parked(self.case(Some(position)), letter)),
                // A rebuild was swapped in meanwhile and is not as far; or the database went away.
                Ok(None) | Err(_) => Ok(Accepted::Pending(position)),
            },
            Err(_) => Ok(Accepted::Pending(position)),
        }
    }

    /// With `Prefer: wait` a rejection is a problem; without, it is the present status of an accepted order.
    async fn decided(&self, app: &App, decision: Decision) -> Result<Accepted, Problem> {
        if self.preference.wait.is_none() || decision.status != Status::Rejected.as_str() {
            return Ok(Accepted::Decided(decision));
        }
        let reason = decision.reason.unwrap_or_else(|| Status::Rejected.to_string());
        let has_stock = reason != RejectionReason::UnknownProduct.as_str();
        let available = match has_stock {
            // Only to help: without it the answer is as true.
            true => {
                app.reader.stock_of(self.event.product_id().clone()).await.ok().flatten().map(|stock| stock.available)
            }
            false => None,
        };
        Err(Problem::Rejected { case: Box::new(self.case(Some(decision.position))), reason, available })
    }
}
