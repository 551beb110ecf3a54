//! Swaps: barrier, fence, where the rebuild ends, what is exchanged, and who notices.

use ledger_model::properties::{
    FOLD_OF_PREFIX, NONE_SKIPPED, NONE_UNPUBLISHED, OUTCOMES_OF_LIVE_TABLES, OUTCOMES_RIGHT, RECOVERS,
};
use ledger_model::protocol::{
    BarrierEnd, FirstStart, GenerationCheck, GuardTaking, Idling, RebuildEnd, SessionStart, Swap, SwapOrder,
};
use ledger_model::{Limits, Protocol};

use crate::{NOTHING, ONE_REBUILD, breaks, survives};

/// Wrong tables, mended by a rebuild.
const MENDED: Limits = Limits { tamperings: 1, faults: 1, ..ONE_REBUILD };
/// What breaks when a relay publishes after the swap what it loaded before it. The relay that continues from a cursor that
/// it moved after the rebuild read it also swallows nothing: the topic is gap-free, and wrong.
const PUBLISHED_AFTER_THE_SWAP: [&str; 2] = [OUTCOMES_OF_LIVE_TABLES, OUTCOMES_RIGHT];

fn order(swap_order: SwapOrder) -> Protocol {
    Protocol { swap_order, ..Protocol::default() }
}

/// The relay loads rows of the live generation, and publishes them once they are of another.
#[test]
fn without_barrier_and_fence_loaded_rows_are_published_after_the_swap() {
    breaks(order(SwapOrder::Neither), MENDED, &PUBLISHED_AFTER_THE_SWAP);
}

#[test]
fn a_barrier_does_not_stop_a_relay_that_is_past_it() {
    breaks(order(SwapOrder::BarrierAlone), MENDED, &PUBLISHED_AFTER_THE_SWAP);
}

#[test]
fn a_fenced_relay_starts_anew_and_loads_the_same_rows_when_there_is_no_barrier() {
    breaks(order(SwapOrder::FenceAlone), MENDED, &PUBLISHED_AFTER_THE_SWAP);
}

#[test]
fn a_relay_that_starts_between_fence_and_barrier_escapes_both() {
    breaks(order(SwapOrder::FenceBarrierCursor), MENDED, &PUBLISHED_AFTER_THE_SWAP);
}

/// It sees no barrier, the barrier is set and everybody fenced, and then it initialises.
#[test]
fn a_relay_that_looks_at_the_barrier_before_init_transactions_escapes_the_fence() {
    let mutant = Protocol { session_start: SessionStart::BarrierInitCursor, ..Protocol::default() };
    breaks(mutant, MENDED, &PUBLISHED_AFTER_THE_SWAP);
}

/// A cursor that moves on between the rebuild's look and its fence does no harm: the tables stand before it, and are folded
/// on from there.
#[test]
fn a_rebuild_may_end_before_the_cursor() {
    survives(order(SwapOrder::BarrierCursorFence), MENDED);
}

/// The shadow has no outbox: what it folds past the cursor is never published.
#[test]
fn a_rebuild_that_ends_at_the_end_of_the_log_swallows_outcomes() {
    let mutant = Protocol { rebuild_end: RebuildEnd::LogEnd, ..Protocol::default() };
    breaks(mutant, ONE_REBUILD, &[NONE_UNPUBLISHED, RECOVERS]);
}

#[test]
fn a_swap_without_positions_loses_what_was_folded_meanwhile() {
    let mutant = Protocol { swap: Swap::WithoutPositions, ..Protocol::default() };
    breaks(mutant, ONE_REBUILD, &[NONE_SKIPPED, FOLD_OF_PREFIX, RECOVERS]);
}

/// The one who would clear it is dead.
#[test]
fn a_barrier_that_outlives_its_holder_stops_the_relay_for_ever() {
    let mutant = Protocol { barrier_end: BarrierEnd::OnlyWhenCleared, ..Protocol::default() };
    breaks(mutant, Limits { faults: 1, ..ONE_REBUILD }, &[RECOVERS]);
}

/// The next rebuild takes the lock for all of its load, which may take hours, and the dead one's barrier counts again.
#[test]
fn a_barrier_left_by_a_dead_command_counts_again_when_the_next_one_takes_the_guard() {
    let mutant = Protocol { guard_taking: GuardTaking::LeavesOldBarrier, ..Protocol::default() };
    breaks(mutant, Limits { rebuilds: 2, faults: 1, ..NOTHING }, &[RECOVERS]);
}

/// The named lock ends with the connection, and that not before the RENAME that it is executing.
#[test]
fn a_barrier_that_ends_before_its_rename_is_none() {
    let mutant = Protocol { barrier_end: BarrierEnd::WithTheProcess, ..Protocol::default() };
    breaks(mutant, Limits { faults: 1, ..ONE_REBUILD }, &[OUTCOMES_OF_LIVE_TABLES]);
}

/// After a swap the records past the cursor are folded again, but a partition without new orders has no next
/// compare-and-set: its projector must look at the position by itself.
#[test]
fn an_idle_projector_that_only_waits_never_notices_a_swap() {
    let mutant = Protocol { idling: Idling::Waits, ..Protocol::default() };
    breaks(mutant, ONE_REBUILD, &[RECOVERS]);
}

/// Without tampered tables the generation is not needed in the compare-and-set: what is in memory is the fold of the same
/// prefix. Its outbox row has the number of the replaced tables, though, and is not published.
#[test]
fn a_swap_of_right_tables_for_right_ones_that_passes_unnoticed_loses_outcomes() {
    let mutant = Protocol { generation_check: GenerationCheck::Nothing, ..Protocol::default() };
    breaks(mutant, Limits { faults: 1, ..ONE_REBUILD }, &[NONE_UNPUBLISHED, RECOVERS]);
}

/// The database was lost while a relay had loaded what wrong tables decided. Others decide it anew from the log, and then
/// it publishes.
#[test]
fn a_first_start_that_does_not_fence_lets_lost_tables_speak() {
    let mutant = Protocol { first_start: FirstStart::DoesNotFence, ..Protocol::default() };
    let limits = Limits { records: 3, tamperings: 1, database_losses: 1, rebalances: 1, ..NOTHING };
    breaks(mutant, limits, &PUBLISHED_AFTER_THE_SWAP);
}
