//! Everything that must be there before the first order: database, users, tables, rights, topics. Each step creates what
//! is missing and leaves what is right alone, so that running it again changes nothing. It must never drop or alter data.
//!
//! Reading order: [`users`], [`tables`], [`grants`]; the topics are in `kafka/topics.rs`.

pub mod grants;
pub mod tables;
pub mod users;

use ledger_database::{DatabaseError, DatabaseUrl, Fault, fault_of};
use ledger_kafka::{KafkaSettings, KafkaUseError, LogInspector, TopicOutcome, TopicsError, ask, ensure_topics};
use ledger_schema::topics::TopicSpec;
use serde::Serialize;
use thiserror::Error;

use crate::output::Report;

/// What is asked for. A role without a URL is left out, and the report says so.
#[derive(Debug, Clone)]
pub struct Options {
    /// Creates database and users; without it they must be there.
    pub admin: Option<DatabaseUrl>,
    pub owner: Option<DatabaseUrl>,
    pub projector: Option<DatabaseUrl>,
    pub reader: Option<DatabaseUrl>,
    pub kafka: KafkaSettings,
    pub topics: TopicNames,
    pub partitions: i32,
    /// `None`: 3 where the cluster has that many brokers, else what it has.
    pub replication_factor: Option<i32>,
}

#[derive(Debug, Clone)]
pub struct TopicNames {
    pub orders: String,
    pub outcomes: String,
    pub dead_letters: String,
    pub cursors: String,
}

/// A step failed. What was done before it stays; running `migrate` again goes on from there.
#[derive(Debug, Error)]
pub enum MigrateError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("{step}: {cause}")]
    Sql { step: String, cause: sqlx::Error },
    /// The server's message would repeat the statement, and with it the password.
    #[error("user {user} could not be created or changed: the server says {number}")]
    User { user: String, number: u16 },
    #[error(
        "either --owner-database-url or --admin-database-url is needed, and one of the URLs must name the database"
    )]
    NoDatabase,
    #[error("the URLs name different databases: {one} and {other}")]
    TwoDatabases { one: String, other: String },
    #[error("another `ledger migrate` has been running for {waited_seconds} s")]
    Locked { waited_seconds: u32 },
    #[error("migrations: {0}")]
    Tables(#[from] sqlx::migrate::MigrateError),
    #[error("grants.sql, line {line}: expected `GRANT .. ON .. TO ledger_..;`, found `{found}`")]
    GrantsFile { line: usize, found: String },
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error(transparent)]
    Topics(#[from] TopicsError),
}

impl MigrateError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Database(error) => error.is_unreachable(),
            Self::Sql { cause, .. } => fault_of(cause) == Fault::ConnectionLost,
            Self::Kafka(error) | Self::Topics(TopicsError::Kafka(error)) => error.is_unreachable(),
            _ => false,
        }
    }

    pub(crate) fn sql(step: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Self {
        let step = step.into();
        move |cause| Self::Sql { step, cause }
    }
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Created,
    Changed,
    Unchanged,
    /// Asked for again; the server does not tell whether it was there.
    Ensured,
    Skipped,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub what: String,
    pub outcome: Outcome,
    pub note: String,
}

impl Step {
    pub(crate) fn new(what: impl Into<String>, outcome: Outcome, note: impl Into<String>) -> Self {
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

/// Runs all steps.
///
/// # Errors
/// Of the first step that fails.
pub async fn run(options: &Options) -> Result<MigrateReport, MigrateError> {
    let database = database_name(options)?;
    let mut steps = Vec::new();
    match &options.admin {
        Some(admin) => steps.extend(users::create(admin, &database, options).await?),
        None => steps.push(Step::new("database and users", Outcome::Skipped, "no administrator's URL was given")),
    }
    // The owner's own login where there is one: then its rights are proved to suffice.
    let owner = options.owner.as_ref().or(options.admin.as_ref()).ok_or(MigrateError::NoDatabase)?;
    let mut connection = ledger_database::connect(&owner.with_database(Some(&database))).await?;
    steps.extend(tables::migrate(&mut connection).await?);
    steps.extend(grants::grant(&mut connection, options).await?);
    steps.extend(topics(options).await?);
    Ok(MigrateReport { steps })
}

/// The one database that the URLs name.
fn database_name(options: &Options) -> Result<String, MigrateError> {
    let roles = [&options.owner, &options.projector, &options.reader, &options.admin];
    let mut names = roles.into_iter().flatten().filter_map(|url| url.database());
    let one = names.next().ok_or(MigrateError::NoDatabase)?.to_owned();
    match names.find(|other| **other != one) {
        Some(other) => Err(MigrateError::TwoDatabases { one, other: other.to_owned() }),
        None => Ok(one),
    }
}

async fn topics(options: &Options) -> Result<Vec<Step>, MigrateError> {
    let inspector = LogInspector::new(&options.kafka)?;
    let replication_factor = match options.replication_factor {
        Some(factor) => factor,
        None => {
            let asked = inspector.clone();
            let brokers = ask(move || asked.broker_count()).await?;
            i32::try_from(brokers.clamp(1, 3)).unwrap_or(1)
        }
    };
    let spec = |name: &str| TopicSpec::never_expiring(name, options.partitions, replication_factor);
    let TopicNames { orders, outcomes, dead_letters, cursors } = &options.topics;
    let cursors = TopicSpec::cursors(cursors, options.partitions, replication_factor);
    // The log and the cursors must keep everything for ever; whoever runs the others may let them expire.
    let specs = [(spec(orders), true), (spec(outcomes), false), (spec(dead_letters), false), (cursors, true)];
    let outcomes = ensure_topics(&options.kafka, &inspector, &specs).await?;
    let step = |((spec, _), outcome): (&(TopicSpec, bool), TopicOutcome)| {
        let outcome = if outcome == TopicOutcome::Created { Outcome::Created } else { Outcome::Unchanged };
        Step::new(format!("topic {}", spec.name), outcome, format!("{} partitions", spec.partition_count))
    };
    Ok(specs.iter().zip(outcomes).map(step).collect())
}
