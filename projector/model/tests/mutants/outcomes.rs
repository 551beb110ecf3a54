//! Outcomes: the outbox, the relay's session, its cursor, pruning.

use ledger_model::properties::{NONE_UNPUBLISHED, OUTCOMES_RIGHT, RECOVERS};
use ledger_model::protocol::{
    CursorReading, CursorWrite, Doubt, OutboxGeneration, OutboxInsert, OutboxWrite, Pruning, SessionStart,
};
use ledger_model::{Limits, Protocol};

use crate::{ONE_FAULT, ONE_REBALANCE, ONE_REBUILD, breaks, survives};

#[test]
fn an_outbox_row_written_after_the_commit_is_lost_in_a_crash() {
    let mutant = Protocol { outbox_write: OutboxWrite::AfterCommit, ..Protocol::default() };
    breaks(mutant, ONE_FAULT, &[NONE_UNPUBLISHED, OUTCOMES_RIGHT]);
}

/// The old owner commits between the new one's look at the cursor and its init_transactions.
#[test]
fn a_cursor_read_before_init_transactions_is_stale() {
    let mutant = Protocol { session_start: SessionStart::CursorInitBarrier, ..Protocol::default() };
    breaks(mutant, ONE_REBALANCE, &[OUTCOMES_RIGHT]);
}

/// The last stable offset stands before another relay's open transaction: a cursor of ours after it is not found.
#[test]
fn a_cursor_read_to_the_last_stable_offset_is_stale() {
    let mutant = Protocol { cursor_reading: CursorReading::LastStableOffset, ..Protocol::default() };
    breaks(mutant, Limits { neighbours: 1, ..ONE_FAULT }, &[OUTCOMES_RIGHT]);
}

#[test]
fn a_cursor_written_before_the_transaction_skips_outcomes() {
    let mutant = Protocol { cursor_write: CursorWrite::BeforeCommit, ..Protocol::default() };
    breaks(mutant, ONE_FAULT, &[OUTCOMES_RIGHT]);
}

#[test]
fn a_cursor_written_after_the_transaction_doubles_outcomes() {
    let mutant = Protocol { cursor_write: CursorWrite::AfterCommit, ..Protocol::default() };
    breaks(mutant, ONE_FAULT, &[OUTCOMES_RIGHT]);
}

/// Without KIP-890 nothing distinguishes a late commit from the next one of the same epoch.
#[test]
fn a_producer_kept_after_a_doubt_commits_twice() {
    let mutant = Protocol { doubt: Doubt::SameProducer, ..Protocol::default() };
    breaks(mutant, ONE_FAULT, &[OUTCOMES_RIGHT]);
}

#[test]
fn rows_pruned_before_the_publication_is_committed_are_lost() {
    let mutant = Protocol { pruning: Pruning::BeforeCommit, ..Protocol::default() };
    breaks(mutant, ONE_FAULT, &[NONE_UNPUBLISHED, OUTCOMES_RIGHT]);
}

/// The tables that are brought back stand after the cursor: what they decided there has to be published from their rows.
#[test]
fn rows_of_a_kept_generation_pruned_after_the_cursor_are_missing_when_it_is_brought_back() {
    let mutant = Protocol { pruning: Pruning::AlsoKeptGenerations, ..Protocol::default() };
    breaks(mutant, Limits { faults: 1, rollbacks: 1, ..ONE_REBUILD }, &[NONE_UNPUBLISHED, OUTCOMES_RIGHT, RECOVERS]);
}

/// Right tables were swapped in, and decide otherwise; but the row that the wrong ones left is the first of its offset.
#[test]
fn an_outbox_without_generation_publishes_what_replaced_tables_decided() {
    let mutant = Protocol { outbox_generation: OutboxGeneration::Missing, ..Protocol::default() };
    breaks(mutant, Limits { faults: 1, tamperings: 1, ..ONE_REBUILD }, &[OUTCOMES_RIGHT, NONE_UNPUBLISHED]);
}

/// With the generation in its key, an outbox row never meets its equal, so a plain INSERT will do: one that objects has
/// found an impossible state.
#[test]
fn an_outbox_insert_never_meets_its_equal() {
    let protocol = Protocol { outbox_insert: OutboxInsert::Objects, ..Protocol::default() };
    survives(protocol, Limits { faults: 1, rollbacks: 1, ..ONE_REBUILD });
    survives(protocol, Limits { faults: 1, database_losses: 1, ..ONE_REBUILD });
}

/// Without it, the batch that is folded again after a swap finds its own row there.
#[test]
fn an_outbox_insert_without_generation_folds_for_ever_after_a_swap() {
    let outbox_generation = OutboxGeneration::Missing;
    let outbox_insert = OutboxInsert::Objects;
    breaks(Protocol { outbox_generation, outbox_insert, ..Protocol::default() }, ONE_REBUILD, &[RECOVERS]);
}
