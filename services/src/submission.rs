//! The path of a write: look the id up, append, wait if asked, say what became of it.
//!
//! It must never say more than is known. Before the append a fault means "nothing was appended", and so does a look-up that
//! cannot be answered yet ([`crate::reads`]): a used key must not look like a new one. A missing acknowledgement means
//! "unknown"; after the acknowledgement a fault of the database means "pending", because the event stands. A retry while the
//! first is not folded yet appends again, and the fold drops the second.
//!
//! An order of several lines is one record, in one partition, and so is all that happens to it later. It is decided when all of
//! its lines are, by a record that nobody knows beforehand: so its wait ends with an outcome, or with a look at its rows.
//!
//! A decision that was answered can be read on every service: an outcome is published, and a position advances, with or after
//! the commit of the rows.

use ledger_database::Backoff;
use ledger_schema::wire::Event;
use ledger_schema::{Contents, Movement, Order, Position, ProductId, RejectionReason, Sameness};
use tokio::time::Instant;
use tracing::{Span, field, instrument};
use uuid::{NoContext, Timestamp, Uuid};

use crate::decision::{Decision, Subject};
use crate::faults::not_appended;
use crate::outcomes::{Answering, Awaited, DecidedRecord};
use crate::problem::{Case, Problem, parked};
use crate::reader::UnderId;
use crate::reads::{NotRead, Terms};
use crate::request::Preference;
use crate::state::App;
use crate::trace_context::TraceContext;
use crate::waiting::{Decided, Look, Waiter};

/// UUIDv7 without the context that `now_v7` shares under a lock; ids need no order among themselves.
pub(crate) fn new_id() -> Uuid {
    Uuid::new_v7(Timestamp::now(NoContext))
}

/// A write under an id of its own, ready to be appended.
#[derive(Debug)]
pub(crate) struct Submission {
    event: Event,
    subject: Subject,
    /// Whether its own record alone decides it, in its own partition.
    is_of_one_line: bool,
    /// The client chose the id, itself or by a key, so it may have been used before.
    is_identified: bool,
    preference: Preference,
    trace: Option<TraceContext>,
}

/// What is known of a write that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// In the log, not folded as far as we know.
    Pending(Position),
    /// Folded; an order of several lines may still be pending.
    Stands(Decision),
}

impl Submission {
    pub(crate) fn of_order(
        order: Order,
        is_identified: bool,
        preference: Preference,
        trace: Option<TraceContext>,
    ) -> Self {
        let (subject, is_of_one_line) = (Subject::Order(order.order_id()), order.line_count() == 1);
        Self { event: Event::OrderPlaced(order), subject, is_of_one_line, is_identified, preference, trace }
    }

    pub(crate) fn of_movement(
        movement: Movement,
        is_identified: bool,
        preference: Preference,
        trace: Option<TraceContext>,
    ) -> Self {
        let subject = Subject::Movement(movement.movement_id());
        Self { event: Event::StockMoved(movement), subject, is_of_one_line: true, is_identified, preference, trace }
    }

    fn case(&self, position: Option<Position>) -> Case {
        let product_id = self.is_of_one_line.then(|| self.event.product_id().to_string());
        Case { subject: self.subject, product_id, position }
    }

    fn contents(&self) -> Contents<'_> {
        self.event.contents().expect("an order and a movement ask for something under their ids")
    }

    /// What becomes of the id in the partition that the record will lie in.
    fn awaited(&self, app: &App) -> Awaited {
        Awaited { subject: self.subject, partition: app.reads.partition_of(self.event.product_id()) }
    }

    /// Runs the write to the answer that it gets.
    ///
    /// # Errors
    /// [`Problem`]: a conflict, a rejection (only with `Prefer: wait`), an outage, a doubt.
    #[instrument(
        name = "write", level = "debug", skip_all,
        fields(subject = %self.subject, product = %self.event.product_id(), position = field::Empty)
    )]
    pub(crate) async fn submit(&self, app: &App) -> Result<Accepted, Problem> {
        // Before the look-up and before the append: so no outcome slips by (see `waiting`).
        let waiter = self.preference.wait.and_then(|_| app.waits.register(self.awaited(app), Answering::Any));
        // One deadline for the look-up and the decision: a gateway in front counts them together.
        let deadline = Instant::now() + self.preference.wait.unwrap_or(app.limits.max_wait);
        match (self.used_before(app, deadline).await?, waiter) {
            // It is in the log and waits for its lines: nothing is to be appended.
            (Some(decision), Some(waiter)) if decision.is_pending() => {
                let mut looks = Look::again();
                let look = Look::After(looks.next_wait());
                Waiting { waiter, look, looks, deadline }.for_decision(self, app, decision.position).await
            }
            (Some(decision), _) => self.stands(app, decision).await,
            (None, waiter) => {
                let position = self.append(app).await?;
                let Some(waiter) = waiter else { return Ok(Accepted::Pending(position)) };
                let look = if self.is_of_one_line { Look::Folded(position) } else { Look::FoldedOfLines(position) };
                Waiting { waiter, look, looks: Look::again(), deadline }.for_decision(self, app, position).await
            }
        }
    }

    async fn append(&self, app: &App) -> Result<Position, Problem> {
        let appended = app.log.append(&self.event, self.trace.as_ref()).await;
        let position = appended.map_err(|error| not_appended(error, self.case(None)))?;
        Span::current().record("position", field::display(position));
        Ok(position)
    }

    /// The decision that stands under the id already, if the client may have used it before.
    async fn used_before(&self, app: &App, deadline: Instant) -> Result<Option<Decision>, Problem> {
        if !self.is_identified {
            return Ok(None);
        }
        match self.under_id(app, Terms { after: None, deadline }).await? {
            UnderId::Nothing => Ok(None),
            UnderId::Same(decision) => Ok(Some(decision)),
            UnderId::Other(position) => Err(self.conflict(Some(position))),
        }
    }

    async fn under_id(&self, app: &App, terms: Terms) -> Result<UnderId, NotRead> {
        app.reads.under_id_of(self.subject, &self.contents(), self.event.product_id(), terms).await
    }

    fn conflict(&self, first: Option<Position>) -> Problem {
        Problem::IdempotencyConflict(Box::new(self.case(first)))
    }

    /// The id was decided, by this write's own record at `position` or by another one of its partition.
    async fn by_outcome(
        &self,
        app: &App,
        record: &DecidedRecord,
        position: Position,
        deadline: Instant,
    ) -> Result<Accepted, Problem> {
        app.reads.report(record.cause);
        let is_own = record.cause == position;
        let sameness = if is_own { Sameness::Same } else { record.compare(&self.contents()) };
        let terms = Terms { after: Some(record.cause), deadline };
        match (sameness, record.first_position()) {
            (Sameness::Same, _) if is_own => self.stands(app, record.decision(position)).await,
            (Sameness::Same, Some(first)) => self.stands(app, record.decision(first)).await,
            // Nobody else can have used the id, so its first record is this one.
            (Sameness::Same, None) if !self.is_identified => self.stands(app, record.decision(position)).await,
            // Whether this record was the first one only the rows say. Where they cannot be read, the decision is known all the same.
            (Sameness::Same, None) => match self.by_projection(app, position, terms).await? {
                Accepted::Pending(position) => self.stands(app, record.decision(position)).await,
                accepted @ Accepted::Stands(_) => Ok(accepted),
            },
            (Sameness::Different, first) => Err(self.conflict(first)),
            // The row of the record that was decided says more than its outcome does.
            (Sameness::NotKnown, _) => self.by_projection(app, position, terms).await,
        }
    }

    /// Under the id of this write, which lies at `position`, stands its own row, that of the first request, or nothing. When
    /// that cannot be read in time, what is known is that the record stands in the log.
    async fn by_projection(&self, app: &App, position: Position, terms: Terms) -> Result<Accepted, Problem> {
        match self.under_id(app, terms).await {
            Ok(UnderId::Same(decision)) => self.stands(app, decision).await,
            Ok(UnderId::Other(first)) => Err(self.conflict(Some(first))),
            Ok(UnderId::Nothing) => match app.reads.parked_at(position, terms).await {
                Ok(Some(reason)) => Err(parked(self.case(Some(position)), reason)),
                Ok(None) | Err(_) => Ok(Accepted::Pending(position)),
            },
            Err(_) => Ok(Accepted::Pending(position)),
        }
    }

    /// With `Prefer: wait` a rejected or cancelled order is a problem; without, that is the present status of an accepted order.
    async fn stands(&self, app: &App, decision: Decision) -> Result<Accepted, Problem> {
        let (Some(_), Some(reason)) = (self.preference.wait, &decision.reason) else {
            return Ok(Accepted::Stands(decision));
        };
        let reason = reason.clone();
        let refused = decision.refused.first().and_then(|line| ProductId::parse(&line.product_id).ok());
        let product_id = refused.as_ref().unwrap_or(self.event.product_id());
        let available = match RejectionReason::from_word(&reason) {
            Some(RejectionReason::OutOfStock | RejectionReason::BelowZero) => {
                available_since(app, product_id, decision.position).await
            }
            // What was never there has no stock; and of an order that was cancelled it is no reason.
            Some(RejectionReason::UnknownProduct) | None => None,
        };
        let case = Box::new(self.case(Some(decision.position)));
        Err(Problem::Rejected { case, reason, refused: decision.refused, available })
    }
}

/// Only to help, so it is not waited for: without it the answer is as true.
async fn available_since(app: &App, product_id: &ProductId, position: Position) -> Option<i64> {
    // A refused line of another partition was decided before the order was, and its rows before that.
    let is_there = app.reads.partition_of(product_id) == position.partition;
    let terms = Terms { after: Some(position).filter(|_| is_there), deadline: Instant::now() };
    app.reads.stock_of(product_id, terms).await.ok().flatten().map(|stock| stock.available)
}

/// A write that waits for its decision.
struct Waiting<'a> {
    waiter: Waiter<'a>,
    /// When to look at it next.
    look: Look,
    /// The pauses between the looks after that.
    looks: Backoff,
    deadline: Instant,
}

impl Waiting<'_> {
    /// Until it is decided what became of the record at `position`, or the time is over.
    async fn for_decision(
        mut self,
        submission: &Submission,
        app: &App,
        position: Position,
    ) -> Result<Accepted, Problem> {
        loop {
            match self.waiter.until_decided(self.look, self.deadline).await {
                Decided::Outcome(record) => {
                    return submission.by_outcome(app, &record, position, self.deadline).await;
                }
                Decided::Look => {
                    let terms = Terms { after: Some(position), deadline: self.deadline };
                    match submission.by_projection(app, position, terms).await? {
                        Accepted::Stands(decision) if decision.is_pending() => {}
                        accepted => return Ok(accepted),
                    }
                    self.look = Look::After(self.looks.next_wait());
                }
                Decided::TimeOver => return Ok(Accepted::Pending(position)),
            }
        }
    }
}
