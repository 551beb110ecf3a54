//! How far a rebuild is, on stderr: a bar per phase on a terminal, a log line every few seconds elsewhere. It must never be on
//! stdout, which carries the summary.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Indexes are counted in tenths of a percent: the server reports a share, not rows.
const WHOLE_INDEX: u32 = 1000;

/// One phase.
pub(super) struct Bar {
    phase: &'static str,
    /// `None` where stderr is not a terminal.
    bar: Option<ProgressBar>,
    total: u64,
    /// Whether it counts something that has a rate.
    counts: Option<&'static str>,
    started: Instant,
    inner: Mutex<Inner>,
}

struct Inner {
    done: u64,
    last_line: Instant,
}

impl Bar {
    /// `total` of `what` (in the plural) are to be done.
    pub(super) fn counting(phase: &'static str, what: &'static str, total: u64) -> Self {
        Self::new(phase, Some(what), total, "{msg:9} {wide_bar} {human_pos}/{human_len} {per_sec} {eta} left")
    }

    /// What the server reports a share of.
    pub(super) fn share(phase: &'static str) -> Self {
        Self::new(phase, None, u64::from(WHOLE_INDEX), "{msg:9} {wide_bar} {percent} % {elapsed} {eta} left")
    }

    fn new(phase: &'static str, counts: Option<&'static str>, total: u64, template: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total).with_message(phase);
            ProgressStyle::with_template(template).map_or(bar.clone(), |style| bar.with_style(style))
        });
        let now = Instant::now();
        Self { phase, bar, total, counts, started: now, inner: Mutex::new(Inner { done: 0, last_line: now }) }
    }

    /// So much is done, in all.
    pub(super) fn set(&self, done: u64) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.done = done;
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None if inner.last_line.elapsed() >= LINE_INTERVAL => {
                inner.last_line = Instant::now();
                self.line(done);
            }
            None => {}
        }
    }

    pub(super) fn percent(&self, percent: f64) {
        // Counted up, since a cast of a float could be anything.
        let tenths = (0..WHOLE_INDEX).take_while(|tenths| f64::from(*tenths) < percent * 10.0);
        self.set(tenths.fold(0, |count, _| count + 1));
    }

    /// Takes the bar away, and says how long the phase took.
    pub(super) fn finish(self) -> Duration {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let took = self.started.elapsed();
        let seconds = millis(took) / 1000;
        let done = self.inner.lock().unwrap_or_else(PoisonError::into_inner).done;
        match self.counts {
            Some(what) => {
                tracing::info!(done, what, per_second = per_second(done, took), seconds, "{} done", self.phase);
            }
            None => tracing::info!(seconds, "{} done", self.phase),
        }
        took
    }

    fn line(&self, done: u64) {
        let took = self.started.elapsed();
        let left = seconds_left(done, self.total, took);
        match self.counts {
            Some(what) => {
                let rate = per_second(done, took);
                tracing::info!(done, of = self.total, what, per_second = rate, seconds_left = left, "{}", self.phase);
            }
            None => tracing::info!(percent = done * 100 / self.total, seconds_left = left, "{}", self.phase),
        }
    }
}

/// Milliseconds of a duration.
pub(super) fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).expect("no process runs for half a billion years")
}

pub(super) fn per_second(done: u64, took: Duration) -> u64 {
    done.saturating_mul(1000) / millis(took).max(1)
}

/// `None` while nothing is done that it could be estimated from.
fn seconds_left(done: u64, total: u64, took: Duration) -> Option<u64> {
    let left = total.saturating_sub(done).saturating_mul(millis(took)).checked_div(done)?;
    Some(left / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left() {
        let took = Duration::from_secs(10);
        assert_eq!(per_second(2000, took), 200);
        assert_eq!(seconds_left(2000, 10_000, took), Some(40));
        assert_eq!(seconds_left(0, 10_000, took), None);
        assert_eq!(seconds_left(5, 4, took), Some(0));
        assert_eq!(per_second(7, Duration::ZERO), 7000);
    }

    #[test]
    fn a_share_is_counted_in_tenths_of_a_percent() {
        let bar = Bar::share("index");
        for (percent, tenths) in [(0.0, 0), (50.0, 500), (99.95, 1000), (250.0, 1000), (f64::NAN, 0)] {
            bar.percent(percent);
            assert_eq!(bar.inner.lock().expect("sound").done, tenths, "{percent}");
        }
    }
}
