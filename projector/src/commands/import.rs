//! `ledger import`: what can be asked of it, and how its summary looks. It must never decide what is imported. Read next:
//! `import/mod.rs`.

use std::path::PathBuf;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::project::stop_on_signal;
use crate::cli::{Hidden, KafkaArgs, OutputArgs, OutputTopicsArgs};
use crate::database::DatabaseUrl;
use crate::exit::{CommandError, Done};
use crate::import::{self, ImportOptions, NotTaken, Summary, Tally};
use crate::kafka::KafkaSettings;
use crate::output::{self, Report};

/// Refusals and conflicts that the table lists; JSON and the log have more.
const LISTED_IN_TABLE: usize = 20;

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The topic that the old services wrote: Connect JSON records (schema and payload, or the payload alone)
    #[arg(long)]
    pub topic: String,
    /// Opening stock, appended before the first order: CSV with the header `product_id,quantity`
    #[arg(long, value_name = "FILE.csv")]
    pub stock: Option<PathBuf>,
    /// Keep on until stopped (Ctrl-C), while old services still write
    #[arg(long)]
    pub follow: bool,
    #[command(flatten)]
    pub kafka: KafkaArgs,
    #[command(flatten)]
    pub output_topics: OutputTopicsArgs,
    /// mysql://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, env = "LEDGER_READER_DATABASE_URL", hide_env_values = true)]
    pub reader_database_url: Option<Hidden>,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Runs the import and prints its summary. Records that were not taken are part of a good end: they are named.
pub(super) async fn run(args: ImportArgs) -> Result<Done, CommandError> {
    let kafka = KafkaSettings::of(&args.kafka)?;
    let database =
        DatabaseUrl::of_flag("--reader-database-url", "LEDGER_READER_DATABASE_URL", args.reader_database_url.as_ref())?;
    let options = ImportOptions {
        topic: args.topic,
        stock: args.stock,
        follow: args.follow,
        orders_topic: args.kafka.orders_topic,
        other_topics: vec![
            args.output_topics.outcomes_topic,
            args.output_topics.dead_letters_topic,
            args.output_topics.cursors_topic,
        ],
    };
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let summary = import::run(options, &kafka, database, stop).await?;
    output::print(&summary, args.output)?;
    Ok(Done::Ok)
}

impl Report for Summary {
    fn header(&self) -> Vec<&'static str> {
        vec!["from", "read", "imported", "already there", "refused", "conflicts"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |from: String, tally: &Tally| {
            let counts = [tally.read, tally.imported, tally.already_there, tally.refused, tally.conflicts];
            std::iter::once(from).chain(counts.map(|count| count.to_string())).collect()
        };
        let stock = self.stock.as_ref().map(|stock| row(format!("file {}", stock.file), &stock.rows));
        stock.into_iter().chain([row(format!("topic {}", self.topic), &self.orders)]).collect()
    }

    fn summary(&self) -> Option<String> {
        let mut lines = Vec::new();
        if let Some(stock) = &self.stock {
            name(&mut lines, &stock.file, &stock.rows);
        }
        name(&mut lines, &self.topic, &self.orders);
        lines.extend(self.warnings.iter().map(|warning| format!("warning: {warning}")));
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

fn name(lines: &mut Vec<String>, from: &str, tally: &Tally) {
    for (what, count, named) in
        [("refused", tally.refused, &tally.first_refusals), ("conflicts", tally.conflicts, &tally.first_conflicts)]
    {
        let listed = named.iter().take(LISTED_IN_TABLE);
        lines.extend(
            listed.map(|NotTaken { position, field, why }| format!("{what}: {from} {position}: {field} {why}")),
        );
        let shown = u64::try_from(LISTED_IN_TABLE.min(named.len())).unwrap_or(u64::MAX);
        if count > shown {
            lines.push(format!("{what}: {} more from {from}; the log names every one", count - shown));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(n: usize) -> NotTaken {
        NotTaken { position: format!("0:{n}"), field: "qty", why: "is missing or null".to_owned() }
    }

    #[test]
    fn the_table_names_what_was_not_taken() {
        let orders = Tally {
            read: 25,
            imported: 2,
            refused: 22,
            conflicts: 1,
            first_refusals: (0..22).map(refusal).collect(),
            first_conflicts: vec![refusal(24)],
            ..Tally::default()
        };
        let warnings = vec!["its beginning is gone".to_owned()];
        let summary = Summary { topic: "legacy".to_owned(), orders, stock: None, warnings };
        assert_eq!(summary.rows(), [["topic legacy", "25", "2", "0", "22", "1"].map(str::to_owned).to_vec()]);
        let lines = Report::summary(&summary).expect("there is something to name");
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines.len(), 20 + 1 + 1 + 1);
        assert_eq!(lines[0], "refused: legacy 0:0: qty is missing or null");
        assert_eq!(lines[20], "refused: 2 more from legacy; the log names every one");
        assert_eq!(lines[21], "conflicts: legacy 0:24: qty is missing or null");
        assert_eq!(lines[22], "warning: its beginning is gone");
    }

    #[test]
    fn nothing_to_name_is_no_line() {
        let summary =
            Summary { topic: "legacy".to_owned(), orders: Tally::default(), stock: None, warnings: Vec::new() };
        assert_eq!(Report::summary(&summary), None);
    }
}
