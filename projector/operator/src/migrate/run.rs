//! The steps of a migration, in their order: database and users, tables, rights, topics.

use ledger_kafka::{LogInspector, TopicOutcome, ask, ensure_topics};
use ledger_schema::topics::TopicSpec;
use ledger_store::positions;
use projector::relay::{RelayTopics, ends_of_log};
use sqlx::MySqlConnection;

use super::error::MigrateError;
use super::options::MigrateOptions;
use super::report::{MigrateReport, Step, StepOutcome};
use super::{grants, tables, users};

/// Runs all steps.
///
/// # Errors
/// Of the first step that fails.
pub async fn run(options: &MigrateOptions) -> Result<MigrateReport, MigrateError> {
    let database = database_name(options)?;
    let mut steps = Vec::new();
    match &options.admin {
        Some(admin) => steps.extend(users::create(admin, &database, options).await?),
        None => steps.push(Step::new("database and users", StepOutcome::Skipped, "no administrator's URL was given")),
    }
    // The owner's own login where there is one: then its rights are proved to suffice.
    let owner = options.owner.as_ref().or(options.admin.as_ref()).ok_or(MigrateError::NoDatabase)?;
    let mut connection = ledger_database::connect(&owner.with_database(Some(&database))).await?;
    steps.extend(tables::migrate(&mut connection).await?);
    steps.extend(grants::grant(&mut connection, options).await?);
    steps.extend(topics(options).await?);
    steps.extend(observable(&mut connection, options).await?);
    Ok(MigrateReport { steps })
}

/// Where nothing is folded yet the database may be one that was lost, and a restored one may be older than what was observed of
/// it: whatever the log holds counts as observed, so that reads wait until the tables are as far (INV-13). On a new system the log
/// is empty, and there is nothing to say.
async fn observable(connection: &mut MySqlConnection, options: &MigrateOptions) -> Result<Option<Step>, MigrateError> {
    let topic = &options.topics.orders;
    if !options.restored && !positions::read(connection, topic).await?.is_empty() {
        return Ok(None);
    }
    let (inspector, name) = (LogInspector::new(&options.kafka)?, topic.clone());
    let identity = ask(move || inspector.identity(&name)).await?;
    let ends = ends_of_log(&options.kafka, &options.topics, &identity).await?;
    let records: i64 = ends.iter().sum();
    if records == 0 {
        return Ok(None);
    }
    positions::raise_furthest(connection, topic, &ends).await?;
    let note = format!("reads wait until the {records} records of {topic} are folded");
    Ok(Some(Step::new("furthest positions", StepOutcome::Ensured, note)))
}

/// The one database that the URLs name.
fn database_name(options: &MigrateOptions) -> Result<String, MigrateError> {
    let roles = [&options.owner, &options.projector, &options.reader, &options.admin];
    let mut names = roles.into_iter().flatten().filter_map(|url| url.database());
    let one = names.next().ok_or(MigrateError::NoDatabase)?.to_owned();
    match names.find(|other| **other != one) {
        Some(other) => Err(MigrateError::TwoDatabases { one, other: other.to_owned() }),
        None => Ok(one),
    }
}

async fn topics(options: &MigrateOptions) -> Result<Vec<Step>, MigrateError> {
    let inspector = LogInspector::new(&options.kafka)?;
    let replication_factor = match options.replication_factor {
        Some(factor) => factor,
        None => {
            let asked = inspector.clone();
            let brokers = ask(move || asked.broker_count()).await?;
            i32::try_from(brokers.clamp(1, 3)).expect("3 at most")
        }
    };
    let spec = |name: &str| TopicSpec::never_expiring(name, options.partitions, replication_factor);
    let RelayTopics { orders, outcomes, dead_letters, cursors } = &options.topics;
    let cursors = TopicSpec::cursors(cursors, options.partitions, replication_factor);
    // The log and the cursors must keep everything for ever; whoever runs the others may let them expire.
    let log = TopicSpec::log(orders, options.partitions, replication_factor);
    let specs = [(log, true), (spec(outcomes), false), (spec(dead_letters), false), (cursors, true)];
    let outcomes = ensure_topics(&options.kafka, &inspector, &specs).await?;
    let step = |((spec, _), outcome): (&(TopicSpec, bool), TopicOutcome)| {
        let outcome = match outcome {
            TopicOutcome::Created => StepOutcome::Created,
            TopicOutcome::Unchanged => StepOutcome::Unchanged,
        };
        Step::new(format!("topic {}", spec.name), outcome, format!("{} partitions", spec.partition_count))
    };
    Ok(specs.iter().zip(outcomes).map(step).collect())
}
