//! The reading connections, few and kept open. A connection that died while it was idle (a server that was started anew, a KILL,
//! a limit of somebody between) is found out by the statement that takes it; that statement then gets a new connection, never
//! another of the old ones. So no number of dead connections makes a request fail that a new one would have answered.
//!
//! It must never keep a connection whose statement did not end: its answer may still come. Nothing here opens a transaction.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ledger_database::{DatabaseUrl, Watched};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::error::ReadError;

/// A connection that nobody used for so long is closed.
const IDLE_LIMIT: Duration = Duration::from_secs(600);
/// None gets older: behind a name that came to mean another server, the new one is found after this long at the latest.
const LIFETIME: Duration = Duration::from_secs(1_800);

/// Connections of one URL, opened when they are needed.
#[derive(Debug)]
pub(super) struct Connections {
    url: DatabaseUrl,
    /// As many as there may be connections.
    places: Arc<Semaphore>,
    /// The one that was used last comes last, and is taken first.
    idle: Mutex<Vec<Kept>>,
}

#[derive(Debug)]
struct Kept {
    connection: Watched,
    opened: Instant,
    used: Instant,
}

/// The right to have a connection, for one read.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// A connection, taken out. Dropped, it is closed at once, without a word to a server that may be silent.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) connection: Watched,
    opened: Instant,
    /// It was idle before, so it may be dead.
    pub(super) was_kept: bool,
}

impl Connections {
    pub(super) fn new(url: DatabaseUrl, most: u32) -> Self {
        let places = usize::try_from(most).expect("a number of connections fits in memory");
        Self { url, places: Arc::new(Semaphore::new(places)), idle: Mutex::default() }
    }

    /// # Errors
    /// [`ReadError::Busy`] when all connections are in use for as long as `limit`, or [`ReadError::Stopped`].
    pub(super) async fn place(&self, limit: Duration) -> Result<Place, ReadError> {
        match timeout(limit, self.places.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Place { _permit: permit }),
            Ok(Err(_closed)) => Err(ReadError::Stopped),
            Err(_) => Err(ReadError::Busy { limit }),
        }
    }

    /// A kept connection, or a new one.
    ///
    /// # Errors
    /// As [`Self::fresh`].
    pub(super) async fn take(&self, place: &Place, limit: Duration) -> Result<Taken, ReadError> {
        let kept = self.idle().pop();
        match kept {
            Some(Kept { connection, opened, .. }) => Ok(Taken { connection, opened, was_kept: true }),
            None => self.fresh(place, limit).await,
        }
    }

    /// A new connection.
    ///
    /// # Errors
    /// [`ReadError::Connect`], or [`ReadError::Slow`].
    pub(super) async fn fresh(&self, _: &Place, limit: Duration) -> Result<Taken, ReadError> {
        match timeout(limit, ledger_database::connect(&self.url)).await {
            Ok(opened) => Ok(Taken { connection: opened?.unwatched(), opened: Instant::now(), was_kept: false }),
            Err(_) => Err(ReadError::Slow { limit }),
        }
    }

    /// Keeps a connection whose statement ended.
    pub(super) fn put_back(&self, taken: Taken) {
        let now = Instant::now();
        let is_too_old = |kept: &mut Kept| {
            now.duration_since(kept.opened) >= LIFETIME || now.duration_since(kept.used) >= IDLE_LIMIT
        };
        let mut idle = self.idle();
        idle.push(Kept { connection: taken.connection, opened: taken.opened, used: now });
        let old: Vec<Kept> = idle.extract_if(.., is_too_old).collect();
        drop(idle);
        take_leave(old);
    }

    /// Forgets those that are idle: one of them was found dead, and the others are no more likely to live.
    pub(super) fn forget_idle(&self) {
        self.idle().clear();
    }

    pub(super) fn close(&self) {
        self.places.close();
        take_leave(std::mem::take(&mut *self.idle()));
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So that the server does not warn of a client that just left. Nobody waits for it.
fn take_leave(connections: Vec<Kept>) {
    for Kept { connection, .. } in connections {
        tokio::spawn(connection.close());
    }
}
