//! What partitions tell each other, twice over: what the fold of each says that it tells, and what stands on the log. The two are held
//! against each other by the event's cause, in whichever order they are read.
//!
//! - *Missing*: told before the relay's cursor, so it was acknowledged before the cursor moved there, and yet it is not on the log;
//!   nor is there an event of the same step of the same line with another cause, which makes up for it (lines are asked again).
//! - *Too much*: on the log, and the fold of its sender does not tell it. Tables that were wrong once told it, or somebody else wrote it.
//!   It stays a fact of the log, and the tables hold what it did: so it is named, and is no difference of the tables.
//!
//! Not judged: what its sender's tables have not come to (they are older than the log after a rollback), and what may stand behind an open
//! transaction. Events may stand on the log many times: repeats have the cause of the first.
//!
//! Memory: two dozen bytes for each event between partitions, and the whole event while only one of the two sides has been read.

mod report;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use ledger_fold::{Partition, ToldEntry};
use ledger_kafka::KafkaSettings;
use ledger_kafka::record::OwnedRecord;
use ledger_kafka::replay::{LogRange, ReplayError};
use ledger_schema::wire::Event;
use ledger_schema::{EventId, LineDecision, LineEvent, LineStep, Position};

pub use report::{ToldCounts, ToldDifference};

use super::{feed, ids};

/// Events that stand on the log under a cause that has another one; more are counted, and not kept.
const MAX_CONTRADICTIONS: usize = 10_000;

/// Both sides of one event. `Both` is all that is kept of what agrees: a fingerprint of line and step, without the cause.
#[derive(Debug)]
enum Sides {
    Told(Box<LineEvent>),
    OnLog(Box<LineEvent>, Position),
    Both(u64),
}

/// The two sides, as far as they were read.
#[derive(Debug, Default)]
pub(crate) struct Correspondence {
    hash: RandomState,
    events: HashMap<EventId, Sides>,
    /// Under a cause that has another event already. Which of the two is right shows when the sender was folded.
    contradictions: Vec<(LineEvent, Position)>,
    uncounted: u64,
    told: u64,
}

/// Up to where each side was read.
#[derive(Debug, Default)]
pub(crate) struct Extent {
    /// Exclusive, by partition: how far it was folded, how far it is published, and where the log ends.
    pub(crate) folded: BTreeMap<i32, i64>,
    pub(crate) cursors: BTreeMap<i32, i64>,
    pub(crate) log_ends: BTreeMap<i32, i64>,
    /// Partitions with records that cannot be read yet.
    pub(crate) blocked: BTreeSet<i32>,
}

impl Correspondence {
    /// A batch of one partition: what its fold tells, and what its records say.
    pub(crate) fn take(
        &mut self,
        partition: Partition,
        told: Vec<ToldEntry>,
        records: &[OwnedRecord],
        events: &[Option<Event>],
    ) {
        self.tell(told);
        self.read(partition, records, events);
    }

    /// What a partition's fold tells.
    pub(crate) fn tell(&mut self, told: Vec<ToldEntry>) {
        for ToldEntry { event_id, event, .. } in told {
            self.told += 1;
            let found = self.events.remove(&event_id);
            let sides = match found {
                Some(Sides::OnLog(found, _)) if *found == event => Sides::Both(self.fingerprint(&event)),
                Some(Sides::OnLog(found, position)) => {
                    self.contradict(*found, position);
                    Sides::Told(Box::new(event))
                }
                // Told once more, by a batch whose commit had no answer.
                Some(sides @ (Sides::Told(_) | Sides::Both(_))) => {
                    self.told -= 1;
                    sides
                }
                None => Sides::Told(Box::new(event)),
            };
            self.events.insert(event_id, sides);
        }
    }

    /// What stands on the log of `partition`. What the fold would park for its key or its sender tells nobody anything.
    pub(crate) fn read(&mut self, partition: Partition, records: &[OwnedRecord], events: &[Option<Event>]) {
        for (record, event) in records.iter().zip(events) {
            let Some(Event::LineTold(told)) = event else { continue };
            let key = told.addressee().as_str().as_bytes();
            let sender = partition.of(told.sender());
            let is_sound = record.key() == Some(key)
                && partition.has(told.addressee())
                && sender == told.cause.cause.partition
                && sender != partition.number;
            if is_sound {
                self.on_log(told, Position { partition: partition.number, offset: record.offset });
            }
        }
    }

    /// Reads the rest of the log, behind what was folded, for what was told to its partitions.
    ///
    /// # Errors
    /// Kafka's.
    pub(crate) async fn read_rest(
        mut self,
        kafka: KafkaSettings,
        topic: String,
        partition_count: i32,
        extent: &Extent,
    ) -> Result<Self, ReplayError> {
        let range = |(partition, to): (&i32, &i64)| {
            let from = extent.folded.get(partition).copied().unwrap_or(0);
            (from < *to).then_some(LogRange { partition: *partition, from, to: *to })
        };
        let ranges: Vec<LogRange> = extent.log_ends.iter().filter_map(range).collect();
        if ranges.is_empty() {
            return Ok(self);
        }
        let mut batches = feed::start(kafka, topic, ranges);
        while let Some(batch) = batches.recv().await {
            let batch = batch?;
            let number = batch.first().expect("a batch is never empty").partition;
            self.read(Partition { number, count: partition_count }, &batch, &ids::events_of(&batch));
        }
        Ok(self)
    }

    fn on_log(&mut self, event: &LineEvent, position: Position) {
        let fingerprint = self.fingerprint(event);
        let is_same = match self.events.get_mut(&event.cause) {
            None => {
                self.events.insert(event.cause, Sides::OnLog(Box::new(event.clone()), position));
                true
            }
            Some(sides @ Sides::Told(_)) => {
                let is_same = matches!(sides, Sides::Told(told) if **told == *event);
                if is_same {
                    *sides = Sides::Both(fingerprint);
                }
                is_same
            }
            Some(Sides::OnLog(found, _)) => **found == *event,
            Some(Sides::Both(found)) => *found == fingerprint,
        };
        if !is_same {
            self.contradict(event.clone(), position);
        }
    }

    fn contradict(&mut self, event: LineEvent, position: Position) {
        if self.contradictions.len() < MAX_CONTRADICTIONS {
            self.contradictions.push((event, position));
        } else {
            self.uncounted += 1;
        }
    }

    /// One line and step, whatever its cause.
    fn fingerprint(&self, event: &LineEvent) -> u64 {
        let LineEvent { target, step, .. } = event;
        let step = match step {
            LineStep::Requested => (0_u8, None),
            LineStep::Decided(LineDecision::Reserved) => (1, None),
            LineStep::Decided(LineDecision::Rejected(reason)) => (2, Some(reason.as_str())),
            LineStep::Released => (3, None),
            LineStep::Confirmed => (4, None),
        };
        let products = (target.home_product_id.as_str(), target.product_id.as_str());
        self.hash.hash_one((target.order_id.as_uuid(), target.line_no, products, target.quantity.get(), step))
    }

    /// What is missing, and what is too much; at most `limit` of each are listed. All that is missing is given besides.
    pub(crate) fn judge(mut self, extent: &Extent, limit: usize) -> (ToldCounts, Vec<LineEvent>) {
        // What was kept for a contradiction may be what its sender tells after all: then the other one is too much.
        for (event, position) in std::mem::take(&mut self.contradictions) {
            self.on_log(&event, position);
        }
        let mut missing: Vec<&LineEvent> = Vec::new();
        let mut extra: Vec<(&LineEvent, Position)> = Vec::new();
        let is_folded = |event: &LineEvent| {
            let Position { partition, offset } = event.cause.cause;
            let before = |ends: &BTreeMap<i32, i64>| ends.get(&partition).is_some_and(|end| offset < *end);
            before(&extent.folded) || !before(&extent.log_ends)
        };
        for sides in self.events.values() {
            match sides {
                Sides::Told(event) if self.must_stand(event, extent) => missing.push(event),
                Sides::OnLog(event, position) if is_folded(event) => extra.push((event, *position)),
                Sides::Told(_) | Sides::OnLog(..) | Sides::Both(_) => {}
            }
        }
        extra.extend(self.contradictions.iter().filter(|(event, _)| is_folded(event)).map(|(event, at)| (event, *at)));
        self.without_made_up(&mut missing);
        missing.sort_unstable_by_key(|event| event.cause);
        extra.sort_unstable_by_key(|(event, position)| (event.cause, *position));
        let count = |number: usize| u64::try_from(number).expect("events in memory");
        let first = missing.iter().take(limit).map(|event| ToldDifference::of(event, None));
        let first = first.chain(extra.iter().take(limit).map(|(event, at)| ToldDifference::of(event, Some(*at))));
        let counts = ToldCounts {
            told: self.told,
            missing: count(missing.len()),
            extra: count(extra.len()) + self.uncounted,
            first: first.collect(),
            unknown_cursors: None,
        };
        (counts, missing.into_iter().cloned().collect())
    }

    /// Whether it was acknowledged by the log, and can be read.
    fn must_stand(&self, event: &LineEvent, extent: &Extent) -> bool {
        let Position { partition, offset } = event.cause.cause;
        let is_published = extent.cursors.get(&partition).is_some_and(|cursor| offset < *cursor);
        is_published && extent.blocked.is_empty()
    }

    /// Takes those away that stand on the log with another cause.
    fn without_made_up(&self, missing: &mut Vec<&LineEvent>) {
        if missing.is_empty() {
            return;
        }
        let wanted: HashSet<u64> = missing.iter().map(|event| self.fingerprint(event)).collect();
        let mut made_up = HashSet::new();
        for sides in self.events.values() {
            let found = match sides {
                Sides::Both(found) => *found,
                Sides::OnLog(event, _) => self.fingerprint(event),
                Sides::Told(_) => continue,
            };
            if wanted.contains(&found) {
                made_up.insert(found);
            }
        }
        missing.retain(|event| !made_up.contains(&self.fingerprint(event)));
    }
}

#[cfg(test)]
mod tests {
    use ledger_schema::{LineNo, LineTarget, OrderId, ProductId, Quantity, RejectionReason};

    use super::*;

    const COUNT: i32 = 4;

    fn event(cause: i64, step: LineStep) -> LineEvent {
        let product = |text: &str| ProductId::parse(text).expect("valid");
        let target = LineTarget {
            order_id: OrderId::parse("77a436fd-64f9-4d35-999b-a957195f5d23").expect("valid"),
            line_no: LineNo::at(1),
            home_product_id: product("chocolate"),
            product_id: product("tea"),
            quantity: Quantity::new(2).expect("valid"),
        };
        LineEvent { cause: EventId { cause: Position { partition: 0, offset: cause }, index: 0 }, target, step }
    }

    fn told(event: &LineEvent) -> Vec<ToldEntry> {
        vec![ToldEntry { event_id: event.cause, partition: 1, event: event.clone() }]
    }

    fn extent(folded: i64, cursor: i64) -> Extent {
        let of = |end| BTreeMap::from([(0, end)]);
        Extent { folded: of(folded), cursors: of(cursor), log_ends: of(100), blocked: BTreeSet::new() }
    }

    const AT: Position = Position { partition: 1, offset: 7 };
    const LATER: Position = Position { partition: 1, offset: 9 };

    #[test]
    fn what_both_sides_have_agrees_in_either_order_and_repeated() {
        let released = event(3, LineStep::Released);
        for told_first in [true, false] {
            let mut both = Correspondence::default();
            if told_first {
                both.tell(told(&released));
            }
            both.on_log(&released, AT);
            if !told_first {
                both.tell(told(&released));
            }
            both.on_log(&released, LATER);
            let (counts, _) = both.judge(&extent(50, 50), 9);
            assert_eq!((counts.told, counts.missing, counts.extra, counts.lines().len()), (1, 0, 0, 0));
        }
    }

    #[test]
    fn what_one_side_lacks_is_named_where_it_can_be_judged() {
        let released = event(3, LineStep::Released);
        // Folded up to, published up to, told or on the log: missing, too much.
        for (folded, cursor, is_told, missing, extra) in [
            (50, 50, true, 1, 0),
            (50, 4, true, 1, 0),
            (50, 3, true, 0, 0),
            (50, 50, false, 0, 1),
            (3, 50, false, 0, 0),
        ] {
            let mut one = Correspondence::default();
            if is_told {
                one.tell(told(&released));
            } else {
                one.on_log(&released, AT);
            }
            let (counts, events) = one.judge(&extent(folded, cursor), 9);
            assert_eq!((counts.missing, counts.extra), (missing, extra), "{folded} {cursor} {is_told}");
            assert_eq!(events, if missing > 0 { vec![released.clone()] } else { vec![] });
            assert_eq!(counts.first.len(), usize::from(missing + extra > 0));
        }
        let mut one = Correspondence::default();
        one.on_log(&event(200, LineStep::Released), AT);
        assert_eq!(one.judge(&extent(3, 3), 9).0.extra, 1, "its cause is no record");
    }

    #[test]
    fn of_two_events_with_one_cause_the_one_that_is_told_is_right() {
        let (right, wrong) = (
            event(3, LineStep::Decided(LineDecision::Reserved)),
            event(3, LineStep::Decided(LineDecision::Rejected(RejectionReason::OutOfStock))),
        );
        for wrong_first in [true, false] {
            for told_last in [true, false] {
                let mut both = Correspondence::default();
                if !told_last {
                    both.tell(told(&right));
                }
                let (first, second) = if wrong_first { (&wrong, &right) } else { (&right, &wrong) };
                both.on_log(first, AT);
                both.on_log(second, LATER);
                if told_last {
                    both.tell(told(&right));
                }
                let (counts, _) = both.judge(&extent(50, 50), 9);
                assert_eq!((counts.missing, counts.extra), (0, 1), "{wrong_first} {told_last}");
                assert_eq!(counts.first[0].decision, Some("rejected"));
            }
        }
    }

    #[test]
    fn the_same_step_with_another_cause_makes_up_for_a_missing_one() {
        let mut both = Correspondence::default();
        both.tell(told(&event(3, LineStep::Released)));
        let again = event(8, LineStep::Released);
        both.tell(told(&again));
        both.on_log(&again, AT);
        assert_eq!(both.judge(&extent(50, 50), 9).0.missing, 0);
    }

    #[test]
    fn events_under_another_key_tell_nobody_anything() {
        let released = event(3, LineStep::Released);
        let partition = |number| Partition { number, count: COUNT };
        let home = partition(0).of(&released.target.home_product_id);
        let own = partition(0).of(&released.target.product_id);
        assert_ne!(home, own, "the test needs two partitions");
        let sound =
            LineEvent { cause: EventId { cause: Position { partition: home, offset: 3 }, index: 0 }, ..released };
        for (key, at, event, counted) in [
            ("tea", own, sound.clone(), 1),
            ("chocolate", own, sound.clone(), 0),
            ("tea", home, sound.clone(), 0),
            (
                "tea",
                own,
                LineEvent { cause: EventId { cause: Position { partition: own, offset: 3 }, index: 0 }, ..sound },
                0,
            ),
        ] {
            let mut one = Correspondence::default();
            let record = OwnedRecord::from_parts(at, 7, 0, Some(key.as_bytes()), None, &[]);
            one.read(partition(at), &[record], &[Some(Event::LineTold(event))]);
            assert_eq!(one.events.len(), counted, "{key} {at}");
        }
    }
}
