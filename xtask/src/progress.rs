//! What a person sees while a command works: one line a step, with the time it took. On a terminal a
//! step that lasts shows a spinner; elsewhere (CI, a file) plain lines.
//!
//! Progress goes to stderr, results (tables) to stdout.
//!
//! It must never fail or wait for a reader.

use std::io::Write;
use std::time::{Duration, Instant};

use console::style;
use indicatif::{ProgressBar, ProgressStyle};

/// A step under way.
#[derive(Debug)]
pub struct Step {
    text: String,
    begin: Instant,
    spinner: ProgressBar,
}

impl Step {
    /// Says what is being done.
    #[must_use]
    pub fn begin(text: impl Into<String>) -> Self {
        let text = text.into();
        let spinner = ProgressBar::new_spinner();
        if let Ok(look) = ProgressStyle::with_template("  {spinner} {msg} ({elapsed})") {
            spinner.set_style(look);
        }
        if console::user_attended_stderr() {
            spinner.set_message(text.clone());
            spinner.enable_steady_tick(Duration::from_millis(100));
        } else {
            line(&format!("  .. {text}"));
        }
        Self { text, begin: Instant::now(), spinner }
    }

    /// Says that it is done and how long it took.
    pub fn done(self) {
        let Self { text, begin, spinner } = self;
        spinner.finish_and_clear();
        done(&text, begin.elapsed());
    }
}

/// A step that was done, with the time it took.
pub fn done(text: &str, took: Duration) {
    line(&format!("  {} {text} {}", style("ok").green().for_stderr(), style(seconds(took)).dim().for_stderr()));
}

/// A heading over the steps that follow.
pub fn section(text: &str) {
    line(&format!("{}", style(text).bold().for_stderr()));
}

/// One line of progress.
pub fn line(text: &str) {
    // Progress that nobody can read (a closed pipe) is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// What a program wrote, in one piece and as it is, under a heading: nothing else comes between.
pub fn whole(heading: &str, output: &[u8]) {
    let mut block = format!("{}\n", style(heading).bold().for_stderr()).into_bytes();
    block.extend_from_slice(output);
    let _ = std::io::stderr().lock().write_all(&block);
}

/// One block of results, on stdout.
pub fn result(text: &str) {
    // As above: the work was done whether or not somebody reads about it.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A duration as people say it.
#[must_use]
pub fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(120) {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {:02} s", duration.as_secs() / 60, duration.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(Duration::from_millis(60)), "0.1 s");
        assert_eq!(seconds(Duration::from_secs(61)), "61.0 s");
        assert_eq!(seconds(Duration::from_secs(605)), "10 min 05 s");
    }
}
