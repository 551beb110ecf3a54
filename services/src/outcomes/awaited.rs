//! Which requests wait for the outcome of which id: filled by requests, emptied by the follower or by the requests' end.
//!
//! It must never grow beyond the seats of the waiting room: each registration holds one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::decided_record::DecidedRecord;
use crate::decision::Subject;

/// What a request waits for. An id takes effect at most once in a partition (INV-5), so there is at most one such outcome;
/// what became of the id in another partition is another request's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Awaited {
    pub(crate) subject: Subject,
    pub(crate) partition: i32,
}

#[derive(Debug)]
struct Place {
    number: u64,
    outcome: oneshot::Sender<Arc<DecidedRecord>>,
}

#[derive(Debug, Default)]
struct Places {
    by_id: HashMap<Awaited, Vec<Place>>,
    next_number: u64,
}

/// The register.
#[derive(Debug, Default)]
pub(crate) struct AwaitedOutcomes {
    places: Mutex<Places>,
}

/// An entry in the register; dropped, it is taken out.
#[derive(Debug)]
pub(crate) struct Registration {
    register: Arc<AwaitedOutcomes>,
    awaited: Awaited,
    number: u64,
    /// The outcome, when it comes.
    pub(crate) outcome: oneshot::Receiver<Arc<DecidedRecord>>,
}

impl AwaitedOutcomes {
    fn places(&self) -> MutexGuard<'_, Places> {
        // Whoever panicked under the lock left no half-made entry: each change is one call of the map.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn register(self: &Arc<Self>, awaited: Awaited) -> Registration {
        let (sender, receiver) = oneshot::channel();
        let mut places = self.places();
        let number = places.next_number;
        places.next_number += 1;
        places.by_id.entry(awaited).or_default().push(Place { number, outcome: sender });
        Registration { register: self.clone(), awaited, number, outcome: receiver }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places().by_id.is_empty()
    }

    /// Hands it to every request that waits for it.
    pub(crate) fn hand_over(&self, record: DecidedRecord) {
        let awaited = Awaited { subject: record.subject, partition: record.position.partition };
        let Some(waiting) = self.places().by_id.remove(&awaited) else { return };
        let record = Arc::new(record);
        for place in waiting {
            // A request that has just ended needs no answer.
            let _ = place.outcome.send(record.clone());
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut places = self.register.places();
        if let Some(waiting) = places.by_id.get_mut(&self.awaited) {
            waiting.retain(|place| place.number != self.number);
            if waiting.is_empty() {
                places.by_id.remove(&self.awaited);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_schema::OrderId;

    const ID: &str = "77a436fd-64f9-4d35-999b-a957195f5d23";

    fn record(partition: i32) -> DecidedRecord {
        let value = format!(
            r#"{{"type":"OrderRejected","version":1,"event_id":"{partition}-7-0","order_id":"{ID}","user_id":"u","product_id":"p","quantity":1,"unit_price":1,"total_price":1,"reason":"out-of-stock"}}"#
        );
        DecidedRecord::decode(value.as_bytes()).expect("an outcome")
    }

    fn awaited(partition: i32) -> Awaited {
        Awaited { subject: Subject::Order(OrderId::parse(ID).expect("valid")), partition }
    }

    #[test]
    fn all_that_wait_for_one_id_get_it_once() {
        let register = Arc::new(AwaitedOutcomes::default());
        let (mut one, mut other, mut elsewhere) =
            (register.register(awaited(0)), register.register(awaited(0)), register.register(awaited(1)));
        register.hand_over(record(0));
        assert_eq!(one.outcome.try_recv().expect("an outcome").position.offset, 7);
        assert!(other.outcome.try_recv().is_ok());
        assert!(elsewhere.outcome.try_recv().is_err(), "that of another partition is another request's");
        let late = register.register(awaited(0));
        drop(one);
        assert_eq!(register.places().by_id[&awaited(0)].len(), 1, "an old entry takes no new one out");
        drop((other, elsewhere, late));
        assert!(register.is_empty());
        register.hand_over(record(0));
    }

    #[test]
    fn an_entry_that_is_dropped_leaves_the_others() {
        let register = Arc::new(AwaitedOutcomes::default());
        let (one, mut other) = (register.register(awaited(0)), register.register(awaited(0)));
        drop(one);
        register.hand_over(record(0));
        assert!(other.outcome.try_recv().is_ok());
        assert!(register.is_empty());
    }
}
