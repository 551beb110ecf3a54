//! How many requests one client may send: a bucket for each, filled at the rate, with room for a burst. Others have buckets of their own, so
//! one that empties its own takes nothing from them.
//!
//! It must never hold more than [`MOST_CLIENTS`] buckets: whoever calls under ever new names fills the table with buckets that are forgotten first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Clients that are counted at the same time.
pub const MOST_CLIENTS: usize = 65_536;

/// The limit of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_second: u32,
    /// Requests that may come at once.
    pub burst: u32,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// Every client's bucket.
#[derive(Debug)]
pub struct Rates {
    rate: Rate,
    buckets: Mutex<HashMap<Arc<str>, Bucket>>,
}

impl Rates {
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, buckets: Mutex::default() }
    }

    #[must_use]
    pub fn per_second(&self) -> u32 {
        self.rate.per_second
    }

    /// Takes a request out of the client's bucket.
    ///
    /// # Errors
    /// After how long there is room for one.
    pub fn take(&self, client: &Arc<str>) -> Result<(), Duration> {
        let (now, burst) = (Instant::now(), f64::from(self.rate.burst));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_CLIENTS && !buckets.contains_key(client) {
            self.make_room(&mut buckets, now);
        }
        let bucket = buckets.entry(client.clone()).or_insert(Bucket { tokens: burst, at: now });
        *bucket = Bucket { tokens: self.filled(bucket, now), at: now };
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - bucket.tokens) / f64::from(self.rate.per_second)))
    }

    fn filled(&self, bucket: &Bucket, now: Instant) -> f64 {
        let gained = now.saturating_duration_since(bucket.at).as_secs_f64() * f64::from(self.rate.per_second);
        (bucket.tokens + gained).min(f64::from(self.rate.burst))
    }

    /// A full bucket is as good as none. Where all of them are in use, the fuller half goes: those who use up theirs stay counted.
    fn make_room(&self, buckets: &mut HashMap<Arc<str>, Bucket>, now: Instant) {
        let burst = f64::from(self.rate.burst);
        buckets.retain(|_, bucket| self.filled(bucket, now) < burst);
        if buckets.len() < MOST_CLIENTS {
            return;
        }
        let mut levels: Vec<f64> = buckets.values().map(|bucket| self.filled(bucket, now)).collect();
        let middle = levels.len() / 2;
        let (_, median, _) = levels.select_nth_unstable_by(middle, f64::total_cmp);
        let median = *median;
        buckets.retain(|_, bucket| self.filled(bucket, now) < median);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn name(text: &str) -> Arc<str> {
        Arc::from(text)
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_and_then_the_rate_and_nobody_else_is_touched() {
        let rates = Rates::new(Rate { per_second: 10, burst: 20 });
        let (greedy, modest) = (name("greedy"), name("modest"));
        for _ in 0..20 {
            assert_eq!(rates.take(&greedy), Ok(()));
        }
        let wait = rates.take(&greedy).expect_err("the bucket is empty");
        assert!(wait > Duration::from_millis(90) && wait <= Duration::from_millis(100), "{wait:?}");
        assert_eq!(rates.take(&modest), Ok(()));
        advance(Duration::from_millis(100)).await;
        assert_eq!(rates.take(&greedy), Ok(()));
        assert!(rates.take(&greedy).is_err());
        advance(Duration::from_secs(3600)).await;
        for _ in 0..20 {
            assert_eq!(rates.take(&greedy), Ok(()), "no more than the burst is saved up");
        }
        assert!(rates.take(&greedy).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn ever_new_names_do_not_grow_the_table_nor_free_who_is_over() {
        let rates = Rates::new(Rate { per_second: 1, burst: 2 });
        let greedy = name("greedy");
        while rates.take(&greedy).is_ok() {}
        for number in 0..3 * MOST_CLIENTS {
            assert_eq!(rates.take(&name(&number.to_string())), Ok(()));
        }
        let count = rates.buckets.lock().unwrap().len();
        assert!(count <= MOST_CLIENTS, "{count}");
        assert!(rates.take(&greedy).is_err());
    }
}
