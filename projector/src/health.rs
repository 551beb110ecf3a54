//! Whether the projector is alive and ready, as its parts report it. It must never decide by asking the database itself:
//! a probe has to answer also when everything hangs. Which partitions are loaded is known by `shared.rs`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ledger_database::SUSPICIOUS_AFTER;
use ledger_kafka::record::Epoch;
use serde::Serialize;
use tokio::time::Instant;

/// Shared by all parts of a projector.
#[derive(Debug, Default)]
pub struct Health {
    joined: AtomicBool,
    stopping: AtomicBool,
    /// Parts that wait for the database, by name.
    waiting: Mutex<BTreeMap<String, Wait>>,
    /// Since when parts have been waiting for an answer of the database to what they asked.
    asking: Mutex<BTreeMap<String, Instant>>,
    /// Parts that wait for Kafka, by name, with its words.
    waiting_for_kafka: Mutex<BTreeMap<String, String>>,
    /// Partitions of ours that an open transaction blocks for long, each in words.
    blocked: Mutex<Vec<String>>,
    /// Partitions of others that nobody folds, each in words.
    unfolded: Mutex<Vec<String>>,
    /// Partitions that an operator has paused, each in words.
    paused: Mutex<Vec<String>>,
    /// Partitions whose outcomes are refused.
    unpublished: Mutex<BTreeMap<i32, Unpublished>>,
}

#[derive(Debug)]
struct Wait {
    waiting: Waiting,
    /// In the server's own words, where it said something.
    reason: String,
}

/// A part asks the database something; dropped when that is answered, or given up.
#[derive(Debug)]
pub struct Asking<'a> {
    health: &'a Health,
    part: &'a str,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        lock(&self.health.asking).remove(self.part);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// What an operator has paused: nothing is wrong with it, and nothing of it is folded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paused: Vec<String>,
}

impl Health {
    /// The consumer group gave us our share, be it empty.
    pub fn joined(&self) {
        self.joined.store(true, Ordering::Release);
    }

    /// Our share was taken away: the group has not said yet what it is now.
    pub(crate) fn handed_over(&self) {
        self.joined.store(false, Ordering::Release);
    }

    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// A part waits for the database; true when none did before, so that an outage gets one warning.
    pub(crate) fn waits_for_database(
        &self,
        part: &str,
        waiting: Waiting,
        reason: String,
        is_current: impl Fn(i32, Epoch) -> bool,
    ) -> bool {
        let mut waits = lock(&self.waiting);
        waits.retain(|_, wait| wait.waiting.counts(&is_current));
        let is_first = waits.is_empty();
        waits.insert(part.to_owned(), Wait { waiting, reason });
        is_first
    }

    /// The database answered a part; true when it had waited, and none waits any more.
    pub(crate) fn database_answered(&self, part: &str, is_current: impl Fn(i32, Epoch) -> bool) -> bool {
        let mut waits = lock(&self.waiting);
        let had_waited = waits.remove(part).is_some();
        had_waited && !waits.values().any(|wait| wait.waiting.counts(&is_current))
    }

    /// A part asks the database something, of which the answer should come soon.
    pub(crate) fn asks<'a>(&'a self, part: &'a str) -> Asking<'a> {
        lock(&self.asking).insert(part.to_owned(), Instant::now());
        Asking { health: self, part }
    }

    /// A part waits for Kafka, which says `words`; true when it did not before.
    pub fn waits_for_kafka(&self, part: &str, words: String) -> bool {
        lock(&self.waiting_for_kafka).insert(part.to_owned(), words).is_none()
    }

    /// Kafka answered a part; true when it had waited.
    pub fn kafka_answered(&self, part: &str) -> bool {
        lock(&self.waiting_for_kafka).remove(part).is_some()
    }

    /// Whether nothing can be folded here now: a part waits for a server, or should have been answered long ago, or no share was given.
    pub(crate) fn cannot_fold(&self) -> bool {
        !self.joined.load(Ordering::Acquire)
            || !lock(&self.waiting).is_empty()
            || !lock(&self.waiting_for_kafka).is_empty()
            || lock(&self.asking).values().any(|since| since.elapsed() >= SUSPICIOUS_AFTER)
    }

    /// Says which partitions of others nobody folds, each in words; none when none is.
    pub(crate) fn unfolded(&self, partitions: Vec<String>) {
        *lock(&self.unfolded) = partitions;
    }

    /// Says which partitions of ours an open transaction blocks for long, each in words; none when none is.
    pub fn blocked(&self, partitions: Vec<String>) {
        *lock(&self.blocked) = partitions;
    }

    /// Says which partitions an operator has paused, each in words. The projector is as ready as before: it does what it was told.
    pub(crate) fn paused(&self, partitions: Vec<String>) {
        *lock(&self.paused) = partitions;
    }

    /// A relay was refused; `is_known`: it is certain that it will be again, until somebody changes the topic.
    pub fn cannot_publish(&self, partition: i32, cause: &str, is_known: bool) {
        let mut unpublished = lock(&self.unpublished);
        let since = unpublished.get(&partition).map_or_else(Instant::now, |before| before.since);
        unpublished.insert(partition, Unpublished { since, cause: cause.to_owned(), is_known });
    }

    /// A relay published, or has nothing to publish.
    pub fn publishes(&self, partition: i32) {
        lock(&self.unpublished).remove(&partition);
    }

    /// Which partitions' outcomes are refused, and why the first's are.
    fn refusal(&self) -> Option<String> {
        let unpublished = lock(&self.unpublished);
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
        for wait in lock(&self.waiting).values().filter(|wait| wait.waiting.counts(&is_current)) {
            if !reasons.contains(&wait.reason) {
                reasons.push(wait.reason.clone());
            }
        }
        for (part, since) in lock(&self.asking).iter() {
            let waited = since.elapsed();
            if waited >= SUSPICIOUS_AFTER {
                reasons.push(format!("{part} has waited for an answer of the database for {} s", waited.as_secs()));
            }
        }
        reasons.extend(lock(&self.waiting_for_kafka).values().map(|words| format!("waiting for Kafka: {words}")));
        reasons.extend(self.refusal());
        if !loading.is_empty() {
            reasons.push(format!("partitions {loading:?} are being loaded"));
        }
        // Nothing of them can be folded, however well everything here is.
        reasons.extend(lock(&self.blocked).iter().cloned());
        reasons.extend(lock(&self.unfolded).iter().cloned());
        Readiness { ready: reasons.is_empty(), reasons, paused: lock(&self.paused).clone() }
    }
}

impl Waiting {
    fn counts(&self, is_current: impl Fn(i32, Epoch) -> bool) -> bool {
        match self {
            Self::Always => true,
            Self::For(epochs) => epochs.iter().any(|(partition, epoch)| is_current(*partition, *epoch)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const AWAY: &str = "the database does not answer";
    const READ_ONLY: &str = "the database does not take batches: 1290 (HY000): read-only";

    fn is_current(_: i32, epoch: Epoch) -> bool {
        epoch == 7
    }

    fn waits(health: &Health, part: &str, waiting: Waiting, reason: &str) -> bool {
        health.waits_for_database(part, waiting, reason.to_owned(), is_current)
    }

    #[test]
    fn ready_means_joined_loaded_and_a_database() {
        let health = Health::default();
        let readiness = |loading: &[i32]| health.readiness(loading, is_current);
        assert!(!readiness(&[]).ready);
        health.joined();
        assert!(readiness(&[]).ready);
        assert_eq!(readiness(&[3]).reasons, ["partitions [3] are being loaded"]);
        waits(&health, "monitor", Waiting::Always, AWAY);
        assert_eq!(readiness(&[]).reasons, [AWAY]);
        assert!(health.database_answered("monitor", is_current));
        assert!(health.waits_for_kafka("consumer", "no leader".to_owned()));
        assert!(!health.waits_for_kafka("consumer", "no answer".to_owned()));
        assert_eq!(readiness(&[]).reasons, ["waiting for Kafka: no answer"]);
        assert!(health.kafka_answered("consumer") && !health.kafka_answered("consumer"));
        for (waiting, ready) in [(vec![(0, 7)], false), (vec![(0, 6)], true), (vec![], true)] {
            waits(&health, "writer-0", Waiting::For(waiting), AWAY);
            assert_eq!(readiness(&[]).ready, ready);
        }
        health.blocked(vec!["partition 7 is blocked".to_owned()]);
        assert_eq!(readiness(&[]).reasons, ["partition 7 is blocked"]);
        health.blocked(Vec::new());
        let words = vec!["partition 2 is paused".to_owned()];
        health.paused(words.clone());
        assert_eq!(readiness(&[]), Readiness { ready: true, reasons: Vec::new(), paused: words });
        health.unfolded(vec!["partition 2 belongs to another member".to_owned()]);
        assert_eq!(readiness(&[]).reasons, ["partition 2 belongs to another member"]);
        health.unfolded(Vec::new());
        health.handed_over();
        assert_eq!(readiness(&[]).reasons, ["the consumer group has not assigned partitions yet"]);
        health.joined();
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

    #[test]
    fn an_outage_gets_one_warning_and_each_reason_once() {
        let health = Health::default();
        health.joined();
        assert!(waits(&health, "writer-0", Waiting::For(vec![(0, 7)]), READ_ONLY));
        assert!(!waits(&health, "writer-0", Waiting::For(vec![(0, 7)]), READ_ONLY), "not one an attempt");
        assert!(!waits(&health, "writer-1", Waiting::For(vec![(1, 7)]), READ_ONLY), "not one a writer");
        assert!(!waits(&health, "monitor", Waiting::Always, AWAY));
        assert_eq!(health.readiness(&[], is_current).reasons, [AWAY, READ_ONLY]);
        assert!(!health.database_answered("monitor", is_current), "the writers still wait");
        assert!(!health.database_answered("writer-1", is_current));
        assert!(health.database_answered("writer-0", is_current));
        assert!(!health.database_answered("writer-0", is_current));
        // What waits for partitions that were given away is no outage that goes on.
        waits(&health, "writer-0", Waiting::For(vec![(0, 6)]), AWAY);
        assert!(waits(&health, "writer-1", Waiting::For(vec![(1, 7)]), READ_ONLY));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_come_is_not_ready() {
        let health = Health::default();
        health.joined();
        let asking = health.asks("writer-0");
        tokio::time::sleep(SUSPICIOUS_AFTER - Duration::from_millis(1)).await;
        assert!(health.readiness(&[], is_current).ready);
        tokio::time::sleep(Duration::from_millis(1)).await;
        let reasons = health.readiness(&[], is_current).reasons;
        assert_eq!(reasons, ["writer-0 has waited for an answer of the database for 3 s"]);
        drop(asking);
        assert!(health.readiness(&[], is_current).ready);
    }
}
