//! The status as it goes on, look after look: what the status says, what the tables count, and how fast both sides move. It must never guess
//! a rate: of one look alone there is none.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use projector::status::{Counts, Status};
use serde::Serialize;

use crate::output::Report;

/// One look.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchedStatus {
    /// By the clock of whoever looks.
    pub at: DateTime<Utc>,
    #[serde(flatten)]
    pub status: Status,
    #[serde(flatten)]
    pub counts: Counts,
    /// Since the look before; not there for the first one, and where other tables are live since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rates: Option<Rates>,
}

/// Offsets per second, over all partitions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rates {
    /// By which the projection went on.
    pub folded_per_second: f64,
    /// By which the log grew.
    pub appended_per_second: f64,
}

impl WatchedStatus {
    /// `elapsed` is the time since `before`.
    pub fn after(before: Option<(&Self, Duration)>, (status, counts): (Status, Counts), at: DateTime<Utc>) -> Self {
        let rates = before.and_then(|(before, elapsed)| rates(&before.status, &status, elapsed));
        Self { at, status, counts, rates }
    }
}

fn rates(before: &Status, now: &Status, elapsed: Duration) -> Option<Rates> {
    let is_comparable = before.generation == now.generation && before.partitions.len() == now.partitions.len();
    if !is_comparable || elapsed.is_zero() {
        return None;
    }
    let sums = |status: &Status| {
        let each = status.partitions.iter().map(|partition| (partition.next_offset, partition.end_offset));
        each.fold((0, 0), |(folded, end), (next_offset, end_offset)| (folded + next_offset, end + end_offset))
    };
    let (then, now) = (sums(before), sums(now));
    #[expect(clippy::cast_precision_loss, reason = "a rate that people read")]
    let per_second = |offsets: i64| (offsets as f64 / elapsed.as_secs_f64() * 10.0).round() / 10.0;
    Some(Rates { folded_per_second: per_second(now.0 - then.0), appended_per_second: per_second(now.1 - then.1) })
}

impl Report for WatchedStatus {
    fn header(&self) -> Vec<&'static str> {
        self.status.header()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.status.rows()
    }

    fn summary(&self) -> Option<String> {
        let Counts { pending_orders, oldest_pending, held_orders, next_expiry, dead_letters } = &self.counts;
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut lines = vec![time(self.at)];
        lines.extend(self.rates.map(|Rates { folded_per_second, appended_per_second }| {
            format!("records/s: {folded_per_second} folded, {appended_per_second} appended")
        }));
        let oldest = oldest_pending
            .map_or_else(String::new, |since| format!(", the oldest for {} s", (self.at - since).num_seconds().max(0)));
        let next = next_expiry.map_or_else(String::new, |due| format!(", the next expires at {}", time(due)));
        lines.push(format!("orders not decided: {pending_orders}{oldest}; held: {held_orders}{next}"));
        lines.push(format!("dead letters: {dead_letters}"));
        lines.extend(self.status.summary());
        Some(lines.join("\n"))
    }
}
