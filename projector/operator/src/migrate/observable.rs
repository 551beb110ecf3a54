//! What may have been observed of a log at most: all of it. Where the tables may be older than what was observed of them, reads wait
//! until they are as far (INV-13).

use ledger_database::Watched;
use ledger_kafka::{LogInspector, ask};
use ledger_store::positions;
use projector::relay::ends_of_log;

use super::error::MigrateError;
use super::options::MigrateOptions;
use super::report::{Step, StepOutcome};

/// Reads the log's ends; `None` on an empty log, of which nothing was observed.
pub(super) async fn read(options: &MigrateOptions) -> Result<Option<Vec<i64>>, MigrateError> {
    let (inspector, name) = (LogInspector::new(&options.kafka)?, options.topics.orders.clone());
    let identity = ask(move || inspector.identity(&name)).await?;
    let ends = ends_of_log(&options.kafka, &options.topics, &identity).await?;
    Ok(ends.iter().any(|end| *end > 0).then_some(ends))
}

/// Where nothing is folded yet the database may be one that was lost; a restored one may be older than what was observed of it; and
/// of a partition without a furthest position nobody knows what was: whatever the log holds counts as observed. On a new
/// system the log is empty, and there is nothing to say.
pub(super) async fn ensure(connection: &mut Watched, options: &MigrateOptions) -> Result<Option<Step>, MigrateError> {
    let topic = &options.topics.orders;
    let is_unknown = options.restored
        || positions::read(connection, topic).await?.is_empty()
        || lacks_furthest(connection, topic).await?;
    if !is_unknown {
        return Ok(None);
    }
    let Some(ends) = read(options).await? else { return Ok(None) };
    positions::raise_furthest(connection, topic, &ends).await?;
    let records: i64 = ends.iter().sum();
    let note = format!("reads wait until the {records} records of {topic} are folded");
    Ok(Some(Step::new("furthest positions", StepOutcome::Ensured, note)))
}

/// Whether a partition that is folded has no furthest position.
async fn lacks_furthest(connection: &mut Watched, topic: &str) -> Result<bool, MigrateError> {
    let text = "SELECT EXISTS (SELECT 1 FROM positions p LEFT JOIN furthest_positions f USING (topic, kafka_partition) \
                WHERE p.topic = ? AND f.next_offset IS NULL)";
    let found = sqlx::query_scalar(text).bind(topic).fetch_one(connection).await;
    found.map_err(MigrateError::sql("looking for furthest positions"))
}
