//! The fields of an event or a span as text: the message first, then `name=value`, as tracing-subscriber's own formatter
//! writes them. Each value is on one line and printable. It must never take a style from a value.

use std::error::Error;
use std::fmt::{self, Debug};

use ledger_schema::printable::printable_line;
use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// Field of an event that is its text.
const MESSAGE: &str = "message";
/// Of records that came through the crate `log`: where they came from, which the line says already.
const LOG_PREFIX: &str = "log.";

/// Formats fields so that no value can forge a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PrintableFields;

impl<'writer> FormatFields<'writer> for PrintableFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = Visitor { writer, is_first: true, result: Ok(()) };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct Visitor<'writer> {
    writer: Writer<'writer>,
    is_first: bool,
    result: fmt::Result,
}

impl Visitor<'_> {
    fn write(&mut self, field: &Field, value: &str) {
        let name = field.name();
        if self.result.is_err() || name.starts_with(LOG_PREFIX) {
            return;
        }
        let between = if self.is_first { "" } else { " " };
        self.is_first = false;
        let value = printable_line(value);
        self.result = if name == MESSAGE {
            write!(self.writer, "{between}{value}")
        } else {
            let name = name.strip_prefix("r#").unwrap_or(name);
            if self.writer.has_ansi_escapes() {
                write!(self.writer, "{between}\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{value}")
            } else {
                write!(self.writer, "{between}{name}={value}")
            }
        };
    }
}

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE { self.write(field, value) } else { self.record_debug(field, &value) }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.write(field, &value.to_string());
    }
}
