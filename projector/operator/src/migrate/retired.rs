//! Kept tables that stand after the relay's cursor: the outcomes between stood in the outbox alone. Once that is lost, a rollback to
//! them would swallow these outcomes (INV-11), so they are written down as dropped; the next rebuild removes them.

use ledger_database::{Tables, Watched};
use ledger_kafka::{LogInspector, ask};
use ledger_store::generations::State;
use ledger_store::positions::PositionStatements;
use projector::relay::{CursorReader, RelayError};

use super::error::MigrateError;
use super::options::MigrateOptions;
use super::report::{Step, StepOutcome};
use crate::generations::record::{self, New};
use crate::generations::shadow;

/// Retires them. The table `generations` is there.
///
/// # Errors
/// The database's, or Kafka's: where publishing had come to has to be known.
pub(super) async fn retire(connection: &mut Watched, options: &MigrateOptions) -> Result<Vec<Step>, MigrateError> {
    let kept = kept(connection).await?;
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    let cursors = cursors(options).await?;
    let mut steps = Vec::new();
    for generation in kept {
        let statements = PositionStatements::new(&Tables::of_generation(generation));
        let stands = statements.read(connection, &options.topics.orders).await?;
        let cursor_of = |partition: i32| usize::try_from(partition).ok().and_then(|at| cursors.get(at)).copied();
        // A partition that the log has not: such tables are refused by themselves.
        let is_after = |stands: i64, partition| cursor_of(partition).is_some_and(|cursor| stands > cursor);
        if let Some(position) = stands.iter().find(|position| is_after(position.next_offset, position.partition)) {
            let (topic, identity, fold_version) = (&options.topics.orders, &position.identity, position.fold_version);
            record::retired(connection, &New { generation, topic, identity, fold_version }).await?;
            let note = "cannot be rolled back to: outcomes that it decided were lost with the outbox; the next rebuild drops it";
            steps.push(Step::new(format!("generation {generation}"), StepOutcome::Changed, note));
        }
    }
    Ok(steps)
}

/// Generations whose tables are whole, and that are not known to be unfinished or dropped.
async fn kept(connection: &mut Watched) -> Result<Vec<i32>, MigrateError> {
    let mut kept = Vec::new();
    for generation in shadow::generations(connection).await? {
        let is_whole = shadow::check_complete(connection, generation).await.is_ok();
        let known = ledger_store::generations::find(connection, generation).await?;
        if is_whole && known.is_none_or(|row| row.state == State::Kept) {
            kept.push(generation);
        }
    }
    Ok(kept)
}

/// How far each partition is published.
async fn cursors(options: &MigrateOptions) -> Result<Vec<i64>, MigrateError> {
    let (inspector, kafka, topics) =
        (LogInspector::new(&options.kafka)?, options.kafka.clone(), options.topics.clone());
    let read = move || {
        let identity = inspector.identity(&topics.orders)?;
        let reader = CursorReader::new(&kafka, &topics, &identity.topic_id);
        (0..identity.partition_count).map(|partition| reader.read(partition)).collect::<Result<Vec<_>, RelayError>>()
    };
    Ok(ask(read).await?)
}
