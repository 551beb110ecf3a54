//! Whether the projector is alive and ready, as its parts report it. It must never decide by asking the database itself:
//! a probe has to answer also when everything hangs. Which partitions are loaded is known by `shared.rs`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ledger_kafka::record::Epoch;
use serde::Serialize;
use tokio::time::Instant;

/// Shared by all parts of a projector.
#[derive(Debug, Default)]
pub struct Health {
    joined: AtomicBool,
    stopping: AtomicBool,
    /// Parts that wait for the database, by name.
    waiting: Mutex<BTreeMap<String, Waiting>>,
    /// Partitions whose outcomes are refused.
    unpublished: Mutex<BTreeMap<i32, Unpublished>>,
}

/// Why a relay cannot publish.
#[derive(Debug)]
struct Unpublished {
    since: Instant,
    cause: String,
    /// Whether it is known not to pass by itself.
    is_known: bool,
}

/// A relay that was refused for so long does not get over it at once: brokers that change roles take less.
const REFUSED: Duration = Duration::from_secs(10);

/// For what a part waits for the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// For itself: until it is answered.
    Always,
    /// For partitions in these epochs: only while one of them is current. A writer whose partitions were given away asks the
    /// database nothing any more, so nothing would ever end its wait.
    For(Vec<(i32, Epoch)>),
}

/// What `/readyz` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<String>,
}

impl Health {
    /// The consumer group gave us our share, be it empty.
    pub fn joined(&self) {
        self.joined.store(true, Ordering::Release);
    }

    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// A part waits for the database; true when it did not before.
    pub fn waits_for_database(&self, part: &str, waiting: Waiting) -> bool {
        self.waiting().insert(part.to_owned(), waiting).is_none()
    }

    /// The database answered a part; true when it had waited.
    pub fn database_answered(&self, part: &str) -> bool {
        self.waiting().remove(part).is_some()
    }

    /// A relay was refused; `is_known`: it is certain that it will be again, until somebody changes the topic.
    pub fn cannot_publish(&self, partition: i32, cause: &str, is_known: bool) {
        let mut unpublished = self.unpublished();
        let since = unpublished.get(&partition).map_or_else(Instant::now, |before| before.since);
        unpublished.insert(partition, Unpublished { since, cause: cause.to_owned(), is_known });
    }

    /// A relay published, or has nothing to publish.
    pub fn publishes(&self, partition: i32) {
        self.unpublished().remove(&partition);
    }

    /// Which partitions' outcomes are refused, and why the first's are.
    fn refusal(&self) -> Option<String> {
        let unpublished = self.unpublished();
        let counts = |refused: &Unpublished| refused.is_known || refused.since.elapsed() > REFUSED;
        let refused: Vec<_> = unpublished.iter().filter(|(_, refused)| counts(refused)).collect();
        let (_, Unpublished { cause, .. }) = refused.first()?;
        let partitions: Vec<_> = refused.iter().map(|(partition, _)| **partition).collect();
        Some(format!("the outcomes of partitions {partitions:?} cannot be published: {cause}"))
    }

    /// `loading`: partitions that are ours and not loaded.
    pub(crate) fn readiness(&self, loading: &[i32], is_current: impl Fn(i32, Epoch) -> bool) -> Readiness {
        let mut reasons = Vec::new();
        if self.stopping.load(Ordering::Acquire) {
            reasons.push("stopping".to_owned());
        }
        if !self.joined.load(Ordering::Acquire) {
            reasons.push("the consumer group has not assigned partitions yet".to_owned());
        }
        let counts = |waiting: &Waiting| match waiting {
            Waiting::Always => true,
            Waiting::For(epochs) => epochs.iter().any(|(partition, epoch)| is_current(*partition, *epoch)),
        };
        if self.waiting().values().any(counts) {
            reasons.push("the database does not answer".to_owned());
        }
        reasons.extend(self.refusal());
        if !loading.is_empty() {
            reasons.push(format!("partitions {loading:?} are being loaded"));
        }
        Readiness { ready: reasons.is_empty(), reasons }
    }

    fn unpublished(&self) -> MutexGuard<'_, BTreeMap<i32, Unpublished>> {
        self.unpublished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<String, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_joined_loaded_and_a_database() {
        let health = Health::default();
        let readiness = |loading: &[i32]| health.readiness(loading, |_, epoch| epoch == 7);
        assert!(!readiness(&[]).ready);
        health.joined();
        assert!(readiness(&[]).ready);
        assert_eq!(readiness(&[3]).reasons, ["partitions [3] are being loaded"]);
        assert!(health.waits_for_database("monitor", Waiting::Always));
        assert!(!health.waits_for_database("monitor", Waiting::Always));
        assert_eq!(readiness(&[]).reasons, ["the database does not answer"]);
        assert!(health.database_answered("monitor"));
        for (waiting, ready) in [(vec![(0, 7)], false), (vec![(0, 6)], true), (vec![], true)] {
            health.waits_for_database("writer-0", Waiting::For(waiting));
            assert_eq!(readiness(&[]).ready, ready);
        }
        health.cannot_publish(3, "no leader", false);
        assert!(readiness(&[]).ready, "it may pass");
        health.cannot_publish(3, "too large", true);
        let said = "the outcomes of partitions [3] cannot be published: too large";
        assert_eq!(readiness(&[]).reasons, [said]);
        health.publishes(3);
        assert!(readiness(&[]).ready);
        health.stopping();
        assert_eq!(readiness(&[]).reasons, ["stopping"]);
    }
}
