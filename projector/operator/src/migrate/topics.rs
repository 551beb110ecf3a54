//! The topics: those that are there are checked before anything is changed, in Kafka or in the database; those that are missing
//! are created at the end.

use ledger_kafka::{LogInspector, TopicOutcome, ask, check_topics, ensure_topics};
use ledger_schema::topics::TopicSpec;
use projector::relay::RelayTopics;

use super::error::MigrateError;
use super::options::MigrateOptions;
use super::report::{Step, StepOutcome};

/// The topics as they are to be.
pub(super) struct Topics {
    inspector: LogInspector,
    specs: [TopicSpec; 4],
}

impl Topics {
    /// Checks those that are there.
    ///
    /// # Errors
    /// Of the first that is not as it must be; nothing was changed.
    pub(super) async fn check(options: &MigrateOptions) -> Result<Self, MigrateError> {
        let inspector = LogInspector::new(&options.kafka)?;
        let replication_factor = match options.replication_factor {
            Some(factor) => factor,
            None => {
                let asked = inspector.clone();
                let brokers = ask(move || asked.broker_count()).await?;
                i32::try_from(brokers.clamp(1, 3)).expect("3 at most")
            }
        };
        let RelayTopics { orders, outcomes, dead_letters, cursors } = &options.topics;
        let specs = [
            TopicSpec::log(orders, options.partitions, replication_factor),
            TopicSpec::published(outcomes, options.partitions, replication_factor),
            TopicSpec::published(dead_letters, options.partitions, replication_factor),
            TopicSpec::cursors(cursors, options.partitions, replication_factor),
        ];
        check_topics(&inspector, &specs).await?;
        Ok(Self { inspector, specs })
    }

    /// Creates those that are missing.
    ///
    /// # Errors
    /// Of the first that could not be created, or is not as it must be.
    pub(super) async fn create(&self, options: &MigrateOptions) -> Result<Vec<Step>, MigrateError> {
        let outcomes = ensure_topics(&options.kafka, &self.inspector, &self.specs).await?;
        Ok(self.specs.iter().zip(outcomes).map(|(spec, outcome)| step(spec, outcome)).collect())
    }
}

fn step(spec: &TopicSpec, outcome: TopicOutcome) -> Step {
    let partitions = format!("{} partitions", spec.partition_count);
    let (outcome, note) = match outcome {
        TopicOutcome::Created => (StepOutcome::Created, partitions),
        TopicOutcome::Unchanged { clock: None } => (StepOutcome::Unchanged, partitions),
        TopicOutcome::Unchanged { clock: Some(wrong) } => (StepOutcome::Unchanged, format!("{partitions}; {wrong}")),
    };
    Step::new(format!("topic {}", spec.name), outcome, note)
}
