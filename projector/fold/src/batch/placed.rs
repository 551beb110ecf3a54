//! Orders that are placed. Lines whose product lives here are decided at once; the others are asked for. Next: `moved`.

use ledger_schema::{LineStep, Order, OrderId};

use super::{BatchFold, Refusal, conflict};
use crate::ask::requests_of;
use crate::decided::order_outcome;
use crate::effects::OrderRow;
use crate::listed::listed_at;
use crate::order_state::{LineState, OrderState, Stage};
use crate::record::Record;
use crate::state::Level;

impl BatchFold<'_> {
    /// Rules 4 to 7, and 9.
    pub(super) fn fold_order(&mut self, order: Order, record: &Record<'_>) -> Result<(), Refusal> {
        let id = order.order_id();
        if let Some(earlier) = self.earlier(id) {
            if !earlier.same_contents(&order) {
                return Err(conflict("order", &id.to_string()));
            }
            self.duplicate_count += 1;
            return Ok(());
        }
        let offset = record.offset;
        let state = self.judge_order(&order);
        self.take_lines(&order, &state, offset);
        let listed_at = listed_at(order.placed_at(), record.time_ms);
        let row = OrderRow { offset, order, state, listed_at };
        self.emit_order(&row, offset);
        if row.state.stage() == Stage::Pending {
            for target in requests_of(&row, self.partition) {
                self.tell(offset, target, LineStep::Requested);
            }
        }
        if matches!(row.state.stage(), Stage::Pending | Stage::Held) {
            self.opened.push(self.orders.len());
        }
        self.order_index.insert(id, self.orders.len());
        self.orders.push(row);
        Ok(())
    }

    /// The order that stands under this id, as far as it is known. (An id that was not looked up is taken for new; the store finds
    /// out where it is not.)
    fn earlier(&self, id: OrderId) -> Option<&Order> {
        match self.order_index.get(&id) {
            Some(at) => Some(&self.orders[*at].order),
            None => self.prior.orders.get(&id)?.as_ref().map(|row| &row.order),
        }
    }

    /// Where the order stands after the lines that live here are decided. One that is refused ends it before anybody else is asked.
    fn judge_order(&self, order: &Order) -> OrderState {
        let ready = if order.terms().hold.is_some() { Stage::Held } else { Stage::Confirmed };
        if order.line_count() == 1 {
            let line = order.first_line();
            return match self.judge_line(line.product_id(), line.quantity().get()) {
                Ok(_) => OrderState::of_one(ready, LineState::Reserved),
                Err(reason) => OrderState::of_one(Stage::Rejected, LineState::Rejected(reason)),
            };
        }
        let mut lines: Vec<LineState> = order
            .lines()
            .map(|(_, line)| match self.partition.has(line.product_id()) {
                false => LineState::Pending,
                true => self
                    .judge_line(line.product_id(), line.quantity().get())
                    .map_or_else(LineState::Rejected, |_| LineState::Reserved),
            })
            .collect();
        if lines.iter().any(|line| matches!(line, LineState::Rejected(_))) {
            for line in lines.iter_mut().filter(|line| !matches!(line, LineState::Rejected(_))) {
                *line = LineState::Released;
            }
            return OrderState::of_lines(Stage::Rejected, lines);
        }
        let stage = if lines.contains(&LineState::Pending) { Stage::Pending } else { ready };
        OrderState::of_lines(stage, lines)
    }

    /// The pieces of the lines that live here: for good where the order is confirmed, else held.
    fn take_lines(&mut self, order: &Order, state: &OrderState, offset: i64) {
        for ((_, line), _) in order.lines().zip(state.lines()).filter(|(_, line)| *line == LineState::Reserved) {
            let quantity = line.quantity().get();
            let Level { available, held } = self.known_level(line.product_id());
            let held = if state.stage() == Stage::Confirmed { held } else { held + quantity };
            self.set_level(line.product_id(), Level { available: available - quantity, held }, offset);
        }
    }

    /// The outcome that tells where the order stands now; a pending one has none yet.
    pub(super) fn emit_order(&mut self, row: &OrderRow, offset: i64) {
        if row.state.stage() == Stage::Pending {
            return;
        }
        let level = self.level(row.order.product_id());
        self.emit(offset, |event_id| order_outcome(row, level, event_id));
    }
}
