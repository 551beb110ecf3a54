//! What stands in a bundle, and who is asked for it: all at once, each within a limit of its own. It must never ask for a row of an order.

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use ledger_kafka::{KafkaUseError, LogInspector, ask};
use ledger_store::FOLD_VERSION;
use projector::status::StatusReader;
use rdkafka::util::get_rdkafka_version;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::pieces::Piece;
use super::scrub::without_secrets_of_addresses;
use super::tables;
use crate::doctor::{self, Part, PartKind, QUESTION_LIMIT};
use crate::rest::Looked;

/// How long a piece may take.
const PIECE_LIMIT: Duration = Duration::from_secs(40);
/// Longest text of a part that is kept, in bytes.
const LONGEST: usize = 4 * 1024 * 1024;
const READ_ME: &str = "What `ledger debug bundle` has put together for a bug report:
doctor.json   what it looked at, each with what it means (ledger doctor)
status.json   how far the log is folded (ledger status)
settings.json what was set, and where; secrets are masked (ledger config show)
versions.json of this program and what it is built of
topics.json   partitions, ends and settings of the ledger's topics
tables.json   sizes, migrations, positions, and counts
projector-*, services-*   what they say of themselves, where their addresses were given
A file that ends with .failed.txt says why there is no such piece.
No secret and no order is in it. Read it all the same before you send it.
";

pub(super) async fn all(look: &doctor::Options, settings: Value, at: DateTime<Utc>) -> Vec<Piece> {
    let (doctor, status, topics, tables, parts) = tokio::join!(
        limited(async { Ok(doctor::run(look).await) }),
        limited(status(look)),
        limited(topics(look)),
        limited(tables::read(look)),
        futures_util::future::join_all(look.parts.iter().map(of_part)),
    );
    let mut pieces = vec![
        Piece::text("README.txt", Ok(READ_ME.to_owned())),
        Piece::json("versions.json", Ok(versions(at))),
        Piece::json("settings.json", Ok(without_secrets_of_addresses(settings))),
        Piece::json("doctor.json", doctor),
        Piece::json("status.json", status),
        Piece::json("topics.json", topics),
        Piece::json("tables.json", tables),
    ];
    pieces.extend(parts.into_iter().flatten());
    pieces
}

async fn limited<T>(piece: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    match timeout(PIECE_LIMIT, Box::pin(piece)).await {
        Ok(piece) => piece,
        Err(_) => Err(format!("no answer within {} s", PIECE_LIMIT.as_secs())),
    }
}

fn versions(at: DateTime<Utc>) -> Value {
    let migrations = ledger_database::migrations::MIGRATOR.iter().map(|migration| migration.version).max();
    json!({
        "program": env!("CARGO_PKG_VERSION"),
        "foldVersion": FOLD_VERSION,
        "lastMigration": migrations,
        "librdkafka": get_rdkafka_version().1,
        "system": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "madeAt": at.to_rfc3339_opts(SecondsFormat::Millis, true),
    })
}

async fn status(look: &doctor::Options) -> Result<projector::status::Status, String> {
    let database = doctor::least_login(look).ok_or("no login of the database was given")?;
    let inspector = inspector(look)?;
    let reader = StatusReader::new(&look.kafka, inspector, database, &look.topics.orders);
    reader.read().await.map_err(|error| error.to_string())
}

fn inspector(look: &doctor::Options) -> Result<LogInspector, String> {
    Ok(LogInspector::new(&look.kafka).map_err(|error| error.to_string())?.with_timeout(QUESTION_LIMIT))
}

async fn topics(look: &doctor::Options) -> Result<Value, String> {
    let inspector = inspector(look)?;
    let names = [&look.topics.orders, &look.topics.outcomes, &look.topics.dead_letters, &look.topics.cursors];
    let names = names.map(Clone::clone);
    let asked = ask(move || {
        // Without any broker every topic would wait as long.
        inspector.list_brokers()?;
        let told = |topic: &String| match topic_of(&inspector, topic) {
            Ok(told) => (topic.clone(), told),
            Err(error) => (topic.clone(), json!({ "failed": error.to_string() })),
        };
        Ok::<_, KafkaUseError>(Value::Object(names.iter().map(told).collect()))
    });
    asked.await.map_err(|error| error.to_string())
}

/// Blocks.
fn topic_of(inspector: &LogInspector, topic: &str) -> Result<Value, KafkaUseError> {
    let identity = inspector.identity(topic)?;
    let states = inspector.partitions(topic)?;
    let settings: serde_json::Map<String, Value> =
        inspector.settings(topic)?.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let numbers: Vec<i32> = states.iter().map(|state| state.partition).collect();
    let marks = inspector.watermarks_of(topic, &numbers)?;
    let partition = |state: &ledger_kafka::PartitionState| {
        let marks = marks.get(&state.partition);
        json!({
            "partition": state.partition,
            "hasLeader": state.has_leader,
            "replicas": state.replicas,
            "inSync": state.in_sync,
            "firstOffset": marks.map(|marks| marks.low),
            "stableOffset": marks.map(|marks| marks.stable),
            "endOffset": marks.map(|marks| marks.high),
        })
    };
    Ok(json!({
        "topicId": identity.topic_id,
        "clusterId": identity.cluster_id,
        "partitions": states.iter().map(partition).collect::<Vec<_>>(),
        "settings": settings,
    }))
}

async fn of_part(part: &Part) -> Vec<Piece> {
    let paths: &[(&'static str, &str)] = match part.kind {
        PartKind::Services => &[("services-readyz.json", "readyz"), ("services-metrics.txt", "metrics")],
        PartKind::Projector => &[
            ("projector-readyz.json", "readyz"),
            ("projector-status.json", "status"),
            ("projector-metrics.txt", "metrics"),
        ],
    };
    let mut pieces = Vec::new();
    for (file, path) in paths.iter().copied() {
        let asked = limited(async { part.client.look(&[path], PIECE_LIMIT).await.map_err(|error| error.to_string()) });
        pieces.push(Piece::text(file, asked.await.and_then(|looked| told(path, &looked))));
    }
    pieces
}

/// What it answered, also where it is not ready; a refusal is why there is no such piece.
fn told(path: &str, looked: &Looked) -> Result<String, String> {
    let text = String::from_utf8_lossy(&looked.body).chars().take(LONGEST).collect();
    match looked.status {
        200 => Ok(text),
        503 if path == "readyz" => Ok(text),
        status => Err(format!("{path} answered {status}: {text}")),
    }
}
