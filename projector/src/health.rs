//! Whether the projector is alive and ready, as its parts report it. It must never decide by asking the database itself:
//! a probe has to answer also when everything hangs.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Shared by all parts of a projector.
#[derive(Debug, Default)]
pub struct Health {
    joined: AtomicBool,
    stopping: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Assigned partitions whose state is not loaded yet.
    loading: BTreeSet<i32>,
    /// Parts that wait for the database, by name.
    waiting: BTreeSet<String>,
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

    pub fn loading(&self, partition: i32) {
        self.with(|inner| inner.loading.insert(partition));
    }

    /// The partition is loaded, or not ours any more.
    pub fn loaded(&self, partition: i32) {
        self.with(|inner| inner.loading.remove(&partition));
    }

    /// A part waits for the database; true when it did not before.
    pub fn waits_for_database(&self, part: &str) -> bool {
        self.with(|inner| inner.waiting.insert(part.to_owned()))
    }

    /// The database answered a part; true when it had waited.
    pub fn database_answered(&self, part: &str) -> bool {
        self.with(|inner| inner.waiting.remove(part))
    }

    pub fn readiness(&self) -> Readiness {
        let mut reasons = Vec::new();
        if self.stopping.load(Ordering::Acquire) {
            reasons.push("stopping".to_owned());
        }
        if !self.joined.load(Ordering::Acquire) {
            reasons.push("the consumer group has not assigned partitions yet".to_owned());
        }
        self.with(|inner| {
            if !inner.waiting.is_empty() {
                reasons.push("the database does not answer".to_owned());
            }
            if !inner.loading.is_empty() {
                reasons.push(format!("partitions {:?} are being loaded", inner.loading));
            }
        });
        Readiness { ready: reasons.is_empty(), reasons }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_joined_loaded_and_a_database() {
        let health = Health::default();
        assert!(!health.readiness().ready);
        health.joined();
        assert!(health.readiness().ready);
        health.loading(3);
        assert_eq!(health.readiness().reasons, ["partitions {3} are being loaded"]);
        health.loaded(3);
        assert!(health.waits_for_database("writer-0"));
        assert!(!health.waits_for_database("writer-0"));
        assert_eq!(health.readiness().reasons, ["the database does not answer"]);
        assert!(health.database_answered("writer-0"));
        assert!(health.readiness().ready);
        health.stopping();
        assert_eq!(health.readiness().reasons, ["stopping"]);
    }
}
