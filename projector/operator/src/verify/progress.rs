//! How far a long reading is, on stderr: a bar on a terminal, a log line every few seconds elsewhere. It must never be on
//! stdout, which carries the result.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Shared by the workers of one reading.
pub(crate) struct Progress {
    what: &'static str,
    /// `None` where stderr is not a terminal.
    bar: Option<ProgressBar>,
    total: u64,
    started: Instant,
    done: Mutex<Done>,
}

struct Done {
    records: u64,
    last_line: Instant,
}

impl Progress {
    /// `what` is done with `total` records.
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}");
            let bar = ProgressBar::new(total).with_message(what);
            style.map_or(bar.clone(), |style| bar.with_style(style))
        });
        let now = Instant::now();
        Self { what, bar, total, started: now, done: Mutex::new(Done { records: 0, last_line: now }) }
    }

    pub(crate) fn advance(&self, records: usize) {
        let records = u64::try_from(records).expect("records in memory");
        if let Some(bar) = &self.bar {
            bar.inc(records);
        }
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.records += records;
        if self.bar.is_none() && done.last_line.elapsed() >= LINE_INTERVAL {
            done.last_line = Instant::now();
            self.line(done.records);
        }
    }

    fn line(&self, done: u64) {
        let (per_second, seconds_left) = rate(done, self.total, self.started.elapsed());
        tracing::info!(done, total = self.total, per_second, seconds_left, "{}", self.what);
    }

    /// Nothing more is read.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Records per second so far, and the seconds that are left at that rate.
fn rate(done: u64, total: u64, elapsed: Duration) -> (u64, u64) {
    let millis = u64::try_from(elapsed.as_millis()).expect("no process runs for half a billion years").max(1);
    let per_second = done.saturating_mul(1000) / millis;
    (per_second, total.saturating_sub(done) / per_second.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_tells_what_is_left() {
        assert_eq!(rate(500, 2000, Duration::from_secs(1)), (500, 3));
        assert_eq!(rate(0, 10, Duration::ZERO), (0, 10));
        assert_eq!(rate(10, 5, Duration::from_millis(100)), (100, 0));
    }
}
