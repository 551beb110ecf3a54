//! Whether appends succeed, as their own reports tell. Readiness follows it: a service whose records are all refused, or not
//! acknowledged, is not ready, whatever its connections look like.
//!
//! Nothing is appended to find out, so a service that gets no requests learns nothing: after [`TRIAL_AFTER`] without a failure it
//! is ready again, and the next failure of the same run ends that at once. One success ends the run. An idle service has no
//! reports, and so no trouble.
//!
//! Between brokers that die and the first failure there are seconds in which the cluster looks whole again: leaders moved, and what is
//! in flight is not refused yet. So what a probe found wrong is held while records are in flight, until one of them succeeds.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{SecondsFormat, Utc};
use ledger_kafka::{AppendFault, NotDelivered, Refusal};

/// Failures over this long, without a success, are trouble.
const FAILING_FOR: Duration = Duration::from_secs(2);
/// Records in flight for this long, and none acknowledged, are trouble.
const STALLED_FOR: Duration = Duration::from_secs(3);
/// After a failure, how long until a trial is allowed.
const TRIAL_AFTER: Duration = Duration::from_secs(10);

/// Failures since the last success.
#[derive(Debug)]
struct Run {
    /// When the first of them was queued.
    since: Instant,
    last: Instant,
    /// What one record was refused for, every record will be.
    concerns_all: bool,
    words: String,
}

/// Shared by all producers of the log, old and new.
#[derive(Debug)]
pub(super) struct Appends {
    topic: String,
    started: Instant,
    /// Milliseconds from `started` to the last success, or to when nothing was in flight. One relaxed store per success.
    progress_ms: AtomicU64,
    failing: AtomicBool,
    known: Mutex<Known>,
}

/// What speaks against appends.
#[derive(Debug, Default)]
struct Known {
    run: Option<Run>,
    /// What a probe found wrong while records were in flight, none of which has succeeded since.
    held: Option<String>,
}

impl Appends {
    pub(super) fn new(topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            started: Instant::now(),
            progress_ms: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            known: Mutex::default(),
        }
    }

    /// A record is acknowledged.
    pub(super) fn succeeded(&self) {
        self.progress(Instant::now());
        if self.failing.swap(false, Ordering::AcqRel) {
            *self.known() = Known::default();
        }
    }

    /// A probe found the log in trouble while records were in flight.
    pub(super) fn hold(&self, trouble: &str) {
        self.known().held = Some(trouble.to_owned());
        self.failing.store(true, Ordering::Release);
    }

    /// A record is not, `waited` after it was queued.
    pub(super) fn failed(&self, failed: &NotDelivered, waited: Duration) {
        self.failed_at(Instant::now(), failed, waited);
    }

    fn failed_at(&self, now: Instant, failed: &NotDelivered, waited: Duration) {
        let concerns_all = match failed.fault {
            // About one record, or about a queue whose records tell by themselves.
            AppendFault::Refused(Refusal::TooLarge | Refusal::OtherRecord | Refusal::QueueFull) => return,
            AppendFault::Refused(Refusal::Clock | Refusal::NotAllowed) => true,
            AppendFault::Refused(Refusal::TooFewReplicas | Refusal::Invalid) | AppendFault::Unknown => false,
        };
        let words = self.words(failed);
        let mut known = self.known();
        let since = known.run.as_ref().map_or_else(|| now.checked_sub(waited).unwrap_or(now), |run| run.since);
        known.run = Some(Run { since, last: now, concerns_all, words });
        self.failing.store(true, Ordering::Release);
    }

    /// A look at the producer; what is not in flight cannot be stalled.
    pub(super) fn look(&self, in_flight: bool) {
        if !in_flight {
            self.progress(Instant::now());
            self.known().held = None;
        }
    }

    /// Why appends do not succeed, in words for people; none when they do, or may.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble_at(Instant::now())
    }

    fn trouble_at(&self, now: Instant) -> Option<String> {
        let known = self.known();
        if let Some(run) = known.run.as_ref()
            && (run.concerns_all || run.last.duration_since(run.since) >= FAILING_FOR)
            && now.duration_since(run.last) < TRIAL_AFTER
        {
            return Some(run.words.clone());
        }
        if let Some(held) = &known.held {
            let topic = &self.topic;
            return Some(format!("{held}; no append to topic {topic} has been acknowledged since"));
        }
        drop(known);
        let progress = self.started + Duration::from_millis(self.progress_ms.load(Ordering::Relaxed));
        let stalled = now.saturating_duration_since(progress);
        (stalled >= STALLED_FOR)
            .then(|| format!("no append to topic {} was acknowledged for {} s", self.topic, stalled.as_secs()))
    }

    fn words(&self, failed: &NotDelivered) -> String {
        let topic = &self.topic;
        match failed.fault {
            AppendFault::Refused(Refusal::Clock) => format!(
                "the clock of this service ({}) differs from the broker's, or from the limits of topic {topic} \
                 (message.timestamp.before.max.ms, message.timestamp.after.max.ms): {failed}",
                Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
            ),
            AppendFault::Refused(_) => format!("topic {topic} takes nothing from this service: {failed}"),
            AppendFault::Unknown => format!("no append to topic {topic} succeeds: {failed}"),
        }
    }

    fn progress(&self, now: Instant) {
        let millis = now.duration_since(self.started).as_millis();
        self.progress_ms.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::{KafkaError, RDKafkaErrorCode};

    use super::*;

    fn failure(fault: AppendFault) -> NotDelivered {
        let error = KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
        NotDelivered { fault, error, words: Some("in its own words".to_owned()) }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn failures_without_a_success_are_trouble_until_a_trial_or_a_success() {
        let appends = Appends::new("orders");
        let begun = appends.started;
        let doubt = failure(AppendFault::Unknown);
        appends.failed_at(begun, &doubt, Duration::ZERO);
        assert_eq!(appends.trouble_at(begun), None, "one is none");
        appends.look(false);
        appends.failed_at(begun + FAILING_FOR, &doubt, Duration::ZERO);
        let trouble = appends.trouble_at(begun + FAILING_FOR).expect("for long");
        assert!(trouble.contains("topic orders") && trouble.contains("in its own words"), "{trouble}");
        // Nobody asks: a trial. It fails, and that is the same run.
        let trial = begun + FAILING_FOR + TRIAL_AFTER;
        appends.progress(trial);
        assert_eq!(appends.trouble_at(trial), None);
        appends.failed_at(trial, &doubt, Duration::ZERO);
        assert!(appends.trouble_at(trial).is_some());
        appends.succeeded();
        appends.progress(trial);
        assert_eq!(appends.trouble_at(trial), None);
        // One that waited for its time-out has failed for as long.
        appends.failed_at(trial + SECOND, &doubt, SECOND * 5);
        assert!(appends.trouble_at(trial + SECOND).is_some());
    }

    #[test]
    fn what_every_record_is_refused_for_is_trouble_at_once_and_what_one_is_refused_for_is_none() {
        for (refusal, troubles) in [
            (Refusal::Clock, true),
            (Refusal::NotAllowed, true),
            (Refusal::Invalid, false),
            (Refusal::TooFewReplicas, false),
            (Refusal::TooLarge, false),
            (Refusal::OtherRecord, false),
            (Refusal::QueueFull, false),
        ] {
            let appends = Appends::new("orders");
            appends.failed(&failure(AppendFault::Refused(refusal)), Duration::ZERO);
            assert_eq!(appends.trouble().is_some(), troubles, "{refusal:?}");
        }
        let appends = Appends::new("orders");
        appends.failed(&failure(AppendFault::Refused(Refusal::Clock)), Duration::ZERO);
        let trouble = appends.trouble().expect("at once");
        assert!(trouble.starts_with("the clock of this service (20"), "{trouble}");
    }

    #[test]
    fn what_a_probe_found_is_held_until_an_append_succeeds_or_none_is_in_flight() {
        for nothing_is_in_flight in [false, true] {
            let appends = Appends::new("orders");
            appends.hold("partitions [1] have no leader");
            appends.look(true);
            let trouble = appends.trouble().expect("held");
            assert_eq!(trouble, "partitions [1] have no leader; no append to topic orders has been acknowledged since");
            if nothing_is_in_flight {
                appends.look(false);
            } else {
                appends.succeeded();
            }
            assert_eq!(appends.trouble(), None);
        }
    }

    #[test]
    fn records_in_flight_that_nothing_acknowledges_are_trouble_and_an_idle_service_is_none() {
        let appends = Appends::new("orders");
        let later = appends.started + STALLED_FOR;
        appends.look(true);
        assert!(appends.trouble_at(later).expect("stalled").contains("for 3 s"));
        appends.progress(later);
        assert_eq!(
            appends.trouble_at(later + STALLED_FOR / 2),
            None,
            "something was acknowledged, or nothing is in flight"
        );
    }
}
