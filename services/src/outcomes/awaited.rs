//! Which requests wait for the outcome of which id: filled by requests, emptied by the follower or by the requests' end.
//!
//! It must never grow beyond the seats of the waiting room: each registration holds one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ledger_schema::Status;
use tokio::sync::oneshot;

use super::decided_record::DecidedRecord;
use crate::decision::Subject;

/// Whose outcome a request waits for. What became of the id in another partition is another request's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Awaited {
    pub(crate) subject: Subject,
    pub(crate) partition: i32,
}

/// Which outcomes of it are an answer. An order can have several, one per change; one of before, which is published late, must not
/// answer a later request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answering {
    /// Whatever became of an order or a movement that is placed.
    Any,
    /// What became of a held order that is to be confirmed.
    AfterHeld,
    /// What became of an order that is to be cancelled.
    End,
}

impl Answering {
    fn includes(self, record: &DecidedRecord) -> bool {
        match self {
            Self::Any => true,
            Self::AfterHeld => record.status() != Status::Held,
            Self::End => matches!(record.status(), Status::Cancelled | Status::Rejected),
        }
    }
}

#[derive(Debug)]
struct Place {
    number: u64,
    answering: Answering,
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

    pub(crate) fn register(self: &Arc<Self>, awaited: Awaited, answering: Answering) -> Registration {
        let (sender, receiver) = oneshot::channel();
        let mut places = self.places();
        let number = places.next_number;
        places.next_number += 1;
        places.by_id.entry(awaited).or_default().push(Place { number, answering, outcome: sender });
        Registration { register: self.clone(), awaited, number, outcome: receiver }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places().by_id.is_empty()
    }

    /// Hands it to every request that it answers.
    pub(crate) fn hand_over(&self, record: DecidedRecord) {
        let awaited = Awaited { subject: record.subject, partition: record.cause.partition };
        let mut places = self.places();
        let Some(waiting) = places.by_id.get_mut(&awaited) else { return };
        let answered: Vec<Place> = waiting.extract_if(.., |place| place.answering.includes(&record)).collect();
        if waiting.is_empty() {
            places.by_id.remove(&awaited);
        }
        drop(places);
        let record = Arc::new(record);
        for place in answered {
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

    fn of_type(event_type: &str, partition: i32) -> DecidedRecord {
        let value = format!(
            r#"{{"type":"{event_type}","version":1,"event_id":"{partition}-7-0","order_id":"{ID}","user_id":"u","product_id":"p","quantity":1,"unit_price":1,"total_price":1,"reason":"out-of-stock","available":1,"expires_at":"2026-11-23T10:00:00Z"}}"#
        );
        DecidedRecord::decode(value.as_bytes()).expect("an outcome").expect("of an order")
    }

    fn record(partition: i32) -> DecidedRecord {
        of_type("OrderRejected", partition)
    }

    fn awaited(partition: i32) -> Awaited {
        Awaited { subject: Subject::Order(OrderId::parse(ID).expect("valid")), partition }
    }

    #[test]
    fn all_that_wait_for_one_id_get_it_once() {
        let register = Arc::new(AwaitedOutcomes::default());
        let register_in = |partition| register.register(awaited(partition), Answering::Any);
        let (mut one, mut other, mut elsewhere) = (register_in(0), register_in(0), register_in(1));
        register.hand_over(record(0));
        assert_eq!(one.outcome.try_recv().expect("an outcome").cause.offset, 7);
        assert!(other.outcome.try_recv().is_ok());
        assert!(elsewhere.outcome.try_recv().is_err(), "that of another partition is another request's");
        let late = register_in(0);
        drop(one);
        assert_eq!(register.places().by_id[&awaited(0)].len(), 1, "an old entry takes no new one out");
        drop((other, elsewhere, late));
        assert!(register.is_empty());
        register.hand_over(record(0));
    }

    #[test]
    fn an_entry_that_is_dropped_leaves_the_others() {
        let register = Arc::new(AwaitedOutcomes::default());
        let register_one = || register.register(awaited(0), Answering::Any);
        let (one, mut other) = (register_one(), register_one());
        drop(one);
        register.hand_over(record(0));
        assert!(other.outcome.try_recv().is_ok());
        assert!(register.is_empty());
    }

    #[test]
    fn what_came_before_a_request_does_not_answer_it() {
        for (answering, earlier, answers) in [
            (Answering::Any, vec![], "OrderHeld"),
            (Answering::AfterHeld, vec!["OrderHeld"], "OrderConfirmed"),
            (Answering::AfterHeld, vec!["OrderHeld"], "OrderCancelled"),
            (Answering::End, vec!["OrderHeld", "OrderConfirmed"], "OrderCancelled"),
            (Answering::End, vec![], "OrderRejected"),
        ] {
            let register = Arc::new(AwaitedOutcomes::default());
            let mut registration = register.register(awaited(0), answering);
            for event_type in earlier {
                register.hand_over(of_type(event_type, 0));
                assert!(registration.outcome.try_recv().is_err(), "{answering:?} {event_type}");
            }
            register.hand_over(of_type(answers, 0));
            assert!(registration.outcome.try_recv().is_ok(), "{answering:?} {answers}");
            assert!(register.is_empty());
        }
    }
}
