//! Orders of two lines over two partitions, as designed: within each of [`LinesLimits::EXPLORED`] the checker visits every state and
//! finds no counterexample; and each decision that is taken back breaks what it is there for.

#![expect(clippy::print_stdout, reason = "the state counts are for whoever runs the test")]

use std::time::Instant;

use ledger_model::lines::protocol::{Ending, GivingBack, LinesKept, LinesRebuildEnd, OrdersKept, Telling};
use ledger_model::lines::{LinesLimits, LinesProtocol, LinesSystem};
use stateright::{Checker, Model};

fn limits(name: &str) -> LinesLimits {
    LinesLimits::EXPLORED.iter().find(|(known, _)| *known == name).expect("a name of LinesLimits::EXPLORED").1
}

#[test]
fn every_order_of_the_steps_is_right() {
    for (name, limits) in LinesLimits::EXPLORED {
        let started = Instant::now();
        let checker = LinesSystem::new(LinesProtocol::default(), limits).checker().threads(2).spawn_dfs().join();
        println!(
            "{name}: {} states, {} steps, depth {}, {:.1?}",
            checker.unique_state_count(),
            checker.state_count(),
            checker.max_depth(),
            started.elapsed()
        );
        checker.assert_properties();
    }
}

/// A mutant has the fold stop in thousands of states; one line of each is too much.
fn silence_the_fold() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let shown = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |stopped| {
            let words = stopped.payload().downcast_ref::<String>();
            if !words.is_some_and(|words| words.starts_with("INV-2")) {
                shown(stopped);
            }
        }));
    });
}

/// The checker finds a state in which one of the properties that begin with `says` does not hold.
fn finds(protocol: LinesProtocol, name: &str, says: &[&str]) {
    silence_the_fold();
    let checker = LinesSystem::new(protocol, limits(name)).checker().threads(2).spawn_bfs().join();
    let broken: Vec<&str> = checker.discoveries().into_keys().filter(|name| *name != "it comes to rest").collect();
    println!("{protocol:?}: {broken:?}");
    assert!(says.iter().any(|says| broken.iter().any(|broken| broken.starts_with(says))), "{broken:?}");
}

#[test]
fn a_release_that_bypasses_the_log_is_found() {
    let protocol = LinesProtocol { giving_back: GivingBack::PastTheLog, ..LinesProtocol::default() };
    finds(protocol, "rival and cancels", &["INV-3"]);
}

#[test]
fn a_release_that_is_decided_twice_is_found() {
    let protocol = LinesProtocol { lines_kept: LinesKept::UntilGivenBack, ..LinesProtocol::default() };
    finds(protocol, "rival and cancels", &["INV-3", "at rest", "the fold"]);
}

#[test]
fn a_line_decided_after_the_end_that_keeps_its_stock_is_found() {
    let protocol = LinesProtocol { ending: Ending::TakenAlone, ..LinesProtocol::default() };
    finds(protocol, "rival and cancels", &["at rest"]);
}

#[test]
fn an_expiry_that_beats_an_earlier_confirm_is_found() {
    let protocol = LinesProtocol { orders_kept: OrdersKept::UntilConfirmed, ..LinesProtocol::default() };
    finds(protocol, "hold, confirm, cancel and expiry", &["a confirmed order stays so", "the fold"]);
}

#[test]
fn a_rebuild_at_ends_that_do_not_fit_is_found() {
    for rebuild_end in [LinesRebuildEnd::FartherCursor, LinesRebuildEnd::LogEnds] {
        let protocol = LinesProtocol { rebuild_end, ..LinesProtocol::default() };
        finds(protocol, "rebuild and rival", &["INV-11", "at rest"]);
    }
}

#[test]
fn telling_after_the_cursor_is_found() {
    let protocol = LinesProtocol { telling: Telling::AfterTheCursor, ..LinesProtocol::default() };
    finds(protocol, "rival and cancels", &["INV-11", "at rest"]);
}
