//! Batches: the compare-and-set, the snapshot, the unknown commit, the generation.

use ledger_model::properties::{
    FOLD_OF_PREFIX, NONE_SKIPPED, NOT_OVERSOLD, ONE_TRANSACTION, OUTCOMES_RIGHT, STOCK_ADDS_UP,
};
use ledger_model::protocol::{GenerationCheck, PositionWrite, StateReading, UnknownCommit};
use ledger_model::{Limits, Protocol};

use crate::{ONE_FAULT, ONE_REBALANCE, ONE_REBUILD, breaks, survives};

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
    breaks(mutant, ONE_FAULT, &[NONE_SKIPPED, OUTCOMES_RIGHT]);
}

/// Somebody changed the stock by hand; a projector started and loaded it, and all that is folded is published. Rebuilt
/// tables stand at the very position it has in memory, so its next compare-and-set would hit, and the piece that never was
/// is sold.
#[test]
fn a_swap_that_is_noticed_by_its_position_alone_brings_back_what_it_mended() {
    let mutant = Protocol { generation_check: GenerationCheck::Nothing, ..Protocol::default() };
    let limits = Limits { faults: 1, tamperings: 1, ..ONE_REBUILD };
    breaks(mutant, limits, &[FOLD_OF_PREFIX, STOCK_ADDS_UP, NOT_OVERSOLD, OUTCOMES_RIGHT]);
}

/// A projector slept, with the wrong stock in memory, while the database was lost and another folded the log again. Both
/// sets of tables have number 1, and reached the same position.
#[test]
fn a_number_alone_is_the_same_again_after_the_loss_of_the_database() {
    let mutant = Protocol { generation_check: GenerationCheck::NumberAlone, ..Protocol::default() };
    let limits = Limits { records: 3, tamperings: 1, database_losses: 1, ..ONE_REBALANCE };
    breaks(mutant, limits, &[FOLD_OF_PREFIX, STOCK_ADDS_UP]);
}

/// While the database is not lost, numbers suffice: each is given once.
#[test]
fn a_number_alone_tells_generations_of_one_database_apart() {
    let mutant = Protocol { generation_check: GenerationCheck::NumberAlone, ..Protocol::default() };
    survives(mutant, Limits { faults: 1, tamperings: 1, ..ONE_REBUILD });
}
