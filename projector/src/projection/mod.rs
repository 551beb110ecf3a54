//! A running projector: checks before it starts, its parts, and how it stops. Parts: the consumer on a thread of its own, a
//! few writers, the ticker, the monitor, HTTP. The first that fails stops all. It must never join the group before the checks passed,
//! and changes nothing when it is refused.

mod error;

use futures_util::future::LocalBoxFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use ledger_auth::Gate;
use ledger_database::DatabaseUrl;
use ledger_fold::log_safety::LogIdentity;
use ledger_kafka::{KafkaSettings, LogInspector};
use ledger_store::{DueOrders, LiveStore, MixedFolds};
use ledger_tls::ServerTls;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::appender::LogAppender;
use crate::consumer::{CheckedPositions, ConsumerError, Group, GroupParts, LogConsumer};
use crate::health::Health;
use crate::http::{self, Sources};
use crate::intake::{Control, Intake, Limits};
use crate::log_watch::{LOOK_LIMIT, LogWatch};
use crate::meters;
use crate::monitor;
use crate::relay::{Compression, RelayError, RelayGroup, RelaySettings, RelayTopics};
use crate::shared::Shared;
use crate::start_check::{self, Start};
use crate::starting::StartingHttp;
use crate::status::StatusReader;
use crate::ticker::{KafkaLog, TickSettings, Ticker};
use crate::writer::{BatchSettings, Writer, WriterParts};

pub use error::ProjectionError;

/// How long the consumer has to hand over and leave the group, and then the writers to end.
const STOP_WAIT: Duration = Duration::from_secs(7);

/// What a projector folds, with what, and where it answers.
#[derive(Debug, Clone)]
pub struct ProjectionOptions {
    pub kafka: KafkaSettings,
    pub database: DatabaseUrl,
    /// The log, and what the relay writes, which must have the log's partition count.
    pub topics: RelayTopics,
    /// Of what the relay writes.
    pub compression: Compression,
    pub group_id: String,
    pub listen: SocketAddr,
    /// Who may ask there.
    pub gate: Arc<Gate>,
    /// Of what answers there; `None`: in the clear.
    pub tls: Option<ServerTls>,
    pub writers: usize,
    pub batch: BatchSettings,
    pub tick: TickSettings,
    /// Whether to continue tables that another version of the fold made.
    pub mixed_folds: MixedFolds,
}

/// Runs until `stop`, or until a part fails.
///
/// # Errors
/// Why it did not start, or what made it stop.
pub fn run(
    options: ProjectionOptions,
    stop: CancellationToken,
) -> LocalBoxFuture<'static, Result<(), ProjectionError>> {
    // Boxed here, so that it is compiled here, once, and not again in each program that awaits it.
    Box::pin(project(options, stop))
}

async fn project(options: ProjectionOptions, stop: CancellationToken) -> Result<(), ProjectionError> {
    let metrics = meters::install()?;
    let inspector = LogInspector::new(&options.kafka)?;
    let ProjectionOptions { kafka, database, topics, mixed_folds, .. } = &options;
    let start = Start { kafka, database, topics, mixed_folds: *mixed_folds };
    let listen_error = |cause| ProjectionError::Listen { address: options.listen, cause };
    let listener = TcpListener::bind(options.listen).await.and_then(TcpListener::into_std).map_err(listen_error)?;
    let health = Arc::new(Health::default());
    let starting = StartingHttp::on(&listener, options.tls.clone(), health.clone()).map_err(listen_error)?;
    let checked = stop.run_until_cancelled(start_check::run(&start, &inspector, &health)).await;
    starting.end().await;
    let Some(checked) = checked else { return Ok(()) };
    let identity = checked?;
    let listener = TcpListener::from_std(listener).map_err(listen_error)?;
    let partition_count = identity.partition_count;
    tracing::info!(topic = options.topics.orders, partition_count, listen = %options.listen, "the projector starts");

    // A child, so that a part that fails stops the others without looking like a stop that was asked for.
    let stop = stop.child_token();
    let sources = Sources {
        gate: options.gate.clone(),
        shared: Arc::new(Shared::new(partition_count)),
        metrics,
        // The monitor has the database to look at as well, also while Kafka is silent.
        status: StatusReader::new(kafka, inspector.with_timeout(LOOK_LIMIT), database.clone(), &topics.orders),
        database: options.database.clone(),
        inspector,
        topic: options.topics.orders.clone(),
    };
    let watch = LogWatch {
        inspector: sources.inspector.clone(),
        topics: options.topics.clone(),
        identity,
        shared: sources.shared.clone(),
    };
    let parts = Parts::start(&options, sources, &watch, listener, &stop)?;
    match parts.run(&stop).await {
        Err(error) if !matches!(error, ProjectionError::Log(_)) => Err(watch.explain(error).await),
        outcome => outcome,
    }
}

/// Which part a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Consumer,
    Other,
}

type Ended = (Part, Result<(), ProjectionError>);

/// What runs.
struct Parts {
    tasks: JoinSet<Ended>,
    intakes: Vec<Arc<Intake>>,
    shared: Arc<Shared>,
}

impl Parts {
    fn start(
        options: &ProjectionOptions,
        sources: Sources,
        watch: &LogWatch,
        listener: TcpListener,
        stop: &CancellationToken,
    ) -> Result<Self, ProjectionError> {
        let identity = &watch.identity;
        let partition_count = identity.partition_count;
        let limits = options.batch.limits;
        // Two batches: one that is taken next while the other is written.
        let held = Limits { records: limits.records * 2, bytes: limits.bytes * 2 };
        let intakes: Vec<_> = (0..options.writers).map(|_| Arc::new(Intake::new(held))).collect();
        let (resync, resyncs) = channel();
        let mut tasks = JoinSet::new();
        for (number, intake) in intakes.iter().enumerate() {
            let writer = Writer::new(WriterParts {
                name: format!("writer-{number}"),
                store: LiveStore::new(options.database.clone(), &options.topics.orders, options.mixed_folds),
                partition_count,
                intake: intake.clone(),
                shared: sources.shared.clone(),
                resyncs: resync.clone(),
                settings: options.batch,
                stop: stop.clone(),
            });
            tasks.spawn(async move { (Part::Other, writer.run().await.map_err(ProjectionError::from)) });
        }
        let log = Arc::new(LogAppender::new(&options.kafka, &options.topics.orders));
        let ticker = ticker(options, &sources, identity, log.clone(), stop);
        tasks.spawn(async move {
            ticker.run().await;
            (Part::Other, Ok(()))
        });
        let (relays, refused) = relays(options, &sources, identity, log);
        tasks.spawn(async move { (Part::Other, relay_outcome(refused).await) });
        let group = Group::new(GroupParts {
            relays,
            topic: options.topics.orders.clone(),
            positions: CheckedPositions {
                topic: options.topics.orders.clone(),
                database: options.database.clone(),
                inspector: sources.inspector.clone(),
            },
            intakes: intakes.clone(),
            shared: sources.shared.clone(),
            stop: stop.clone(),
        });
        let runtime = tokio::runtime::Handle::current();
        let group = Arc::new(group);
        let consumer = LogConsumer::new(&options.kafka, &options.group_id, group, runtime, resyncs, stop.clone())?;
        let consumer = spawn_consumer(consumer)?;
        tasks.spawn(async move { (Part::Consumer, consumer_outcome(consumer.await)) });
        let watching = watch.clone().run(stop.clone());
        tasks.spawn(async move { (Part::Other, watching.await.map_err(ProjectionError::from)) });
        let shared = sources.shared.clone();
        let monitor = monitor::run(sources.clone(), options.group_id.clone(), stop.clone());
        tasks.spawn(async move {
            monitor.await;
            (Part::Other, Ok(()))
        });
        let served = serve(listener, options.tls.clone(), sources, stop.clone());
        tasks.spawn(async move { (Part::Other, served.await) });
        Ok(Self { tasks, intakes, shared })
    }

    /// Waits for a stop or the first failure, then ends the parts in order: the consumer, which hands over, then the rest.
    async fn run(mut self, stop: &CancellationToken) -> Result<(), ProjectionError> {
        let first = tokio::select! {
            () = stop.cancelled() => None,
            ended = self.tasks.join_next() => ended.map(task_outcome),
        };
        self.shared.health.stopping();
        stop.cancel();
        tracing::info!("stopping");
        let mut outcome = Ok(());
        let consumer_ended = first.as_ref().is_some_and(|(part, _)| *part == Part::Consumer);
        if let Some((_, ended)) = first {
            outcome = ended;
        }
        if !consumer_ended {
            outcome = outcome.and(self.join(|part| part == Part::Consumer).await);
        }
        self.intakes.iter().for_each(|intake| intake.tell(Control::Stop));
        outcome.and(self.join(|_| false).await)
    }

    /// Waits for parts to end, up to and with the one that is `last`; gives the first failure.
    async fn join(&mut self, last: impl Fn(Part) -> bool) -> Result<(), ProjectionError> {
        let all = async {
            let mut outcome = Ok(());
            while let Some((part, ended)) = self.tasks.join_next().await.map(task_outcome) {
                outcome = outcome.and(ended);
                if last(part) {
                    break;
                }
            }
            outcome
        };
        tokio::time::timeout(STOP_WAIT, all).await.unwrap_or_else(|_| {
            tracing::warn!("a part did not end in time: what it has not committed is rolled back");
            Ok(())
        })
    }
}

fn ticker(
    options: &ProjectionOptions,
    sources: &Sources,
    identity: &LogIdentity,
    appender: Arc<LogAppender>,
    stop: &CancellationToken,
) -> Ticker<DueOrders, KafkaLog> {
    let partition_count = identity.partition_count;
    Ticker {
        open_orders: DueOrders::new(options.database.clone()),
        log: KafkaLog { appender, partition_count },
        shared: sources.shared.clone(),
        partition_count,
        settings: options.tick,
        clock: chrono::Utc::now,
        stop: stop.clone(),
    }
}

/// The relays, and the channel that reports when one of them met what needs a person.
fn relays(
    options: &ProjectionOptions,
    sources: &Sources,
    identity: &LogIdentity,
    log: Arc<LogAppender>,
) -> (RelayGroup, mpsc::UnboundedReceiver<RelayError>) {
    let (refuse, refused) = mpsc::unbounded_channel();
    let settings = RelaySettings {
        kafka: options.kafka.clone(),
        compression: options.compression,
        inspector: sources.inspector.clone(),
        topics: options.topics.clone(),
        topic_id: identity.topic_id.clone(),
        database: options.database.clone(),
        log,
    };
    // Nobody receives it when the projector stops already.
    let on_refusal = Arc::new(move |error| drop(refuse.send(error)));
    let runtime = tokio::runtime::Handle::current();
    (RelayGroup::new(settings, sources.shared.clone(), runtime, on_refusal), refused)
}

/// The first refusal stops the projector; a channel that closes means that the consumer, and with it the relays, ended.
async fn relay_outcome(mut refused: mpsc::UnboundedReceiver<RelayError>) -> Result<(), ProjectionError> {
    refused.recv().await.map_or(Ok(()), |error| Err(error.into()))
}

fn consumer_outcome(
    ended: Result<Result<(), ConsumerError>, oneshot::error::RecvError>,
) -> Result<(), ProjectionError> {
    Ok(ended.unwrap_or(Err(ConsumerError::Thread))?)
}

fn task_outcome(ended: Result<Ended, tokio::task::JoinError>) -> Ended {
    ended.unwrap_or_else(|error| (Part::Other, Err(ProjectionError::Part(error.to_string()))))
}

/// A thread of its own: the client's calls block.
fn spawn_consumer(consumer: LogConsumer) -> Result<oneshot::Receiver<Result<(), ConsumerError>>, ProjectionError> {
    let (done, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name("consumer".to_owned())
        .spawn(move || {
            // Nobody receives it when the projector gave up waiting.
            let _ = done.send(consumer.run());
        })
        .map_err(|error| ProjectionError::Part(error.to_string()))?;
    Ok(ended)
}

async fn serve(
    listener: TcpListener,
    tls: Option<ServerTls>,
    sources: Sources,
    stop: CancellationToken,
) -> Result<(), ProjectionError> {
    http::serve(listener, http::router(sources), tls, stop).await;
    Ok(())
}
