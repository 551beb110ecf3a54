//! Lines that live here, of orders that are at home elsewhere: reserved or refused once, for good; sold or given back when the home
//! says so. Next: [`crate::effects`].

use ledger_schema::{LineDecision, LineNo, LineStep, LineTarget, ParkReason};

use super::{BatchFold, Refusal, conflict};
use crate::decided::release_outcome;
use crate::reservation::{ReservationKey, ReservationRow, ReservationState};
use crate::state::Level;

impl BatchFold<'_> {
    fn reservation(&self, key: ReservationKey) -> Option<&ReservationRow> {
        match self.reservation_index.get(&key) {
            Some(at) => Some(&self.reservations[*at]),
            None => match self.changed_reservations.get(&key) {
                Some(row) => Some(row),
                None => self.prior.reservations.get(&key)?.as_ref(),
            },
        }
    }

    /// The line that the event is about, as it stands now.
    fn reserved(&mut self, target: &LineTarget) -> Result<ReservationRow, Refusal> {
        let key = self.partition.reservation_key(target);
        match self.reservation(key).filter(|row| row.is_of(target)) {
            Some(row) => return Ok(row.clone()),
            None if self.is_unknown(key) => {
                self.wanted.reservations.insert(key);
            }
            None => {}
        }
        let LineTarget { order_id, line_no, product_id, quantity, .. } = target;
        let quantity = quantity.get();
        let detail = format!(
            "line {line_no} of order {order_id}, {quantity} pieces of `{product_id}`, was never asked for here"
        );
        Err((ParkReason::UnknownLine, detail))
    }

    /// Whether nobody has looked yet what stands there.
    fn is_unknown(&self, key: ReservationKey) -> bool {
        !self.reservation_index.contains_key(&key) && !self.prior.reservations.contains_key(&key)
    }

    fn put_reservation(&mut self, row: ReservationRow) {
        match self.reservation_index.get(&row.key) {
            Some(at) => self.reservations[*at] = row,
            None => drop(self.changed_reservations.insert(row.key, row)),
        }
    }

    /// Rules 4 to 7, and 9, for a line that the home asks for. Asked again it answers again: the first answer may have got lost.
    pub(super) fn fold_line_requested(&mut self, target: &LineTarget, offset: i64) -> Result<(), Refusal> {
        let key = self.partition.reservation_key(target);
        if target.line_no == LineNo::FIRST {
            return Err((ParkReason::UnknownLine, "line 1 is decided where its order is at home".to_owned()));
        }
        if let Some(row) = self.reservation(key) {
            if !row.is_of(target) {
                let what = format!("{} of order {}", target.line_no, target.order_id);
                return Err(conflict("line", &what));
            }
            let answer = match row.state {
                ReservationState::Reserved => Some(LineDecision::Reserved),
                ReservationState::Rejected(reason) => Some(LineDecision::Rejected(reason)),
                ReservationState::Confirmed | ReservationState::Released => None,
            };
            self.duplicate_count += 1;
            if let Some(decision) = answer {
                self.tell(offset, target.clone(), LineStep::Decided(decision));
            }
            return Ok(());
        }
        let quantity = target.quantity.get();
        let (state, decision) = match self.judge_line(&target.product_id, quantity) {
            Ok(Level { available, held }) => {
                let level = Level { available: available - quantity, held: held + quantity };
                self.set_level(&target.product_id, level, offset);
                (ReservationState::Reserved, LineDecision::Reserved)
            }
            Err(reason) => (ReservationState::Rejected(reason), LineDecision::Rejected(reason)),
        };
        self.reservation_index.insert(key, self.reservations.len());
        let product_id = target.product_id.clone();
        self.reservations.push(ReservationRow { key, product_id, quantity: target.quantity, state, offset });
        self.tell(offset, target.clone(), LineStep::Decided(decision));
        Ok(())
    }

    /// Rules 11 to 13, and 15, for a line that the home gives back.
    pub(super) fn fold_line_released(&mut self, target: &LineTarget, offset: i64) -> Result<(), Refusal> {
        let row = self.reserved(target)?;
        let quantity = row.quantity.get();
        match row.state {
            ReservationState::Reserved | ReservationState::Confirmed => {
                if row.state.is_confirmed() {
                    self.check_room(&row.product_id, quantity)?;
                }
                let Level { available, held } = self.known_level(&row.product_id);
                let held = if row.state.is_confirmed() { held } else { held - quantity };
                let level = Level { available: available + quantity, held };
                self.set_level(&row.product_id, level, offset);
                self.emit(offset, |event_id| {
                    release_outcome(
                        target.order_id,
                        target.line_no,
                        &target.product_id,
                        target.quantity,
                        level.available,
                        event_id,
                    )
                });
                self.put_reservation(ReservationRow { state: ReservationState::Released, ..row });
            }
            ReservationState::Released => self.duplicate_count += 1,
            // The order ended before it knew.
            ReservationState::Rejected(_) => self.overruled_count += 1,
        }
        Ok(())
    }

    /// Rules 11 to 13, and 15, for a line whose order is confirmed: what was held is sold.
    pub(super) fn fold_line_confirmed(&mut self, target: &LineTarget, offset: i64) -> Result<(), Refusal> {
        let row = self.reserved(target)?;
        match row.state {
            ReservationState::Reserved => {
                let Level { available, held } = self.known_level(&row.product_id);
                let level = Level { available, held: held - row.quantity.get() };
                self.set_level(&row.product_id, level, offset);
                self.put_reservation(ReservationRow { state: ReservationState::Confirmed, ..row });
            }
            ReservationState::Confirmed => self.duplicate_count += 1,
            ReservationState::Released => self.overruled_count += 1,
            ReservationState::Rejected(_) => {
                let what = format!("{} of order {}", target.line_no, target.order_id);
                return Err(conflict("decision about line", &what));
            }
        }
        Ok(())
    }
}
