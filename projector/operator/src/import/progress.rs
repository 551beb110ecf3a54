//! How far an import is, on stderr: a bar on a terminal, a log line every few seconds elsewhere. It must never be on stdout,
//! which carries the summary.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::summary::{NotTaken, Tally};

const LINE_INTERVAL: Duration = Duration::from_secs(5);

pub(super) struct Progress {
    what: &'static str,
    /// `None` where stderr is not a terminal.
    bar: Option<ProgressBar>,
    /// What there was to read at the start; while following it grows.
    total: u64,
    started: Instant,
    last_line: Instant,
}

impl Progress {
    /// `what` is read, in the plural.
    pub(super) fn new(what: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}");
            let bar = ProgressBar::new(total).with_message(what);
            style.map_or(bar.clone(), |style| bar.with_style(style))
        });
        let now = Instant::now();
        Self { what, bar, total, started: now, last_line: now }
    }

    pub(super) fn advance(&mut self, tally: &Tally) {
        self.total = self.total.max(tally.read);
        match &self.bar {
            Some(bar) => {
                bar.set_length(self.total);
                bar.set_position(tally.read);
            }
            None if self.last_line.elapsed() >= LINE_INTERVAL => self.line(tally),
            None => {}
        }
    }

    /// Counts and names a record or row that cannot be taken.
    pub(super) fn refuse(&self, tally: &mut Tally, source: &str, not_taken: NotTaken) {
        self.name(source, "is refused", &not_taken);
        tally.refuse(not_taken);
    }

    /// Counts and names a record or row whose id stands with other contents.
    pub(super) fn conflict(&self, tally: &mut Tally, source: &str, not_taken: NotTaken) {
        self.name(source, "conflicts", &not_taken);
        tally.conflict(not_taken);
    }

    /// Logs a record or row that is not taken, above the bar.
    fn name(&self, source: &str, kind: &'static str, not_taken: &NotTaken) {
        let NotTaken { position, field, why } = not_taken;
        let log = || tracing::warn!("{source} {position} {kind}: {field} {why}");
        match &self.bar {
            Some(bar) => bar.suspend(log),
            None => log(),
        }
    }

    /// Takes the bar away; the summary follows.
    pub(super) fn finish(mut self, tally: &Tally) {
        match &self.bar {
            Some(bar) => bar.finish_and_clear(),
            None => self.line(tally),
        }
    }

    fn line(&mut self, tally: &Tally) {
        let seconds = self.started.elapsed().as_millis().max(1);
        let per_second = u128::from(tally.read) * 1000 / seconds;
        let Tally { read, already_there, repeats, refused, conflicts, .. } = tally;
        tracing::info!(read, of = self.total, already_there, repeats, refused, conflicts, per_second, "{}", self.what);
        self.last_line = Instant::now();
    }
}
