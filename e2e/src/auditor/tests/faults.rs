//! Faults put into a world where all is right: each must be named, and by the part of the auditor that is there for it.

use super::world::{Found, MILK, TEA, World, id};
use crate::auditor::rows::{OrderKey, ReservationKey};

/// An order that was held and cancelled, one that is held, and one that is confirmed.
fn world() -> World {
    let mut world = World::with_stock(20, 20);
    for number in 1..=3 {
        world.order(number, 3, 4, (number < 3).then_some(60));
        world.relay();
    }
    world.ask("OrderCancelRequested", 1, "2026-11-23T10:00:01Z");
    world.relay();
    world
}

fn key(number: u32, line_no: i64) -> OrderKey {
    OrderKey { order_id: id(number), home: 0, line_no }
}

fn reserved(number: u32) -> ReservationKey {
    ReservationKey { order_id: id(number), home: 0, line_no: 2, partition: 1 }
}

#[test]
fn every_fault_is_named() {
    type Fault = fn(&mut Found);
    let faults: [(Fault, &str); 10] = [
        (|found| found.tables.stock.get_mut(TEA).unwrap().held += 1, "NOT CONSERVED: tea"),
        (|found| found.tables.stock.get_mut(MILK).unwrap().available += 4, "NOT CONSERVED: milk"),
        (|found| found.tables.orders.get_mut(&key(2, 2)).unwrap().line_status = "pending".to_owned(), "at home, and"),
        (
            |found| {
                for line_no in [1, 2] {
                    found.tables.orders.get_mut(&key(2, line_no)).unwrap().status = "pending".to_owned();
                }
            },
            "UNDECIDED",
        ),
        (|found| drop(found.tables.reservations.remove(&reserved(3))), "expected Reservation"),
        (|found| drop(found.tables.orders.remove(&key(3, 2))), "reserved for no order"),
        (|found| found.tables.open_orders.clear(), "open_orders"),
        // The last outcome of partition 0: the confirmation of the third order, or the release.
        (|found| drop(found.outcomes.partitions.get_mut(&0).unwrap().pop()), "outcomes 0, message"),
        (
            |found| {
                let messages = found.outcomes.partitions.get_mut(&1).unwrap();
                messages.push(messages.last().unwrap().clone());
            },
            "GIVEN BACK 2 TIMES",
        ),
        // Cancelled, and held after that.
        (|found| found.outcomes.partitions.get_mut(&0).unwrap().reverse(), "an order cannot go this way"),
    ];
    let world = world();
    let expected = world.expected();
    assert_eq!(Found::right(&world, &expected).differences(&world), Vec::<String>::new());
    for (nth, (fault, says)) in faults.into_iter().enumerate() {
        let mut found = Found::right(&world, &expected);
        fault(&mut found);
        let named = found.differences(&world);
        assert!(named.iter().any(|line| line.contains(says)), "fault {nth}, {says}: {named:#?}");
    }
}

/// A message on the log that nobody has to have sent, and one that is missing there.
#[test]
fn what_partitions_tell_each_other_is_held_against_the_log() {
    let mut world = world();
    let records = world.log.partitions.get_mut(&1).unwrap();
    let lost = records.pop().unwrap();
    assert!(String::from_utf8_lossy(lost.value.as_deref().unwrap()).contains("LineReleased"));
    let expected = world.expected();
    let named = Found::right(&world, &expected).differences(&world);
    assert!(named.iter().any(|line| line.starts_with("told by nobody")), "{named:#?}");
    let mut other = lost;
    let value = String::from_utf8(other.value.take().unwrap()).unwrap();
    other.value = Some(value.replace("\"cause\":\"0-", "\"cause\":\"0-9").into_bytes());
    world.log.partitions.get_mut(&1).unwrap().push(other);
    let expected = world.expected();
    let named = Found::right(&world, &expected).differences(&world);
    assert!(named.iter().any(|line| line.contains("from nothing")), "{named:#?}");
}
