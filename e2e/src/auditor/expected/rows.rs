//! What the tables must show of a partition whose log is read to its end.
//!
//! It must never decide: everything is decided by then. Read [`super::super::tables`] for the rows that are there.

use super::{Partition, ReservedStage, Stage};
use crate::auditor::rows::{OrderKey, OrderLine, Reservation, ReservationKey, Stock};

impl Partition<'_> {
    pub(super) fn write_down(self) {
        let Self { number, orders, reserved, stock, expected, .. } = self;
        for home in orders.values() {
            let order = &home.order;
            for (at, line) in order.lines.iter().enumerate() {
                let key = OrderKey { order_id: order.id.clone(), home: number, line_no: super::home::line_no(at) };
                let row = OrderLine {
                    user: order.user.clone(),
                    product: line.product.clone(),
                    quantity: line.quantity,
                    unit_price: line.unit_price,
                    total_price: line.total_price,
                    currency: order.currency.clone(),
                    placed_at: order.placed_at,
                    expires_at: order.expires_at(),
                    status: home.status().to_owned(),
                    line_status: home.line_status(at).to_owned(),
                    reason: home.line_reason(at),
                    offset: home.offset,
                };
                expected.orders.insert(key, row);
            }
            let due = match home.stage {
                Stage::Pending => Some(home.listed_at),
                Stage::Held => order.expires_at(),
                _ => None,
            };
            if let Some(due_at) = due {
                expected.open_orders.insert((number, order.id.clone()), (home.status().to_owned(), due_at));
            }
        }
        for ((order_id, home, line_no), line) in reserved {
            let (status, reason) = match line.stage {
                ReservedStage::Reserved | ReservedStage::Confirmed => ("reserved", None),
                ReservedStage::Released => ("released", None),
                ReservedStage::Refused(ref reason) => ("rejected", Some(reason.clone())),
            };
            let row = Reservation {
                product: line.product,
                quantity: line.quantity,
                status: status.to_owned(),
                reason,
                confirmed: line.stage == ReservedStage::Confirmed,
                offset: line.offset,
            };
            expected.reservations.insert(ReservationKey { order_id, home, line_no, partition: number }, row);
        }
        for (product, shelf) in stock {
            let row = Stock { available: shelf.available, held: shelf.held, partition: number, offset: shelf.offset };
            expected.stock.insert(product, row);
        }
    }
}
