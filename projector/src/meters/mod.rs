//! The projector's metrics: every name once, so that a dashboard's names can be looked up here; those of orders and of what partitions
//! tell each other are in [`orders`], what is shown before anything has happened in [`begun`]. Counting must never decide anything.

mod begun;
mod orders;

use std::time::Duration;

use chrono::Utc;
use ledger_fold::BatchEffects;
use ledger_schema::Status;
use ledger_store::OpenCounts;
use ledger_store::generations::Phase;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;

use crate::status::{self, PartitionStatus};

pub use begun::{build, ready};
pub use orders::{asked_again, expiries_appended, oldest_undecided, tick_failed, told};

const RECORDS: &str = "ledger_records_folded_total";
const MOVEMENTS: &str = "ledger_movements_total";
const DUPLICATES: &str = "ledger_duplicates_total";
const PARKED: &str = "ledger_parked_total";
const BATCHES: &str = "ledger_batches_total";
const BATCH_RECORDS: &str = "ledger_batch_records";
const COMMIT_SECONDS: &str = "ledger_transaction_seconds";
const MISSES: &str = "ledger_position_misses_total";
const RETRIES: &str = "ledger_database_retries_total";
const KNOWN_IDS: &str = "ledger_batches_with_known_ids_total";
const UNKNOWN_COMMITS: &str = "ledger_unknown_commits_total";
const STALE: &str = "ledger_stale_records_total";
const PAUSES: &str = "ledger_pauses_total";
const POSITION: &str = "ledger_position";
const LAG: &str = "ledger_lag_records";
const LAG_SECONDS: &str = "ledger_lag_seconds";
const END: &str = "ledger_end_offset";
const STABLE: &str = "ledger_stable_offset";
const BLOCKED: &str = "ledger_blocked_seconds";
const PAUSED: &str = "ledger_paused_seconds";
const UNFOLDED: &str = "ledger_unfolded_partitions";
const PRODUCTS: &str = "ledger_products";
const RELAY_CURSOR: &str = "ledger_relay_cursor";
const OUTBOX_ROWS: &str = "ledger_outbox_rows";
const UNPUBLISHED: &str = "ledger_unpublished_seconds";
const RELAY_PUBLISHED: &str = "ledger_relay_published_total";
const RELAY_RESTARTS: &str = "ledger_relay_restarts_total";
const RELAY_SECONDS: &str = "ledger_relay_transaction_seconds";

const GENERATION: &str = "ledger_generation";
const FOLD_VERSION: &str = "ledger_fold_version";
const KEPT: &str = "ledger_generations_kept";
const REBUILD_RUNNING: &str = "ledger_rebuild_running";
const REBUILD_UNFINISHED: &str = "ledger_rebuild_unfinished";
const REBUILD_RECORDS: &str = "ledger_rebuild_records";
const REBUILD_PHASE: &str = "ledger_rebuild_phase";

/// Upper limits of the buckets of transactions, in seconds.
const SECONDS: [f64; 11] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0];

/// A gauge that nobody sets any more disappears after this long. Whoever owns one sets it more often: writers and relays every
/// second, the monitor every two. So what a projector shows is of the partitions that are its own.
const GAUGE_LIFE: Duration = Duration::from_secs(10);

/// Starts collecting, for the process. The handle renders what was collected.
///
/// # Errors
/// When another recorder was installed.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Full(BATCH_RECORDS.to_owned()),
            &[1.0, 10.0, 100.0, 500.0, 1e3, 2e3, 5e3, 1e4],
        )?
        .set_buckets_for_metric(Matcher::Full(COMMIT_SECONDS.to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full(RELAY_SECONDS.to_owned()), &SECONDS)?
        .idle_timeout(MetricKindMask::GAUGE, Some(GAUGE_LIFE))
        .install_recorder()?;
    describe();
    begun::register();
    Ok(handle)
}

fn describe() {
    orders::describe();
    describe_counter!(RECORDS, "Records of the log that were folded and committed");
    describe_counter!(MOVEMENTS, "Receipts and adjustments decided, by status");
    describe_counter!(DUPLICATES, "Records that repeated an earlier one and changed nothing");
    describe_counter!(PARKED, "Records parked in dead_letters, by reason");
    describe_counter!(BATCHES, "Transactions committed");
    describe_histogram!(BATCH_RECORDS, "Records in a transaction");
    describe_histogram!(COMMIT_SECONDS, Unit::Seconds, "From the first statement of a transaction to its commit");
    describe_counter!(MISSES, "Compare-and-sets that missed: somebody else moved the position");
    describe_counter!(RETRIES, "Transactions and reads tried again after a database error");
    describe_counter!(KNOWN_IDS, "Transactions rolled back to look ids up that a unique key knew");
    describe_counter!(UNKNOWN_COMMITS, "Commits without an answer, decided by the position");
    describe_counter!(STALE, "Records dropped because their partition was given away, re-read or paused");
    describe_counter!(PAUSES, "Times that a partition was paused because its writer did not keep up");
    describe_gauge!(POSITION, "Next offset to fold, by partition of the log");
    describe_gauge!(LAG, "Records left to fold, by partition; 0 when nothing is left");
    describe_gauge!(LAG_SECONDS, Unit::Seconds, "Age of the oldest record that is left to fold, by partition");
    describe_gauge!(END, "High watermark: end of the log, by partition");
    describe_gauge!(STABLE, "Last stable offset: end of what can be folded now, by partition");
    describe_gauge!(BLOCKED, Unit::Seconds, "Age of the open transaction that blocks a partition; 0 when none does");
    describe_gauge!(PAUSED, Unit::Seconds, "How long an operator has had a partition paused; 0 when it is not");
    describe_gauge!(UNFOLDED, "Partitions that another member of the consumer group has, and does not fold");
    describe_gauge!(PRODUCTS, "Products held in memory, by partition");
    describe_gauge!(GENERATION, "Number of the live generation of tables");
    describe_gauge!(FOLD_VERSION, "Version of the rules that the live tables were folded by");
    describe_gauge!(KEPT, "Earlier generations of tables that can be rolled back to");
    describe_gauge!(REBUILD_RUNNING, "1 while a rebuild runs");
    describe_gauge!(REBUILD_UNFINISHED, "1 while a rebuild is neither running nor complete");
    describe_gauge!(REBUILD_RECORDS, "Records folded into the tables of a rebuild that is not complete");
    describe_gauge!(REBUILD_PHASE, "1 for the phase that a rebuild is in, or was left in");
    describe_gauge!(
        RELAY_CURSOR,
        "Offset of the log up to which outcomes and dead letters are published, by partition"
    );
    describe_gauge!(OUTBOX_ROWS, "Rows of the outbox that are to be published, up to 256, by partition");
    describe_gauge!(
        UNPUBLISHED,
        Unit::Seconds,
        "For how long there have been such rows and none was published, by partition; 0 where there are none"
    );
    describe_counter!(RELAY_PUBLISHED, "Outcomes and dead letters published");
    describe_counter!(RELAY_RESTARTS, "Times that a relay began anew from its cursor, after an error or a doubt");
    describe_histogram!(RELAY_SECONDS, Unit::Seconds, "A Kafka transaction of a relay, from its begin to its commit");
}

/// What the status says of generations.
pub fn generations(status: &status::Status) {
    gauge!(GENERATION).set(f64::from(status.generation));
    gauge!(FOLD_VERSION).set(f64::from(status.fold_version));
    gauge!(KEPT).set(f64_of_count(status.kept.len()));
    let rebuild = status.rebuild.as_ref();
    let is = |running: bool| f64::from(u8::from(rebuild.is_some_and(|rebuild| rebuild.running == running)));
    gauge!(REBUILD_RUNNING).set(is(true));
    gauge!(REBUILD_UNFINISHED).set(is(false));
    // No rebuild, or none that has written down anything yet, has folded nothing.
    gauge!(REBUILD_RECORDS).set(f64_of(rebuild.and_then(|rebuild| rebuild.records).unwrap_or(0)));
    for phase in Phase::ALL {
        let at = rebuild.is_some_and(|rebuild| rebuild.phase == phase);
        gauge!(REBUILD_PHASE, "phase" => phase.as_str()).set(f64::from(u8::from(at)));
    }
}

/// A partition's share of a committed batch.
pub fn committed(effects: &BatchEffects, products: usize, open: OpenCounts) {
    counter!(RECORDS).increment(effects.record_count);
    counter!(DUPLICATES).increment(effects.duplicate_count);
    orders::committed(effects);
    for status in Status::ALL {
        let movements = effects.movements.iter().filter(|row| row.decision.status() == *status).count();
        if movements > 0 {
            counter!(MOVEMENTS, "status" => status.as_str()).increment(u64_of(movements));
        }
    }
    for parked in &effects.parked {
        counter!(PARKED, "reason" => parked.reason.as_str()).increment(1);
    }
    stands(effects.partition, effects.next_offset, products, open);
}

/// Where a partition of ours stands.
pub fn stands(partition: i32, next_offset: i64, products: usize, open: OpenCounts) {
    let partition = partition.to_string();
    gauge!(POSITION, "partition" => partition.clone()).set(f64_of(next_offset));
    gauge!(PRODUCTS, "partition" => partition.clone()).set(f64_of_count(products));
    orders::open(partition, open);
}

pub fn batch(records: u64, took: Duration) {
    counter!(BATCHES).increment(1);
    histogram!(BATCH_RECORDS).record(f64_of(i64::try_from(records).unwrap_or(i64::MAX)));
    histogram!(COMMIT_SECONDS).record(took);
}

pub fn missed(partitions: usize) {
    counter!(MISSES).increment(u64_of(partitions));
}

pub fn retried() {
    counter!(RETRIES).increment(1);
}

pub fn ids_known() {
    counter!(KNOWN_IDS).increment(1);
}

pub fn commit_unknown() {
    counter!(UNKNOWN_COMMITS).increment(1);
}

pub fn stale(records: usize) {
    counter!(STALE).increment(u64_of(records));
}

pub fn paused() {
    counter!(PAUSES).increment(1);
}

/// What is left to fold of a partition of ours, and what blocks it, or who.
pub fn lag(status: &PartitionStatus) {
    let PartitionStatus { stable_offset, end_offset, lag, lag_seconds, blocked_since, ref paused, .. } = *status;
    let partition = status.partition.to_string();
    gauge!(LAG, "partition" => partition.clone()).set(f64_of(lag));
    gauge!(LAG_SECONDS, "partition" => partition.clone()).set(lag_seconds);
    gauge!(END, "partition" => partition.clone()).set(f64_of(end_offset));
    gauge!(STABLE, "partition" => partition.clone()).set(f64_of(stable_offset));
    let blocked = blocked_since.and_then(|since| (Utc::now() - since).to_std().ok());
    gauge!(BLOCKED, "partition" => partition.clone()).set(blocked.unwrap_or_default().as_secs_f64());
    // By two clocks, the database's and ours: what is paused is never shown as 0.
    let paused = paused.as_ref().map(|pause| (Utc::now() - pause.since).to_std().unwrap_or_default());
    gauge!(PAUSED, "partition" => partition).set(paused.map_or(0.0, |paused| paused.as_secs_f64().max(0.001)));
}

/// How many partitions of others nobody folds.
pub fn unfolded(partitions: usize) {
    gauge!(UNFOLDED).set(f64_of_count(partitions));
}

/// The partition is not ours any more: its gauges have no value, until they disappear.
pub fn given_away(partition: i32) {
    for name in [POSITION, PRODUCTS, LAG, LAG_SECONDS, END, STABLE, BLOCKED, PAUSED] {
        gauge!(name, "partition" => partition.to_string()).set(f64::NAN);
    }
    orders::given_away(partition);
}

/// As [`given_away`], for what a relay shows.
pub fn relay_ended(partition: i32) {
    for name in [RELAY_CURSOR, OUTBOX_ROWS, UNPUBLISHED] {
        gauge!(name, "partition" => partition.to_string()).set(f64::NAN);
    }
}

/// A relay published this many entries in one Kafka transaction.
pub fn published(entries: usize, took: Duration) {
    counter!(RELAY_PUBLISHED).increment(u64_of(entries));
    histogram!(RELAY_SECONDS).record(took);
}

pub fn relay_cursor(partition: i32, next_offset: i64) {
    gauge!(RELAY_CURSOR, "partition" => partition.to_string()).set(f64_of(next_offset));
}

/// Rows of the outbox that a relay found and has yet to publish, as many as it takes at once, and for how long none of them was.
pub fn outbox(partition: i32, rows: usize, unpublished: Duration) {
    gauge!(OUTBOX_ROWS, "partition" => partition.to_string()).set(f64_of_count(rows));
    gauge!(UNPUBLISHED, "partition" => partition.to_string()).set(unpublished.as_secs_f64());
}

pub fn relay_restarted() {
    counter!(RELAY_RESTARTS).increment(1);
}

#[expect(clippy::expect_used, reason = "a usize has 64 bits at most wherever this runs")]
fn u64_of(count: usize) -> u64 {
    u64::try_from(count).expect("a count of what is in memory")
}

#[expect(clippy::expect_used, reason = "memory holds fewer things than 2^63")]
fn f64_of_count(count: usize) -> f64 {
    f64_of(i64::try_from(count).expect("a count of what is in memory"))
}

/// Metrics are floating point; above 2^53 they round, which no count here reaches.
#[expect(clippy::expect_used, reason = "both halves are cut to fit on the line before")]
fn f64_of(count: i64) -> f64 {
    let capped = count.clamp(-(1 << 53), 1 << 53);
    let high = i32::try_from(capped >> 32).expect("at most 2^21 either way, by the clamp");
    let low = u32::try_from(capped & 0xffff_ffff).expect("32 bits, by the mask");
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

#[cfg(test)]
mod tests {
    use ledger_store::Pause;

    use super::*;

    #[test]
    fn gauges_of_a_partition_that_was_given_away_disappear() {
        let recorder = PrometheusBuilder::new()
            .idle_timeout(MetricKindMask::GAUGE, Some(Duration::from_millis(1)))
            .build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            stands(3, 17, 2, OpenCounts { pending: 1, held: 5 });
            oldest_undecided(3, Duration::from_secs(4));
            relay_cursor(3, 16);
            lag(&PartitionStatus {
                partition: 3,
                next_offset: 17,
                stable_offset: 17,
                end_offset: 19,
                lag: 2,
                lag_seconds: 1.5,
                blocked_since: Some(Utc::now() - Duration::from_secs(60)),
                paused: Some(Pause { since: Utc::now() - Duration::from_secs(90), by: "ann".to_owned(), reason: None }),
            });
            let shown = handle.render();
            assert!(shown.contains("ledger_open_orders{partition=\"3\",status=\"held\"} 5\n"), "{shown}");
            for line in [
                "oldest_undecided_seconds 4",
                "position 17",
                "lag_records 2",
                "lag_seconds 1.5",
                "end_offset 19",
                "stable_offset 17",
            ] {
                let (name, value) = line.split_once(' ').expect("two words");
                assert!(shown.contains(&format!("ledger_{name}{{partition=\"3\"}} {value}\n")), "{line}: {shown}");
            }
            assert!(shown.contains("ledger_blocked_seconds{partition=\"3\"} 60"), "{shown}");
            assert!(shown.contains("ledger_paused_seconds{partition=\"3\"} 90"), "{shown}");
            given_away(3);
            relay_ended(3);
            let shown = handle.render();
            assert!(shown.contains("ledger_open_orders{partition=\"3\",status=\"pending\"} NaN"), "{shown}");
            for name in [
                POSITION,
                PRODUCTS,
                LAG,
                LAG_SECONDS,
                END,
                STABLE,
                BLOCKED,
                PAUSED,
                "ledger_oldest_undecided_seconds",
                RELAY_CURSOR,
            ] {
                assert!(shown.contains(&format!("{name}{{partition=\"3\"}} NaN")), "{shown}");
            }
            let began = std::time::Instant::now();
            while handle.render().contains("partition=") {
                assert!(began.elapsed() < Duration::from_secs(60), "they stay");
            }
            stands(3, 18, 2, OpenCounts::default());
            assert!(handle.render().contains("ledger_position{partition=\"3\"} 18"), "it came back");
        });
    }

    #[test]
    fn counts_convert_exactly() {
        for (count, expected) in [(0, 0.0), (7, 7.0), (-1, -1.0), (1 << 40, 1_099_511_627_776.0), (5_000_000_000, 5e9)]
        {
            assert!((f64_of(count) - expected).abs() < f64::EPSILON, "{count}");
        }
    }
}
