//! The status of the projection as a command shows it. What it says is read by the running service's own `status`.

use chrono::{DateTime, SecondsFormat, Utc};
use projector::status::{PartitionStatus, Status};

use crate::output::Report;

impl Report for Status {
    fn header(&self) -> Vec<&'static str> {
        vec!["partition", "position", "stable end", "end", "lag", "lag s", "blocked since", "paused since"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |status: &PartitionStatus| {
            let PartitionStatus { partition, next_offset, stable_offset, end_offset, lag, .. } = *status;
            let numbers = [i64::from(partition), next_offset, stable_offset, end_offset, lag].map(|n| n.to_string());
            let time = |since: DateTime<Utc>, precision| since.to_rfc3339_opts(precision, true);
            let blocked = status.blocked_since.map(|since| time(since, SecondsFormat::Millis)).unwrap_or_default();
            let paused = status.paused.as_ref().map(|pause| time(pause.since, SecondsFormat::Secs)).unwrap_or_default();
            numbers.into_iter().chain([format!("{:.1}", status.lag_seconds), blocked, paused]).collect()
        };
        self.partitions.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        let Self { topic, topic_id, cluster_id, lag, generation, fold_version, .. } = self;
        let mut lines = vec![
            format!("topic {topic} (id {topic_id}, cluster {cluster_id}), lag {lag}"),
            format!("generation {generation} is live (fold version {fold_version})"),
        ];
        lines.extend(
            self.log.refusal.iter().map(|refusal| format!("NOT THE LOG THAT WAS FOLDED, or not whole: {refusal}")),
        );
        lines.extend(self.log.notes.iter().cloned());
        if self.database_read_only {
            lines.push(
                "the database server that was asked is read-only (read_only): as a replica should be; a projector that writes to \
                 it waits"
                    .to_owned(),
            );
        }
        let paused = |one: &PartitionStatus| {
            let (partition, pause) = (one.partition, one.paused.as_ref()?);
            Some(format!("partition {partition} is {pause}; nothing of it is folded until `ledger resume {partition}`"))
        };
        lines.extend(self.partitions.iter().filter_map(paused));
        lines.extend(self.partitions.iter().filter_map(PartitionStatus::blocked).map(|blocked| blocked.to_string()));
        if *fold_version != self.program_fold_version {
            let program = self.program_fold_version;
            lines.push(format!("this program folds by version {program}: `ledger rebuild` makes tables of it"));
        }
        if !self.kept.is_empty() {
            let kept: Vec<String> = self.kept.iter().map(|kept| kept.generation.to_string()).collect();
            lines.push(format!("kept for `ledger rollback`: {}", kept.join(", ")));
        }
        lines.extend(self.rebuild.as_ref().map(ToString::to_string));
        // A rebuild that runs is named already.
        let running = self.rebuild.as_ref().is_some_and(|rebuild| rebuild.running);
        lines.extend(self.working.as_ref().filter(|_| !running).map(|holder| format!("running: {holder}")));
        Some(lines.join("\n"))
    }
}
