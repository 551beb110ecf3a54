//! Each decision of the protocol taken back: the checker must find what breaks. Where a mutant survives, a test says so,
//! and what protects.

#![expect(clippy::print_stdout, reason = "the counterexamples are for whoever runs the test")]

use ledger_model::properties::{
    FOLD_OF_PREFIX, NONE_SKIPPED, NOT_OVERSOLD, NOTHING_UNHEARD, ONE_TRANSACTION, OUTCOMES_IN_ORDER, RECOVERS,
    STOCK_ADDS_UP,
};
use ledger_model::protocol::{
    CursorReading, CursorWrite, Doubt, Generation, Idling, OutboxKey, OutboxWrite, PositionWrite, Protocol, Pruning,
    RebuildEnd, RelayStart, StateReading, Swap, UnknownCommit,
};
use ledger_model::{Limits, System};
use stateright::{Checker, HasDiscoveries, Model};

const NOTHING: Limits =
    Limits { faults: 0, rebalances: 0, neighbours: 0, rebuilds: 0, rollbacks: 0, database_losses: 0, tamperings: 0 };
const ONE_FAULT: Limits = Limits { faults: 1, ..NOTHING };
const ONE_REBALANCE: Limits = Limits { rebalances: 1, ..NOTHING };
const ONE_REBUILD: Limits = Limits { rebuilds: 1, ..NOTHING };

/// The checker finds a counterexample to each of `properties`, and the protocol without the mutation has none.
fn breaks(protocol: Protocol, limits: Limits, properties: &[&'static str]) {
    System::new(Protocol::default(), limits).checker().threads(2).spawn_dfs().join().assert_properties();
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

/// A zombie writes over what the new owner committed, and sells the last piece again.
#[test]
fn without_the_compare_and_set_a_zombie_undoes_and_oversells() {
    let mutant = Protocol { position_write: PositionWrite::Overwrite, ..Protocol::default() };
    breaks(mutant, ONE_REBALANCE, &[ONE_TRANSACTION, NOT_OVERSOLD, STOCK_ADDS_UP, FOLD_OF_PREFIX]);
}

/// Not only against zombies: a COMMIT may arrive after its sender read the position again and found it not advanced.
#[test]
fn without_the_compare_and_set_even_a_lone_projector_needs_luck() {
    let mutant = Protocol { position_write: PositionWrite::Overwrite, ..Protocol::default() };
    breaks(mutant, ONE_FAULT, &[FOLD_OF_PREFIX]);
}

#[test]
fn a_stock_read_before_its_position_may_be_older_than_it() {
    let mutant = Protocol { state_reading: StateReading::StockThenPosition, ..Protocol::default() };
    breaks(mutant, ONE_REBALANCE, &[NOT_OVERSOLD]);
}

#[test]
fn an_outbox_row_written_after_the_commit_is_lost_in_a_crash() {
    let mutant = Protocol { outbox_write: OutboxWrite::AfterCommit, ..Protocol::default() };
    breaks(mutant, ONE_FAULT, &[NOTHING_UNHEARD, OUTCOMES_IN_ORDER]);
}

/// A guess about an unknown commit costs nothing while there is a compare-and-set: it misses, and the position is read.
/// Reading it again at once saves that round. It is the compare-and-set that keeps the promise.
#[test]
fn a_wrong_guess_about_an_unknown_commit_is_caught_by_the_compare_and_set() {
    for unknown_commit in [UnknownCommit::TakenForFailed, UnknownCommit::TakenForDone] {
        survives(Protocol { unknown_commit, ..Protocol::default() }, Limits { rebalances: 1, ..ONE_FAULT });
    }
}

#[test]
fn an_unknown_commit_taken_for_failed_is_folded_twice_without_the_compare_and_set() {
    let unknown_commit = UnknownCommit::TakenForFailed;
    let position_write = PositionWrite::Overwrite;
    let mutant = Protocol { unknown_commit, position_write, ..Protocol::default() };
    breaks(mutant, ONE_FAULT, &[FOLD_OF_PREFIX]);
}

#[test]
fn an_unknown_commit_taken_for_done_skips_records_without_the_compare_and_set() {
    let unknown_commit = UnknownCommit::TakenForDone;
    let position_write = PositionWrite::Overwrite;
    let mutant = Protocol { unknown_commit, position_write, ..Protocol::default() };
    breaks(mutant, ONE_FAULT, &[NONE_SKIPPED, OUTCOMES_IN_ORDER]);
}

/// The old owner commits between the new one's look at the cursor and its init_transactions.
#[test]
fn a_cursor_read_before_init_transactions_is_stale() {
    let mutant = Protocol { relay_start: RelayStart::CursorThenInit, ..Protocol::default() };
    breaks(mutant, ONE_REBALANCE, &[OUTCOMES_IN_ORDER]);
}

/// The last stable offset stands before another relay's open transaction: a cursor of ours behind it is not found.
#[test]
fn a_cursor_read_to_the_last_stable_offset_is_stale() {
    let mutant = Protocol { cursor_reading: CursorReading::LastStableOffset, ..Protocol::default() };
    breaks(mutant, Limits { neighbours: 1, ..ONE_FAULT }, &[OUTCOMES_IN_ORDER]);
}

#[test]
fn a_cursor_written_before_the_transaction_skips_outcomes() {
    let mutant = Protocol { cursor_write: CursorWrite::BeforeCommit, ..Protocol::default() };
    breaks(mutant, ONE_FAULT, &[OUTCOMES_IN_ORDER]);
}

#[test]
fn a_cursor_written_after_the_transaction_doubles_outcomes() {
    let mutant = Protocol { cursor_write: CursorWrite::AfterCommit, ..Protocol::default() };
    breaks(mutant, ONE_FAULT, &[OUTCOMES_IN_ORDER]);
}

/// Without KIP-890 nothing tells a late commit from the next one of the same epoch.
#[test]
fn a_producer_kept_after_a_doubt_commits_twice() {
    let mutant = Protocol { doubt: Doubt::SameProducer, ..Protocol::default() };
    breaks(mutant, ONE_FAULT, &[OUTCOMES_IN_ORDER]);
}

#[test]
fn rows_pruned_before_the_publication_is_committed_are_lost() {
    let mutant = Protocol { pruning: Pruning::BeforeCommit, ..Protocol::default() };
    breaks(mutant, ONE_FAULT, &[NOTHING_UNHEARD, OUTCOMES_IN_ORDER]);
}

/// The shadow has no outbox: what it folds past the cursor is never heard of.
#[test]
fn a_rebuild_that_ends_at_the_end_of_the_log_swallows_outcomes() {
    let mutant = Protocol { rebuild_end: RebuildEnd::LogEnd, ..Protocol::default() };
    breaks(mutant, ONE_REBUILD, &[NOTHING_UNHEARD, RECOVERS]);
}

#[test]
fn a_swap_without_positions_loses_what_was_folded_meanwhile() {
    let mutant = Protocol { swap: Swap::WithoutPositions, ..Protocol::default() };
    breaks(mutant, ONE_REBUILD, &[NONE_SKIPPED, FOLD_OF_PREFIX, RECOVERS]);
}

/// Somebody changed the stock by hand; a projector started and loaded it, and all that is folded is published. Rebuilt tables stand
/// at the very position it has in memory, so its next compare-and-set would hit, and the piece that never was is sold.
#[test]
fn a_swap_that_is_noticed_by_its_position_alone_brings_back_what_it_mended() {
    let mutant = Protocol { generation: Generation::Ignored, ..Protocol::default() };
    let limits = Limits { faults: 1, tamperings: 1, ..ONE_REBUILD };
    breaks(mutant, limits, &[FOLD_OF_PREFIX, STOCK_ADDS_UP, NOT_OVERSOLD, OUTCOMES_IN_ORDER]);
}

/// Without tampered tables the generation is not needed: what is in memory is the fold of the same prefix.
#[test]
fn a_swap_of_right_tables_for_right_ones_may_pass_unnoticed() {
    survives(Protocol { generation: Generation::Ignored, ..Protocol::default() }, Limits { faults: 1, ..ONE_REBUILD });
}

/// After a swap the records past the cursor are folded again, but a partition without new orders has no next
/// compare-and-set: its projector must look at the position by itself.
#[test]
fn an_idle_projector_that_only_waits_never_notices_a_swap() {
    let mutant = Protocol { idling: Idling::Waits, ..Protocol::default() };
    breaks(mutant, ONE_REBUILD, &[RECOVERS]);
}

/// The outbox is not swapped, so the batch that is folded again may find its own row there.
#[test]
fn an_outbox_insert_that_cannot_meet_its_equal_folds_for_ever_after_a_swap() {
    let mutant = Protocol { outbox_key: OutboxKey::Object, ..Protocol::default() };
    breaks(mutant, ONE_REBUILD, &[RECOVERS]);
}
