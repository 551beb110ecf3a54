//! What a command prints on stdout: a table for people, JSON for programs. Nothing else may print there.
//! Whatever is printed may hold strangers' text, so all of it is made printable here: JSON by escapes that mean the same.

use std::io::{ErrorKind, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use ledger_operator::output::Report;
use ledger_schema::printable::{printable, printable_json};

use crate::flags::{OutputArgs, OutputFormat};

/// Prints `report` as asked, or as fits: a table on a terminal, else JSON.
///
/// A reader that has enough (`| head`) is no error.
///
/// # Errors
/// When stdout cannot be written, such as to a full disk.
pub fn print(report: &impl Report, args: OutputArgs) -> std::io::Result<()> {
    let stdout = std::io::stdout();
    let default = if stdout.is_terminal() { OutputFormat::Table } else { OutputFormat::Json };
    let text = match args.output.unwrap_or(default) {
        OutputFormat::Json => {
            let json = serde_json::to_string_pretty(report).map_err(std::io::Error::other)?;
            printable_json(&json).into_owned()
        }
        OutputFormat::Table => table(report),
    };
    let mut stdout = stdout.lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
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
