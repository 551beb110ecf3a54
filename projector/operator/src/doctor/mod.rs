//! Looks at everything that the ledger rests on, and says of each thing what was found, what it means and what to change. It only reads: its
//! sessions of the database are read-only ones, and Kafka is only asked. It must never change anything, let one missing right or one silent
//! server keep the rest from being looked at, or claim what it cannot know.
//!
//! What refuses a start is decided by the same functions that a start calls: `topic_rules` of `ledger-schema`, `requirements` of
//! `ledger-database`, and the status of the projector.
//!
//! Reading order: [`finding`], `kafka` (brokers, topics, open transactions), `database` (the server; `session`, `rights`, `login`, `patch_level`, `tables`),
//! `ledger` (tables and log together), `parts` (services and projector), `clocks`.

mod clocks;
mod database;
mod finding;
mod grant_lines;
mod kafka;
mod ledger;
mod login;
mod parts;
mod patch_level;
mod rights;
mod session;
mod tables;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::Utc;
use futures_util::future::join_all;
use ledger_database::DatabaseUrl;
use ledger_database::requirements::Role;
use ledger_kafka::KafkaSettings;
use projector::relay::RelayTopics;
use tokio::time::timeout;

pub use finding::{Area, Diagnosis, Finding, Verdict};
pub use parts::{Part, PartKind};

use finding::Sheet;
pub(crate) use ledger::{least_login, most_login};

/// How long one question to Kafka may take here.
pub const QUESTION_LIMIT: Duration = Duration::from_secs(5);
/// How long an area may take, whatever is silent.
const AREA_LIMIT: Duration = Duration::from_secs(30);

/// A user of the database.
#[derive(Debug, Clone)]
pub struct Login {
    pub role: Role,
    pub url: DatabaseUrl,
}

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Options {
    pub kafka: KafkaSettings,
    pub topics: RelayTopics,
    pub logins: Vec<Login>,
    pub parts: Vec<Part>,
}

/// What a role is called.
pub(crate) const fn name_of(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Projector => "projector",
        Role::Reader => "reader",
    }
}

/// Looks at everything, all areas at once. It takes no longer than [`AREA_LIMIT`] and a second, whoever is silent.
pub async fn run(options: &Options) -> Diagnosis {
    let looked_at = Utc::now();
    let mut by_server: BTreeMap<String, Vec<Login>> = BTreeMap::new();
    for login in &options.logins {
        by_server.entry(login.url.server().to_owned()).or_default().push(login.clone());
    }
    let databases = by_server.into_iter().map(|(server, logins)| async move {
        let sheet = Sheet::new(Area::Database);
        let what = format!("server {server}");
        bounded(&sheet, what, Box::pin(database::look(&sheet, &server, &logins, &options.topics.orders))).await
    });
    let kafka = Sheet::new(Area::Kafka);
    let ledger = Sheet::new(Area::Ledger);
    let parts = options.parts.iter().map(|part| async move {
        let sheet = Sheet::new(Area::Parts);
        let what = part.kind.name().to_owned();
        bounded(&sheet, what, Box::pin(parts::look(&sheet, part))).await
    });
    let (mut found, databases, of_ledger, parts) = tokio::join!(
        bounded(&kafka, "brokers".to_owned(), Box::pin(kafka::look(&kafka, options))),
        join_all(databases),
        bounded(&ledger, "status".to_owned(), Box::pin(ledger::look(&ledger, options))),
        join_all(parts),
    );
    found.extend(databases.into_iter().flatten().chain(of_ledger).chain(parts.into_iter().flatten()));
    Diagnosis::of(looked_at, found)
}

/// What stands on the sheet when the area is done, or its time is over. Nothing here holds a transaction: a connection that is given up was
/// only read from.
async fn bounded(sheet: &Sheet, what: String, look: impl Future<Output = ()>) -> Vec<Finding> {
    if timeout(AREA_LIMIT, look).await.is_err() {
        let found = format!("no answer within {} s to what was asked last", AREA_LIMIT.as_secs());
        sheet.unreachable(what, found, "see whether it runs, and what stands between");
    }
    sheet.findings()
}
