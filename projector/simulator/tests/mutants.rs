//! Every mistake on purpose is found, and without it nothing is.

use std::sync::atomic::{AtomicU64, Ordering};

use ledger_simulator::choice::Choices;
use ledger_simulator::schedule::{Setting, play};
use ledger_simulator::settings::{Mutant, Profile};

/// The first failure among so many seeds, if any: its seed and what is wrong. (With several threads, one of the first.)
fn first_failure(setting: &Setting, seeds: u64) -> Option<(u64, String)> {
    let next = AtomicU64::new(0);
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= seeds {
            return None;
        }
        if let Some(violation) = play(Choices::of_seed(seed), setting, false).violation {
            next.store(seeds, Ordering::Relaxed);
            return Some((seed, violation));
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().expect("no panic")).min()
    })
}

fn check(mutant: Mutant, profile: Profile, seeds: u64, says: &str) {
    let setting = Setting { mutants: vec![mutant], profile };
    let (seed, violation) = first_failure(&setting, seeds).unwrap_or_else(|| panic!("{mutant:?} is not found"));
    assert!(violation.contains(says), "seed {seed}: {violation}");
}

#[test]
fn nothing_is_wrong_without_a_mutant() {
    for profile in [Profile::Everything, Profile::Swaps, Profile::Owners, Profile::Losses, Profile::Pauses] {
        assert_eq!(first_failure(&Setting { mutants: Vec::new(), profile }, 1_000), None, "{profile:?}");
    }
}

#[test]
fn inv_1_position_and_rows_are_one_transaction() {
    check(Mutant::CompareAndSetIgnored, Profile::Everything, 2_000, "");
    check(Mutant::PositionLeftBehind, Profile::Everything, 10, "not the fold of the log");
}

#[test]
fn inv_6_outcomes_and_cursor_are_one_transaction_after_the_fence() {
    check(Mutant::CursorBeforeInit, Profile::Owners, 80_000, "published again");
    check(Mutant::CursorOutsideTransaction, Profile::Everything, 2_000, "");
}

#[test]
fn inv_6_what_replaced_tables_decided_is_not_published() {
    check(Mutant::OutboxWithoutGeneration, Profile::Swaps, 10_000, "and the live tables (generation");
    check(Mutant::BarrierMissing, Profile::Swaps, 80_000, "and the live tables (generation");
}

#[test]
fn inv_10_state_of_replaced_tables_is_not_committed() {
    check(Mutant::CompareWithoutGeneration, Profile::Swaps, 2_000, "");
    check(Mutant::GenerationsWithoutIdentity, Profile::Losses, 60_000, "");
}

#[test]
fn inv_11_a_rebuild_ends_at_the_cursor() {
    check(Mutant::RebuildEndsAtLogEnd, Profile::Swaps, 1_000, "after the cursor");
}

#[test]
fn inv_13_nobody_is_shown_an_older_state() {
    check(Mutant::ReaderForgets, Profile::Swaps, 2_000, "a reader is shown");
    check(Mutant::SwapForgetsFurthest, Profile::Losses, 20_000, "a reader is shown");
}

#[test]
fn inv_3_lines_are_given_back_through_the_log_once() {
    check(Mutant::ReleasePastTheLog, Profile::Everything, 5_000, "");
    check(Mutant::ReleaseForgotten, Profile::Owners, 5_000, "");
    check(Mutant::ReleaseNotTold, Profile::Everything, 5_000, "");
}

#[test]
fn inv_14_a_paused_partition_stays_where_it_stands() {
    check(Mutant::PauseIgnored, Profile::Pauses, 2_000, "was paused at");
    check(Mutant::SwapIgnoresPause, Profile::Pauses, 20_000, "was paused at");
    check(Mutant::PauseWaitsForNoSwap, Profile::Pauses, 80_000, "was paused at");
}

#[test]
fn an_expiry_does_not_beat_an_earlier_confirm() {
    check(Mutant::ConfirmForgotten, Profile::Everything, 5_000, "");
}

#[test]
fn inv_11_each_partition_ends_at_its_own_cursor() {
    check(Mutant::RebuildEndsAtAnotherCursor, Profile::Swaps, 5_000, "after the cursor");
}
