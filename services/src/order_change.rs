//! The path of a confirmation and of a cancellation: read where the order stands, append what is asked to its home, wait if
//! asked, say what became of it.
//!
//! It must never decide. The state that was read only saves an append that the fold would overrule; once the request is in the log,
//! its place there decides every race, and the answer is what the fold made of it. A request is idempotent in the fold, so after a
//! doubt it is sent again. Whether a hold is over is asked of no clock here.

use chrono::Utc;
use ledger_auth::Caller;
use ledger_schema::domain::to_microseconds;
use ledger_schema::wire::Event;
use ledger_schema::{CancelNote, OrderId, OrderReason, OrderRequest, Position, ProductId, RequestKind, Status};
use tokio::time::{Instant, sleep_until};
use tracing::{Span, field, instrument};

use crate::decision::{Decision, Subject};
use crate::event_log::AppendError;
use crate::faults::not_appended;
use crate::outcomes::{Answering, Awaited};
use crate::problem::{Case, Forbidden, Problem, parked};
use crate::reader::StoredOrder;
use crate::reads::Terms;
use crate::request::Preference;
use crate::state::App;
use crate::trace_context::TraceContext;
use crate::waiting::{Decided, Look};

/// What is asked of an order.
#[derive(Debug)]
pub(crate) enum Asked {
    Confirm,
    Cancel(Option<CancelNote>),
}

/// A confirmation or a cancellation.
#[derive(Debug)]
pub(crate) struct OrderChange {
    /// Who asks: an order of somebody else is as none to a customer.
    pub(crate) caller: Caller,
    pub(crate) order_id: OrderId,
    pub(crate) asked: Asked,
    /// The record whose effects the look-up must see, if the caller names one.
    pub(crate) after: Option<Position>,
    pub(crate) preference: Preference,
    pub(crate) trace: Option<TraceContext>,
}

/// What is known of a change that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// The request is in the log at `position`; `before` is where the order stood.
    Asked { position: Position, before: Decision },
    /// It is as was asked for. `position` is that of the request, or of the order where nothing had to be asked.
    Done { position: Position, now: Decision },
}

/// What a status means to what is asked.
#[derive(Debug, PartialEq, Eq)]
enum Means {
    Done,
    /// It can become so.
    Open,
    Never,
}

impl Asked {
    /// `has_hold`: the order asked for one. An order without is confirmed by itself, and nobody confirmed it.
    fn meaning_of(&self, decision: &Decision, has_hold: bool) -> Means {
        match (self, Status::from_word(&decision.status)) {
            (Self::Confirm, Some(Status::Held)) => Means::Open,
            (Self::Confirm, Some(Status::Pending)) if has_hold => Means::Open,
            (Self::Confirm, Some(Status::Confirmed)) if has_hold => Means::Done,
            (Self::Cancel(_), Some(Status::Pending | Status::Held | Status::Confirmed)) => Means::Open,
            (Self::Cancel(_), Some(Status::Cancelled)) => Means::Done,
            (Self::Confirm | Self::Cancel(_), _) => Means::Never,
        }
    }

    fn answering(&self) -> Answering {
        match self {
            Self::Confirm => Answering::AfterHeld,
            Self::Cancel(_) => Answering::End,
        }
    }

    fn kind(&self) -> RequestKind {
        match self {
            Self::Confirm => RequestKind::Confirm,
            Self::Cancel(note) => RequestKind::Cancel { note: note.clone() },
        }
    }
}

impl OrderChange {
    /// Runs it to the answer that it gets.
    ///
    /// # Errors
    /// [`Problem`]: no such order, a state that forbids it, an outage, a doubt.
    #[instrument(name = "change", level = "debug", skip_all, fields(order = %self.order_id, position = field::Empty))]
    pub(crate) async fn run(&self, app: &App) -> Result<Changed, Problem> {
        let deadline = Instant::now() + self.preference.wait.unwrap_or(app.limits.max_wait);
        let order = self.find(app, deadline).await?;
        let before = order.decision();
        match self.asked.meaning_of(&before, order.expires_at.is_some()) {
            Means::Done => return Ok(Changed::Done { position: before.position, now: before }),
            Means::Never => return Err(self.forbidden(before)),
            // Not yet held: the fold would overrule a confirmation.
            Means::Open if before.is_pending() && matches!(self.asked, Asked::Confirm) => {
                return Err(self.forbidden(before));
            }
            Means::Open => {}
        }
        let awaited = Awaited { subject: Subject::Order(self.order_id), partition: order.partition };
        let waiter = self.preference.wait.and_then(|_| app.waits.register(awaited, self.asked.answering()));
        let position = self.append(app, &order).await?;
        let Some(mut waiter) = waiter else { return Ok(Changed::Asked { position, before }) };
        let mut decided = waiter.until_decided(Look::Folded(position), deadline).await;
        if matches!(decided, Decided::Look) {
            match self.by_projection(app, before.clone(), position, deadline).await {
                Err(problem) if self.may_be_undone(&problem) => {
                    let rest = deadline.saturating_duration_since(Instant::now());
                    decided = waiter.until_decided(Look::After(rest), deadline).await;
                }
                answer => return answer,
            }
        }
        let Decided::Outcome(record) = decided else { return Ok(Changed::Asked { position, before }) };
        app.reads.report(record.cause);
        self.became(position, record.decision(before.position), order.expires_at.is_some())
            .unwrap_or(Ok(Changed::Asked { position, before }))
    }

    /// Whether the order may have been confirmed by this request, and then cancelled: its rows say only how it ended. The outcome that ended
    /// the hold is on its way, and tells. (An order whose hold ran out was never confirmed.)
    fn may_be_undone(&self, problem: &Problem) -> bool {
        let expired = OrderReason::Expired.as_str();
        let by_somebody = |now: &Decision| now.is(Status::Cancelled) && now.reason.as_deref() != Some(expired);
        matches!(self.asked, Asked::Confirm)
            && matches!(problem, Problem::NotHeld(forbidden) if by_somebody(&forbidden.decision))
    }

    /// The order that is meant: of several under one id the one at home where `after` lies, else the first. One that waits for its
    /// lines is looked at again, as long as the request may wait, where it has to be held first.
    async fn find(&self, app: &App, deadline: Instant) -> Result<StoredOrder, Problem> {
        let mut looks = Look::again();
        loop {
            let mut orders = app.reads.order(self.order_id, Terms { after: self.after, deadline }).await?;
            orders.retain(|order| self.caller.is_or_sees(&order.user_id));
            let order = StoredOrder::meant(orders, self.after).map(|(order, _)| order);
            let order = order.ok_or_else(|| Problem::order_not_found(self.order_id))?;
            let must_be_held = matches!(self.asked, Asked::Confirm) && order.expires_at.is_some();
            let may_wait = self.preference.wait.is_some() && Instant::now() < deadline;
            if !(may_wait && must_be_held && order.decision().is_pending()) {
                return Ok(order);
            }
            sleep_until(deadline.min(Instant::now() + looks.next_wait())).await;
        }
    }

    async fn append(&self, app: &App, order: &StoredOrder) -> Result<Position, Problem> {
        let home = ProductId::parse(&order.first_line().product_id).expect("the fold writes product ids alone");
        let request = OrderRequest::new(self.order_id, home, self.asked.kind(), to_microseconds(Utc::now()));
        let appended = app.log.append(&Event::OrderRequested(request), self.trace.as_ref()).await;
        let position = appended.map_err(|error| match error {
            AppendError::Unknown(cause) => Problem::UnknownChange { order_id: self.order_id, cause },
            error => not_appended(error, self.case(None)),
        })?;
        Span::current().record("position", field::display(position));
        Ok(position)
    }

    /// The request is folded: the order's rows say what became of it. When they cannot be read in time, what is known is that the
    /// request stands in the log.
    async fn by_projection(
        &self,
        app: &App,
        before: Decision,
        position: Position,
        deadline: Instant,
    ) -> Result<Changed, Problem> {
        let terms = Terms { after: Some(position), deadline };
        let Ok(orders) = app.reads.order(self.order_id, terms).await else {
            return Ok(Changed::Asked { position, before });
        };
        let order = orders.iter().find(|order| order.partition == position.partition);
        let became = order.and_then(|order| self.became(position, order.decision(), order.expires_at.is_some()));
        if let Some(became) = became {
            return became;
        }
        match app.reads.parked_at(position, terms).await {
            Ok(Some(reason)) => Err(parked(self.case(Some(position)), reason)),
            Ok(None) | Err(_) => Ok(Changed::Asked { position, before }),
        }
    }

    /// The answer by where the order stands; `None` while it can still become what was asked for.
    fn became(&self, position: Position, now: Decision, has_hold: bool) -> Option<Result<Changed, Problem>> {
        match self.asked.meaning_of(&now, has_hold) {
            Means::Done => Some(Ok(Changed::Done { position, now })),
            Means::Never => Some(Err(self.forbidden(now))),
            Means::Open => None,
        }
    }

    fn case(&self, position: Option<Position>) -> Case {
        Case { subject: Subject::Order(self.order_id), product_id: None, position }
    }

    fn forbidden(&self, decision: Decision) -> Problem {
        let forbidden = Box::new(Forbidden { order_id: self.order_id, decision });
        match self.asked {
            Asked::Confirm => Problem::NotHeld(forbidden),
            Asked::Cancel(_) => Problem::NotCancellable(forbidden),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_asked_of_an_order_that_stands_so() {
        let standing = |status: &str| Decision {
            position: Position { partition: 0, offset: 0 },
            status: status.to_owned(),
            reason: None,
            expires_at: None,
            refused: vec![],
        };
        for (status, confirm, confirm_without_hold, cancel) in [
            ("pending", Means::Open, Means::Never, Means::Open),
            ("held", Means::Open, Means::Open, Means::Open),
            ("confirmed", Means::Done, Means::Never, Means::Open),
            ("rejected", Means::Never, Means::Never, Means::Never),
            ("cancelled", Means::Never, Means::Never, Means::Done),
            ("of a newer projector", Means::Never, Means::Never, Means::Never),
        ] {
            assert_eq!(Asked::Confirm.meaning_of(&standing(status), true), confirm, "{status}");
            assert_eq!(Asked::Confirm.meaning_of(&standing(status), false), confirm_without_hold, "{status}");
            assert_eq!(Asked::Cancel(None).meaning_of(&standing(status), true), cancel, "{status}");
        }
    }
}
