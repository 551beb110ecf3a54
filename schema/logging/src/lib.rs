//! Logs: to stderr, so that stdout carries only what a command was asked for. Strangers' text is in many fields (an error of a
//! broker, a detail of a record), so every field is made printable here and nowhere else.
//!
//! It must never log what it is not given: who logs keeps passwords out. Read next: `fields.rs` (lines of text), `escaped.rs`
//! (JSON).

mod escaped;
mod fields;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::escaped::Escaped;
use crate::fields::PrintableFields;

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people; with colours on a terminal.
    Text,
    /// An object a line, the event's fields in the member `fields`.
    Json,
    /// An object a line, the event's fields beside its time and level.
    FlatJson,
}

/// Starts logging for the process. A filter that cannot be read counts as `info`. A second call changes nothing (tests run
/// several commands in one process).
pub fn start(filter: &str, form: Form) {
    let started = match form {
        Form::Text => tracing_subscriber::fmt()
            .with_env_filter(env_filter(filter))
            .fmt_fields(PrintableFields)
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
            // It would say on stderr that stderr is gone, and panic.
            .log_internal_errors(false)
            .try_init(),
        Form::Json => json(filter, || Escaped::new(std::io::stderr())).try_init(),
        Form::FlatJson => json(filter, || Escaped::new(std::io::stderr())).flatten_event(true).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}

fn env_filter(filter: &str) -> EnvFilter {
    EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"))
}

type JsonBuilder<W> = tracing_subscriber::fmt::SubscriberBuilder<
    tracing_subscriber::fmt::format::JsonFields,
    tracing_subscriber::fmt::format::Format<tracing_subscriber::fmt::format::Json>,
    EnvFilter,
    W,
>;

fn json<W: for<'w> MakeWriter<'w> + 'static>(filter: &str, writer: W) -> JsonBuilder<W> {
    tracing_subscriber::fmt().with_env_filter(env_filter(filter)).with_writer(writer).log_internal_errors(false).json()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    /// A right-to-left override, a line end that would begin a line of our own, and the sequence that clears a screen.
    const STRANGE: &str = "x\u{202e}gpj\n2026-11-28 ERROR all is lost\u{1b}[2J\u{9b}2J\u{2028}";

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn log_strange_things() {
        let error = io::Error::other(STRANGE);
        let span = tracing::info_span!("request", path = STRANGE, id = %STRANGE);
        let _entered = span.enter();
        tracing::warn!(cause = %error, error = &error as &(dyn std::error::Error + 'static), text = STRANGE, "refused: {STRANGE}");
    }

    #[test]
    fn a_line_of_text_stays_one_line() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(PrintableFields)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log_strange_things);
        let text = kept.text();
        let line = text.strip_suffix('\n').unwrap();
        assert_eq!(ledger_schema::printable::printable_line(line), line);
        assert!(
            line.contains("refused: x\\u{202e}gpj\\n2026-11-28 ERROR all is lost\\u{1b}[2J\\u{9b}2J\\u{2028}"),
            "{line}"
        );
        assert!(line.contains("request{path=") && line.contains(" cause=x\\u{202e}"), "{line}");
    }

    #[test]
    fn json_means_the_same_and_is_printable() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = json("info", move || Escaped::new(writer.clone())).flatten_event(true).finish();
        tracing::subscriber::with_default(subscriber, log_strange_things);
        let text = kept.text();
        let line = text.strip_suffix('\n').unwrap();
        assert_eq!(ledger_schema::printable::printable_line(line), line);
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&event["cause"], &event["text"]), (&STRANGE.into(), &STRANGE.into()));
        assert_eq!(event["message"], format!("refused: {STRANGE}"));
    }
}
