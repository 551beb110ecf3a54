//! What is shown from the first look on, before anything has happened: every counter at 0, so that a rate has a beginning and an alert on one knows that
//! it is there; and what was built. A metric that appears with its first event tells nobody of that event.

use ledger_schema::{ParkReason, Status};
use ledger_store::FOLD_VERSION;
use metrics::{counter, describe_gauge, gauge};

use super::{
    BATCHES, DUPLICATES, KNOWN_IDS, MISSES, MOVEMENTS, PARKED, PAUSES, RECORDS, RELAY_PUBLISHED, RELAY_RESTARTS,
    RETRIES, STALE, UNKNOWN_COMMITS, orders,
};

const BUILD: &str = "ledger_build_info";
const READY: &str = "ledger_ready";

/// Counters without labels.
const COUNTERS: [&str; 11] = [
    RECORDS,
    DUPLICATES,
    BATCHES,
    MISSES,
    RETRIES,
    KNOWN_IDS,
    UNKNOWN_COMMITS,
    STALE,
    PAUSES,
    RELAY_PUBLISHED,
    RELAY_RESTARTS,
];

pub(super) fn register() {
    describe_gauge!(BUILD, "1, with the versions of the program and of its rules");
    describe_gauge!(READY, "1 while the projector is ready, 0 while it is not: /readyz says why");
    for name in COUNTERS.into_iter().chain(orders::COUNTERS) {
        counter!(name).increment(0);
    }
    for reason in ParkReason::ALL {
        counter!(PARKED, "reason" => reason.as_str()).increment(0);
    }
    for status in [Status::Confirmed, Status::Rejected] {
        counter!(MOVEMENTS, "status" => status.as_str()).increment(0);
    }
    orders::register();
    build();
}

/// As `/readyz` answers.
pub fn ready(is_ready: bool) {
    gauge!(READY).set(f64::from(u8::from(is_ready)));
}

/// As a gauge it is set again and again: one that nobody sets disappears.
pub fn build() {
    gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION"), "fold_version" => FOLD_VERSION.to_string()).set(1.0);
}
