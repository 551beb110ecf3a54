//! What must hold in every state, under the ids of the invariants (`ledger-fold` lists those that the fold keeps).
//!
//! They judge what is committed, as somebody who reads the database and the topics would find it, and compare it with
//! one fold of the log from its beginning.
//!
//! Tables that somebody tampered with may be wrong until they are replaced, and what was folded from them and published
//! was told to everybody: the properties excuse that, and nothing else. Whatever is folded after the swap must be right.

use stateright::Property;

use crate::log::{LOG_END, Outcome, RECORD_COUNT, Row};
use crate::recovery;
use crate::system::{State, System};

pub const ONE_TRANSACTION: &str = "INV-1 rows stand exactly for the records before the position";
pub const NOT_OVERSOLD: &str = "INV-2 no more is sold than was received";
pub const STOCK_ADDS_UP: &str = "INV-3 the stock is what its rows add up to";
pub const FOLD_OF_PREFIX: &str = "INV-4 the tables are the fold of the records before the position";
pub const IDS_ONCE: &str = "INV-5 an id takes effect at most once, in the tables and on the topic";
pub const OUTCOMES_IN_ORDER: &str = "INV-6 outcomes on the topic are gap-free, in order, each once";
pub const CURSOR_AND_TOPIC: &str = "INV-6 what is published is exactly what the cursor covers";
pub const NOTHING_UNHEARD: &str = "INV-6 an outcome of the tables is published or in the outbox";
pub const CURSOR_BEHIND: &str = "INV-6 the cursor is not beyond the furthest position";
pub const NONE_SKIPPED: &str = "INV-8 every record before the position has taken effect";
pub const RECOVERS: &str = "from here, if nothing more goes wrong, everything is folded and published";
pub const FINISHES: &str = "everything is folded and published";

/// Every property, for the checker.
pub fn all() -> Vec<Property<System>> {
    vec![
        Property::always(ONE_TRANSACTION, rows_stand_before_the_position),
        Property::always(NOT_OVERSOLD, not_oversold),
        Property::always(STOCK_ADDS_UP, stock_adds_up),
        Property::always(FOLD_OF_PREFIX, tables_are_the_fold),
        Property::always(IDS_ONCE, ids_take_effect_once),
        Property::always(OUTCOMES_IN_ORDER, outcomes_are_in_order),
        Property::always(CURSOR_AND_TOPIC, cursor_covers_the_topic),
        Property::always(NOTHING_UNHEARD, nothing_is_unheard),
        Property::always(CURSOR_BEHIND, |_, state: &State| state.broker.cursor <= state.database.furthest),
        Property::always(NONE_SKIPPED, none_is_skipped),
        Property::always(RECOVERS, recovery::succeeds),
        Property::sometimes(FINISHES, is_finished),
    ]
}

/// Everything is folded, published, and pruned.
pub fn is_finished(system: &System, state: &State) -> bool {
    let State { database, broker, .. } = state;
    database.tables.position == LOG_END
        && database.outbox.is_empty()
        && broker.outcomes.len() == system.log.outcomes().count()
        && outcomes_are_in_order(system, state)
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
    let rows = &state.database.tables.rows;
    let at_most_once = |id: u8| {
        let stored = (0..RECORD_COUNT).filter(|offset| rows[*offset].is_some() && system.log.id(*offset) == id);
        let outcomes = &state.broker.outcomes;
        let published = outcomes.iter().filter(|outcome| system.log.id(usize::from(outcome.offset)) == id);
        stored.count() <= 1 && published.count() <= 1
    };
    (0..LOG_END).all(at_most_once)
}

fn outcomes_are_in_order(system: &System, state: &State) -> bool {
    let mut expected = system.log.outcomes();
    state.broker.outcomes.iter().all(|found| expected.next().is_some_and(|expected| same(state, &expected, found)))
}

/// The same outcome; of the same record, where one may have been decided from tampered tables.
fn same(state: &State, expected: &Outcome, found: &Outcome) -> bool {
    expected == found || state.database.misled && expected.offset == found.offset
}

fn cursor_covers_the_topic(system: &System, state: &State) -> bool {
    let mut covered = system.log.outcomes().filter(|outcome| outcome.offset < state.broker.cursor);
    let mut published = state.broker.outcomes.iter();
    covered.all(|covered| published.next().is_some_and(|found| same(state, &covered, found)))
        && published.next().is_none()
}

fn nothing_is_unheard(system: &System, state: &State) -> bool {
    let State { database, broker, .. } = state;
    let in_outbox = |offset: u8| database.outbox.iter().any(|row| row.outcomes[usize::from(offset)].is_some());
    system
        .log
        .outcomes()
        .filter(|outcome| outcome.offset < database.tables.position)
        .all(|outcome| in_outbox(outcome.offset) || broker.outcomes.iter().any(|found| same(state, &outcome, found)))
}
