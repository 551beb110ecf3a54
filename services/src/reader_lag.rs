//! Whether the database that is read follows: its positions against the outcomes that were published, which come after the commit
//! of what they say. The database that the projector writes cannot be behind them; a replica can, for a moment or, when it stands,
//! for good. Told by metrics, and by `/readyz` once it lasts, since reads that would show less than was published are refused.
//!
//! It must never be asked for by a request: it looks by itself, and only while something is published that it has not found.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::published::Furthest;
use crate::reader::{ReadError, Reader};
use crate::readiness::Dependency;

const LOOK: Duration = Duration::from_secs(1);
/// A lag that is no lag of moments any more: the service is not ready.
const TOO_LONG: Duration = Duration::from_secs(5);

/// The lag as it was found last.
#[derive(Debug)]
pub(crate) struct ReaderLag {
    published: Arc<Furthest>,
    found: Mutex<Found>,
}

#[derive(Debug)]
struct Found {
    /// What was published at an earlier moment, and is not all found yet.
    awaited: Option<(Instant, Box<[i64]>)>,
    /// The last look: partition, where the database stands, what was published.
    behind: Option<(i32, i64, i64)>,
    records: i64,
    /// What was published when all of it was found.
    followed: Box<[i64]>,
}

impl ReaderLag {
    pub(crate) fn new(published: Arc<Furthest>) -> Self {
        let followed = published.now().iter().map(|_| 0).collect();
        let found = Mutex::new(Found { awaited: None, behind: None, records: 0, followed });
        Self { published, found }
    }

    /// Looks every second, until `stop`.
    pub(crate) async fn watch(&self, reader: &Reader, metrics: &Metrics, stop: &CancellationToken) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(looks.tick()).await.is_some() {
            let published = self.published.now();
            if self.found().followed != published {
                let read = reader.next_offsets().await;
                self.look(Instant::now(), published, read);
            }
            let (records, lasting) = self.lag(Instant::now());
            metrics.reader_lag_records.set(records as f64);
            metrics.reader_lag_seconds.set(lasting.as_secs_f64());
        }
    }

    /// `read` is later than `published`.
    fn look(&self, now: Instant, published: Box<[i64]>, read: Result<Vec<(i32, i64)>, ReadError>) {
        let mut found = self.found();
        // A database that does not answer is another part's to tell; how long it has not followed goes on to be counted.
        let Ok(read) = read else { return };
        let at = |partition: i32| read.iter().find(|(found, _)| *found == partition).map_or(0, |(_, next)| *next);
        let is_behind = |all: &[i64]| (0..).zip(all).any(|(partition, published)| at(partition) < *published);
        let lag_of = |(partition, published): (i32, &i64)| (published - at(partition)).max(0);
        found.records = (0..).zip(&published).map(lag_of).sum();
        found.behind =
            (0..).zip(&published).map(|(partition, to)| (partition, at(partition), *to)).find(|(_, at, to)| at < to);
        if !found.awaited.as_ref().is_some_and(|(_, awaited)| is_behind(awaited)) {
            found.awaited = is_behind(&published).then(|| (now, published.clone()));
        }
        if found.awaited.is_none() {
            found.followed = published;
        }
    }

    /// Records that are published and not found, and for how long some have not been.
    fn lag(&self, now: Instant) -> (i64, Duration) {
        let found = self.found();
        (found.records, found.awaited.as_ref().map_or(Duration::ZERO, |(since, _)| now.duration_since(*since)))
    }

    /// Why the service is not ready, if it lags for too long.
    fn told(&self, now: Instant) -> Result<(), String> {
        let (records, lasting) = self.lag(now);
        let Some((partition, at, published)) = self.found().behind else { return Ok(()) };
        if lasting < TOO_LONG {
            return Ok(());
        }
        Err(format!(
            "the database that is read has lagged for {} s: {records} records are decided that it does not have (partition \
             {partition}: published up to {published}, found {at}); a replica that stands, or does not keep up",
            lasting.as_secs()
        ))
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Dependency for ReaderLag {
    fn name(&self) -> &'static str {
        "reader"
    }

    async fn probe(&self) -> Result<(), String> {
        self.told(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_schema::Position;

    #[test]
    fn a_lag_is_counted_from_when_it_was_first_not_found() {
        let published = Arc::new(Furthest::new(2));
        let lag = ReaderLag::new(published.clone());
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let look = |seconds, read: &[(i32, i64)]| lag.look(at(seconds), published.now(), Ok(read.to_vec()));
        published.raise(Position { partition: 1, offset: 9 });
        look(0, &[(0, 0), (1, 10)]);
        assert_eq!(lag.lag(at(0)), (0, Duration::ZERO));
        published.raise(Position { partition: 1, offset: 12 });
        look(1, &[(1, 10)]);
        // It moves, but has not reached what was published four seconds ago; meanwhile more was.
        published.raise(Position { partition: 0, offset: 99 });
        look(5, &[(1, 12)]);
        assert_eq!(lag.lag(at(5)), (101, Duration::from_secs(4)));
        assert_eq!(lag.told(at(5)), Ok(()), "a lag of moments");
        let said = lag.told(at(6)).expect_err("not ready");
        assert!(said.contains("101 records") && said.contains("partition 0: published up to 100, found 0"), "{said}");
        // What was waited for is there; what came later is younger.
        look(7, &[(1, 13)]);
        assert_eq!(lag.lag(at(7)), (100, Duration::ZERO));
        look(8, &[(0, 100), (1, 13)]);
        assert_eq!((lag.lag(at(9)), lag.told(at(9))), ((0, Duration::ZERO), Ok(())));
    }
}
