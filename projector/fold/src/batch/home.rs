//! An order at home, after it was placed: its lines are decided elsewhere, and it is confirmed, held, or ended. Next: `requests`.
//!
//! Whatever the home does not need it gives back, and whatever it decided it tells again when it is told again: so nothing stays taken
//! for an order that does not want it, whoever reserved it and why.

use ledger_schema::{Line, LineDecision, LineNo, LineStep, LineTarget, OrderId, ParkReason, RejectionReason};

use super::{BatchFold, Refusal, conflict};
use crate::ask::target_of;
use crate::decided::release_outcome;
use crate::effects::OrderRow;
use crate::order_state::{LineState, Stage};
use crate::state::Level;

impl BatchFold<'_> {
    /// The order of that id, as it stands now. `None`: there is none, or it has to be looked up first.
    pub(super) fn order(&mut self, id: OrderId) -> Option<OrderRow> {
        if let Some(at) = self.order_index.get(&id) {
            return Some(self.orders[*at].clone());
        }
        if let Some(row) = self.changed_orders.get(&id) {
            return Some(row.clone());
        }
        match self.prior.orders.get(&id) {
            Some(found) => found.clone(),
            None => {
                self.wanted.orders.insert(id);
                None
            }
        }
    }

    pub(super) fn put_order(&mut self, row: OrderRow) {
        let id = row.order.order_id();
        match self.order_index.get(&id) {
            Some(at) => self.orders[*at] = row,
            None => drop(self.changed_orders.insert(id, row)),
        }
    }

    /// Rules 11 to 13, and 15, for a line's decision.
    pub(super) fn fold_line_decided(
        &mut self,
        target: &LineTarget,
        decision: LineDecision,
        offset: i64,
    ) -> Result<(), Refusal> {
        let id = target.order_id;
        let Some(row) = self.order(id) else {
            self.give_back(target, decision, offset);
            return Err((ParkReason::UnknownOrder, format!("no order {id} is at home here")));
        };
        if !self.is_line_of(&row, target) {
            self.give_back(target, decision, offset);
            let detail = format!(
                "order {id} has no line {} of {} pieces of `{}`",
                target.line_no,
                target.quantity.get(),
                target.product_id
            );
            return Err((ParkReason::UnknownLine, detail));
        }
        match (row.state.line(target.line_no), decision) {
            (LineState::Pending, LineDecision::Reserved) => self.line_reserved(row, target.line_no, offset),
            (LineState::Pending, LineDecision::Rejected(reason)) => {
                self.line_rejected(row, target.line_no, reason, offset);
            }
            (LineState::Reserved, LineDecision::Reserved) => {
                self.duplicate_count += 1;
                if row.state.stage() == Stage::Confirmed {
                    self.tell(offset, target.clone(), LineStep::Confirmed);
                }
            }
            (LineState::Rejected(earlier), LineDecision::Rejected(reason)) if earlier == reason => {
                self.duplicate_count += 1;
            }
            (LineState::Released, LineDecision::Rejected(_)) => self.overruled_count += 1,
            // It came too late, or was given back and that got lost.
            (LineState::Released, LineDecision::Reserved) => {
                self.overruled_count += 1;
                self.tell(offset, target.clone(), LineStep::Released);
            }
            // Decided once, and now otherwise: the first decision holds, and what was taken after it is not needed.
            (LineState::Rejected(_) | LineState::Reserved, _) => {
                self.give_back(target, decision, offset);
                return Err(conflict("decision about line", &format!("{} of order {id}", target.line_no)));
            }
        }
        Ok(())
    }

    /// Whether the order asked for this line.
    fn is_line_of(&self, row: &OrderRow, target: &LineTarget) -> bool {
        target_of(row, target.line_no).is_some_and(|asked| asked == *target)
    }

    /// Of a record that is parked: its dead letter is published under index 0.
    fn give_back(&mut self, target: &LineTarget, decision: LineDecision, offset: i64) {
        self.next_index = 1;
        if decision == LineDecision::Reserved {
            self.tell(offset, target.clone(), LineStep::Released);
        }
    }

    fn line_reserved(&mut self, mut row: OrderRow, line_no: LineNo, offset: i64) {
        row.state.set_line(line_no, LineState::Reserved);
        if row.state.lines().all(|line| line == LineState::Reserved) {
            if row.order.terms().hold.is_some() {
                row.state.set_stage(Stage::Held);
                self.emit_order(&row, offset);
            } else {
                self.confirm(&mut row, offset);
            }
        }
        self.put_order(row);
    }

    fn line_rejected(&mut self, mut row: OrderRow, line_no: LineNo, reason: RejectionReason, offset: i64) {
        row.state.set_line(line_no, LineState::Rejected(reason));
        self.end(&mut row, Stage::Rejected, offset);
        self.put_order(row);
    }

    /// What was held is sold, here and elsewhere.
    pub(super) fn confirm(&mut self, row: &mut OrderRow, offset: i64) {
        row.state.set_stage(Stage::Confirmed);
        for (line_no, line) in local_lines(row, self.partition) {
            let Level { available, held } = self.known_level(line.product_id());
            let quantity = line.quantity().get();
            assert!(row.state.line(line_no) == LineState::Reserved, "INV-3: a confirmed order has every line reserved");
            self.set_level(line.product_id(), Level { available, held: held - quantity }, offset);
        }
        self.emit_order(row, offset);
        self.tell_foreign(row, offset, LineStep::Confirmed, |_| true);
    }

    /// Ends the order: every line that is or may yet be reserved is given back, each exactly once in the partition where it lives.
    pub(super) fn end(&mut self, row: &mut OrderRow, stage: Stage, offset: i64) {
        let was_confirmed = row.state.stage() == Stage::Confirmed;
        let before = row.state.clone();
        row.state.set_stage(stage);
        let keeps = |line: LineState| matches!(line, LineState::Rejected(_));
        for (line_no, _) in row.order.lines() {
            if !keeps(before.line(line_no)) {
                row.state.set_line(line_no, LineState::Released);
            }
        }
        let mut given_back = Vec::new();
        for (line_no, line) in local_lines(row, self.partition) {
            if before.line(line_no) != LineState::Reserved {
                continue;
            }
            let quantity = line.quantity().get();
            let Level { available, held } = self.known_level(line.product_id());
            let held = if was_confirmed { held } else { held - quantity };
            self.set_level(line.product_id(), Level { available: available + quantity, held }, offset);
            given_back.push((line_no, line.clone()));
        }
        self.emit_order(row, offset);
        for (line_no, line) in given_back {
            let available = self.known_level(line.product_id()).available;
            let id = row.order.order_id();
            self.emit(offset, |event_id| {
                release_outcome(id, line_no, line.product_id(), line.quantity(), available, event_id)
            });
        }
        self.tell_foreign(row, offset, LineStep::Released, |line_no| !keeps(before.line(line_no)));
    }

    /// Tells the partitions of the lines that live elsewhere.
    fn tell_foreign(&mut self, row: &OrderRow, offset: i64, step: LineStep, concerns: impl Fn(LineNo) -> bool) {
        for (line_no, line) in row.order.lines() {
            if !self.partition.has(line.product_id()) && concerns(line_no) {
                let target = target_of(row, line_no).expect("the order has the line");
                self.tell(offset, target, step);
            }
        }
    }
}

/// The lines that live at the order's home.
pub(super) fn local_lines(row: &OrderRow, partition: crate::record::Partition) -> Vec<(LineNo, Line)> {
    let local = row.order.lines().filter(|(_, line)| partition.has(line.product_id()));
    local.map(|(line_no, line)| (line_no, line.clone())).collect()
}
