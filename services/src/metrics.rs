//! The service's own counters, registered once and then only incremented: no look-up and no lock on the hot path.
//!
//! Names are listed in docs/metrics.md; a name that was published is not renamed.

use std::collections::HashMap;
use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of the latency buckets, in seconds.
const LATENCY_BUCKETS: &[f64] = &[0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
/// Every status that this service answers with; others are counted as `other`.
const STATUSES: &[u16] =
    &[200, 201, 202, 303, 304, 400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 422, 429, 431, 500, 503];
/// The route label of what matches no route.
const NO_ROUTE: &str = "none";

/// Counters of one route.
pub(crate) struct RouteMetrics {
    by_status: Vec<(u16, Counter)>,
    other: Counter,
    duration: Histogram,
}

impl RouteMetrics {
    fn new(route: &'static str) -> Self {
        let requests =
            |status: String| counter!("order_service_http_requests_total", "route" => route, "status" => status);
        Self {
            by_status: STATUSES.iter().map(|status| (*status, requests(status.to_string()))).collect(),
            other: requests("other".to_owned()),
            duration: histogram!("order_service_http_request_duration_seconds", "route" => route),
        }
    }

    pub(crate) fn record(&self, status: u16, duration: Duration) {
        self.count(status);
        self.duration.record(duration);
    }

    /// An answer that took no time worth the name.
    pub(crate) fn count(&self, status: u16) {
        let known = self.by_status.iter().find(|(known, _)| *known == status);
        known.map_or(&self.other, |(_, counter)| counter).increment(1);
    }
}

/// How the waits of `Prefer: wait` ended.
pub(crate) struct WaitMetrics {
    pub(crate) by_outcome: Counter,
    pub(crate) by_projection: Counter,
    pub(crate) time_over: Counter,
}

impl WaitMetrics {
    fn new() -> Self {
        let waits = |ended_by: &'static str| counter!("order_service_waits_total", "ended_by" => ended_by);
        Self { by_outcome: waits("outcome"), by_projection: waits("projection"), time_over: waits("time-over") }
    }
}

/// All metrics of one service; several services can live in one process (tests).
pub(crate) struct Metrics {
    handle: PrometheusHandle,
    routes: HashMap<&'static str, RouteMetrics>,
    no_route: RouteMetrics,
    pub(crate) appends: Counter,
    pub(crate) refused_appends: Counter,
    pub(crate) unknown_acknowledgements: Counter,
    pub(crate) appends_failing: Gauge,
    pub(crate) appends_in_flight: Gauge,
    pub(crate) wrong_partitions: Counter,
    pub(crate) producer_restarts: Counter,
    pub(crate) waiters: Gauge,
    pub(crate) turned_away_waiters: Counter,
    pub(crate) waits: WaitMetrics,
    pub(crate) outcomes_seen: Counter,
    pub(crate) undecodable_outcomes: Counter,
    pub(crate) projection_polls: Counter,
    pub(crate) held_reads: Counter,
    pub(crate) shared_ids: Counter,
    pub(crate) database_errors: Counter,
    pub(crate) dead_connections: Counter,
    pub(crate) reader_lag_records: Gauge,
    pub(crate) reader_lag_seconds: Gauge,
    pub(crate) streams: Gauge,
    pub(crate) refused_streams: Counter,
    pub(crate) events_sent: Counter,
    pub(crate) slow_streams: Counter,
    pub(crate) stream_resets: Counter,
    pub(crate) catch_ups: Gauge,
    pub(crate) panics: Counter,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// `routes` as axum names them; what is none of them is counted under one name.
    pub(crate) fn new(routes: &[&'static str]) -> Self {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), LATENCY_BUCKETS)
            .expect("the list of buckets is not empty");
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            describe();
            gauge!("order_service_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
            Self {
                handle,
                routes: routes.iter().map(|route| (*route, RouteMetrics::new(route))).collect(),
                no_route: RouteMetrics::new(NO_ROUTE),
                appends: counter!("order_service_appends_total"),
                refused_appends: counter!("order_service_refused_appends_total"),
                unknown_acknowledgements: counter!("order_service_unknown_acknowledgements_total"),
                appends_failing: gauge!("order_service_appends_failing"),
                appends_in_flight: gauge!("order_service_appends_in_flight"),
                wrong_partitions: counter!("order_service_wrong_partitions_total"),
                producer_restarts: counter!("order_service_producer_restarts_total"),
                waiters: gauge!("order_service_waiters"),
                turned_away_waiters: counter!("order_service_turned_away_waiters_total"),
                waits: WaitMetrics::new(),
                outcomes_seen: counter!("order_service_outcomes_seen_total"),
                undecodable_outcomes: counter!("order_service_undecodable_outcomes_total"),
                projection_polls: counter!("order_service_projection_polls_total"),
                held_reads: counter!("order_service_held_reads_total"),
                shared_ids: counter!("order_service_shared_ids_total"),
                database_errors: counter!("order_service_database_errors_total"),
                dead_connections: counter!("order_service_dead_connections_total"),
                reader_lag_records: gauge!("order_service_reader_lag_records"),
                reader_lag_seconds: gauge!("order_service_reader_lag_seconds"),
                streams: gauge!("order_service_event_streams"),
                refused_streams: counter!("order_service_refused_event_streams_total"),
                events_sent: counter!("order_service_events_sent_total"),
                slow_streams: counter!("order_service_slow_event_streams_total"),
                stream_resets: counter!("order_service_event_stream_resets_total"),
                catch_ups: gauge!("order_service_event_streams_catching_up"),
                panics: counter!("order_service_panics_total"),
            }
        })
    }

    /// The metrics of a route as axum names it, or of what matches none.
    pub(crate) fn route(&self, route: Option<&str>) -> &RouteMetrics {
        route.and_then(|route| self.routes.get(route)).unwrap_or(&self.no_route)
    }

    /// The text that Prometheus scrapes.
    pub(crate) fn render(&self) -> String {
        self.handle.render()
    }

    /// Folds the histograms' samples into their buckets. Without it they pile up between scrapes.
    pub(crate) fn run_upkeep(&self) {
        self.handle.run_upkeep();
    }
}

fn describe() {
    describe_counter!("order_service_http_requests_total", "Answers by route and status");
    describe_histogram!("order_service_http_request_duration_seconds", "From request to answer, by route, in seconds");
    describe_counter!("order_service_appends_total", "Events acknowledged by all in-sync replicas");
    describe_counter!(
        "order_service_refused_appends_total",
        "Events that were certainly not appended: queue full, producer broken, or refused by Kafka"
    );
    describe_counter!(
        "order_service_unknown_acknowledgements_total",
        "Events of which nobody knows whether they were appended"
    );
    describe_gauge!("order_service_appends_in_flight", "Events in the producer that no broker has acknowledged yet");
    describe_gauge!("order_service_appends_failing", "1 while no append succeeds, as /readyz explains; else 0");
    describe_counter!(
        "order_service_wrong_partitions_total",
        "Events in another partition than their key hashes to; must be 0"
    );
    describe_counter!("order_service_producer_restarts_total", "Producers replaced after a fatal error");
    describe_gauge!("order_service_waiters", "Requests that wait for a decision or for the projection now");
    describe_counter!("order_service_turned_away_waiters_total", "Requests that found no place to wait");
    describe_counter!(
        "order_service_waits_total",
        "Waits of Prefer: wait by what ended them: an outcome, the projection, or their time"
    );
    describe_counter!("order_service_outcomes_seen_total", "Records of the topic of outcomes");
    describe_counter!(
        "order_service_undecodable_outcomes_total",
        "Outcomes that were skipped; records are decoded only while a request waits"
    );
    describe_counter!(
        "order_service_projection_polls_total",
        "Looks at the projection's positions, for waits that no outcome has ended yet"
    );
    describe_counter!(
        "order_service_held_reads_total",
        "Reads that found a partition before what was observed, or before ?after=, and waited"
    );
    describe_counter!(
        "order_service_shared_ids_total",
        "Looks at an order's id that found several orders: what a race for it over two home partitions left"
    );
    describe_counter!("order_service_database_errors_total", "Reads that failed");
    describe_counter!(
        "order_service_dead_connections_total",
        "Kept connections to the database that were found dead or silent; the reads got new ones"
    );
    describe_gauge!(
        "order_service_reader_lag_records",
        "Records whose outcomes are published, and that the database that is read does not have"
    );
    describe_gauge!("order_service_reader_lag_seconds", "How long the database that is read has not followed");
    describe_gauge!("order_service_event_streams", "Streams of events that are open now");
    describe_counter!("order_service_refused_event_streams_total", "Streams that were not opened: 503");
    describe_counter!("order_service_events_sent_total", "Events that were put into the streams' queues");
    describe_counter!(
        "order_service_slow_event_streams_total",
        "Streams that were dropped, since their readers were too slow"
    );
    describe_counter!("order_service_event_stream_resets_total", "Streams that were told that events may be missing");
    describe_gauge!(
        "order_service_event_streams_catching_up",
        "Streams that read what they missed from the topic of outcomes now"
    );
    describe_gauge!("order_service_build_info", "1, with the version of the program");
    describe_counter!("order_service_panics_total", "Panics of handlers; must be 0");
}
