//! The protocol as designed: within each of [`Limits::EXPLORED`], the checker visits every state and finds no
//! counterexample.
//!
//! It must never leave a set of limits out. Next: `tests/mutants/`, what each decision is good for.

#![expect(clippy::print_stdout, reason = "the state counts are for whoever runs the test")]

use std::time::Instant;

use ledger_model::{Event, Limits, Protocol, System, properties};
use stateright::{Checker, Model};

/// Visits every state; every property holds, and every one of `events` came up.
fn check(name: &str, events: &[Event]) {
    let limits = Limits::EXPLORED.iter().find(|(known, _)| *known == name).expect("a name of Limits::EXPLORED").1;
    let started = Instant::now();
    let checker = System::new(Protocol::default(), limits).checker().threads(2).spawn_dfs().join();
    println!(
        "{name}: {} states, {} steps, depth {}, {:.1?}\n{}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        started.elapsed(),
        checker.model().coverage,
    );
    checker.assert_properties();
    checker.assert_any_discovery(properties::FINISHES);
    for event in events {
        assert!(checker.model().coverage.of(*event) > 0, "{name}: {event:?} never happened");
    }
}

#[test]
fn any_mix_of_faults_and_rebalances() {
    let events = [
        Event::CompareAndSetMissed,
        Event::FoldedAgain,
        Event::UnknownCommitDone,
        Event::UnknownCommitNotDone,
        Event::UnknownCommitSuperseded,
        Event::LateCommit,
        Event::Fenced,
    ];
    check("faults and zombies", &events);
}

#[test]
fn another_relay_in_the_cursor_topic() {
    check("neighbour and faults", &[Event::UnknownCommitDone]);
    check("neighbour and zombies", &[Event::Fenced]);
}

#[test]
fn tables_swapped_under_a_live_projector() {
    let events = [
        Event::SwapWentBack,
        Event::IdleAndOvertaken,
        Event::CompareAndSetMissed,
        Event::HeldByBarrier,
        Event::TransactionCutBySwap,
        Event::ReadsWait,
    ];
    for name in ["swap and faults", "swap after a swap that died", "swap and zombies"] {
        check(name, &events);
    }
}

#[test]
fn tables_that_were_tampered_with_are_mended_by_a_swap() {
    let events = [Event::Mended, Event::MissedByGeneration, Event::PublishedFromTampered, Event::HeldByBarrier];
    check("mended and faults", &events);
    check("mended and zombies", &events);
    check("mended and rolled back", &[Event::RolledBack, Event::KeptRowsStay, Event::PublishedFromTampered]);
}

#[test]
fn tables_brought_back_by_a_rollback() {
    let events = [
        Event::RolledBack,
        Event::SwapWentBack,
        Event::CompareAndSetMissed,
        Event::MissedByGeneration,
        Event::HeldByBarrier,
        Event::KeptRowsStay,
        Event::ReadsWait,
    ];
    check("rollback and faults", &events);
    check("rollback and zombies", &events);
}

#[test]
fn the_database_lost_with_outcomes_unpublished() {
    let events = [Event::CompareAndSetMissed, Event::IdleAndOvertaken, Event::ReadsWait];
    check("loss and rebuild", &events);
    check("loss and rollback", &events);
    check("loss, rebuild and zombies", &events);
    check("loss and zombies", &[Event::MissedByGenerationId, Event::CompareAndSetMissed]);
    check("loss of wrong tables", &[Event::MissedByGenerationId, Event::PublishedFromTampered]);
}
