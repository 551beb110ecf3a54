//! Orders, receipts and adjustments as they come: decided as far as this partition can. Next: `home`.
//!
//! It must never take a piece for an order that is rejected here and now.

use super::event::{Movement, Order, Step};
use super::parse::LARGEST;
use super::{Home, LineStage, Parked, Partition, Stage};
use crate::auditor::listed::listed_micros;
use crate::auditor::published::Said;
use crate::auditor::rows as table;

impl Partition<'_> {
    pub(super) fn place(&mut self, order: Order, time_ms: Option<i64>) -> Result<(), Parked> {
        if let Some(earlier) = self.orders.get(&order.id) {
            return self.repeated(earlier.order.contents() == order.contents());
        }
        let mut lines: Vec<LineStage> = Vec::new();
        for line in &order.lines {
            lines.push(match self.has(&line.product) {
                false => LineStage::Pending,
                true => self
                    .can_take(&line.product, line.quantity)
                    .map_or_else(LineStage::Refused, |()| LineStage::Reserved),
            });
        }
        let stage = if lines.iter().any(|line| matches!(line, LineStage::Refused(_))) {
            // Nobody else is asked, and nothing is taken.
            for line in lines.iter_mut().filter(|line| !matches!(line, LineStage::Refused(_))) {
                *line = LineStage::Released;
            }
            Stage::Rejected
        } else if lines.contains(&LineStage::Pending) {
            Stage::Pending
        } else if order.hold_seconds.is_some() {
            Stage::Held
        } else {
            Stage::Confirmed
        };
        let listed_at = listed_micros(order.placed_at, time_ms);
        let home = Home { order, offset: self.offset, listed_at, stage, lines };
        if stage != Stage::Rejected {
            let held = i64::from(stage != Stage::Confirmed);
            for (_, line) in self.at_home(&home) {
                self.change(&line.product, -line.quantity, held * line.quantity);
            }
        }
        self.announce_order(&home);
        if stage == Stage::Pending {
            self.tell_others(&home, &Step::Requested, |_| true);
        }
        self.orders.insert(home.order.id.clone(), home);
        Ok(())
    }

    pub(super) fn move_stock(&mut self, movement: Movement) -> Result<(), Parked> {
        if let Some(earlier) = self.movements.get(&movement.id) {
            return self.repeated(*earlier == movement);
        }
        let before = self.stock.get(&movement.product).map(|shelf| (shelf.available, shelf.held));
        let verdict = match before.or(movement.is_receipt.then_some((0, 0))) {
            None => Err("unknown-product"),
            Some((available, _)) if available + movement.delta < 0 => Err("below-zero"),
            Some((available, held)) if available + held + movement.delta > LARGEST => return Err("stock-overflow"),
            Some((available, _)) => Ok(available + movement.delta),
        };
        if verdict.is_ok() {
            self.change(&movement.product, movement.delta, 0);
        }
        let Movement { id, product, delta, .. } = movement.clone();
        let kind = movement.kind().to_owned();
        self.announce(match verdict {
            Ok(available) => {
                Said::Changed { id: id.clone(), kind: kind.clone(), product: product.clone(), delta, available }
            }
            Err(reason) => {
                Said::AdjustmentRejected { id: id.clone(), product: product.clone(), delta, reason: reason.to_owned() }
            }
        });
        let row = table::Movement {
            kind,
            product,
            delta,
            note: movement.note.clone(),
            status: if verdict.is_ok() { "confirmed" } else { "rejected" }.to_owned(),
            reason: verdict.err().map(str::to_owned),
            offset: self.offset,
        };
        self.expected.movements.insert((id.clone(), self.number), row);
        self.movements.insert(id, movement);
        Ok(())
    }
}
