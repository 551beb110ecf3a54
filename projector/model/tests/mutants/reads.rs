//! Reads: nobody is shown tables older than what was observed.

use ledger_model::properties::{CURSOR_BEFORE_FURTHEST, READS_NEVER_GO_BACK};
use ledger_model::protocol::{FirstStart, Furthest, Reading};
use ledger_model::{Limits, Protocol};

use crate::{NOTHING, ONE_FAULT, ONE_REBUILD, breaks, survives};

#[test]
fn a_read_that_compares_nothing_goes_back_at_a_swap() {
    let mutant = Protocol { reading: Reading::Unchecked, ..Protocol::default() };
    breaks(mutant, ONE_REBUILD, &[READS_NEVER_GO_BACK]);
}

/// While tables are neither swapped nor lost, positions only grow.
#[test]
fn a_read_needs_no_comparison_while_no_tables_are_swapped() {
    let mutant = Protocol { reading: Reading::Unchecked, ..Protocol::default() };
    survives(mutant, Limits { rebalances: 1, ..ONE_FAULT });
}

/// Somebody read the batch; its furthest position was not written yet; the swap goes back to before it.
#[test]
fn a_furthest_position_raised_after_the_commit_comes_too_late() {
    let mutant = Protocol { furthest: Furthest::AfterCommit, ..Protocol::default() };
    breaks(mutant, ONE_REBUILD, &[READS_NEVER_GO_BACK]);
    breaks(mutant, ONE_FAULT, &[CURSOR_BEFORE_FURTHEST]);
}

/// The furthest positions are lost with the tables. A first start cannot know them, but nobody can have seen more than the
/// log held by then.
#[test]
fn after_the_loss_of_the_database_reads_must_wait_for_the_log_as_it_was() {
    let mutant = Protocol { first_start: FirstStart::FurthestIsZero, ..Protocol::default() };
    breaks(mutant, Limits { database_losses: 1, ..NOTHING }, &[READS_NEVER_GO_BACK, CURSOR_BEFORE_FURTHEST]);
}
