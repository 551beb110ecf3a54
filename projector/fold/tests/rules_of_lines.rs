//! The rules about orders of several lines, holds and cancellation, as a table of given / when / then (rules 4 to 15 of `batch/mod.rs`).
//! Of two partitions; chocolate, milk and q live in partition 1, tea, p and salt in partition 0.

mod support;

use ledger_fold::{BatchEffects, LineState, OrderRow, Partition, ReservationRow, asked_again};
use ledger_schema::wire::{Event, encode};
use ledger_schema::{LineNo, LineStep, MAX_SAFE_INTEGER};
use support::tables::Tables;
use support::{OUT_OF_STOCK, Owned, RESERVED, asked, basket, cancel, confirm, order, receipt, told, uuid};

const HOME: Partition = Partition { number: 1, count: 2 };
const AWAY: Partition = Partition { number: 0, count: 2 };

fn last(id: &str) -> &str {
    id.trim_start_matches("00000000-0000-4000-8000-").trim_start_matches('0')
}

fn states(row: &OrderRow) -> String {
    let word = |(line_no, _): (LineNo, _)| match row.state.line(line_no) {
        LineState::Rejected(reason) => reason.to_string(),
        other => other.status().to_string(),
    };
    row.order.lines().map(word).collect::<Vec<_>>().join(" ")
}

fn show_order(word: &str, row: &OrderRow) -> String {
    let why = row.state.reason().map_or(String::new(), |reason| format!(" {reason}"));
    format!("{word} {} {}{why}: {}", last(&row.order.order_id().to_string()), row.state.status(), states(row))
}

fn show_reservation(word: &str, row: &ReservationRow) -> String {
    format!(
        "{word} {}/{} of home {} {:?}",
        last(&row.key.order_id.to_string()),
        row.key.line_no,
        row.key.home_partition,
        row.state
    )
}

/// One line per effect.
fn show(effects: &BatchEffects) -> String {
    let mut lines = Vec::new();
    lines.extend(effects.orders.iter().map(|row| show_order("order", row)));
    lines.extend(effects.changed_orders.iter().map(|row| show_order("changed order", row)));
    lines.extend(effects.reservations.iter().map(|row| show_reservation("line", row)));
    lines.extend(effects.changed_reservations.iter().map(|row| show_reservation("changed line", row)));
    for row in &effects.stock {
        lines.push(format!(
            "stock {} {} held {} at {}",
            row.product_id, row.level.available, row.level.held, row.offset
        ));
    }
    let open = |word: &'static str| move |open: &ledger_fold::OpenOrder| format!("{word} {}", open.status);
    lines.extend(effects.open_orders.removed.iter().map(open("closed")));
    lines.extend(effects.open_orders.added.iter().map(open("opened")));
    for parked in &effects.parked {
        lines.push(format!("parked {}: {}", parked.reason, parked.detail));
    }
    for entry in &effects.outcomes {
        lines.push(format!("{} {}", entry.event_id, entry.outcome.event_type()));
    }
    for entry in &effects.told {
        let step = match entry.event.step {
            LineStep::Decided(decision) => format!("{decision:?}"),
            step => format!("{step:?}"),
        };
        lines.push(format!("{} tells {}: line {} {step}", entry.event_id, entry.partition, entry.event.target.line_no));
    }
    if effects.duplicate_count > 0 {
        lines.push(format!("duplicates {}", effects.duplicate_count));
    }
    if effects.overruled_count > 0 {
        lines.push(format!("overruled {}", effects.overruled_count));
    }
    lines.join("\n")
}

fn key_of(value: &str) -> Option<Vec<u8>> {
    let event = ledger_schema::wire::decode(Some(value.as_bytes())).ok()?;
    Some(event.product_id().as_str().as_bytes().to_vec())
}

/// Folds `given`, then each of `when` as a batch of its own, and compares what these do. Folded as one batch it has to come to the same.
fn check(partition: Partition, given: &[String], when: &[String], then: &[&str]) {
    let mut tables = Tables::new(partition);
    let record = |offset: usize, value: &String| Owned {
        offset: i64::try_from(offset).expect("few"),
        key: key_of(value),
        value: Some(value.clone().into_bytes()),
    };
    let all: Vec<Owned> = given.iter().chain(when).enumerate().map(|(at, value)| record(at, value)).collect();
    let (before, after) = all.split_at(given.len());
    tables.fold(before);
    let found: Vec<String> = after.iter().map(|one| show(&tables.fold(std::slice::from_ref(one)))).collect();
    assert_eq!(found.join("\n"), then.join("\n"));
    let mut at_once = Tables::new(partition);
    at_once.fold(&all);
    assert_eq!(at_once, tables, "however it is cut");
}

fn stocked() -> Vec<String> {
    vec![receipt(901, "chocolate", 10), receipt(902, "milk", 10)]
}

fn given(more: &[String]) -> Vec<String> {
    [&stocked()[..], more].concat()
}

const TEA: (i16, &str, i64) = (2, "tea", 3);

fn decided(id: u32, line: (i16, &str, i64), how: &str) -> String {
    told("LineDecided", "0-5-0", id, "chocolate", line, how)
}

#[test]
fn an_order_of_one_line_is_decided_at_once_and_held_where_it_asks() {
    check(
        HOME,
        &stocked(),
        &[
            basket(1, &[("chocolate", 3)], None),
            basket(2, &[("chocolate", 3)], Some(60)),
            basket(3, &[("chocolate", 9)], Some(60)),
        ],
        &[
            "order 1 confirmed: reserved\nstock chocolate 7 held 0 at 2\n1-2-0 OrderConfirmed",
            "order 2 held: reserved\nstock chocolate 4 held 3 at 3\nopened held\n1-3-0 OrderHeld",
            "order 3 rejected out-of-stock: out-of-stock\n1-4-0 OrderRejected",
        ],
    );
}

#[test]
fn lines_that_live_at_home_are_decided_at_once() {
    check(
        HOME,
        &stocked(),
        &[
            basket(1, &[("chocolate", 3), ("milk", 4)], None),
            basket(2, &[("milk", 1), ("chocolate", 1)], Some(60)),
            basket(3, &[("chocolate", 3), ("milk", 6)], None),
            basket(4, &[("q", 1), ("chocolate", 7)], None),
        ],
        &[
            "order 1 confirmed: reserved reserved\nstock chocolate 7 held 0 at 2\nstock milk 6 held 0 at 2\n1-2-0 OrderConfirmed",
            "order 2 held: reserved reserved\nstock chocolate 6 held 1 at 3\nstock milk 5 held 1 at 3\nopened held\n1-3-0 OrderHeld",
            "order 3 rejected out-of-stock: released out-of-stock\n1-4-0 OrderRejected",
            "order 4 rejected unknown-product: unknown-product out-of-stock\n1-5-0 OrderRejected",
        ],
    );
}

#[test]
fn lines_that_live_elsewhere_are_asked_for() {
    check(
        HOME,
        &stocked(),
        &[
            basket(1, &[("chocolate", 3), ("tea", 3), ("milk", 1), ("p", 1)], None),
            // Refused at home: nobody else is asked.
            basket(2, &[("chocolate", 8), ("tea", 3)], None),
        ],
        &[
            "order 1 pending: reserved pending reserved pending\nstock chocolate 7 held 3 at 2\nstock milk 9 held 1 at 2\nopened pending\n\
             1-2-0 tells 0: line 2 Requested\n1-2-1 tells 0: line 4 Requested",
            "order 2 rejected out-of-stock: out-of-stock released\n1-3-0 OrderRejected",
        ],
    );
}

#[test]
fn the_home_counts() {
    let both = [("chocolate", 3), ("tea", 3), ("p", 1)];
    let p = (3, "p", 1);
    check(
        HOME,
        &given(&[basket(1, &both, None)]),
        &[decided(1, p, RESERVED), decided(1, TEA, RESERVED)],
        &[
            "changed order 1 pending: reserved pending reserved",
            "changed order 1 confirmed: reserved reserved reserved\nstock chocolate 7 held 0 at 4\nclosed pending\n1-4-0 OrderConfirmed\n\
             1-4-1 tells 0: line 2 Confirmed\n1-4-2 tells 0: line 3 Confirmed",
        ],
    );
    check(
        HOME,
        &given(&[basket(1, &both, Some(600)), decided(1, p, RESERVED)]),
        &[decided(1, TEA, RESERVED), confirm(1, "chocolate"), confirm(1, "chocolate")],
        &[
            "changed order 1 held: reserved reserved reserved\nclosed pending\nopened held\n1-4-0 OrderHeld",
            "changed order 1 confirmed: reserved reserved reserved\nstock chocolate 7 held 0 at 5\nclosed held\n1-5-0 OrderConfirmed\n\
             1-5-1 tells 0: line 2 Confirmed\n1-5-2 tells 0: line 3 Confirmed",
            "duplicates 1",
        ],
    );
}

#[test]
fn one_refused_line_ends_the_order_and_gives_back_what_is_or_will_be_taken() {
    let order = basket(1, &[("chocolate", 3), ("tea", 3), ("p", 1), ("milk", 2)], Some(600));
    let p = (3, "p", 1);
    check(
        HOME,
        &given(&[order]),
        // Line 2 is not decided yet when line 3 is refused: it is given back all the same, and its late decision changes nothing.
        &[
            decided(1, p, OUT_OF_STOCK),
            decided(1, TEA, RESERVED),
            decided(1, TEA, OUT_OF_STOCK),
            decided(1, p, OUT_OF_STOCK),
        ],
        &[
            "changed order 1 rejected out-of-stock: released released out-of-stock released\nstock chocolate 10 held 0 at 3\n\
             stock milk 10 held 0 at 3\nclosed pending\n1-3-0 OrderRejected\n1-3-1 StockChanged\n1-3-2 StockChanged\n\
             1-3-3 tells 0: line 2 Released",
            "1-4-0 tells 0: line 2 Released\noverruled 1",
            "overruled 1",
            "duplicates 1",
        ],
    );
}

#[test]
fn a_decision_that_repeats_is_dropped_and_one_that_differs_is_parked() {
    let order = basket(1, &[("chocolate", 3), ("tea", 3), ("p", 1)], None);
    check(
        HOME,
        &given(&[order, decided(1, TEA, RESERVED)]),
        &[
            decided(1, TEA, RESERVED),
            decided(1, TEA, OUT_OF_STOCK),
            decided(1, (3, "p", 1), RESERVED),
            decided(1, TEA, RESERVED),
        ],
        &[
            "duplicates 1",
            "parked conflicting-duplicate: decision about line 2 of order 00000000-0000-4000-8000-000000000001 stands before with other contents",
            "changed order 1 confirmed: reserved reserved reserved\nstock chocolate 7 held 0 at 6\nclosed pending\n1-6-0 OrderConfirmed\n\
             1-6-1 tells 0: line 2 Confirmed\n1-6-2 tells 0: line 3 Confirmed",
            "1-7-0 tells 0: line 2 Confirmed\nduplicates 1",
        ],
    );
}

/// What was reserved for an order that does not want it is given back, whoever reserved it.
#[test]
fn a_decision_about_nothing_is_parked_and_given_back() {
    let order = basket(1, &[("chocolate", 3), ("tea", 3)], None);
    check(
        HOME,
        &given(&[order]),
        &[
            decided(2, TEA, RESERVED),
            decided(2, TEA, OUT_OF_STOCK),
            decided(1, (3, "p", 1), RESERVED),
            decided(1, (2, "tea", 4), RESERVED),
        ],
        &[
            "parked unknown-order: no order 00000000-0000-4000-8000-000000000002 is at home here\n1-3-1 tells 0: line 2 Released",
            "parked unknown-order: no order 00000000-0000-4000-8000-000000000002 is at home here",
            "parked unknown-line: order 00000000-0000-4000-8000-000000000001 has no line 3 of 1 pieces of `p`\n1-5-1 tells 0: line 3 Released",
            "parked unknown-line: order 00000000-0000-4000-8000-000000000001 has no line 2 of 4 pieces of `tea`\n1-6-1 tells 0: line 2 Released",
        ],
    );
}

#[test]
fn cancelling_gives_back_once_whatever_the_order_is() {
    let line = |how| decided(1, TEA, how);
    let order = |hold| basket(1, &[("chocolate", 3), ("tea", 3)], hold);
    let gone = "changed order 1 cancelled cancelled: released released\nstock chocolate 10 held 0 at";
    let back = |at: i64| {
        format!(
            "{gone} {at}\nclosed pending\n1-{at}-0 OrderCancelled\n1-{at}-1 StockChanged\n1-{at}-2 tells 0: line 2 Released"
        )
    };
    // Pending; then its line is decided, and it is confirmed and cancelled again: all too late.
    check(
        HOME,
        &given(&[order(Some(600))]),
        &[cancel(1, "chocolate"), line(RESERVED), confirm(1, "chocolate"), cancel(1, "chocolate")],
        &[&back(3), "1-4-0 tells 0: line 2 Released\noverruled 1", "overruled 1", "duplicates 1"],
    );
    // Held.
    check(
        HOME,
        &given(&[order(Some(600)), line(RESERVED)]),
        &[cancel(1, "chocolate"), cancel(1, "chocolate")],
        &[&back(4).replace("closed pending", "closed held"), "duplicates 1"],
    );
    // Confirmed: nothing is open, and nothing was held.
    check(
        HOME,
        &given(&[order(None), line(RESERVED)]),
        &[cancel(1, "chocolate")],
        &[&back(4).replace("closed pending\n", "")],
    );
    // Rejected.
    check(HOME, &given(&[order(None), line(OUT_OF_STOCK)]), &[cancel(1, "chocolate")], &["overruled 1"]);
}

/// Also an order from before there were lines.
#[test]
fn an_order_of_one_line_is_cancelled_the_same_way() {
    check(
        HOME,
        &given(&[order(1, "u", "chocolate", 4, 5)]),
        &[cancel(1, "chocolate"), cancel(1, "chocolate"), order(1, "u", "chocolate", 4, 5), confirm(1, "chocolate")],
        &[
            "changed order 1 cancelled cancelled: released\nstock chocolate 10 held 0 at 3\n1-3-0 OrderCancelled\n1-3-1 StockChanged",
            "duplicates 1",
            "duplicates 1",
            "overruled 1",
        ],
    );
}

#[test]
fn a_hold_expires_by_the_log() {
    let order = || basket(1, &[("chocolate", 3)], Some(600));
    let expire = |time| asked("HoldExpired", 1, "chocolate", time);
    check(
        HOME,
        &given(&[order()]),
        &[
            expire("10:09:59.999999"),
            expire("10:10:00"),
            expire("10:10:01"),
            confirm(1, "chocolate"),
            cancel(1, "chocolate"),
        ],
        &[
            "parked hold-not-over: the hold of order 00000000-0000-4000-8000-000000000001 ends at 2026-11-23T10:10:00.000000Z, \
             found 2026-11-23T10:09:59.999999Z",
            "changed order 1 cancelled expired: released\nstock chocolate 10 held 0 at 4\nclosed held\n1-4-0 OrderCancelled\n1-4-1 StockChanged",
            "duplicates 1",
            "overruled 1",
            "duplicates 1",
        ],
    );
    // An earlier confirm wins, however late its own time is; so does an earlier cancel.
    let late_confirm = asked("OrderConfirmRequested", 1, "chocolate", "23:00:00");
    check(
        HOME,
        &given(&[order()]),
        &[late_confirm, expire("10:10:00")],
        &[
            "changed order 1 confirmed: reserved\nstock chocolate 7 held 0 at 3\nclosed held\n1-3-0 OrderConfirmed",
            "overruled 1",
        ],
    );
    // A pending order has no hold that could end.
    check(
        HOME,
        &given(&[basket(1, &[("chocolate", 3), ("tea", 3)], Some(600))]),
        &[expire("11:00:00"), decided(1, TEA, RESERVED), expire("11:00:00")],
        &[
            "overruled 1",
            "changed order 1 held: reserved reserved\nclosed pending\nopened held\n1-4-0 OrderHeld",
            "changed order 1 cancelled expired: released released\nstock chocolate 10 held 0 at 5\nclosed held\n1-5-0 OrderCancelled\n\
             1-5-1 StockChanged\n1-5-2 tells 0: line 2 Released",
        ],
    );
}

#[test]
fn requests_about_no_order_are_parked() {
    let unknown = |id: u32, home: &str| {
        format!("parked unknown-order: no order {} whose line 1 is of `{home}` is at home here", uuid(id))
    };
    check(
        HOME,
        &stocked(),
        // A cancel before its order, which is as if it had not been.
        &[cancel(1, "chocolate"), basket(1, &[("chocolate", 3)], None), confirm(2, "chocolate"), cancel(1, "milk")],
        &[
            &unknown(1, "chocolate"),
            "order 1 confirmed: reserved\nstock chocolate 7 held 0 at 3\n1-3-0 OrderConfirmed",
            &unknown(2, "chocolate"),
            &unknown(1, "milk"),
        ],
    );
}

#[test]
fn a_repeated_order_of_lines_changes_nothing_and_another_is_parked() {
    let order = || basket(1, &[("chocolate", 3), ("tea", 3)], Some(600));
    let conflict =
        "parked conflicting-duplicate: order 00000000-0000-4000-8000-000000000001 stands before with other contents";
    check(
        HOME,
        &given(&[order()]),
        &[
            order(),
            order().replace("10:00:00Z", "10:30:00Z"),
            basket(1, &[("chocolate", 3), ("tea", 4)], Some(600)),
            basket(1, &[("chocolate", 3)], Some(600)),
            basket(1, &[("chocolate", 3), ("tea", 3)], Some(601)),
            order().replace("\"total_price\":6,", "\"total_price\":6,\"currency\":\"EUR\","),
        ],
        &["duplicates 1", "duplicates 1", conflict, conflict, conflict, conflict],
    );
}

fn requested(id: u32, line: (i16, &str, i64)) -> String {
    told("LineRequested", "1-7-0", id, "chocolate", line, "")
}

fn released(id: u32, line: (i16, &str, i64)) -> String {
    told("LineReleased", "1-9-0", id, "chocolate", line, "")
}

fn confirmed(id: u32, line: (i16, &str, i64)) -> String {
    told("LineConfirmed", "1-9-0", id, "chocolate", line, "")
}

#[test]
fn a_line_is_reserved_or_refused_once_and_answers_whenever_it_is_asked() {
    check(
        AWAY,
        &[receipt(1, "tea", 5)],
        &[
            requested(1, TEA),
            requested(2, TEA),
            requested(3, (2, "p", 1)),
            requested(1, TEA),
            requested(2, TEA),
            receipt(2, "tea", 5),
            requested(2, TEA),
            requested(1, (2, "tea", 1)),
        ],
        &[
            "line 1/2 of home 1 Reserved\nstock tea 2 held 3 at 1\n0-1-0 tells 1: line 2 Reserved",
            "line 2/2 of home 1 Rejected(OutOfStock)\n0-2-0 tells 1: line 2 Rejected(OutOfStock)",
            "line 3/2 of home 1 Rejected(UnknownProduct)\n0-3-0 tells 1: line 2 Rejected(UnknownProduct)",
            "0-4-0 tells 1: line 2 Reserved\nduplicates 1",
            "0-5-0 tells 1: line 2 Rejected(OutOfStock)\nduplicates 1",
            "stock tea 7 held 3 at 6\n0-6-0 StockChanged",
            // The first answer holds, though there is enough by now.
            "0-7-0 tells 1: line 2 Rejected(OutOfStock)\nduplicates 1",
            "parked conflicting-duplicate: line 2 of order 00000000-0000-4000-8000-000000000001 stands before with other contents",
        ],
    );
}

#[test]
fn a_line_is_given_back_once() {
    check(
        AWAY,
        &[receipt(1, "tea", 5), requested(1, TEA)],
        &[released(1, TEA), released(1, TEA), requested(1, TEA), confirmed(1, TEA)],
        &[
            "changed line 1/2 of home 1 Released\nstock tea 5 held 0 at 2\n0-2-0 StockChanged",
            "duplicates 1",
            // A repeat from a relay that slept: it is not reserved again, and nobody waits for an answer.
            "duplicates 1",
            "overruled 1",
        ],
    );
    // Of an order that was confirmed first.
    check(
        AWAY,
        &[receipt(1, "tea", 5), requested(1, TEA)],
        &[confirmed(1, TEA), confirmed(1, TEA), requested(1, TEA), released(1, TEA), released(1, TEA)],
        &[
            "changed line 1/2 of home 1 Confirmed\nstock tea 2 held 0 at 2",
            "duplicates 1",
            "duplicates 1",
            "changed line 1/2 of home 1 Released\nstock tea 5 held 0 at 5\n0-5-0 StockChanged",
            "duplicates 1",
        ],
    );
    // Of one that was refused, which has nothing to give back.
    check(AWAY, &[receipt(1, "tea", 1), requested(1, TEA)], &[released(1, TEA)], &["overruled 1"]);
}

#[test]
fn what_was_never_asked_for_is_neither_given_back_nor_sold() {
    let unknown = |quantity: i64| {
        format!(
            "parked unknown-line: line 2 of order {}, {quantity} pieces of `tea`, was never asked for here",
            uuid(1)
        )
    };
    check(
        AWAY,
        &[receipt(1, "tea", 5)],
        &[
            released(1, TEA),
            confirmed(1, TEA),
            requested(1, TEA),
            released(1, (2, "tea", 2)),
            requested(2, (1, "tea", 1)),
        ],
        &[
            &unknown(3),
            &unknown(3),
            "line 1/2 of home 1 Reserved\nstock tea 2 held 3 at 3\n0-3-0 tells 1: line 2 Reserved",
            &unknown(2),
            "parked unknown-line: line 1 is decided where its order is at home",
        ],
    );
    let conflict = "parked conflicting-duplicate: decision about line 2 of order 00000000-0000-4000-8000-000000000001 stands before with other contents";
    check(AWAY, &[receipt(1, "tea", 1), requested(1, TEA)], &[confirmed(1, TEA)], &[conflict]);
}

#[test]
fn a_cause_is_of_the_partition_that_sends() {
    let wrong = |expected: &str| format!("parked wrong-cause: cause must be of {expected}, found partition 0");
    let elsewhere = wrong("partition 1, where `chocolate` lives");
    let own = wrong("the partition of another product: what a partition decides about its own lines it tells nobody");
    check(
        AWAY,
        &[receipt(1, "tea", 5)],
        &[
            told("LineRequested", "0-7-0", 1, "chocolate", TEA, ""),
            told("LineReleased", "0-7-0", 1, "chocolate", TEA, ""),
            told("LineConfirmed", "0-7-0", 1, "chocolate", TEA, ""),
            told("LineRequested", "0-7-0", 1, "p", TEA, ""),
        ],
        &[&elsewhere, &elsewhere, &elsewhere, &own],
    );
    check(
        AWAY,
        &[receipt(1, "tea", 5), basket(1, &[("tea", 1), ("chocolate", 1)], None)],
        &[told("LineDecided", "0-7-0", 1, "tea", (2, "chocolate", 1), RESERVED)],
        &[&elsewhere],
    );
}

/// The same id at home in two partitions, which only a race leaves: each has its own reservation.
#[test]
fn two_homes_of_one_id_do_not_meet() {
    let three = Partition { number: 0, count: 3 };
    // Of three partitions: milk in 0, chocolate in 1, tea in 2.
    let of = |cause: &str, home: &str| told("LineRequested", cause, 1, home, (2, "milk", 2), "");
    check(
        three,
        &[receipt(1, "milk", 5)],
        &[of("1-7-0", "chocolate"), of("2-7-0", "tea")],
        &[
            "line 1/2 of home 1 Reserved\nstock milk 3 held 2 at 1\n0-1-0 tells 1: line 2 Reserved",
            "line 1/2 of home 2 Reserved\nstock milk 1 held 4 at 2\n0-2-0 tells 2: line 2 Reserved",
        ],
    );
}

#[test]
fn what_is_held_always_has_room_and_what_was_sold_may_not() {
    let chocolate = ledger_schema::ProductId::parse("chocolate").expect("valid");
    // A stock that very many receipts have filled, told by the state alone.
    let level = ledger_fold::Level { available: MAX_SAFE_INTEGER - 2, held: 0 };
    let state = ledger_fold::PartitionState::from_stock([(chocolate, level)]);
    let values = [
        basket(1, &[("chocolate", 3)], Some(600)),
        receipt(1, "chocolate", 3),
        basket(2, &[("chocolate", 5)], None),
        receipt(2, "chocolate", 5),
        receipt(3, "chocolate", 2),
        cancel(2, "chocolate"),
        cancel(1, "chocolate"),
    ];
    let prior = ledger_fold::Prior::default();
    let mut batch = ledger_fold::BatchFold::new(HOME, &state, &prior, 0);
    for (offset, value) in (0..).zip(&values) {
        let record = Owned { offset, key: key_of(value), value: Some(value.clone().into_bytes()) };
        batch.fold(&record.record());
    }
    let effects = batch.finish();
    let parked: Vec<_> = effects.parked.iter().map(|parked| (parked.offset, parked.reason.as_str())).collect();
    assert_eq!(parked, [(1, "stock-overflow"), (5, "stock-overflow")], "{}", show(&effects));
    assert_eq!(effects.stock[0].level.available, MAX_SAFE_INTEGER);
    assert_eq!(effects.record_count, 7, "INV-8");
}

/// What is asked again is what was asked, byte for byte; of lines that are decided nothing.
#[test]
fn asking_again_repeats_what_was_sent() {
    let mut tables = Tables::new(HOME);
    let values = given(&[basket(1, &[("chocolate", 3), ("tea", 3), ("milk", 1), ("p", 1)], Some(600))]);
    let records: Vec<Owned> = (0..)
        .zip(&values)
        .map(|(offset, value)| Owned { offset, key: key_of(value), value: Some(value.clone().into_bytes()) })
        .collect();
    let sent = tables.fold(&records).told;
    let row = tables.orders.values().next().expect("an order").clone();
    assert_eq!(asked_again(&row, HOME), sent);
    let answer = decided(1, (4, "p", 1), RESERVED);
    let record = Owned { offset: 3, key: key_of(&answer), value: Some(answer.into_bytes()) };
    tables.fold(&[record]);
    let row = tables.orders.values().next().expect("an order").clone();
    let again = asked_again(&row, HOME);
    assert_eq!(again, sent[..1]);
    let bytes = encode(&Event::LineTold(again[0].event.clone()));
    let expected = told("LineRequested", "1-2-0", 1, "chocolate", TEA, "");
    assert_eq!(String::from_utf8(bytes).expect("UTF-8"), expected);
    let answer = decided(1, TEA, OUT_OF_STOCK);
    tables.fold(&[Owned { offset: 4, key: key_of(&answer), value: Some(answer.into_bytes()) }]);
    assert_eq!(asked_again(tables.orders.values().next().expect("an order"), HOME), []);
}
