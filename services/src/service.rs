//! The service's life: start, serve, stop. In a stop the order matters: `/readyz` says no first, and every answer closes its
//! connection, while all else goes on for the drain; then waits and streams end and no connection is accepted, then requests in flight get
//! their answers, then the producer is flushed; an acknowledgement that a client still waits for is never thrown away before
//! its time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::http::HeaderValue;
use ledger_auth::settings::Built;
use ledger_http::Limits;
use ledger_tls::ServerTls;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answer_marks;
use crate::event_log::LogFacts;
use crate::ledger_status::StatusBoard;
use crate::metrics::Metrics;
use crate::outcomes::Readers;
use crate::published::Furthest;
use crate::reader::Reader;
use crate::reader_lag::ReaderLag;
use crate::readiness::Readiness;
use crate::reads::Reads;
use crate::request::RequestLimits;
use crate::routes::ROUTES;
use crate::settings::Settings;
use crate::start::{Kafka, OutcomesError, StartError, open_gate, open_log, open_outcomes, open_reader};
use crate::state::{App, Shared};
use crate::streams::{self, Feed};
use crate::waiting::Waits;

const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Longest that the follower of the outcomes is waited for. It holds nothing that could be lost.
const FOLLOWER_STOP_LIMIT: Duration = Duration::from_secs(2);

/// A started service: everything was checked, and its tasks run; connections are accepted by [`Service::run`].
pub struct Service {
    app: Shared,
    reader: Reader,
    settings: Settings,
    tls: Option<ServerTls>,
    tasks: TaskTracker,
    /// Ready when the follower of the outcomes has ended, which the stop makes it do.
    follower_ended: oneshot::Receiver<()>,
    /// Ends the tasks that serve the requests, when the last request is answered.
    end: CancellationToken,
}

impl Service {
    /// Checks everything and starts the tasks. `stop` begins a clean stop.
    ///
    /// # Errors
    /// [`StartError`]; nothing was changed anywhere.
    pub async fn start(settings: Settings, stop: CancellationToken) -> Result<Self, StartError> {
        Self::start_with(settings, stop, None).await
    }

    /// As [`Self::start`], with `facts` in place of what Kafka says of the log: for brokers that do not know topic ids.
    ///
    /// # Errors
    /// As of [`Self::start`].
    pub async fn start_with(
        settings: Settings,
        stop: CancellationToken,
        facts: Option<Arc<dyn LogFacts>>,
    ) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new(ROUTES));
        let tls = settings.tls.load()?;
        settings.auth.check_listener("--listen", settings.listen)?;
        let kafka = Kafka::new(&settings, facts)?;
        let (reader, tables) = open_reader(&settings, &metrics).await?;
        let Built { gate, jwks } = open_gate(&settings, &reader).await?;
        let log = open_log(&settings, &kafka, &reader, tables, &metrics).await?;
        let partition_count = log.partition_count();
        let follower = open_outcomes(&settings, &kafka, partition_count).await?;
        let published = Arc::new(Furthest::new(partition_count));
        let standing = follower.standing();
        let feed = Arc::new(Feed::new(standing.topic, standing.next_offsets.clone(), metrics.clone()));
        let lag = Arc::new(ReaderLag::new(published.clone()));
        let drained = CancellationToken::new();
        let waits = Arc::new(Waits::new(partition_count, settings.max_waiters, drained.clone(), metrics.clone()));
        let app = Arc::new(App {
            name: HeaderValue::try_from(settings.name.as_str())
                .expect("the settings allow letters, digits and hyphens"),
            request_id_prefix: request_id_prefix(&settings.name),
            limits: RequestLimits {
                max_wait: Duration::from_secs(settings.max_wait_seconds),
                body_timeout: Duration::from_secs(settings.body_timeout_seconds),
                partition_count,
            },
            gate,
            cross_origins: settings.cors_origins.0.clone(),
            reads: Reads::new(reader.clone(), waits.clone(), log.clone(), published.clone(), metrics.clone()),
            waits,
            streams: kafka.streams(&settings, feed.clone(), metrics.clone()),
            readiness: Readiness::new(vec![log.clone(), Arc::new(reader.clone()), lag.clone()]),
            status: StatusBoard::new(reader.clone(), kafka.log_ends(&settings, partition_count), partition_count),
            log,
            metrics,
            stop,
            drained,
        });
        let readers = Readers { awaited: app.waits.outcomes().clone(), published, feed: feed.clone() };
        let follower_ended =
            follower.spawn(readers, app.metrics.clone(), app.drained.clone()).map_err(OutcomesError::from)?;
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        let service = Self { app, reader, settings, tls, tasks, follower_ended, end };
        service.spawn_tasks(lag);
        if let Some(jwks) = jwks {
            let end = service.end.clone();
            service.tasks.spawn(async move { jwks.watch(end).await });
        }
        let (facts, topic, end) = (kafka.later(), service.settings.outcomes_topic.clone(), service.end.clone());
        service.tasks.spawn(streams::watch(feed, facts, topic, end));
        Ok(service)
    }

    fn spawn_tasks(&self, lag: Arc<ReaderLag>) {
        let (app, drain) = (self.app.clone(), Duration::from_millis(self.settings.drain_ms));
        self.tasks.spawn(async move {
            app.stop.cancelled().await;
            tracing::info!("stopping: not ready any more");
            sleep(drain).await;
            app.drained.cancel();
        });
        let (app, end) = (self.app.clone(), self.end.clone());
        self.tasks.spawn(async move { app.log.supervise(end).await });
        let (app, end) = (self.app.clone(), self.end.clone());
        self.tasks.spawn(async move { app.log.watch(end).await });
        let (app, end) = (self.app.clone(), self.end.clone());
        self.tasks.spawn(async move { app.log.watch_appends(end).await });
        let (app, reader) = (self.app.clone(), self.reader.clone());
        self.tasks.spawn(async move { app.waits.poll(&reader).await });
        let (app, reader, end) = (self.app.clone(), self.reader.clone(), self.end.clone());
        self.tasks.spawn(async move { lag.watch(&reader, &app.metrics, &end).await });
        let (metrics, end) = (self.app.metrics.clone(), self.end.clone());
        self.tasks.spawn(async move {
            let mut ticks = interval(UPKEEP_INTERVAL);
            while end.run_until_cancelled(ticks.tick()).await.is_some() {
                metrics.run_upkeep();
            }
        });
    }

    /// The service as a router, for tests without a socket.
    pub fn router(&self) -> Router {
        crate::routes::router(self.app.clone())
    }

    /// Serves until the stop, and returns when everything is flushed.
    ///
    /// # Errors
    /// [`StartError::Listen`] when the address cannot be bound.
    pub async fn run(self) -> Result<(), StartError> {
        let address = self.settings.listen;
        let listen_error = |cause| StartError::Listen { address: address.to_string(), cause };
        let listener = TcpListener::bind(address).await.map_err(listen_error)?;
        let bound: SocketAddr = listener.local_addr().map_err(listen_error)?;
        tracing::info!(
            name = self.settings.name, address = %bound, tls = self.tls.is_some(), topic = self.settings.orders_topic,
            partitions = self.app.limits.partition_count, "serving"
        );
        let limits = Limits {
            connections: self.settings.max_connections,
            idle: Duration::from_secs(self.settings.idle_timeout_seconds),
            write: Duration::from_secs(self.settings.write_timeout_seconds),
            stop: self.settings.stop_timeout(),
        };
        let refuse = answer_marks::refuse(self.app.clone());
        let (tls, drained) = (self.tls.clone(), self.app.drained.clone());
        let serving = ledger_http::serve(listener, self.router(), limits, tls, refuse, drained);
        if let Err(error) = tokio::spawn(serving).await {
            tracing::error!(%error, "serving ended badly");
        }
        self.finish().await;
        Ok(())
    }

    async fn finish(self) {
        self.end.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if timeout(FOLLOWER_STOP_LIMIT, self.follower_ended).await.is_err() {
            tracing::warn!("the follower of the outcomes did not end in time");
        }
        // Longer than a delivery can take there is nothing to wait for.
        let limit = Duration::from_millis(self.settings.delivery_timeout_ms) + Duration::from_secs(1);
        let app = self.app.clone();
        match tokio::task::spawn_blocking(move || app.log.flush(limit)).await {
            Ok(Ok(())) => tracing::info!("stopped: every event is acknowledged"),
            Ok(Err(error)) => tracing::warn!(%error, "stopped with events whose outcome is unknown"),
            Err(error) => tracing::error!(%error, "the flush ended badly"),
        }
        self.reader.close();
    }
}

/// Name and start time of this process: a restart makes other ids. The time is no more than that: a clock that stands before
/// 1970 gives the same number again.
fn request_id_prefix(name: &str) -> String {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    format!("{name}-{micros:x}")
}
