//! What must hold in every state, under the ids of the invariants (`ledger-fold` lists those that the fold keeps).
//!
//! They judge what is committed, as somebody who reads the database and the topics would find it, and compare it with
//! one fold of the log from its beginning.
//!
//! Tables that somebody tampered with may be wrong until they are replaced, and so is what is published while they are
//! live: the properties excuse that, and nothing else. Whatever is folded, or published, after the swap must be right.
//!
//! They must never change a state. Next: [`crate::model`].

use crate::broker::{Basis, Published};
use crate::database::Database;
use crate::log::{Outcome, RECORD_COUNT, Row};
use crate::recovery;
use crate::state::State;
use crate::system::System;

pub const ONE_TRANSACTION: &str = "INV-1 rows stand exactly for the records before the position";
pub const NOT_OVERSOLD: &str = "INV-2 no more is sold than was received";
pub const STOCK_ADDS_UP: &str = "INV-3 the stock is what its rows add up to";
pub const FOLD_OF_PREFIX: &str = "INV-4 the tables are the fold of the records before the position";
pub const IDS_ONCE: &str = "INV-5 an id takes effect at most once, in the tables and on the topic";
pub const OUTCOMES_RIGHT: &str = "INV-6 outcomes on the topic are right, gap-free, in order, each once";
pub const OUTCOMES_OF_LIVE_TABLES: &str = "INV-6 what becomes visible is what the live tables hold";
pub const CURSOR_AND_TOPIC: &str = "INV-6 what is published is exactly what the cursor covers";
pub const NONE_UNPUBLISHED: &str = "INV-6 an effect of the live tables is published, or in their outbox";
pub const CURSOR_BEFORE_FURTHEST: &str = "INV-6 the cursor is at or before the furthest position";
pub const NONE_SKIPPED: &str = "INV-8 every record before the position has taken effect";
pub const READS_NEVER_GO_BACK: &str = "INV-13 nobody is shown tables older than what was observed";
pub const RECOVERS: &str = "from here, if nothing more goes wrong, everything is folded, published and answered";
pub const FINISHES: &str = "everything is folded, published and answered";

type Condition = fn(&System, &State) -> bool;

/// What holds in every state.
pub const ALWAYS: [(&str, Condition); 13] = [
    (ONE_TRANSACTION, rows_stand_before_the_position),
    (NOT_OVERSOLD, not_oversold),
    (STOCK_ADDS_UP, stock_adds_up),
    (FOLD_OF_PREFIX, tables_are_the_fold),
    (IDS_ONCE, ids_take_effect_once),
    (OUTCOMES_RIGHT, outcomes_are_right),
    (OUTCOMES_OF_LIVE_TABLES, outcomes_are_of_live_tables),
    (CURSOR_AND_TOPIC, cursor_covers_the_topic),
    (NONE_UNPUBLISHED, none_is_unpublished),
    (CURSOR_BEFORE_FURTHEST, |_, state| state.broker.cursor <= state.database.furthest),
    (NONE_SKIPPED, none_is_skipped),
    (READS_NEVER_GO_BACK, reads_never_go_back),
    (RECOVERS, |system, state| is_finished(system, &recovery::run(system, state))),
];

/// Everything is folded, published and pruned, and reads are answered.
///
/// What a replaced generation decided may stay in the outbox: after the cursor until the generation is dropped, and before it
/// until the partition has another outcome, or another session. A relay that was fenced while it had nothing to publish does
/// not know the newer cursor, and rows of other generations do not make it look.
pub fn is_finished(system: &System, state: &State) -> bool {
    let State { database, broker, .. } = state;
    database.tables.position == system.log.end()
        && database.answers_reads(&system.protocol)
        && database.outbox_after(&system.protocol, 0).next().is_none()
        && broker.outcomes.len() == system.log.outcomes().count()
        && outcomes_are_right(system, state)
}

fn rows_stand_before_the_position(system: &System, state: &State) -> bool {
    let tables = &state.database.tables;
    let expected = system.log.prefix(tables.position);
    tables.rows.iter().zip(&expected.rows).all(|(found, expected)| found.is_some() == expected.is_some())
}

fn none_is_skipped(system: &System, state: &State) -> bool {
    let tables = &state.database.tables;
    let expected = system.log.prefix(tables.position);
    tables.rows.iter().zip(&expected.rows).all(|(found, expected)| found.is_some() || expected.is_none())
}

fn tables_are_the_fold(system: &System, state: &State) -> bool {
    let tables = &state.database.tables;
    let expected = system.log.prefix(tables.position);
    tables.tampered || tables.rows == expected.rows && tables.stock == expected.stock
}

/// Received less sold. Every record of the log is about one piece.
fn pieces_left(state: &State) -> i8 {
    state.database.tables.rows.iter().flatten().fold(0, |pieces, row| match row {
        Row::Received => pieces + 1,
        Row::Confirmed => pieces - 1,
        Row::Rejected(_) => pieces,
    })
}

fn not_oversold(_: &System, state: &State) -> bool {
    state.database.tables.tampered || pieces_left(state) >= 0
}

fn stock_adds_up(_: &System, state: &State) -> bool {
    let tables = &state.database.tables;
    let available = tables.stock.map_or(0, |stock| stock.available);
    tables.tampered || i8::try_from(available) == Ok(pieces_left(state))
}

fn ids_take_effect_once(system: &System, state: &State) -> bool {
    let State { database, broker, .. } = state;
    let is_of = |id: u8, offset: usize| system.log.id(offset) == id;
    let at_most_once = |id: u8| {
        let stored = (0..RECORD_COUNT).filter(|offset| database.tables.rows[*offset].is_some() && is_of(id, *offset));
        let published = broker.outcomes.iter().filter(|found| is_of(id, usize::from(found.outcome.offset)));
        stored.count() <= 1 && published.count() <= 1
    };
    (0..system.log.end()).all(at_most_once)
}

/// What the log says; or of the same record, where it was published while tables that were tampered with said so.
fn is_right(expected: &Outcome, found: &Published) -> bool {
    let Published { outcome, basis } = found;
    expected == outcome || *basis == Basis::TamperedTables && expected.offset == outcome.offset
}

fn outcomes_are_right(system: &System, state: &State) -> bool {
    let mut expected = system.log.outcomes();
    state.broker.outcomes.iter().all(|found| expected.next().is_some_and(|expected| is_right(&expected, found)))
}

fn outcomes_are_of_live_tables(_: &System, state: &State) -> bool {
    state.broker.outcomes.iter().all(|found| found.basis != Basis::Nothing)
}

fn cursor_covers_the_topic(system: &System, state: &State) -> bool {
    let mut covered = system.log.outcomes().filter(|outcome| outcome.offset < state.broker.cursor);
    let mut published = state.broker.outcomes.iter();
    covered.all(|covered| published.next().is_some_and(|found| covered.offset == found.outcome.offset))
        && published.next().is_none()
}

fn none_is_unpublished(system: &System, state: &State) -> bool {
    let State { database, broker, .. } = state;
    let Database { tables, .. } = database;
    let published = |offset: u8| broker.outcomes.iter().any(|found| found.outcome.offset == offset);
    // The relay takes the first row that has the offset.
    let in_outbox = |offset: u8| {
        let mut rows = database.outbox_after(&system.protocol, broker.cursor);
        let taken = rows.find_map(|row| row.outcomes[usize::from(offset)]);
        taken.is_some_and(|outcome| tables.rows[usize::from(offset)] == Some(outcome.row))
    };
    let mut effects = (0..tables.position).filter(|offset| tables.rows[usize::from(*offset)].is_some());
    effects.all(|offset| published(offset) || in_outbox(offset))
}

fn reads_never_go_back(system: &System, state: &State) -> bool {
    !state.database.answers_reads(&system.protocol) || state.database.tables.position >= state.observed
}
