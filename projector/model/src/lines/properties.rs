//! What must hold: in every state, and where nothing is left to do. It must never know why. Next: `tests/lines.rs`.

use ledger_fold::{ReservationState, Stage};

use super::records::{AWAY, HOME};
use super::state::LinesState;
use super::system::LinesSystem;

type Condition = fn(&LinesSystem, &LinesState) -> bool;

pub const ALWAYS: &[(&str, Condition)] = &[
    ("the fold comes to nothing impossible", never_stops),
    ("INV-3: what arrived is available, held or sold, in each partition", stock_adds_up),
    ("INV-11: nothing that the fold told is passed over by a cursor", told_before_the_cursor),
    ("no line is given back unless its order has ended", no_early_release),
    ("no order is confirmed or held without its line", all_of_it),
    ("a confirmed order stays so, unless it is cancelled", confirmed_holds),
    ("at rest no order is undecided, and it has all of its lines or none", decided_at_rest),
];

pub const SOMETIMES: &[(&str, Condition)] = &[("it comes to rest", at_rest)];

fn ended(stage: Option<Stage>) -> bool {
    matches!(stage, Some(Stage::Rejected | Stage::Cancelled(_)))
}

/// However far the logs are folded.
fn never_stops(system: &LinesSystem, state: &LinesState) -> bool {
    [AWAY, HOME].into_iter().all(|at| !system.tables(state, at, state.partitions[at].end()).has_stopped)
}

/// Received is one piece of each.
fn stock_adds_up(system: &LinesSystem, state: &LinesState) -> bool {
    [AWAY, HOME].into_iter().all(|at| {
        let tables = system.live(state, at);
        let (available, held) = tables.level(at);
        let received = i64::from(state.partitions[at].position > 0);
        available + i64::from(state.partitions[at].added) + held + tables.sold(at) == received
    })
}

/// Everything that follows from a record before the cursor stands on the other partition's log. (Of lines that are past the log in a
/// mutant nothing is told.)
fn told_before_the_cursor(system: &LinesSystem, state: &LinesState) -> bool {
    [AWAY, HOME].into_iter().all(|at| {
        let cursor = state.partitions[at].cursor;
        let told = system.tables(state, at, cursor).told.clone();
        told.iter().all(|told| state.partitions[1 - at].log.contains(&told.says()))
    })
}

/// By the logs themselves, however far they are folded.
fn no_early_release(system: &LinesSystem, state: &LinesState) -> bool {
    let line = system.tables(state, AWAY, state.partitions[AWAY].end()).line();
    let home = system.tables(state, HOME, state.partitions[HOME].end());
    line != Some(ReservationState::Released) || ended(home.stage())
}

fn all_of_it(system: &LinesSystem, state: &LinesState) -> bool {
    let stage = system.live(state, HOME).stage();
    let line = system.tables(state, AWAY, state.partitions[AWAY].end()).line();
    match stage {
        Some(Stage::Held | Stage::Confirmed) => {
            // Once it is cancelled further on in the log, its line may have come back already.
            let end = system.tables(state, HOME, state.partitions[HOME].end());
            matches!(line, Some(ReservationState::Reserved | ReservationState::Confirmed)) || ended(end.stage())
        }
        _ => true,
    }
}

/// Whether any prefix of the home's log has it confirmed, and a later one expired.
fn confirmed_holds(system: &LinesSystem, state: &LinesState) -> bool {
    let mut was_confirmed = false;
    (0..=state.partitions[HOME].end()).all(|position| {
        let tables = system.tables(state, HOME, position);
        let confirmed_by = usize::from(position) > 0
            && state.partitions[HOME].log[usize::from(position) - 1] == super::records::Says::Confirm
            && position > 0
            && system.tables(state, HOME, position - 1).stage() == Some(Stage::Held);
        was_confirmed |= confirmed_by;
        !(was_confirmed && tables.stage() == Some(Stage::Cancelled(ledger_fold::Cancelled::Expired)))
    })
}

fn at_rest(system: &LinesSystem, state: &LinesState) -> bool {
    let mut actions = Vec::new();
    system.regular_actions(state, &mut actions);
    actions.is_empty()
}

fn decided_at_rest(system: &LinesSystem, state: &LinesState) -> bool {
    if !at_rest(system, state) {
        return true;
    }
    let (stage, line) = (system.live(state, HOME).stage(), system.live(state, AWAY).line());
    let (_, held) = system.live(state, AWAY).level(AWAY);
    match stage {
        Some(Stage::Confirmed) => line == Some(ReservationState::Confirmed) && held == 0,
        Some(Stage::Held) => line == Some(ReservationState::Reserved) && held == 1,
        Some(Stage::Rejected | Stage::Cancelled(_)) => {
            matches!(line, None | Some(ReservationState::Released | ReservationState::Rejected(_))) && held == 0
        }
        Some(Stage::Pending) | None => false,
    }
}
