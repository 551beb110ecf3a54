//! What batches of one partition have other partitions told, handed from the writer to the relay of the same process as soon as it is
//! committed: an order of several lines takes three such hops, and each read of the outbox would be two more questions to the database.
//!
//! It must never be all that is told: it is gone with the process, and with too much of it. The outbox has everything, and the relay
//! reads there whatever does not go on from where it stands. Read next: `relay/partition.rs`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ledger_fold::{BatchEffects, ToldEntry};
use ledger_store::GenerationKey;

/// Most events that wait for the relay. Beyond that it reads the outbox, which it does in pieces.
const MOST_EVENTS: usize = 4_096;

/// What the records of a stretch of the log, without a gap, have other partitions told.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Of the tables that say so; others may say otherwise.
    generation: Option<GenerationKey>,
    from: i64,
    /// Exclusive.
    pub(crate) to: i64,
    /// In order of position.
    pub(crate) told: Vec<ToldEntry>,
}

/// The stretch that ends with the last committed batch.
#[derive(Debug, Default)]
pub(crate) struct Tellings(Mutex<Stretch>);

impl Tellings {
    fn held(&self) -> MutexGuard<'_, Stretch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch was committed, to tables of this generation.
    pub(crate) fn add(&self, effects: &BatchEffects, generation: GenerationKey) {
        let mut held = self.held();
        let too_much = held.told.len() + effects.told.len() > MOST_EVENTS;
        let generation = Some(generation);
        if held.to != effects.from_offset || held.generation != generation || too_much {
            *held = Stretch { generation, from: effects.from_offset, to: effects.from_offset, told: Vec::new() };
        }
        held.to = effects.next_offset;
        if effects.told.len() > MOST_EVENTS {
            held.from = held.to;
        } else {
            held.told.extend(effects.told.iter().cloned());
        }
    }

    /// Takes what tables of this generation have told from `reached` on; `None` where something may lie between, nothing is new, or it is of
    /// others.
    pub(crate) fn take(&self, reached: i64, generation: Option<GenerationKey>) -> Option<Stretch> {
        let mut held = self.held();
        if held.generation != generation || !(held.from..held.to).contains(&reached) {
            return None;
        }
        let to = held.to;
        let mut taken = std::mem::replace(&mut *held, Stretch { generation, from: to, to, told: Vec::new() });
        drop(held);
        taken.told.retain(|told| told.event_id.cause.offset >= reached);
        taken.from = reached;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use ledger_fold::{BatchFold, Partition};
    use ledger_schema::wire::{self, Event};
    use ledger_schema::{EventId, Position};

    use super::*;

    /// A batch of a partition, with an event for another one of each of these offsets.
    fn batch(from_offset: i64, next_offset: i64, told: &[i64]) -> BatchEffects {
        let golden = include_bytes!("../../schema/golden/line_requested.v1.json");
        let Ok(Event::LineTold(event)) = wire::decode(Some(golden)) else { panic!("a golden sample") };
        let (state, prior) = Default::default();
        let empty = BatchFold::new(Partition { number: 0, count: 2 }, &state, &prior, from_offset).finish();
        let entry = |offset: &i64| ToldEntry {
            event_id: EventId { cause: Position { partition: 0, offset: *offset }, index: 0 },
            partition: 1,
            event: event.clone(),
        };
        BatchEffects { from_offset, next_offset, told: told.iter().map(entry).collect(), ..empty }
    }

    /// The tables of this number.
    fn tables(number: i32) -> GenerationKey {
        GenerationKey { number, id: sqlx::types::Uuid::nil() }
    }

    /// Up to where is told, and the offsets of what.
    fn taken(tellings: &Tellings, reached: i64) -> Option<(i64, Vec<i64>)> {
        let stretch = tellings.take(reached, Some(tables(1)))?;
        Some((stretch.to, stretch.told.iter().map(|told| told.event_id.cause.offset).collect()))
    }

    #[test]
    fn what_goes_on_from_where_the_relay_stands_is_taken_once() {
        let tellings = Tellings::default();
        tellings.add(&batch(3, 5, &[4]), tables(1));
        tellings.add(&batch(5, 8, &[]), tables(1));
        tellings.add(&batch(8, 9, &[8]), tables(1));
        assert_eq!(taken(&tellings, 2), None, "offset 2 may have something to tell");
        assert_eq!(taken(&tellings, 5), Some((9, vec![8])), "the rest was told before");
        assert_eq!(taken(&tellings, 9), None);
        tellings.add(&batch(9, 10, &[9]), tables(1));
        assert_eq!(taken(&tellings, 9), Some((10, vec![9])));
    }

    #[test]
    fn after_a_gap_it_begins_anew() {
        let tellings = Tellings::default();
        tellings.add(&batch(0, 5, &[4]), tables(1));
        // Another projector folded 5 to 7; or other tables stand there.
        tellings.add(&batch(7, 9, &[8]), tables(1));
        assert_eq!(taken(&tellings, 4), None);
        assert_eq!(taken(&tellings, 7), Some((9, vec![8])));
        tellings.add(&batch(2, 3, &[2]), tables(1));
        assert_eq!(taken(&tellings, 2), Some((3, vec![2])));
    }

    #[test]
    fn what_other_tables_told_is_left_to_the_outbox() {
        let tellings = Tellings::default();
        tellings.add(&batch(0, 5, &[4]), tables(2));
        assert_eq!(taken(&tellings, 4), None, "of tables that are live since, or were before");
        tellings.add(&batch(5, 6, &[5]), tables(1));
        assert_eq!((taken(&tellings, 4), taken(&tellings, 5)), (None, Some((6, vec![5]))));
    }

    #[test]
    fn more_than_its_limit_is_left_to_the_outbox() {
        let tellings = Tellings::default();
        let half: Vec<i64> = vec![0; MOST_EVENTS / 2];
        for from in 0..2 {
            tellings.add(&batch(from, from + 1, &half), tables(1));
        }
        tellings.add(&batch(2, 3, &[2]), tables(1));
        assert_eq!(taken(&tellings, 0), None);
        assert_eq!(taken(&tellings, 2), Some((3, vec![2])));
        tellings.add(&batch(3, 4, &vec![3; MOST_EVENTS + 1]), tables(1));
        assert_eq!(taken(&tellings, 3), None);
        tellings.add(&batch(4, 5, &[4]), tables(1));
        assert_eq!(taken(&tellings, 4), Some((5, vec![4])));
    }
}
