//! What an error of Kafka means for whoever got it, in one place, so that "it passes" means the same for every client:
//! for whoever consumes or asks ([`Fault`]), and for whoever appends ([`AppendAnswer`], [`append_fault`]). It must never let
//! through what may be a hole in the log, nor call a doubt a refusal: what is not known to pass does not, and what is not
//! known to be refused is in doubt. Read next: `code_table.rs`, code by code.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::code_table;
pub use crate::code_table::{AppendAnswer, Fault, Refusal};

/// How long a topic that was there may be unknown to brokers before it counts as gone.
pub const TOPIC_PATIENCE: Duration = Duration::from_secs(20);

/// Sorts an error of the client.
pub fn fault_of(error: &KafkaError) -> Fault {
    match error {
        // The client has given up: whatever the code, nothing more comes.
        KafkaError::MessageConsumptionFatal(_) => Fault::Other,
        _ => code_of(error).map_or(Fault::Other, fault_of_code),
    }
}

/// The code of an error, where it has one. The client's own look-up leaves out what an administrative question was answered.
pub fn code_of(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        _ => error.rdkafka_error_code(),
    }
}

/// Sorts a code.
pub fn fault_of_code(code: RDKafkaErrorCode) -> Fault {
    code_table::meaning(code).0
}

/// Whether the client reports that it has no connection to any broker. It does so when idle connections are closed, too, so
/// this alone is no outage.
pub fn is_all_brokers_down(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown)
}

/// Whether brokers, or the client itself, say that it is not let in: by its user, its password or its certificates.
pub fn is_not_admitted(error: &KafkaError) -> bool {
    code_of(error).is_some_and(|code| fault_of_code(code) == Fault::NotAdmitted || code == RDKafkaErrorCode::SSL)
}

/// Whether a topic, or the client, does not take a record or a batch because of its size.
pub fn is_too_large(error: &KafkaError) -> bool {
    error.rdkafka_error_code().map(append_answer_of_code) == Some(AppendAnswer::BeforeAppend(Refusal::TooLarge))
}

/// Whether a record may have been written, as the client remembers it (`rd_kafka_message_status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    No,
    Possible,
    Yes,
}

/// The client tries again no sooner than this after an attempt failed. Pinned for the log's producer (`service_clients.rs`):
/// [`FIRST_ATTEMPT_WITHIN`] rests on it.
pub const RETRY_BACKOFF: Duration = Duration::from_millis(500);

/// A delivery that was reported sooner than this after the record was queued had no attempt before the one that is reported: a
/// second would have had to wait for [`RETRY_BACKOFF`], of which librdkafka takes off 20 % at most (`RD_KAFKA_RETRY_JITTER_PERCENT`).
pub const FIRST_ATTEMPT_WITHIN: Duration = Duration::from_millis(400);

/// Where an append failed, and what is known of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendStep {
    /// The client did not take the record into its queue.
    Queue,
    /// The client reports that a record of its queue was not delivered.
    Delivery {
        persistence: Persistence,
        /// From when the record was queued.
        waited: Duration,
    },
}

/// What a failed append means for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendFault {
    /// The record is certainly not in the log.
    Refused(Refusal),
    /// The record is in the log, or is not.
    Unknown,
}

/// Sorts a failed append.
///
/// What was not queued is certainly not in the log. Of a record that was queued, the code alone says nothing: it is the answer
/// to the *last* attempt, and an attempt before may have been written. It is refused when three things hold together:
///
/// 1. **The code is one that brokers answer before they write** ([`AppendAnswer::BeforeAppend`]), so the last attempt left
///    nothing. A partition's batch is written whole or not at all, so this holds for every record of it.
/// 2. **The client does not hold it for possible that an attempt was written.** It remembers a request that was sent and not
///    answered, or answered with a time-out, over all later attempts, and never takes that back.
/// 3. **There was no attempt before the last.** The second alone would not do. A broker that writes a record, and loses the
///    partition's leadership before the replicas have it, answers `NotLeaderForPartition`, as one that never was the leader
///    does; a failed disk answers `KafkaStorageError` likewise. The client counts both as not written, although the next leader
///    may have the record; and times, sizes and rights are checked before sequence numbers, so the repeated attempt can be refused
///    where only the idempotent producer's sequence would have told that the record is there. The client does not say how often
///    it tried. But it waits before it tries again, so what is reported sooner than that was tried once ([`FIRST_ATTEMPT_WITHIN`]).
///
/// A refusal that took longer is in doubt; so is whatever timed out. `NotEnoughReplicas` is an answer before the write, but the
/// client tries again until the time is over, and then reports a time-out: in doubt.
pub fn append_fault(step: AppendStep, error: &KafkaError) -> AppendFault {
    let answer = error.rdkafka_error_code().map_or(AppendAnswer::Doubt, append_answer_of_code);
    match (step, answer) {
        (AppendStep::Queue, AppendAnswer::BeforeAppend(refusal)) => AppendFault::Refused(refusal),
        (AppendStep::Queue, AppendAnswer::Doubt) => AppendFault::Refused(Refusal::Invalid),
        (AppendStep::Delivery { persistence, waited }, AppendAnswer::BeforeAppend(refusal))
            if persistence == Persistence::No && waited < FIRST_ATTEMPT_WITHIN =>
        {
            AppendFault::Refused(refusal)
        }
        (AppendStep::Delivery { .. }, _) => AppendFault::Unknown,
    }
}

/// Sorts a code that an attempt to append was answered with.
pub fn append_answer_of_code(code: RDKafkaErrorCode) -> AppendAnswer {
    code_table::meaning(code).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(persistence: Persistence, millis: u64) -> AppendStep {
        AppendStep::Delivery { persistence, waited: Duration::from_millis(millis) }
    }

    #[test]
    fn a_record_that_was_queued_is_refused_only_by_a_first_attempt_that_certainly_wrote_nothing() {
        use AppendFault::{Refused, Unknown};
        use Persistence::{No, Possible, Yes};
        use RDKafkaErrorCode as Code;
        for (step, code, fault) in [
            (AppendStep::Queue, Code::QueueFull, Refused(Refusal::QueueFull)),
            (AppendStep::Queue, Code::MessageSizeTooLarge, Refused(Refusal::TooLarge)),
            (AppendStep::Queue, Code::Fatal, Refused(Refusal::Invalid)),
            (AppendStep::Queue, Code::TopicAuthorizationFailed, Refused(Refusal::NotAllowed)),
            (delivery(No, 3), Code::InvalidTimestamp, Refused(Refusal::Clock)),
            (delivery(No, 399), Code::MessageSizeTooLarge, Refused(Refusal::TooLarge)),
            // An attempt before it may have been written by a leader that lost its partition.
            (delivery(No, 400), Code::MessageSizeTooLarge, Unknown),
            (delivery(Possible, 3), Code::InvalidTimestamp, Unknown),
            (delivery(Yes, 3), Code::InvalidTimestamp, Unknown),
            (delivery(No, 3), Code::NotLeaderForPartition, Unknown),
            (delivery(No, 3), Code::KafkaStorageError, Unknown),
            (delivery(No, 3), Code::Unknown, Unknown),
            (delivery(No, 3), Code::PurgeQueue, Unknown),
            (delivery(Possible, 5000), Code::MessageTimedOut, Unknown),
        ] {
            assert_eq!(append_fault(step, &KafkaError::MessageProduction(code)), fault, "{step:?} {code}");
        }
    }

    #[test]
    fn no_second_attempt_can_be_as_fast_as_a_first() {
        let jitter = RETRY_BACKOFF / 5;
        assert!(FIRST_ATTEMPT_WITHIN <= RETRY_BACKOFF - jitter);
    }

    #[test]
    fn all_brokers_down_is_one_code() {
        for (code, is_it) in
            [(RDKafkaErrorCode::AllBrokersDown, true), (RDKafkaErrorCode::BrokerTransportFailure, false)]
        {
            assert_eq!(is_all_brokers_down(&KafkaError::Global(code)), is_it, "{code}");
        }
    }

    #[test]
    fn who_is_not_let_in_is_told_from_who_finds_nobody() {
        for (code, is_it) in [
            (RDKafkaErrorCode::Authentication, true),
            (RDKafkaErrorCode::SaslAuthenticationFailed, true),
            (RDKafkaErrorCode::UnsupportedSASLMechanism, true),
            (RDKafkaErrorCode::SSL, true),
            (RDKafkaErrorCode::BrokerTransportFailure, false),
            (RDKafkaErrorCode::TopicAuthorizationFailed, false),
        ] {
            assert_eq!(is_not_admitted(&KafkaError::Global(code)), is_it, "{code}");
        }
    }

    #[test]
    fn too_large_is_two_codes() {
        for (code, is_it) in [
            (RDKafkaErrorCode::MessageSizeTooLarge, true),
            (RDKafkaErrorCode::MessageBatchTooLarge, true),
            (RDKafkaErrorCode::PurgeQueue, false),
        ] {
            assert_eq!(is_too_large(&KafkaError::MessageProduction(code)), is_it, "{code}");
        }
    }

    #[test]
    fn a_client_that_gave_up_does_not_pass() {
        let fatal = KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::IllegalGeneration);
        assert_eq!(fault_of(&fatal), Fault::Other);
    }
}
