//! The path of a write: look the id up, append, wait if asked, say what became of it.
//!
//! It must never say more than is known. Before the append a fault means "nothing was appended", and so does a look-up that
//! cannot be answered yet ([`crate::reads`]): a used key must not look like a new one. A missing acknowledgement means
//! "unknown"; after the acknowledgement a fault of the database means "pending", because the event stands. A retry while the
//! first is still pending appends again, and the fold drops the second.
//!
//! A decision that was answered can be read on every service: an outcome is published, and a position advances, with or after
//! the commit of the rows.

use ledger_schema::wire::Event;
use ledger_schema::{Position, RejectionReason, Sameness, partitioner};
use tokio::time::Instant;
use tracing::{Span, field, instrument};
use uuid::{NoContext, Timestamp, Uuid};

use crate::decision::{Decision, Subject};
use crate::faults::not_appended;
use crate::outcomes::{Awaited, DecidedRecord};
use crate::problem::{Case, Problem, parked};
use crate::reader::UnderId;
use crate::reads::Terms;
use crate::request::Preference;
use crate::state::App;
use crate::trace_context::TraceContext;
use crate::waiting::Decided;

/// UUIDv7 without the context that `now_v7` shares under a lock; ids need no order among themselves.
pub(crate) fn new_id() -> Uuid {
    Uuid::new_v7(Timestamp::now(NoContext))
}

/// A write, ready to be appended.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) event: Event,
    /// The client chose the id, itself or by a key, so it may have been used before.
    pub(crate) is_identified: bool,
    pub(crate) preference: Preference,
    pub(crate) trace: Option<TraceContext>,
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
    #[instrument(
        name = "write", level = "debug", skip_all,
        fields(subject = %Subject::of(&self.event), product = %self.event.product_id(), position = field::Empty)
    )]
    pub(crate) async fn submit(&self, app: &App) -> Result<Accepted, Problem> {
        // Before the look-up and before the append: so no outcome slips by (see `waiting`).
        let waiter = self.preference.wait.and_then(|_| app.waits.register(self.awaited(app.limits.partition_count)));
        // One deadline for the look-up and the decision: a gateway in front counts them together.
        let deadline = Instant::now() + self.preference.wait.unwrap_or(app.limits.max_wait);
        if let Some(decision) = self.used_before(app, deadline).await? {
            return self.decided(app, decision).await;
        }
        let appended = app.log.append(&self.event, self.trace.as_ref()).await;
        let position = appended.map_err(|error| not_appended(error, self.case(None)))?;
        Span::current().record("position", field::display(position));
        let Some(waiter) = waiter else { return Ok(Accepted::Pending(position)) };
        match waiter.until_decided(position, deadline).await {
            Decided::Outcome(record) => self.by_outcome(app, &record, position, deadline).await,
            Decided::Folded => self.by_projection(app, position, Terms { after: Some(position), deadline }).await,
            Decided::TimeOver => Ok(Accepted::Pending(position)),
        }
    }

    /// The decision that stands under the id already, if the client may have used it before.
    async fn used_before(&self, app: &App, deadline: Instant) -> Result<Option<Decision>, Problem> {
        if !self.is_identified {
            return Ok(None);
        }
        match app.reads.under_id_of(&self.event, Terms { after: None, deadline }).await? {
            UnderId::Nothing => Ok(None),
            UnderId::Same(decision) => Ok(Some(decision)),
            UnderId::Other(position) => Err(self.conflict(position)),
        }
    }

    fn conflict(&self, first: Position) -> Problem {
        Problem::IdempotencyConflict(Box::new(self.case(Some(first))))
    }

    /// The id was decided, by this write's own record at `position` or by one before it in the same partition.
    async fn by_outcome(
        &self,
        app: &App,
        record: &DecidedRecord,
        position: Position,
        deadline: Instant,
    ) -> Result<Accepted, Problem> {
        app.reads.report(record.position);
        let sameness = if record.position == position { Sameness::Same } else { record.compare(&self.event) };
        match sameness {
            Sameness::Same => self.decided(app, record.decision()).await,
            Sameness::Different => Err(self.conflict(record.position)),
            // The row of the record that was decided says more than its outcome does.
            Sameness::NotKnown => {
                self.by_projection(app, position, Terms { after: Some(record.position), deadline }).await
            }
        }
    }

    /// Under the id of this write, which lies at `position`, stands its own row, that of the first request, or nothing. When
    /// that cannot be read in time, what is known is that the record stands in the log.
    async fn by_projection(&self, app: &App, position: Position, terms: Terms) -> Result<Accepted, Problem> {
        match app.reads.under_id_of(&self.event, terms).await {
            Ok(UnderId::Same(decision)) => self.decided(app, decision).await,
            Ok(UnderId::Other(first)) => Err(self.conflict(first)),
            Ok(UnderId::Nothing) => match app.reads.parked_at(position, terms).await {
                Ok(Some(reason)) => Err(parked(self.case(Some(position)), reason)),
                Ok(None) | Err(_) => Ok(Accepted::Pending(position)),
            },
            Err(_) => Ok(Accepted::Pending(position)),
        }
    }

    /// With `Prefer: wait` a rejection is a problem; without, it is the present status of an accepted order.
    async fn decided(&self, app: &App, decision: Decision) -> Result<Accepted, Problem> {
        let (Some(_), Some(reason)) = (self.preference.wait, &decision.reason) else {
            return Ok(Accepted::Decided(decision));
        };
        let reason = reason.clone();
        let available = match reason != RejectionReason::UnknownProduct.as_str() {
            true => self.available_since(app, decision.position).await,
            false => None,
        };
        Err(Problem::Rejected { case: Box::new(self.case(Some(decision.position))), reason, available })
    }

    /// Only to help, so it is not waited for: without it the answer is as true.
    async fn available_since(&self, app: &App, position: Position) -> Option<i64> {
        let terms = Terms { after: Some(position), deadline: Instant::now() };
        app.reads.stock_of(self.event.product_id(), terms).await.ok().flatten().map(|stock| stock.available)
    }
}
