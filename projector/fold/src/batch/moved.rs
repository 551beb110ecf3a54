//! Receipts and adjustments. Next: `home`.

use ledger_schema::{Movement, MovementKind, RejectionReason};

use super::{BatchFold, Refusal, check_sum, conflict};
use crate::decided::movement_outcome;
use crate::effects::{Decision, MovementRow};
use crate::state::Level;

impl BatchFold<'_> {
    /// Rules 4 to 9.
    pub(super) fn fold_movement(&mut self, movement: Movement, offset: i64) -> Result<(), Refusal> {
        let id = movement.movement_id();
        let earlier = self
            .movement_index
            .get(&id)
            .map(|at| &self.movements[*at].movement)
            .or_else(|| self.prior.movements.get(&id));
        if let Some(earlier) = earlier {
            if !earlier.same_contents(&movement) {
                return Err(conflict("movement", &id.to_string()));
            }
            self.duplicate_count += 1;
            return Ok(());
        }
        let judged = self.judge_movement(&movement)?;
        if let Ok(level) = judged {
            self.set_level(movement.product_id(), level, offset);
        }
        self.emit(offset, |event_id| movement_outcome(&movement, judged, event_id));
        let decision = judged.map_or_else(Decision::Rejected, |_| Decision::Confirmed);
        self.movement_index.insert(id, self.movements.len());
        self.movements.push(MovementRow { offset, movement, decision });
        Ok(())
    }

    /// Rules 6 to 8: what the product has afterwards, or why it is refused.
    fn judge_movement(&self, movement: &Movement) -> Result<Result<Level, RejectionReason>, Refusal> {
        let level = match (movement.kind(), self.level(movement.product_id())) {
            (_, Some(level)) => level,
            (MovementKind::Receipt(_), None) => Level::default(),
            (MovementKind::Adjustment { .. }, None) => return Ok(Err(RejectionReason::UnknownProduct)),
        };
        // All are at most 2^53 in size, so the sums cannot overflow an i64.
        let available = level.available + movement.delta().get();
        if available < 0 {
            return Ok(Err(RejectionReason::BelowZero));
        }
        check_sum(available + level.held)?;
        Ok(Ok(Level { available, ..level }))
    }
}
