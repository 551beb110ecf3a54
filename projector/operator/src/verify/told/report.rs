//! Events between partitions that one side lacks, for people and programs. It must never cut an id.

use ledger_schema::{LineDecision, LineEvent, LineStep, Position};
use serde::Serialize;

/// An event between two partitions that one side lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToldDifference {
    /// The event id of what its sender folded.
    pub cause: String,
    pub event: &'static str,
    pub order_id: String,
    pub line_no: i16,
    /// `reserved` or `rejected`, of a decision.
    pub decision: Option<&'static str>,
    /// Where it stands on the log, when it is too much: `PARTITION:OFFSET`.
    pub position: Option<String>,
}

impl ToldDifference {
    pub(super) fn of(told: &LineEvent, position: Option<Position>) -> Self {
        let (event, decision) = match told.step {
            LineStep::Requested => ("LineRequested", None),
            LineStep::Decided(LineDecision::Reserved) => ("LineDecided", Some("reserved")),
            LineStep::Decided(LineDecision::Rejected(_)) => ("LineDecided", Some("rejected")),
            LineStep::Released => ("LineReleased", None),
            LineStep::Confirmed => ("LineConfirmed", None),
        };
        Self {
            cause: told.cause.to_string(),
            event,
            order_id: told.target.order_id.to_string(),
            line_no: told.target.line_no.get(),
            decision,
            position: position.map(|position| position.to_string()),
        }
    }

    /// On one line.
    pub fn line(&self) -> String {
        let Self { cause, event, order_id, line_no, decision, position } = self;
        let decision = decision.map_or_else(String::new, |decision| format!(" ({decision})"));
        let what = format!("{event}{decision} for line {line_no} of order {order_id}, cause {cause}");
        match position {
            None => format!("told, and not on the log: {what}"),
            Some(position) => format!("on the log at {position}, and not told by what its cause says: {what}"),
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToldCounts {
    /// Events that the fold tells.
    pub told: u64,
    pub missing: u64,
    pub extra: u64,
    /// At most as many of each as were asked for.
    pub first: Vec<ToldDifference>,
    /// Why nobody knows up to where events must stand on the log: then none counts as missing.
    pub unknown_cursors: Option<String>,
}

impl ToldCounts {
    /// The listed ones, one on a line, and what there is beyond them.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.first.iter().map(ToldDifference::line).collect();
        if self.missing > 0 {
            lines.push(format!(
                "{} events that partitions told each other are not on the log: lines may wait for them; `ledger rebuild` tells them again",
                self.missing
            ));
        }
        if self.extra > 0 {
            lines.push(format!(
                "{} events on the log are none that its records tell: tables that were wrong told them once, or another writer; they are \
                 facts, and the tables hold what they did",
                self.extra
            ));
        }
        if let Some(why) = &self.unknown_cursors {
            lines.push(format!("whether events are missing on the log was not looked at: {why}"));
        }
        lines
    }
}
