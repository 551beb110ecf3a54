//! Metrics of orders, and of what partitions tell each other about their lines.

use std::time::Duration;

use ledger_fold::BatchEffects;
use ledger_schema::{LineStep, Status};
use ledger_store::OpenCounts;
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use super::{f64_of, u64_of};

const ORDERS: &str = "ledger_orders_total";
const OPEN_ORDERS: &str = "ledger_open_orders";
const OLDEST_UNDECIDED: &str = "ledger_oldest_undecided_seconds";
const OVERRULED: &str = "ledger_overruled_total";
const RELAY_TOLD: &str = "ledger_relay_told_total";
const EXPIRIES: &str = "ledger_expiries_appended_total";
const ASKED_AGAIN: &str = "ledger_lines_asked_again_total";
const TICK_FAILURES: &str = "ledger_tick_failures_total";

/// Counters without labels.
pub(super) const COUNTERS: [&str; 5] = [OVERRULED, RELAY_TOLD, EXPIRIES, ASKED_AGAIN, TICK_FAILURES];

/// The statuses of orders that are open.
const OPEN: [Status; 2] = [Status::Pending, Status::Held];

pub(super) fn describe() {
    describe_counter!(
        ORDERS,
        "Orders that came to a status: pending when placed, the others each time that an outcome told it"
    );
    describe_gauge!(OPEN_ORDERS, "Orders that are pending or held now, by partition and status");
    describe_gauge!(
        OLDEST_UNDECIDED,
        Unit::Seconds,
        "Age of the oldest order of which some lines are not decided, by partition; 0 when there is none"
    );
    describe_counter!(OVERRULED, "Records that came too late: the log had decided otherwise before");
    describe_counter!(RELAY_TOLD, "Events appended to the log for other partitions, repeats included");
    describe_counter!(EXPIRIES, "HoldExpired appended to the log, repeats included");
    describe_counter!(ASKED_AGAIN, "LineRequested appended once more, for lines that are undecided for long");
    describe_counter!(TICK_FAILURES, "Looks for what is due that failed, and are made again with the next tick");
}

/// A partition's share of a committed batch: each status that orders came to. That one is pending no outcome tells: it is when its
/// lines are asked for elsewhere.
pub(super) fn committed(effects: &BatchEffects) {
    counter!(OVERRULED).increment(effects.overruled_count);
    for (event_type, status) in [
        ("OrderConfirmed", Status::Confirmed),
        ("OrderRejected", Status::Rejected),
        ("OrderHeld", Status::Held),
        ("OrderCancelled", Status::Cancelled),
    ] {
        came_to(status, effects.outcomes.iter().filter(|entry| entry.outcome.event_type() == event_type).count());
    }
    let requested = effects.told.iter().filter(|told| told.event.step == LineStep::Requested);
    let mut placed: Vec<i64> = requested.map(|told| told.event_id.cause.offset).collect();
    placed.dedup();
    came_to(Status::Pending, placed.len());
}

/// As of [`super::begun`].
pub(super) fn register() {
    for status in Status::ALL {
        counter!(ORDERS, "status" => status.as_str()).increment(0);
    }
}

fn came_to(status: Status, count: usize) {
    if count > 0 {
        counter!(ORDERS, "status" => status.as_str()).increment(u64_of(count));
    }
}

/// How many orders of a partition of ours are open.
pub(super) fn open(partition: String, open: OpenCounts) {
    for (status, count) in OPEN.into_iter().zip([open.pending, open.held]) {
        gauge!(OPEN_ORDERS, "partition" => partition.clone(), "status" => status.as_str()).set(f64_of(count));
    }
}

/// The partition is not ours any more: its gauges have no value, until they disappear.
pub(super) fn given_away(partition: i32) {
    gauge!(OLDEST_UNDECIDED, "partition" => partition.to_string()).set(f64::NAN);
    for status in OPEN {
        gauge!(OPEN_ORDERS, "partition" => partition.to_string(), "status" => status.as_str()).set(f64::NAN);
    }
}

/// Since when the oldest pending order of a partition of ours is pending; zero when there is none.
pub fn oldest_undecided(partition: i32, age: Duration) {
    gauge!(OLDEST_UNDECIDED, "partition" => partition.to_string()).set(age.as_secs_f64());
}

/// A relay appended this many events for other partitions to the log.
pub fn told(events: usize) {
    counter!(RELAY_TOLD).increment(u64_of(events));
}

/// `HoldExpired` of so many orders stands on the log.
pub fn expiries_appended(count: usize) {
    counter!(EXPIRIES).increment(u64_of(count));
}

/// So many lines were asked for once more.
pub fn asked_again(count: usize) {
    counter!(ASKED_AGAIN).increment(u64_of(count));
}

pub fn tick_failed() {
    counter!(TICK_FAILURES).increment(1);
}
