//! What the home of an order asks of the partitions of its other lines. Asked again it is the same, byte for byte: the receiver drops
//! what it has, and answers once more.
//!
//! It must never ask for a line that is decided. Next: [`crate::batch`].

use ledger_schema::{EventId, LineEvent, LineNo, LineStep, LineTarget, Position};

use crate::effects::OrderRow;
use crate::effects::ToldEntry;
use crate::order_state::{LineState, Stage};
use crate::record::Partition;

/// The line of that number, as its partition has to know it.
pub(crate) fn target_of(row: &OrderRow, line_no: LineNo) -> Option<LineTarget> {
    let order = &row.order;
    let line = order.line(line_no)?;
    Some(LineTarget {
        order_id: order.order_id(),
        line_no,
        home_product_id: order.product_id().clone(),
        product_id: line.product_id().clone(),
        quantity: line.quantity(),
    })
}

/// Every line that lives elsewhere, in order.
pub(crate) fn requests_of(row: &OrderRow, home: Partition) -> Vec<LineTarget> {
    let foreign = row.order.lines().filter(|(_, line)| !home.has(line.product_id()));
    foreign.filter_map(|(line_no, _)| target_of(row, line_no)).collect()
}

/// What has to be asked again of an order that is still pending: for each line that is not decided the very event that was sent when the
/// order was placed. Nothing of an order that is not pending.
pub fn asked_again(row: &OrderRow, home: Partition) -> Vec<ToldEntry> {
    if row.state.stage() != Stage::Pending {
        return Vec::new();
    }
    let cause = Position { partition: home.number, offset: row.offset };
    (0..)
        .zip(requests_of(row, home))
        .filter(|(_, target)| row.state.line(target.line_no) == LineState::Pending)
        .map(|(index, target)| {
            let event_id = EventId { cause, index };
            let event = LineEvent { cause: event_id, target, step: LineStep::Requested };
            ToldEntry { event_id, partition: home.of(event.addressee()), event }
        })
        .collect()
}
