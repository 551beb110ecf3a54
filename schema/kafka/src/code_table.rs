//! Kafka's error codes one by one (librdkafka 2.12.1): what each means for whoever consumes or asks, and for whoever
//! appends. Both sides end with the safe answer, for codes that a later library adds; the test names every code that this
//! library knows, so that an added one is thought about.
//!
//! The consuming side passes what the client mends by itself, *at the same place*: leaders, coordinators and controllers move,
//! replicas are behind, a broker is away. What may be a hole in what was delivered (a record that does not decode, an offset that
//! is gone) never passes; nor do rights and settings, which somebody has to mend. Credentials are a meaning of their own: a client that
//! runs tries again at the same place, and whoever starts is told. The appending side names what a broker
//! answers before it writes, or what the client says of a record that it did not take.

use rdkafka::error::RDKafkaErrorCode as Code;

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No broker answered. The client tries again by itself.
    NoAnswer,
    /// Brokers or the group change roles. The client continues at the same place.
    Passes,
    /// No such topic or partition, as this broker knows it. A broker that has just started, or has not heard of a new topic,
    /// says the same for a moment; a topic that is really missing has to be named. Whoever has used the topic already looks
    /// again for [`TOPIC_PATIENCE`](crate::faults::TOPIC_PATIENCE).
    NoTopic,
    /// The offset that was asked for is not in the log.
    OffsetGone,
    /// Brokers do not let the client in: user, password or mechanism. The client tries again by itself, at the same place, so whoever
    /// runs waits; whoever starts is refused, since somebody has to mend it.
    NotAdmitted,
    /// It would be refused again, or nobody knows. Stop with the cause.
    Other,
}

impl Fault {
    /// Whether a client that meets it continues by itself, without a hole in what it delivers.
    pub fn passes(self) -> bool {
        matches!(self, Self::NoAnswer | Self::Passes)
    }
}

/// What an answer to one attempt to append says of that attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendAnswer {
    /// It was refused before anything was written, for this reason.
    BeforeAppend(Refusal),
    /// Written or not.
    Doubt,
}

/// Why a record was refused, by who has to do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The record's time is outside of what the topic takes: the clock of whoever appends differs from the broker's.
    Clock,
    /// The record, or the batch that it was sent in, is larger than the topic takes.
    TooLarge,
    /// The user may not append.
    NotAllowed,
    /// Too few replicas are in sync (before anything was written). The client tries again by itself.
    TooFewReplicas,
    /// There is no room in the client's queue.
    QueueFull,
    /// Another record of the same batch was refused: this one alone may be taken.
    OtherRecord,
    /// The topic or the broker takes no such record.
    Invalid,
}

/// What a code means for whoever consumes or asks, and of an attempt to append.
pub(crate) fn meaning(code: Code) -> (Fault, AppendAnswer) {
    (asking(code), appending(code))
}

/// No broker answered.
const NO_ANSWER: &[Code] = &[
    Code::BrokerTransportFailure,
    Code::AllBrokersDown,
    Code::OperationTimedOut,
    Code::RequestTimedOut,
    Code::Resolve,
    Code::MessageTimedOut,
    Code::TimedOutQueue,
    Code::NetworkException,
    // What is wrong with certificates the client reports with it (`is_not_admitted`); a reader tries again.
    Code::SSL,
];

/// What the client mends by itself, at the same place.
const PASSES: &[Code] = &[
    // Leaders and replicas.
    Code::LeaderNotAvailable,
    Code::NotLeaderForPartition,
    Code::ReplicaNotAvailable,
    Code::BrokerNotAvailable,
    Code::FencedLeaderEpoch,
    Code::UnknownLeaderEpoch,
    Code::OffsetNotAvailable,
    Code::KafkaStorageError,
    Code::NotEnoughReplicas,
    Code::NotEnoughReplicasAfterAppend,
    Code::ISRInsufficient,
    Code::ReassignmentInProgress,
    Code::PreferredLeaderNotAvailable,
    Code::EligibleLeadersNotAvailable,
    Code::ListenerNotFound,
    Code::FetchSessionIdNotFound,
    Code::InvalidFetchSessionEpoch,
    // Controllers and brokers.
    Code::NotController,
    Code::StaleControllerEpoch,
    Code::StaleBrokerEpoch,
    Code::NodeUpdate,
    Code::DestroyBroker,
    Code::RebootstrapRequired,
    Code::WaitCache,
    Code::Retry,
    Code::ThrottlingQuotaExceeded,
    // Groups and transactions.
    Code::CoordinatorLoadInProgress,
    Code::CoordinatorNotAvailable,
    Code::NotCoordinator,
    Code::WaitingForCoordinator,
    Code::RebalanceInProgress,
    Code::IllegalGeneration,
    Code::UnknownMemberId,
    Code::MemberIdRequired,
    Code::AssignmentLost,
    Code::PollExceeded,
    Code::UnstableOffsetCommit,
    Code::ConcurrentTransactions,
    Code::TransactionCoordinatorFenced,
    Code::PartitionEOF,
];

/// Whoever says so knows the client by its credentials, and takes them for wrong.
const NOT_ADMITTED: &[Code] =
    &[Code::Authentication, Code::SaslAuthenticationFailed, Code::UnsupportedSASLMechanism, Code::IllegalSASLState];

fn asking(code: Code) -> Fault {
    match code {
        _ if NO_ANSWER.contains(&code) => Fault::NoAnswer,
        _ if PASSES.contains(&code) => Fault::Passes,
        _ if NOT_ADMITTED.contains(&code) => Fault::NotAdmitted,
        Code::UnknownTopicOrPartition | Code::UnknownTopicId | Code::UnknownTopic | Code::UnknownPartition => {
            Fault::NoTopic
        }
        Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::LogTruncation => Fault::OffsetGone,
        _ => Fault::Other,
    }
}

fn appending(code: Code) -> AppendAnswer {
    let refusal = match code {
        Code::InvalidTimestamp => Refusal::Clock,
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => Refusal::TooLarge,
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => Refusal::NotAllowed,
        Code::NotEnoughReplicas => Refusal::TooFewReplicas,
        Code::QueueFull => Refusal::QueueFull,
        Code::InvalidDifferentRecord => Refusal::OtherRecord,
        Code::InvalidRecord
        | Code::PolicyViolation
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedCompressionType
        | Code::UnsupportedVersion
        | Code::InvalidRequiredAcks
        | Code::InvalidTopic => Refusal::Invalid,
        _ => return AppendAnswer::Doubt,
    };
    AppendAnswer::BeforeAppend(refusal)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::native;

    /// Every code, with what it means for whoever asks, and of an attempt to append.
    #[rustfmt::skip]
    fn table() -> Vec<(Code, Fault, AppendAnswer)> {
        use AppendAnswer::{BeforeAppend as Before, Doubt};
        use Fault::{NoAnswer, NoTopic, NotAdmitted, OffsetGone, Other, Passes};
        use Refusal::{Clock, Invalid, NotAllowed, OtherRecord, QueueFull, TooFewReplicas, TooLarge};
        vec![
            (Code::BadMessage, Other, Doubt),
            (Code::BadCompression, Other, Doubt),
            (Code::BrokerDestroy, Other, Doubt),
            (Code::Fail, Other, Doubt),
            (Code::BrokerTransportFailure, NoAnswer, Doubt),
            (Code::CriticalSystemResource, Other, Doubt),
            (Code::Resolve, NoAnswer, Doubt),
            (Code::MessageTimedOut, NoAnswer, Doubt),
            (Code::PartitionEOF, Passes, Doubt),
            (Code::UnknownPartition, NoTopic, Doubt),
            (Code::FileSystem, Other, Doubt),
            (Code::UnknownTopic, NoTopic, Doubt),
            (Code::AllBrokersDown, NoAnswer, Doubt),
            (Code::InvalidArgument, Other, Doubt),
            (Code::OperationTimedOut, NoAnswer, Doubt),
            (Code::QueueFull, Other, Before(QueueFull)),
            (Code::ISRInsufficient, Passes, Doubt),
            (Code::NodeUpdate, Passes, Doubt),
            (Code::SSL, NoAnswer, Doubt),
            (Code::WaitingForCoordinator, Passes, Doubt),
            (Code::UnknownGroup, Other, Doubt),
            (Code::InProgress, Other, Doubt),
            (Code::PreviousInProgress, Other, Doubt),
            (Code::ExistingSubscription, Other, Doubt),
            (Code::AssignPartitions, Other, Doubt),
            (Code::RevokePartitions, Other, Doubt),
            (Code::Conflict, Other, Doubt),
            (Code::State, Other, Doubt),
            (Code::UnknownProtocol, Other, Doubt),
            (Code::NotImplemented, Other, Doubt),
            (Code::Authentication, NotAdmitted, Doubt),
            (Code::NoOffset, Other, Doubt),
            (Code::Outdated, Other, Doubt),
            (Code::TimedOutQueue, NoAnswer, Doubt),
            (Code::UnsupportedFeature, Other, Doubt),
            (Code::WaitCache, Passes, Doubt),
            (Code::Interrupted, Other, Doubt),
            (Code::KeySerialization, Other, Doubt),
            (Code::ValueSerialization, Other, Doubt),
            (Code::KeyDeserialization, Other, Doubt),
            (Code::ValueDeserialization, Other, Doubt),
            (Code::Partial, Other, Doubt),
            (Code::ReadOnly, Other, Doubt),
            (Code::NoEnt, Other, Doubt),
            (Code::Underflow, Other, Doubt),
            (Code::InvalidType, Other, Doubt),
            (Code::Retry, Passes, Doubt),
            (Code::PurgeQueue, Other, Doubt),
            (Code::PurgeInflight, Other, Doubt),
            (Code::Fatal, Other, Doubt),
            (Code::Inconsistent, Other, Doubt),
            (Code::GaplessGuarantee, Other, Doubt),
            (Code::PollExceeded, Passes, Doubt),
            (Code::UnknownBroker, Other, Doubt),
            (Code::NotConfigured, Other, Doubt),
            (Code::Fenced, Other, Doubt),
            (Code::Application, Other, Doubt),
            (Code::AssignmentLost, Passes, Doubt),
            (Code::Noop, Other, Doubt),
            (Code::AutoOffsetReset, OffsetGone, Doubt),
            (Code::LogTruncation, OffsetGone, Doubt),
            (Code::InvalidDifferentRecord, Other, Before(OtherRecord)),
            (Code::DestroyBroker, Passes, Doubt),
            (Code::Unknown, Other, Doubt),
            (Code::NoError, Other, Doubt),
            (Code::OffsetOutOfRange, OffsetGone, Doubt),
            (Code::InvalidMessage, Other, Doubt),
            (Code::UnknownTopicOrPartition, NoTopic, Doubt),
            (Code::InvalidMessageSize, Other, Before(TooLarge)),
            (Code::LeaderNotAvailable, Passes, Doubt),
            (Code::NotLeaderForPartition, Passes, Doubt),
            (Code::RequestTimedOut, NoAnswer, Doubt),
            (Code::BrokerNotAvailable, Passes, Doubt),
            (Code::ReplicaNotAvailable, Passes, Doubt),
            (Code::MessageSizeTooLarge, Other, Before(TooLarge)),
            (Code::StaleControllerEpoch, Passes, Doubt),
            (Code::OffsetMetadataTooLarge, Other, Doubt),
            (Code::NetworkException, NoAnswer, Doubt),
            (Code::CoordinatorLoadInProgress, Passes, Doubt),
            (Code::CoordinatorNotAvailable, Passes, Doubt),
            (Code::NotCoordinator, Passes, Doubt),
            (Code::InvalidTopic, Other, Before(Invalid)),
            (Code::MessageBatchTooLarge, Other, Before(TooLarge)),
            (Code::NotEnoughReplicas, Passes, Before(TooFewReplicas)),
            (Code::NotEnoughReplicasAfterAppend, Passes, Doubt),
            (Code::InvalidRequiredAcks, Other, Before(Invalid)),
            (Code::IllegalGeneration, Passes, Doubt),
            (Code::InconsistentGroupProtocol, Other, Doubt),
            (Code::InvalidGroupId, Other, Doubt),
            (Code::UnknownMemberId, Passes, Doubt),
            (Code::InvalidSessionTimeout, Other, Doubt),
            (Code::RebalanceInProgress, Passes, Doubt),
            (Code::InvalidCommitOffsetSize, Other, Doubt),
            (Code::TopicAuthorizationFailed, Other, Before(NotAllowed)),
            (Code::GroupAuthorizationFailed, Other, Doubt),
            (Code::ClusterAuthorizationFailed, Other, Before(NotAllowed)),
            (Code::InvalidTimestamp, Other, Before(Clock)),
            (Code::UnsupportedSASLMechanism, NotAdmitted, Doubt),
            (Code::IllegalSASLState, NotAdmitted, Doubt),
            (Code::UnsupportedVersion, Other, Before(Invalid)),
            (Code::TopicAlreadyExists, Other, Doubt),
            (Code::InvalidPartitions, Other, Doubt),
            (Code::InvalidReplicationFactor, Other, Doubt),
            (Code::InvalidReplicaAssignment, Other, Doubt),
            (Code::InvalidConfig, Other, Doubt),
            (Code::NotController, Passes, Doubt),
            (Code::InvalidRequest, Other, Doubt),
            (Code::UnsupportedForMessageFormat, Other, Before(Invalid)),
            (Code::PolicyViolation, Other, Before(Invalid)),
            (Code::OutOfOrderSequenceNumber, Other, Doubt),
            (Code::DuplicateSequenceNumber, Other, Doubt),
            (Code::InvalidProducerEpoch, Other, Doubt),
            (Code::InvalidTransactionalState, Other, Doubt),
            (Code::InvalidProducerIdMapping, Other, Doubt),
            (Code::InvalidTransactionTimeout, Other, Doubt),
            (Code::ConcurrentTransactions, Passes, Doubt),
            (Code::TransactionCoordinatorFenced, Passes, Doubt),
            (Code::TransactionalIdAuthorizationFailed, Other, Doubt),
            (Code::SecurityDisabled, Other, Doubt),
            (Code::OperationNotAttempted, Other, Doubt),
            (Code::KafkaStorageError, Passes, Doubt),
            (Code::LogDirNotFound, Other, Doubt),
            (Code::SaslAuthenticationFailed, NotAdmitted, Doubt),
            (Code::UnknownProducerId, Other, Doubt),
            (Code::ReassignmentInProgress, Passes, Doubt),
            (Code::DelegationTokenAuthDisabled, Other, Doubt),
            (Code::DelegationTokenNotFound, Other, Doubt),
            (Code::DelegationTokenOwnerMismatch, Other, Doubt),
            (Code::DelegationTokenRequestNotAllowed, Other, Doubt),
            (Code::DelegationTokenAuthorizationFailed, Other, Doubt),
            (Code::DelegationTokenExpired, Other, Doubt),
            (Code::InvalidPrincipalType, Other, Doubt),
            (Code::NonEmptyGroup, Other, Doubt),
            (Code::GroupIdNotFound, Other, Doubt),
            (Code::FetchSessionIdNotFound, Passes, Doubt),
            (Code::InvalidFetchSessionEpoch, Passes, Doubt),
            (Code::ListenerNotFound, Passes, Doubt),
            (Code::TopicDeletionDisabled, Other, Doubt),
            (Code::FencedLeaderEpoch, Passes, Doubt),
            (Code::UnknownLeaderEpoch, Passes, Doubt),
            (Code::UnsupportedCompressionType, Other, Before(Invalid)),
            (Code::StaleBrokerEpoch, Passes, Doubt),
            (Code::OffsetNotAvailable, Passes, Doubt),
            (Code::MemberIdRequired, Passes, Doubt),
            (Code::PreferredLeaderNotAvailable, Passes, Doubt),
            (Code::GroupMaxSizeReached, Other, Doubt),
            (Code::FencedInstanceId, Other, Doubt),
            (Code::EligibleLeadersNotAvailable, Passes, Doubt),
            (Code::ElectionNotNeeded, Other, Doubt),
            (Code::NoReassignmentInProgress, Other, Doubt),
            (Code::GroupSubscribedToTopic, Other, Doubt),
            (Code::InvalidRecord, Other, Before(Invalid)),
            (Code::UnstableOffsetCommit, Passes, Doubt),
            (Code::ThrottlingQuotaExceeded, Passes, Doubt),
            (Code::ProducerFenced, Other, Doubt),
            (Code::ResourceNotFound, Other, Doubt),
            (Code::DuplicateResource, Other, Doubt),
            (Code::UnacceptableCredential, Other, Doubt),
            (Code::InconsistentVoterSet, Other, Doubt),
            (Code::InvalidUpdateVersion, Other, Doubt),
            (Code::FeatureUpdateFailed, Other, Doubt),
            (Code::PrincipalDeserializationFailure, Other, Doubt),
            (Code::UnknownTopicId, NoTopic, Doubt),
            (Code::FencedMemberEpoch, Other, Doubt),
            (Code::UnreleasedInstanceId, Other, Doubt),
            (Code::UnsupportedAssignor, Other, Doubt),
            (Code::StaleMemberEpoch, Other, Doubt),
            (Code::UnknownSubscriptionId, Other, Doubt),
            (Code::TelemetryTooLarge, Other, Doubt),
            (Code::RebootstrapRequired, Passes, Doubt),
        ]
    }

    #[test]
    fn every_code_that_the_library_knows_has_its_meaning() {
        let table: BTreeMap<String, _> =
            table().into_iter().map(|(code, fault, answer)| (format!("{code:?}"), (code, fault, answer))).collect();
        let known = native::known_codes();
        assert!(known.len() > 150, "librdkafka lists its codes");
        for code in &known {
            assert!(table.contains_key(&format!("{code:?}")), "{code:?} is new: what does it mean?");
        }
        for (code, fault, answer) in table.values() {
            assert!(known.contains(code), "{code:?} is not known to the library any more");
            assert_eq!(meaning(*code), (*fault, *answer), "{code:?}");
        }
    }

    #[test]
    fn what_may_be_a_hole_in_the_log_never_passes() {
        for code in [
            Code::BadMessage,
            Code::BadCompression,
            Code::InvalidMessage,
            Code::OffsetOutOfRange,
            Code::LogTruncation,
            Code::AutoOffsetReset,
            Code::Unknown,
        ] {
            assert!(!asking(code).passes(), "{code:?}");
        }
    }
}
