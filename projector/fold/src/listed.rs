//! Where an order stands in its user's list.
//!
//! Every service stamps its events with its own clock, so a list by these times follows clocks that differ. The time that the log
//! took a record is one clock's, the broker's, and grows with the offsets as far as that clock does. Imported orders are the
//! exception: the log took them all in one hour, and their own times are what their users know them by.
//!
//! It must never read a clock itself. Next: [`crate::batch`].

use chrono::{DateTime, Datelike, TimeDelta, Utc};

/// An event whose own time is longer than this before the log's is history that was brought in later. No clock that somebody
/// looks after is so far behind.
const HISTORY: TimeDelta = TimeDelta::days(1);

/// `stated` is the event's own time; `logged_ms` the record's in Kafka, milliseconds since 1970, where it has one that can be held.
/// A time after the log's is never believed: nothing is ordered after it was taken.
pub fn listed_at(stated: DateTime<Utc>, logged_ms: Option<i64>) -> DateTime<Utc> {
    let logged = logged_ms.and_then(DateTime::from_timestamp_millis).filter(|at| (1970..=9999).contains(&at.year()));
    match logged {
        Some(logged) if logged - stated <= HISTORY => logged,
        _ => stated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;
    const STATED_MS: i64 = 1_795_428_000_123;

    #[test]
    fn the_log_says_when_but_for_history() {
        for (logged_ms, expected_ms) in [
            (Some(STATED_MS), STATED_MS),
            (Some(STATED_MS + 1), STATED_MS + 1),
            // A clock that is ahead, by whatever it is.
            (Some(STATED_MS - 1), STATED_MS - 1),
            (Some(STATED_MS - 400 * DAY_MS), STATED_MS - 400 * DAY_MS),
            (Some(0), 0),
            // One that is behind, and history.
            (Some(STATED_MS + DAY_MS), STATED_MS + DAY_MS),
            (Some(STATED_MS + DAY_MS + 1), STATED_MS),
            // No time, and none that a DATETIME holds.
            (None, STATED_MS),
            (Some(-1), STATED_MS),
            (Some(253_402_300_800_000), STATED_MS),
            (Some(i64::MAX), STATED_MS),
        ] {
            let time = |ms| DateTime::from_timestamp_millis(ms).expect("a time");
            assert_eq!(listed_at(time(STATED_MS), logged_ms), time(expected_ms), "{logged_ms:?}");
        }
    }
}
