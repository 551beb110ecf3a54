//! `ledger project`: folds the log into the tables until SIGTERM or SIGINT.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use ledger_auth::AuthArgs;
use ledger_auth::settings::Built;
use ledger_store::MixedFolds;
use ledger_tls::TlsArgs;
use projector::intake::Limits;
use projector::keys::KeysOfDatabase;
use projector::projection::{self, ProjectionOptions};
use projector::relay::Compression;
use projector::ticker::TickSettings;
use projector::writer::BatchSettings;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::{CommandError, Done};
use crate::flags;
use crate::flags::{Hidden, KafkaArgs, OutputTopicsArgs, bounded};
use crate::usage::UsageError;

#[derive(Debug, Args)]
pub struct ProjectArgs {
    #[command(flatten)]
    pub kafka: KafkaArgs,
    #[command(flatten)]
    pub topics: OutputTopicsArgs,
    /// mysql://USER:PASSWORD@HOST:PORT/DATABASE of the projector
    #[arg(long, env = "LEDGER_PROJECTOR_DATABASE_URL", hide_env_values = true)]
    pub projector_database_url: Option<Hidden>,
    /// Where health, metrics and status are answered
    #[arg(long, env = "LEDGER_PROJECTOR_LISTEN", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    #[command(flatten)]
    pub tls: TlsArgs,
    #[command(flatten)]
    pub auth: AuthArgs,
    /// How outcomes and dead letters are packed: none, gzip, snappy, lz4, zstd. Not every client reads the last three
    #[arg(long, env = "LEDGER_OUTCOMES_COMPRESSION", value_name = "CODEC", default_value_t)]
    pub outcomes_compression: Compression,
    /// Projectors of one group share the partitions
    #[arg(long, env = "LEDGER_CONSUMER_GROUP", default_value = "ledger-projector")]
    pub consumer_group: String,
    /// Writers, each with a connection and a share of the partitions
    #[arg(long, env = "LEDGER_WRITERS", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub writers: u8,
    /// Most records in one transaction
    #[arg(long, env = "LEDGER_BATCH_MAX_RECORDS", default_value_t = 5000,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch_max_records: u32,
    /// Bytes of records after which a transaction takes no more (one record may be larger)
    #[arg(long, env = "LEDGER_BATCH_MAX_BYTES", default_value_t = 4 * 1024 * 1024,
          value_parser = clap::value_parser!(u32).range(1024..=8 * 1024 * 1024))]
    pub batch_max_bytes: u32,
    /// How long a transaction waits for more records than are there
    #[arg(long, env = "LEDGER_BATCH_LINGER_MS", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(0..=1000))]
    pub batch_linger_ms: u64,
    /// How often holds that are over, and lines that are undecided for long, are looked for
    #[arg(long, env = "LEDGER_TICK_MS", default_value_t = 1000,
          value_parser = clap::value_parser!(u64).range(10..=5000))]
    pub tick_ms: u64,
    /// How long after its end a hold is taken for over: as much as this machine's clock may be fast
    #[arg(long, env = "LEDGER_HOLD_GRACE_MS", default_value_t = 250,
          value_parser = clap::value_parser!(u64).range(0..=600_000))]
    pub hold_grace_ms: u64,
    /// How long lines of an order may be undecided before their partitions are asked again
    #[arg(long, env = "LEDGER_ASK_AGAIN_MS", default_value_t = 30_000,
          value_parser = clap::value_parser!(u64).range(100..=600_000))]
    pub ask_again_ms: u64,
    /// Continue tables that another version of the fold made, so that rows of both stand side by side; without it the
    /// projector refuses, and `ledger rebuild` makes tables of this version
    #[arg(long, env = "LEDGER_ACCEPT_MIXED", value_parser = BoolishValueParser::new())]
    pub accept_mixed: bool,
}

pub async fn run(args: ProjectArgs) -> Result<Done, CommandError> {
    let database = flags::database_url(
        "--projector-database-url",
        "LEDGER_PROJECTOR_DATABASE_URL",
        args.projector_database_url.as_ref(),
    )?;
    args.auth.check_listener("--listen", args.listen).map_err(UsageError::from)?;
    let keys = Arc::new(KeysOfDatabase::new(database.clone()));
    let Built { gate, jwks } = args.auth.build(keys).await.map_err(UsageError::from)?;
    let limits = Limits { records: bounded(args.batch_max_records), bytes: bounded(args.batch_max_bytes) };
    let options = ProjectionOptions {
        kafka: args.kafka.settings()?,
        database,
        topics: args.topics.named(args.kafka.orders_topic),
        compression: args.outcomes_compression,
        group_id: args.consumer_group,
        listen: args.listen,
        gate: Arc::new(gate),
        tls: args.tls.load().map_err(UsageError::from)?,
        writers: usize::from(args.writers),
        batch: BatchSettings { limits, linger: Duration::from_millis(args.batch_linger_ms) },
        tick: TickSettings {
            every: Duration::from_millis(args.tick_ms),
            hold_grace: Duration::from_millis(args.hold_grace_ms),
            ask_again: Duration::from_millis(args.ask_again_ms),
        },
        mixed_folds: if args.accept_mixed { MixedFolds::Accepted } else { MixedFolds::Refused },
    };
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    if let Some(jwks) = jwks {
        let stop = stop.clone();
        tokio::spawn(async move { jwks.watch(stop).await });
    }
    projection::run(options, stop).await?;
    Ok(Done::Ok)
}

/// Cancels `stop` at the first SIGTERM or SIGINT.
pub(super) fn stop_on_signal(stop: CancellationToken) -> Result<(), std::io::Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}
