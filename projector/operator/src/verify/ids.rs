//! The events of a batch, and everything that may be stored under their ids: what has to be known before it can be folded.

use std::collections::BTreeSet;

use ledger_fold::{Partition, StoredUnder, stored_under};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::wire::{self, Event};
use ledger_store::Ids;

/// What each record says; `None` where it cannot be decoded.
pub(crate) fn events_of(records: &[OwnedRecord]) -> Vec<Option<Event>> {
    records.iter().map(|record| wire::decode(record.value()).ok()).collect()
}

/// Each id once, in order.
pub(crate) fn ids_of(events: &[Option<Event>], partition: Partition) -> Ids {
    let (mut orders, mut movements, mut reservations) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for event in events.iter().flatten() {
        match stored_under(event, partition) {
            StoredUnder::Order(id) => drop(orders.insert(id)),
            StoredUnder::Movement(id) => drop(movements.insert(id)),
            StoredUnder::Reservation(key) => drop(reservations.insert(key)),
        }
    }
    Ids {
        orders: orders.into_iter().collect(),
        movements: movements.into_iter().collect(),
        reservations: reservations.into_iter().collect(),
    }
}
