//! Keys as they were when the table was last asked: so that a request costs no statement, a revoked key is refused within [`FRESH`], and the
//! database's silence shuts nobody out who was let in lately.
//!
//! - A key that was found is believed for [`FRESH`]; then it is read again, once for all who wait.
//! - The table does not answer: a key that was found within [`GRACE`] keeps working; any other is [`Denied::Unavailable`], a 503. It is never "unknown",
//!   and never let in.
//! - An id that is not in the table is remembered for [`FRESH`], apart from the keys that are: no flood of made-up ids pushes those out.
//!   At most [`LOOK_UPS`] such ids are asked for at the same time.
//!
//! It must never hold the map while it asks, nor ask with the caller's own task: a handler is dropped when its client goes away.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::api_key::KeyId;
use crate::denial::Denied;
use crate::key_table::StoredKey;

/// For how long what the table said is believed.
pub const FRESH: Duration = Duration::from_secs(5);
/// For how long a key works of which the table could not be asked again.
pub const GRACE: Duration = Duration::from_secs(600);
/// How long a request of a known key waits for the table before it goes by what was known.
const PATIENCE: Duration = Duration::from_millis(500);
/// After the table did not answer, how long known keys are not asked for again.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest that a key which is not known waits for its turn.
const LONGEST_QUEUE: Duration = Duration::from_secs(2);
/// How often the use of a key is written, by each process.
const USES: Duration = Duration::from_secs(300);
/// Keys, and apart from them ids that are none, that are remembered.
const MOST_KEYS: usize = 10_000;
const MOST_UNKNOWN: usize = 10_000;
/// Unknown ids that are asked for at the same time.
pub(crate) const LOOK_UPS: usize = 4;

/// Where keys are stored.
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// What the table says of an id.
    async fn find(&self, id: &KeyId) -> Result<Option<StoredKey>, String>;
    /// Writes that it was used.
    async fn mark_used(&self, id: &KeyId) -> Result<(), String>;
}

/// A key that was found.
struct Slot {
    state: Mutex<State>,
    /// Held by whoever reads it again.
    reading: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Clone)]
struct State {
    key: Arc<StoredKey>,
    read_at: Instant,
    /// Not before then is it read again.
    ask_at: Instant,
    marked_at: Option<Instant>,
}

#[derive(Default)]
struct Known {
    keys: HashMap<KeyId, Arc<Slot>>,
    /// Until when an id is taken for none.
    unknown: HashMap<KeyId, Instant>,
}

/// The keys that were asked for.
pub(crate) struct KeyCache {
    source: Arc<dyn KeySource>,
    known: Arc<Mutex<Known>>,
    look_ups: Arc<Semaphore>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unavailable(cause: String) -> Denied {
    Denied::Unavailable { what: "the database", cause }
}

impl KeyCache {
    pub(crate) fn new(source: Arc<dyn KeySource>) -> Self {
        Self { source, known: Arc::default(), look_ups: Arc::new(Semaphore::new(LOOK_UPS)) }
    }

    /// What is known of an id; `None`: it is no key.
    ///
    /// # Errors
    /// [`Denied::Unavailable`].
    pub(crate) async fn find(&self, id: &KeyId) -> Result<Option<Arc<StoredKey>>, Denied> {
        let now = Instant::now();
        let slot = {
            let known = lock(&self.known);
            if known.unknown.get(id).is_some_and(|until| *until > now) {
                return Ok(None);
            }
            known.keys.get(id).cloned()
        };
        match slot {
            Some(slot) => self.of_slot(id, slot).await,
            None => self.look_up(id).await,
        }
    }

    async fn of_slot(&self, id: &KeyId, slot: Arc<Slot>) -> Result<Option<Arc<StoredKey>>, Denied> {
        let state = lock(&slot.state).clone();
        if state.read_at.elapsed() < FRESH {
            return Ok(Some(state.key));
        }
        if state.ask_at <= Instant::now() {
            let (known, source, id, asked) = (self.known.clone(), self.source.clone(), id.clone(), slot.clone());
            let reading = tokio::spawn(async move { read_again(&known, &*source, &id, &slot).await });
            match timeout(PATIENCE, reading).await {
                Ok(Ok(Some(answer))) => return Ok(answer),
                Ok(_) => {}
                // The table is silent: the reading goes on, and the next requests do not wait for it.
                Err(_) => lock(&asked.state).ask_at = Instant::now() + PAUSE,
            }
        }
        if state.read_at.elapsed() < GRACE {
            return Ok(Some(state.key));
        }
        Err(unavailable(format!("key {id} was last read {} s ago", state.read_at.elapsed().as_secs())))
    }

    async fn look_up(&self, id: &KeyId) -> Result<Option<Arc<StoredKey>>, Denied> {
        let permit = match timeout(LONGEST_QUEUE, self.look_ups.clone().acquire_owned()).await {
            Ok(permit) => permit.map_err(|error| unavailable(error.to_string()))?,
            Err(_) => return Err(unavailable(format!("{LOOK_UPS} other keys are being looked up"))),
        };
        let (known, source, id) = (self.known.clone(), self.source.clone(), id.clone());
        let reading = tokio::spawn(async move {
            let found = source.find(&id).await;
            drop(permit);
            found.map(|found| keep(&known, &id, found))
        });
        match reading.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(cause)) => Err(unavailable(cause)),
            Err(error) => Err(unavailable(error.to_string())),
        }
    }

    /// A key was used: written now and then, without anybody waiting for it.
    pub(crate) fn used(&self, id: &KeyId) {
        let slot = lock(&self.known).keys.get(id).cloned();
        let Some(slot) = slot else { return };
        {
            let mut state = lock(&slot.state);
            if state.marked_at.is_some_and(|at| at.elapsed() < USES) {
                return;
            }
            state.marked_at = Some(Instant::now());
        }
        let (source, id) = (self.source.clone(), id.clone());
        tokio::spawn(async move {
            if let Err(cause) = source.mark_used(&id).await {
                // A replica cannot be written to: `ledger keys list` then shows uses by others alone.
                tracing::debug!(key = %id, cause, "the use of a key could not be written");
            }
        });
    }
}

/// `None`: the table did not answer, and what was known stays.
async fn read_again(
    known: &Mutex<Known>,
    source: &dyn KeySource,
    id: &KeyId,
    slot: &Slot,
) -> Option<Option<Arc<StoredKey>>> {
    let _reading = slot.reading.lock().await;
    {
        let state = lock(&slot.state);
        if state.read_at.elapsed() < FRESH {
            return Some(Some(state.key.clone()));
        }
        if state.ask_at > Instant::now() {
            return None;
        }
    }
    match source.find(id).await {
        Ok(Some(key)) => {
            let key = Arc::new(key);
            let mut state = lock(&slot.state);
            (state.key, state.read_at) = (key.clone(), Instant::now());
            Some(Some(key))
        }
        Ok(None) => {
            keep(known, id, None);
            Some(None)
        }
        Err(cause) => {
            // `/readyz` and the answers to keys that are not known say it loudly.
            tracing::debug!(key = %id, cause, "a key could not be read again; it goes on to work for {} s", GRACE.as_secs());
            lock(&slot.state).ask_at = Instant::now() + PAUSE;
            None
        }
    }
}

fn keep(known: &Mutex<Known>, id: &KeyId, found: Option<StoredKey>) -> Option<Arc<StoredKey>> {
    let now = Instant::now();
    let mut known = lock(known);
    let Some(key) = found else {
        known.keys.remove(id);
        if known.unknown.len() >= MOST_UNKNOWN {
            known.unknown.clear();
        }
        known.unknown.insert(id.clone(), now + FRESH);
        return None;
    };
    let key = Arc::new(key);
    if known.keys.len() >= MOST_KEYS {
        // The one that was read longest ago: who comes goes on to be read again, who stays away does not.
        let oldest = known.keys.iter().min_by_key(|(_, slot)| lock(&slot.state).read_at).map(|(id, _)| id.clone());
        oldest.and_then(|oldest| known.keys.remove(&oldest));
    }
    let state = State { key: key.clone(), read_at: now, ask_at: now, marked_at: None };
    known.keys.insert(id.clone(), Arc::new(Slot { state: Mutex::new(state), reading: Arc::default() }));
    known.unknown.remove(id);
    Some(key)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use chrono::Utc;
    use tokio::time::{advance, sleep};

    use super::*;
    use crate::api_key::ApiKey;
    use crate::role::Role;

    /// A table of one key that can go silent, or away.
    struct Table {
        key: Mutex<Option<StoredKey>>,
        asked: AtomicU32,
        marked: AtomicU32,
        is_away: AtomicBool,
        delay: Mutex<Duration>,
    }

    #[async_trait]
    impl KeySource for Table {
        async fn find(&self, id: &KeyId) -> Result<Option<StoredKey>, String> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let delay = *lock(&self.delay);
            sleep(delay).await;
            if self.is_away.load(Ordering::Relaxed) {
                return Err("away".to_owned());
            }
            Ok(lock(&self.key).clone().filter(|key| key.id == *id))
        }

        async fn mark_used(&self, _: &KeyId) -> Result<(), String> {
            self.marked.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    fn world() -> (Arc<Table>, Arc<KeyCache>, KeyId) {
        let key = ApiKey::generate().expect("random");
        let stored = StoredKey {
            id: key.id().clone(),
            hash: key.hash(),
            role: Role::Reader,
            user: None,
            created_at: Utc::now(),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        let table = Arc::new(Table {
            key: Mutex::new(Some(stored)),
            asked: AtomicU32::new(0),
            marked: AtomicU32::new(0),
            is_away: AtomicBool::new(false),
            delay: Mutex::default(),
        });
        (table.clone(), Arc::new(KeyCache::new(table)), key.id().clone())
    }

    fn other_id(number: usize) -> KeyId {
        KeyId::parse(&format!("{number:016x}")).expect("an id")
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_read_once_and_again_when_it_is_not_fresh() {
        let (table, cache, id) = world();
        for _ in 0..100 {
            assert!(cache.find(&id).await.expect("answered").is_some());
        }
        assert_eq!(table.asked.load(Ordering::Relaxed), 1);
        lock(&table.key).as_mut().expect("a key").revoked_at = Some(Utc::now());
        advance(FRESH).await;
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let (cache, id) = (cache.clone(), id.clone());
                tokio::spawn(async move { cache.find(&id).await })
            })
            .collect();
        for found in waiting {
            let key = found.await.expect("no panic").expect("answered").expect("a key");
            assert!(key.revoked_at.is_some(), "no older answer after the table was asked");
        }
        assert_eq!(table.asked.load(Ordering::Relaxed), 2, "once for all");
        *lock(&table.key) = None;
        advance(FRESH).await;
        assert!(cache.find(&id).await.expect("answered").is_none(), "a row that is gone");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_table_shuts_nobody_out_who_was_known_and_lets_nobody_else_in() {
        let (table, cache, id) = world();
        assert!(cache.find(&id).await.expect("answered").is_some());
        table.is_away.store(true, Ordering::Relaxed);
        *lock(&table.delay) = Duration::from_secs(6);
        advance(FRESH).await;
        let begun = Instant::now();
        assert!(cache.find(&id).await.expect("known").is_some());
        assert!(begun.elapsed() <= PATIENCE + Duration::from_millis(10), "{:?}", begun.elapsed());
        let unknown = cache.find(&other_id(1)).await;
        assert!(matches!(unknown, Err(Denied::Unavailable { .. })), "{unknown:?}");
        advance(GRACE).await;
        assert!(matches!(cache.find(&id).await, Err(Denied::Unavailable { .. })), "known for too long");
        // It answers again.
        table.is_away.store(false, Ordering::Relaxed);
        *lock(&table.delay) = Duration::ZERO;
        sleep(Duration::from_secs(10)).await;
        assert!(cache.find(&id).await.expect("answered").is_some());
        assert!(cache.find(&other_id(1)).await.expect("answered").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn made_up_ids_are_asked_for_once_and_push_no_key_out() {
        let (table, cache, id) = world();
        assert!(cache.find(&id).await.expect("answered").is_some());
        for number in 0..MOST_UNKNOWN + 10 {
            assert!(cache.find(&other_id(number)).await.expect("answered").is_none());
        }
        let asked = table.asked.load(Ordering::Relaxed);
        assert!(cache.find(&id).await.expect("answered").is_some());
        assert!(cache.find(&other_id(MOST_UNKNOWN + 9)).await.expect("answered").is_none());
        assert_eq!(table.asked.load(Ordering::Relaxed), asked);
        assert!(lock(&cache.known).unknown.len() <= MOST_UNKNOWN);
    }

    #[tokio::test(start_paused = true)]
    async fn uses_are_written_seldom() {
        let (table, cache, id) = world();
        cache.find(&id).await.expect("answered");
        for _ in 0..1000 {
            cache.used(&id);
            tokio::task::yield_now().await;
        }
        assert_eq!(table.marked.load(Ordering::Relaxed), 1);
        advance(USES).await;
        cache.used(&id);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(table.marked.load(Ordering::Relaxed), 2);
    }
}
