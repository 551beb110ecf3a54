//! How generations, drops and rollbacks are shown.

use chrono::{DateTime, Utc};

use super::drop::Dropped;
use super::list::{Listed, ListedState, Listing};
use super::rollback::RolledBack;
use crate::output::Report;

const NONE: &str = "(none)";

fn number(number: Option<i64>) -> String {
    number.map_or(NONE.to_owned(), |number| number.to_string())
}

fn time(time: Option<DateTime<Utc>>) -> String {
    time.map_or(NONE.to_owned(), |time| time.format("%Y-%m-%d %H:%M:%S").to_string())
}

impl Report for Listing {
    fn header(&self) -> Vec<&'static str> {
        vec!["generation", "state", "phase", "fold", "records", "bytes", "started (UTC)", "live since", "builder"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |listed: &Listed| {
            vec![
                listed.generation.to_string(),
                listed.state.as_str().to_owned(),
                listed.phase.map_or(NONE, |phase| phase.as_str()).to_owned(),
                number(listed.fold_version.map(i64::from)),
                number(listed.records),
                number(listed.bytes),
                time(listed.started_at),
                time(listed.swapped_at),
                listed.builder.clone().unwrap_or_else(|| NONE.to_owned()),
            ]
        };
        self.items.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        let mut lines = Vec::new();
        if self.live.is_none() {
            lines.push(format!("nothing was folded from topic {} yet: no generation is live", self.topic));
        }
        if let Some(holder) = &self.working {
            lines.push(format!("running: {holder}"));
        }
        if self.items.iter().any(|listed| listed.state == ListedState::Interrupted) {
            lines.push("interrupted: `ledger rebuild` continues it".to_owned());
        }
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

impl Report for Dropped {
    fn header(&self) -> Vec<&'static str> {
        vec!["generation", "tables dropped"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let tables = if self.tables.is_empty() { NONE.to_owned() } else { self.tables.join(", ") };
        vec![vec![self.generation.to_string(), tables]]
    }
}

impl Report for RolledBack {
    fn header(&self) -> Vec<&'static str> {
        vec!["live", "replaced", "records to fold again", "lines told again", "swap"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![vec![
            self.live.to_string(),
            self.replaced.map_or("(none)".to_owned(), |replaced| replaced.to_string()),
            self.records_to_fold.to_string(),
            self.lines_told.to_string(),
            format!("{} ms", self.swap_millis),
        ]]
    }

    fn summary(&self) -> Option<String> {
        Some(match self.replaced {
            Some(replaced) => format!(
                "generation {replaced} is kept: `ledger rollback --to {replaced}` goes back to it, `ledger generations drop \
                 {replaced}` drops it"
            ),
            None => format!("generation {} was live already; nothing was changed", self.live),
        })
    }
}
