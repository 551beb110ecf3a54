//! The protocol as designed: within each set of limits, the checker visits every state and finds no counterexample.

#![expect(clippy::print_stdout, reason = "the state counts are for whoever runs the test")]

use std::time::Instant;

use ledger_model::{Event, Limits, Protocol, System, properties};
use stateright::{Checker, Model};

/// Visits every state; every property holds, and every one of `events` came up.
fn check(name: &str, limits: Limits, events: &[Event]) {
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
    check("faults", Limits { faults: 2, rebalances: 2, ..Limits::default() }, &events);
}

#[test]
fn another_relay_in_the_cursor_topic() {
    let limits = Limits { neighbours: 2, ..Limits::default() };
    check("neighbour and faults", Limits { faults: 2, ..limits }, &[Event::UnknownCommitDone]);
    check("neighbour and zombies", Limits { rebalances: 1, ..limits }, &[Event::Fenced]);
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
    check("swap and faults", Limits { faults: 2, rebuilds: 1, ..Limits::default() }, &events);
    check("swap after a swap that died", Limits { faults: 1, rebuilds: 2, ..Limits::default() }, &events);
    check("swap and zombies", Limits { rebalances: 1, rebuilds: 1, ..Limits::default() }, &events);
}

#[test]
fn tables_that_were_tampered_with_are_mended_by_a_swap() {
    let limits = Limits { rebuilds: 1, tamperings: 1, ..Limits::default() };
    let events = [Event::Mended, Event::MissedByGeneration, Event::PublishedFromTampered, Event::HeldByBarrier];
    check("tampering and faults", Limits { faults: 1, ..limits }, &events);
    check("tampering and rollback", Limits { rollbacks: 1, ..limits }, &[Event::RolledBack, Event::KeptRowsStay]);
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
    check("rollback", Limits { faults: 1, rebuilds: 1, rollbacks: 1, ..Limits::default() }, &events);
}

#[test]
fn the_database_lost_with_outcomes_unpublished() {
    let limits = Limits { database_losses: 1, ..Limits::default() };
    let events = [Event::CompareAndSetMissed, Event::IdleAndOvertaken, Event::ReadsWait];
    check("loss and rebuild", Limits { faults: 1, rebuilds: 1, ..limits }, &events);
    let events = [Event::MissedByGenerationId, Event::PublishedFromTampered];
    check("loss and zombies", Limits { rebalances: 1, tamperings: 1, ..limits }, &events);
}
