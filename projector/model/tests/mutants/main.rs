//! Each decision of the protocol taken back: the checker must find what breaks. Where a mutant survives, a test says so,
//! and what protects.
//!
//! It must never look outside of what `tests/protocol.rs` explores: there the protocol itself has no counterexample.
//! Next: [`batches`], [`outcomes`], [`swaps`], [`reads`].

#![expect(clippy::print_stdout, reason = "the counterexamples are for whoever runs the test")]

mod batches;
mod outcomes;
mod reads;
mod swaps;

use ledger_model::{Limits, Protocol, System};
use stateright::{Checker, HasDiscoveries, Model};

const NOTHING: Limits = Limits::NONE;
const ONE_FAULT: Limits = Limits { faults: 1, ..NOTHING };
const ONE_REBALANCE: Limits = Limits { rebalances: 1, ..NOTHING };
const ONE_REBUILD: Limits = Limits { rebuilds: 1, ..NOTHING };

/// The checker finds a counterexample to each of `properties`.
fn breaks(protocol: Protocol, limits: Limits, properties: &[&'static str]) {
    let explored = Limits::EXPLORED.iter().any(|(_, explored)| explored.cover(&limits));
    assert!(explored, "no exploration of the protocol covers {limits:?}");
    let wanted = HasDiscoveries::AllOf(properties.iter().copied().collect());
    let checker = System::new(protocol, limits).checker().threads(2).finish_when(wanted).spawn_bfs().join();
    println!("{} states visited", checker.unique_state_count());
    for property in properties {
        let counterexample = checker.assert_any_discovery(property);
        println!("against {property}:");
        for action in counterexample.into_actions() {
            println!("  {action:?}");
        }
    }
}

/// The checker finds nothing.
fn survives(protocol: Protocol, limits: Limits) {
    System::new(protocol, limits).checker().threads(2).spawn_dfs().join().assert_properties();
}
