//! What a command prints on stdout: a table for people, JSON for programs. Nothing else may print there.

use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use ledger_operator::output::Report;

use crate::flags::{OutputArgs, OutputFormat};

/// Prints `report` as asked, or as fits: a table on a terminal, else JSON.
///
/// # Errors
/// When stdout is gone.
pub fn print(report: &impl Report, args: OutputArgs) -> std::io::Result<()> {
    let stdout = std::io::stdout();
    let default = if stdout.is_terminal() { OutputFormat::Table } else { OutputFormat::Json };
    let text = match args.output.unwrap_or(default) {
        OutputFormat::Json => serde_json::to_string_pretty(report).map_err(std::io::Error::other)?,
        OutputFormat::Table => table(report),
    };
    writeln!(stdout.lock(), "{text}")
}

fn table(report: &impl Report) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(report.header());
    table.add_rows(report.rows());
    match report.summary() {
        Some(summary) => format!("{table}\n{summary}"),
        None => table.to_string(),
    }
}
