//! How interventions are shown.

use chrono::{DateTime, SecondsFormat, Utc};

use super::pause::{Paused, PausedPartition, Resumed, ResumedPartition};
use super::skip::Skipped;
use crate::output::Report;

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl Report for Paused {
    fn header(&self) -> Vec<&'static str> {
        vec!["partition", "position", "paused since", "by", "reason", ""]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |one: &PausedPartition| {
            let PausedPartition { partition, next_offset, pause, was_paused } = one;
            let was = if *was_paused { "was paused already" } else { "" };
            let reason = pause.reason.clone().unwrap_or_default();
            vec![
                partition.to_string(),
                next_offset.to_string(),
                time(pause.since),
                pause.by.clone(),
                reason,
                was.to_owned(),
            ]
        };
        self.partitions.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        Some(match self.partitions.as_slice() {
            [] => "nothing is paused: somebody resumed it meanwhile".to_owned(),
            [one] => format!("nothing of partition {0} is folded until `ledger resume {0}`", one.partition),
            some => format!("nothing of {} partitions is folded until `ledger resume`", some.len()),
        })
    }
}

impl Report for Resumed {
    fn header(&self) -> Vec<&'static str> {
        vec!["partition", "position", "was paused since", "by", "reason"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |one: &ResumedPartition| {
            let ResumedPartition { partition, next_offset, was_paused } = one;
            let (since, by, reason) = match was_paused {
                Some(pause) => (time(pause.since), pause.by.clone(), pause.reason.clone().unwrap_or_default()),
                None => ("(was not paused)".to_owned(), String::new(), String::new()),
            };
            vec![partition.to_string(), next_offset.to_string(), since, by, reason]
        };
        self.partitions.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        let resumed = self.partitions.iter().filter(|one| one.was_paused.is_some()).count();
        Some(match resumed {
            0 => "nothing was paused, and nothing changed".to_owned(),
            _ => format!("{resumed} resumed; a projector that has them goes on within a second or two"),
        })
    }
}

impl Report for Skipped {
    fn header(&self) -> Vec<&'static str> {
        vec!["record", "skipped at", "by", "reason", ""]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let was = if self.was_skipped { "was skipped already" } else { "" };
        vec![vec![self.position.clone(), time(self.at), self.by.clone(), self.reason.clone(), was.to_owned()]]
    }

    fn summary(&self) -> Option<String> {
        let position = &self.position;
        let when = if self.is_paused { "when its partition is resumed" } else { "as soon as a projector folds it" };
        Some(format!(
            "it is parked {when}: then `ledger dead-letters show {position}` shows it whole, and `redrive {position}` appends it again"
        ))
    }
}
