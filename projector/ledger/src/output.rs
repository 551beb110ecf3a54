//! What a command prints on stdout: a table for people, JSON for programs. Nothing else may print there.
//! Whatever is printed may hold strangers' text, so all of it is made printable here: JSON by escapes that mean the same.

use std::io::{ErrorKind, IsTerminal, Write};
use std::ops::ControlFlow;

use comfy_table::{ContentArrangement, Table, presets};
use ledger_operator::output::Report;
use ledger_operator::rest::RestError;
use ledger_schema::printable::{printable, printable_json, printable_line};
use serde::Serialize;

use crate::exit::{CommandError, Done};
use crate::flags::{OutputArgs, OutputFormat};

/// Prints `report` as asked, or as fits: a table on a terminal, else JSON.
///
/// A reader that has enough (`| head`) is no error.
///
/// # Errors
/// When stdout cannot be written, such as to a full disk.
pub fn print(report: &impl Report, args: OutputArgs) -> std::io::Result<()> {
    let text = match format(args) {
        OutputFormat::Json => json(report)?,
        OutputFormat::Table => table(report),
    };
    write(&text).map(|_| ())
}

/// Shows `report` in place of what was shown before where people look on, else after it: JSON on one line.
///
/// # Errors
/// As [`print`].
pub fn redraw(report: &impl Report, args: OutputArgs) -> std::io::Result<ControlFlow<()>> {
    // Home, what is shown, and away with what is left of what was shown before.
    let (home, rest) = if std::io::stdout().is_terminal() { ("\x1b[H", "\x1b[J") } else { ("", "") };
    match format(args) {
        OutputFormat::Json => line(report, "", args),
        OutputFormat::Table => {
            let lines = table(report).replace('\n', if home.is_empty() { "\n" } else { "\x1b[K\n" });
            write(&format!("{home}{lines}{rest}"))
        }
    }
}

/// As asked, or as fits.
fn format(args: OutputArgs) -> OutputFormat {
    let default = if std::io::stdout().is_terminal() { OutputFormat::Table } else { OutputFormat::Json };
    args.output.unwrap_or(default)
}

fn json(report: &impl Serialize) -> std::io::Result<String> {
    let json = serde_json::to_string_pretty(report).map_err(std::io::Error::other)?;
    Ok(printable_json(&json).into_owned())
}

/// Writes text and a line feed; breaks off where nobody reads any more.
fn write(text: &str) -> std::io::Result<ControlFlow<()>> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(error),
    }
}

/// Prints bytes that this program has made of itself, such as a script for a shell.
///
/// # Errors
/// As [`print`].
pub fn own_text(text: &[u8]) -> std::io::Result<()> {
    write(String::from_utf8_lossy(text).trim_end()).map(|_| ())
}

/// One line of a list that grows: JSON on one line, or text.
///
/// # Errors
/// As [`print`].
pub fn line(report: &impl Serialize, text: &str, args: OutputArgs) -> std::io::Result<ControlFlow<()>> {
    match format(args) {
        OutputFormat::Json => {
            let json = serde_json::to_string(report).map_err(std::io::Error::other)?;
            write(&printable_json(&json))
        }
        OutputFormat::Table => write(&printable_line(text)),
    }
}

/// Prints what the services answered.
///
/// # Errors
/// As [`refusal_shown`], or as [`print`].
pub fn answered<R: Report>(answer: Result<R, RestError>, args: OutputArgs) -> Result<Done, CommandError> {
    print(&refusal_shown(answer, args)?, args)?;
    Ok(Done::Ok)
}

/// Prints the problem that the services answered with, for programs, which find it where they look for the answer.
///
/// # Errors
/// What was given, for people.
pub fn refusal_shown<T>(answer: Result<T, RestError>, args: OutputArgs) -> Result<T, CommandError> {
    if let Some(problem) = answer.as_ref().err().and_then(RestError::problem)
        && format(args) == OutputFormat::Json
    {
        write(&json(problem)?).map(|_| ())?;
    }
    Ok(answer?)
}

/// Prints a line on stderr, in the name of the program. Where stderr is gone there is nobody to tell.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "ledger: {}", printable(text));
}

fn table(report: &impl Report) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(report.header());
    let rows = report.rows().into_iter();
    table.add_rows(rows.map(|row| row.iter().map(|cell| printable(cell).into_owned()).collect::<Vec<_>>()));
    match report.summary() {
        Some(summary) => format!("{table}\n{}", printable(&summary)),
        None => table.to_string(),
    }
}
