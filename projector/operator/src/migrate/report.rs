//! What a migration came to, step by step.

use serde::Serialize;

use crate::output::Report;

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepOutcome {
    Created,
    Changed,
    Unchanged,
    /// Done again; the server does not say whether it was there.
    Ensured,
    Skipped,
    /// It works, and not as well as it could.
    Warning,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub what: String,
    pub outcome: StepOutcome,
    pub note: String,
}

impl Step {
    pub(crate) fn new(what: impl Into<String>, outcome: StepOutcome, note: impl Into<String>) -> Self {
        Self { what: what.into(), outcome, note: note.into() }
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrateReport {
    pub steps: Vec<Step>,
}

impl Report for MigrateReport {
    fn header(&self) -> Vec<&'static str> {
        vec!["what", "outcome", "note"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row =
            |step: &Step| vec![step.what.clone(), format!("{:?}", step.outcome).to_lowercase(), step.note.clone()];
        self.steps.iter().map(row).collect()
    }
}
