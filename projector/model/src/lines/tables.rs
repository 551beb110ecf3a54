//! What a partition's tables hold at a position: the real fold of the records before it, one by one, each over what was stored before.
//! A store that forgets something ([`LinesProtocol`]) forgets it here.
//!
//! It must never have a rule of its own. Next: [`super::state`].

use std::panic::{AssertUnwindSafe, catch_unwind};

use ledger_fold::{
    BatchEffects, BatchFold, LineState, OrderRow, PartitionState, Prior, Record, ReservationKey, ReservationRow,
    ReservationState, Stage, asked_again,
};
use ledger_schema::LineNo;

use super::protocol::{Ending, GivingBack, LinesKept, LinesProtocol, OrdersKept};
use super::records::{HOME, PARTITIONS, Says, Told, bytes, order_id, product};

/// Something that a record had the fold tell the other partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ToldBy {
    pub offset: u8,
    pub index: u8,
    pub step: Told,
}

impl ToldBy {
    /// As it stands in the other partition's log.
    pub fn says(self) -> Says {
        Says::Told { step: self.step, cause_offset: self.offset, cause_index: self.index }
    }
}

/// One partition at one position.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    pub state: PartitionState,
    pub order: Option<OrderRow>,
    pub rival: Option<OrderRow>,
    pub reservation: Option<ReservationRow>,
    /// Everything that was told, in order.
    pub told: Vec<ToldBy>,
    /// Pieces that were added to the other partition's stock past the log, by offset.
    pub given_past_the_log: Vec<u8>,
    /// The fold has stopped at a state that is impossible. The rest is as before that record.
    pub has_stopped: bool,
}

impl Tables {
    /// The fold of `records`.
    pub fn of(protocol: LinesProtocol, partition: usize, records: &[Says]) -> Self {
        let mut tables = Self::default();
        for (offset, says) in (0..).zip(records) {
            let folded = catch_unwind(AssertUnwindSafe(|| tables.fold(partition, offset, *says)));
            let Ok(effects) = folded else { return Self { has_stopped: true, ..tables } };
            tables.commit(protocol, partition, effects);
        }
        tables
    }

    fn fold(&self, partition: usize, offset: u8, says: Says) -> BatchEffects {
        let (key, value) = bytes(partition, says);
        let mut prior = Prior::default();
        for row in self.order.iter().chain(&self.rival) {
            prior.orders.insert(row.order.order_id(), Some(row.clone()));
        }
        prior.orders.entry(order_id()).or_insert(None);
        let home_partition = PARTITIONS[HOME].number;
        let line = ReservationKey { order_id: order_id(), home_partition, line_no: LineNo::at(1) };
        prior.reservations.insert(line, self.reservation.clone());
        let mut batch = BatchFold::new(PARTITIONS[partition], &self.state, &prior, i64::from(offset));
        let record = Record { offset: i64::from(offset), time_ms: None, key: Some(&key), value: Some(&value) };
        batch.fold(&record);
        let effects = batch.finish();
        assert!(effects.wanted.is_empty(), "everything that is stored is known here: {:?}", effects.wanted);
        effects
    }

    fn commit(&mut self, protocol: LinesProtocol, partition: usize, effects: BatchEffects) {
        self.state.apply(&effects);
        let pending_before = self.order.as_ref().is_some_and(|row| row.state.line(LineNo::at(1)) == LineState::Pending);
        for row in effects.orders.into_iter().chain(effects.changed_orders) {
            let forgets = protocol.orders_kept == OrdersKept::UntilConfirmed
                && self.order.as_ref().is_some_and(|before| before.state.stage() == Stage::Held)
                && row.state.stage() == Stage::Confirmed;
            match row.order.order_id() == order_id() {
                true if forgets => {}
                true => self.order = Some(row),
                false => self.rival = Some(row),
            }
        }
        for row in effects.reservations.into_iter().chain(effects.changed_reservations) {
            let forgets = protocol.lines_kept == LinesKept::UntilGivenBack && row.state == ReservationState::Released;
            if !forgets {
                self.reservation = Some(row);
            }
        }
        for entry in &effects.told {
            let small = |number: i64| u8::try_from(number).expect("few records");
            let offset = small(entry.event_id.cause.offset);
            let told = ToldBy { offset, index: small(entry.event_id.index.into()), step: Told::of(entry.event.step) };
            let released = told.step == Told::Released;
            // The line was not known to be reserved when the order ended, or is decided after that.
            let late = pending_before || effects.overruled_count > 0;
            match (released, protocol.giving_back, protocol.ending) {
                (true, GivingBack::PastTheLog, _) => self.given_past_the_log.push(offset),
                (true, _, Ending::TakenAlone) if late => {}
                _ => self.told.push(told),
            }
        }
        let Some(level) = self.state.level(&product(partition)) else { return };
        assert!(level.available >= 0 && level.held >= 0, "INV-2");
    }

    /// Pieces that can be sold, and that are held.
    pub fn level(&self, partition: usize) -> (i64, i64) {
        self.state.level(&product(partition)).map_or((0, 0), |level| (level.available, level.held))
    }

    /// Where the order stands.
    pub fn stage(&self) -> Option<Stage> {
        self.order.as_ref().map(|row| row.state.stage())
    }

    /// Where its second line stands in its own partition.
    pub fn line(&self) -> Option<ReservationState> {
        self.reservation.as_ref().map(|row| row.state)
    }

    /// What the home's owner asks again.
    pub fn asked_again(&self) -> Vec<ToldBy> {
        let asked = self.order.as_ref().map(|row| asked_again(row, PARTITIONS[HOME])).unwrap_or_default();
        let small = |number: i64| u8::try_from(number).expect("few records");
        let told = |entry: ledger_fold::ToldEntry| ToldBy {
            offset: small(entry.event_id.cause.offset),
            index: small(entry.event_id.index.into()),
            step: Told::of(entry.event.step),
        };
        asked.into_iter().map(told).collect()
    }

    /// Pieces of the partition's product that orders have for good.
    pub fn sold(&self, partition: usize) -> i64 {
        let confirmed = |row: &&OrderRow| row.state.stage() == Stage::Confirmed;
        let of_order = self.order.iter().filter(confirmed).count();
        let of_rival = self.rival.iter().filter(confirmed).count();
        let of_line = usize::from(self.line() == Some(ReservationState::Confirmed));
        let sold = if partition == HOME { of_order } else { of_rival + of_line };
        i64::try_from(sold).expect("few orders")
    }
}
