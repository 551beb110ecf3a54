//! Where an order and its lines stand, as their rows say it.
//!
//! It must never be made from parts that contradict each other: [`OrderState::from_stored`] refuses such rows by name. Next:
//! [`crate::effects`].

use ledger_schema::{LineNo, LineStatus, OrderReason, RejectionReason, Status};
use thiserror::Error;

/// Where one line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineState {
    /// Its partition was asked, and the home has no answer yet.
    Pending,
    /// Its pieces are taken.
    Reserved,
    /// `unknown-product` or `out-of-stock`.
    Rejected(RejectionReason),
    /// Its pieces were given back, or never will be taken: the order has ended.
    Released,
}

impl LineState {
    pub fn status(self) -> LineStatus {
        match self {
            Self::Pending => LineStatus::Pending,
            Self::Reserved => LineStatus::Reserved,
            Self::Rejected(_) => LineStatus::Rejected,
            Self::Released => LineStatus::Released,
        }
    }
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Some lines are not decided.
    Pending,
    /// Every line is reserved; waits for a confirmation.
    Held,
    /// Every line is taken for good.
    Confirmed,
    /// A line was refused.
    Rejected,
    /// It was given up, by somebody or by the log's clock.
    Cancelled(Cancelled),
}

/// Why an order was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    OnRequest,
    Expired,
}

impl Cancelled {
    pub fn reason(self) -> OrderReason {
        match self {
            Self::OnRequest => OrderReason::Cancelled,
            Self::Expired => OrderReason::Expired,
        }
    }
}

/// An order's stage, and each line's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderState {
    stage: Stage,
    /// Of line 1.
    first: LineState,
    /// Of lines 2 and on. Empty, without an allocation, for what most orders are.
    more: Vec<LineState>,
}

/// Rows that no fold has written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an order that is {status} has a line that is {line_status} with reason {}", reason.map_or("none", |reason| reason.as_str()))]
pub struct Contradiction {
    pub status: Status,
    pub line_status: LineStatus,
    pub reason: Option<OrderReason>,
}

impl OrderState {
    /// Of an order of one line.
    pub(crate) fn of_one(stage: Stage, line: LineState) -> Self {
        Self { stage, first: line, more: Vec::new() }
    }

    /// `lines` are those of the order, in order.
    ///
    /// # Panics
    /// On no line: an order has one.
    pub(crate) fn of_lines(stage: Stage, lines: Vec<LineState>) -> Self {
        let mut lines = lines.into_iter();
        let first = lines.next().expect("an order has at least one line");
        Self { stage, first, more: lines.collect() }
    }

    /// From the rows of an order: its status, and of each line in order the status with the reason.
    ///
    /// # Errors
    /// [`Contradiction`], the first one.
    pub fn from_stored(status: Status, lines: &[(LineStatus, Option<OrderReason>)]) -> Result<Self, Contradiction> {
        let mut stage = None;
        let mut states = Vec::with_capacity(lines.len());
        for (line_status, reason) in lines.iter().copied() {
            let (of_line, state) =
                stored(status, line_status, reason).ok_or(Contradiction { status, line_status, reason })?;
            if *stage.get_or_insert(of_line) != of_line {
                return Err(Contradiction { status, line_status, reason });
            }
            states.push(state);
        }
        let nothing = Contradiction { status, line_status: LineStatus::Pending, reason: None };
        Ok(Self::of_lines(stage.ok_or(nothing)?, states))
    }

    pub fn stage(&self) -> Stage {
        self.stage
    }

    pub fn status(&self) -> Status {
        match self.stage {
            Stage::Pending => Status::Pending,
            Stage::Held => Status::Held,
            Stage::Confirmed => Status::Confirmed,
            Stage::Rejected => Status::Rejected,
            Stage::Cancelled(_) => Status::Cancelled,
        }
    }

    /// Each line's state, in order.
    pub fn lines(&self) -> impl Iterator<Item = LineState> {
        std::iter::once(self.first).chain(self.more.iter().copied())
    }

    /// # Panics
    /// On a line that the order does not have.
    pub fn line(&self, line_no: LineNo) -> LineState {
        match line_no.index() {
            0 => self.first,
            index => self.more[index - 1],
        }
    }

    /// Why the line's row says that the order ended: its own reason where the line was refused.
    pub fn reason_of(&self, line_no: LineNo) -> Option<OrderReason> {
        match (self.stage, self.line(line_no)) {
            (_, LineState::Rejected(reason)) => Some(as_order_reason(reason)),
            (Stage::Rejected, _) => Some(OrderReason::LineRejected),
            (Stage::Cancelled(why), _) => Some(why.reason()),
            (Stage::Pending | Stage::Held | Stage::Confirmed, _) => None,
        }
    }

    /// Why the order ended: of a rejection, the reason of the first line that was refused.
    pub fn reason(&self) -> Option<OrderReason> {
        let refused = self.lines().find_map(|line| match line {
            LineState::Rejected(reason) => Some(as_order_reason(reason)),
            LineState::Pending | LineState::Reserved | LineState::Released => None,
        });
        match self.stage {
            Stage::Rejected => refused,
            Stage::Cancelled(why) => Some(why.reason()),
            Stage::Pending | Stage::Held | Stage::Confirmed => None,
        }
    }

    pub(crate) fn set_stage(&mut self, stage: Stage) {
        self.stage = stage;
    }

    pub(crate) fn set_line(&mut self, line_no: LineNo, state: LineState) {
        match line_no.index() {
            0 => self.first = state,
            index => self.more[index - 1] = state,
        }
    }
}

fn as_order_reason(reason: RejectionReason) -> OrderReason {
    match reason {
        RejectionReason::UnknownProduct => OrderReason::UnknownProduct,
        RejectionReason::OutOfStock => OrderReason::OutOfStock,
        RejectionReason::BelowZero => {
            unreachable!("an adjustment alone is refused for that: the decoder lets no line through with it")
        }
    }
}

/// What one row says; `None`: no fold writes such a row.
fn stored(status: Status, line: LineStatus, reason: Option<OrderReason>) -> Option<(Stage, LineState)> {
    Some(match (status, line, reason) {
        (Status::Pending, LineStatus::Pending, None) => (Stage::Pending, LineState::Pending),
        (Status::Pending, LineStatus::Reserved, None) => (Stage::Pending, LineState::Reserved),
        (Status::Held, LineStatus::Reserved, None) => (Stage::Held, LineState::Reserved),
        (Status::Confirmed, LineStatus::Reserved, None) => (Stage::Confirmed, LineState::Reserved),
        (Status::Rejected, LineStatus::Rejected, Some(OrderReason::UnknownProduct)) => {
            (Stage::Rejected, LineState::Rejected(RejectionReason::UnknownProduct))
        }
        (Status::Rejected, LineStatus::Rejected, Some(OrderReason::OutOfStock)) => {
            (Stage::Rejected, LineState::Rejected(RejectionReason::OutOfStock))
        }
        (Status::Rejected, LineStatus::Released, Some(OrderReason::LineRejected)) => {
            (Stage::Rejected, LineState::Released)
        }
        (Status::Cancelled, LineStatus::Released, Some(OrderReason::Cancelled)) => {
            (Stage::Cancelled(Cancelled::OnRequest), LineState::Released)
        }
        (Status::Cancelled, LineStatus::Released, Some(OrderReason::Expired)) => {
            (Stage::Cancelled(Cancelled::Expired), LineState::Released)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(state: &OrderState) -> Vec<(LineStatus, Option<OrderReason>)> {
        (0..state.lines().count())
            .map(LineNo::at)
            .map(|line_no| (state.line(line_no).status(), state.reason_of(line_no)))
            .collect()
    }

    #[test]
    fn what_is_written_reads_back() {
        let refused = LineState::Rejected(RejectionReason::OutOfStock);
        for state in [
            OrderState::of_one(Stage::Confirmed, LineState::Reserved),
            OrderState::of_one(Stage::Rejected, refused),
            OrderState::of_lines(Stage::Pending, vec![LineState::Reserved, LineState::Pending]),
            OrderState::of_lines(Stage::Held, vec![LineState::Reserved, LineState::Reserved]),
            OrderState::of_lines(Stage::Rejected, vec![LineState::Released, refused]),
            OrderState::of_lines(Stage::Cancelled(Cancelled::OnRequest), vec![LineState::Released; 3]),
            OrderState::of_lines(Stage::Cancelled(Cancelled::Expired), vec![LineState::Released; 2]),
        ] {
            assert_eq!(OrderState::from_stored(state.status(), &said(&state)), Ok(state));
        }
    }

    #[test]
    fn what_no_fold_writes_is_named() {
        for (status, line, reason) in [
            (Status::Confirmed, LineStatus::Pending, None),
            (Status::Held, LineStatus::Released, None),
            (Status::Rejected, LineStatus::Released, Some(OrderReason::Expired)),
            (Status::Cancelled, LineStatus::Reserved, Some(OrderReason::Cancelled)),
        ] {
            let refused = OrderState::from_stored(status, &[(line, reason)]);
            assert_eq!(refused, Err(Contradiction { status, line_status: line, reason }));
        }
        let mixed =
            [(LineStatus::Released, Some(OrderReason::Cancelled)), (LineStatus::Released, Some(OrderReason::Expired))];
        let error = OrderState::from_stored(Status::Cancelled, &mixed).expect_err("one order has one reason");
        assert_eq!(error.to_string(), "an order that is cancelled has a line that is released with reason expired");
        assert!(OrderState::from_stored(Status::Pending, &[]).is_err());
    }
}
