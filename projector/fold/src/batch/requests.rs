//! What is asked of an order: confirm, cancel, expire. The log's order decides between them, and nothing else. Next: `reserved`.

use ledger_schema::{OrderRequest, ParkReason, RequestKind};

use super::home::local_lines;
use super::{BatchFold, Refusal};
use crate::effects::OrderRow;
use crate::order_state::{Cancelled, Stage};

impl BatchFold<'_> {
    /// Rules 11 to 15.
    pub(super) fn fold_request(&mut self, request: &OrderRequest, offset: i64) -> Result<(), Refusal> {
        let id = request.order_id();
        let row = self.order(id).filter(|row| row.order.product_id() == request.home_product_id());
        let Some(row) = row else {
            let product_id = request.home_product_id();
            let detail = format!("no order {id} whose line 1 is of `{product_id}` is at home here");
            return Err((ParkReason::UnknownOrder, detail));
        };
        match request.kind() {
            RequestKind::Confirm => self.confirm_requested(row, offset),
            RequestKind::Cancel { .. } => return self.cancel_requested(row, offset),
            RequestKind::Expire => return self.hold_expired(row, request, offset),
        }
        Ok(())
    }

    fn confirm_requested(&mut self, mut row: OrderRow, offset: i64) {
        match row.state.stage() {
            Stage::Held => {
                self.confirm(&mut row, offset);
                self.put_order(row);
            }
            Stage::Confirmed => self.duplicate_count += 1,
            Stage::Pending | Stage::Rejected | Stage::Cancelled(_) => self.overruled_count += 1,
        }
    }

    fn cancel_requested(&mut self, mut row: OrderRow, offset: i64) -> Result<(), Refusal> {
        match row.state.stage() {
            Stage::Pending | Stage::Held | Stage::Confirmed => {
                if row.state.stage() == Stage::Confirmed {
                    // All of them or none: half an order cannot be given back.
                    for (_, line) in local_lines(&row, self.partition) {
                        self.check_room(line.product_id(), line.quantity().get())?;
                    }
                }
                self.end(&mut row, Stage::Cancelled(Cancelled::OnRequest), offset);
                self.put_order(row);
            }
            Stage::Cancelled(_) => self.duplicate_count += 1,
            Stage::Rejected => self.overruled_count += 1,
        }
        Ok(())
    }

    /// The event's own time counts, and no reader's clock: so the answer is the same in every replay.
    fn hold_expired(&mut self, mut row: OrderRow, request: &OrderRequest, offset: i64) -> Result<(), Refusal> {
        match (row.state.stage(), row.order.expires_at()) {
            (Stage::Held, Some(expires_at)) if request.occurred_at() >= expires_at => {
                self.end(&mut row, Stage::Cancelled(Cancelled::Expired), offset);
                self.put_order(row);
            }
            (Stage::Held, expires_at) => {
                let ends = expires_at.map_or("never".to_owned(), |at| format!("at {}", shown(at)));
                let detail = format!(
                    "the hold of order {} ends {ends}, found {}",
                    request.order_id(),
                    shown(request.occurred_at())
                );
                return Err((ParkReason::HoldNotOver, detail));
            }
            (Stage::Cancelled(Cancelled::Expired), _) => self.duplicate_count += 1,
            (Stage::Pending | Stage::Confirmed | Stage::Rejected | Stage::Cancelled(Cancelled::OnRequest), _) => {
                self.overruled_count += 1;
            }
        }
        Ok(())
    }
}

fn shown(time: chrono::DateTime<chrono::Utc>) -> String {
    ledger_schema::wire::time_text(time)
}
