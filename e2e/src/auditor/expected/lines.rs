//! Lines that live here, of orders that are at home elsewhere: reserved or refused once, then sold or given back.
//!
//! It must never know where the order stands: the home tells. Next: `rows`.

use super::event::{Step, Told};
use super::{Parked, Partition, Reserved, ReservedStage};

impl Partition<'_> {
    /// Something that another partition tells this one.
    pub(super) fn hear(&mut self, told: Told) -> Result<(), Parked> {
        let sender = self.partition_of(told.sender());
        if sender != told.cause.0 || sender == self.number {
            return Err("wrong-cause");
        }
        self.expected.heard.push(((self.number, self.offset), told.clone()));
        match told.step {
            Step::Requested => self.reserve(told),
            Step::Decided(_) => self.decided(told),
            Step::Released => self.release(&told),
            Step::Confirmed => self.sell(&told),
        }
    }

    fn key(&self, told: &Told) -> (String, i32, i64) {
        (told.order_id.clone(), self.partition_of(&told.home_product), told.line_no)
    }

    fn reserve(&mut self, told: Told) -> Result<(), Parked> {
        if told.line_no == 1 {
            return Err("unknown-line");
        }
        let key = self.key(&told);
        if let Some(line) = self.reserved.get(&key) {
            let answer = match &line.stage {
                ReservedStage::Reserved => Some(None),
                ReservedStage::Refused(reason) => Some(Some(reason.clone())),
                ReservedStage::Confirmed | ReservedStage::Released => None,
            };
            self.repeated((&line.product, line.quantity) == (&told.product, told.quantity))?;
            if let Some(refusal) = answer {
                self.tell(Told { step: Step::Decided(refusal), ..told });
            }
            return Ok(());
        }
        let refusal = self.can_take(&told.product, told.quantity).err();
        if refusal.is_none() {
            self.change(&told.product, -told.quantity, told.quantity);
        }
        let stage = refusal.clone().map_or(ReservedStage::Reserved, ReservedStage::Refused);
        let line = Reserved { product: told.product.clone(), quantity: told.quantity, offset: self.offset, stage };
        self.reserved.insert(key, line);
        self.tell(Told { step: Step::Decided(refusal), ..told });
        Ok(())
    }

    /// The line that is meant, and where it stands.
    fn known(&self, told: &Told) -> Result<Reserved, Parked> {
        let line = self.reserved.get(&self.key(told));
        let is_meant = |line: &&Reserved| line.product == told.product && line.quantity == told.quantity;
        line.filter(is_meant).cloned().ok_or("unknown-line")
    }

    fn release(&mut self, told: &Told) -> Result<(), Parked> {
        let line = self.known(told)?;
        match line.stage {
            ReservedStage::Reserved | ReservedStage::Confirmed => {
                let was_confirmed = line.stage == ReservedStage::Confirmed;
                if was_confirmed {
                    self.has_room(&line.product, line.quantity)?;
                }
                self.change(&line.product, line.quantity, if was_confirmed { 0 } else { -line.quantity });
                self.announce_release(&told.order_id, told.line_no, &line.product, line.quantity);
                self.reserved.insert(self.key(told), Reserved { stage: ReservedStage::Released, ..line });
            }
            ReservedStage::Released => self.expected.duplicate_count += 1,
            ReservedStage::Refused(_) => self.expected.overruled_count += 1,
        }
        Ok(())
    }

    fn sell(&mut self, told: &Told) -> Result<(), Parked> {
        let line = self.known(told)?;
        match line.stage {
            ReservedStage::Reserved => {
                self.change(&line.product, 0, -line.quantity);
                self.reserved.insert(self.key(told), Reserved { stage: ReservedStage::Confirmed, ..line });
            }
            ReservedStage::Confirmed => self.expected.duplicate_count += 1,
            ReservedStage::Released => self.expected.overruled_count += 1,
            ReservedStage::Refused(_) => return Err("conflicting-duplicate"),
        }
        Ok(())
    }
}
