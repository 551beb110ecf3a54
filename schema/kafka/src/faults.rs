//! What an error of Kafka means for whoever got it, in one place, so that "it passes" means the same for every client. It
//! must never let through what may be a hole in the log: what is not known to pass does not.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No broker answered. The client tries again by itself.
    NoAnswer,
    /// Brokers or the group change roles. The client continues at the same place.
    Passes,
    /// The offset that was asked for is not in the log.
    OffsetGone,
    /// It would be refused again, or nobody knows. Stop with the cause.
    Other,
}

impl Fault {
    /// Whether a client that meets it continues by itself, without a hole in what it delivers.
    pub fn passes(self) -> bool {
        matches!(self, Self::NoAnswer | Self::Passes)
    }
}

/// Sorts an error of the client.
pub fn fault_of(error: &KafkaError) -> Fault {
    match error {
        // The client has given up: whatever the code, nothing more comes.
        KafkaError::MessageConsumptionFatal(_) => Fault::Other,
        _ => error.rdkafka_error_code().map_or(Fault::Other, fault_of_code),
    }
}

/// Sorts a code.
pub fn fault_of_code(code: RDKafkaErrorCode) -> Fault {
    use RDKafkaErrorCode as Code;
    match code {
        Code::BrokerTransportFailure
        | Code::AllBrokersDown
        | Code::OperationTimedOut
        | Code::RequestTimedOut
        | Code::Resolve
        | Code::MessageTimedOut
        | Code::NetworkException => Fault::NoAnswer,
        Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::ReplicaNotAvailable
        | Code::BrokerNotAvailable
        | Code::FencedLeaderEpoch
        | Code::UnknownLeaderEpoch
        | Code::OffsetNotAvailable
        | Code::KafkaStorageError
        | Code::CoordinatorLoadInProgress
        | Code::CoordinatorNotAvailable
        | Code::NotCoordinator
        | Code::RebalanceInProgress
        | Code::IllegalGeneration
        | Code::UnknownMemberId
        | Code::PollExceeded
        | Code::PartitionEOF => Fault::Passes,
        Code::AutoOffsetReset | Code::OffsetOutOfRange => Fault::OffsetGone,
        _ => Fault::Other,
    }
}

/// Whether the client reports that it has no connection to any broker. It does so when idle connections are closed, too, so
/// this alone is no outage.
pub fn is_all_brokers_down(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown)
}

/// Whether a topic, or the client, does not take a record or a batch because of its size.
pub fn is_too_large(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(error.rdkafka_error_code(), Some(Code::MessageSizeTooLarge | Code::MessageBatchTooLarge))
}

/// Where an append failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendStep {
    /// The client did not take the record into its queue.
    Queue,
    /// The client reports that a record of its queue was not delivered.
    Delivery,
}

/// What a failed append means for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendFault {
    /// The record is certainly not in the log.
    Refused,
    /// The record is in the log, or is not.
    Unknown,
}

/// Sorts a failed append. Of a record that was in the queue nothing is certain, whatever the code: an attempt before the one
/// that failed may have been written.
pub fn append_fault(step: AppendStep, _error: &KafkaError) -> AppendFault {
    match step {
        AppendStep::Queue => AppendFault::Refused,
        AppendStep::Delivery => AppendFault::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_to_pass_passes() {
        for (code, fault) in [
            (RDKafkaErrorCode::AllBrokersDown, Fault::NoAnswer),
            (RDKafkaErrorCode::MessageTimedOut, Fault::NoAnswer),
            (RDKafkaErrorCode::PollExceeded, Fault::Passes),
            (RDKafkaErrorCode::OffsetNotAvailable, Fault::Passes),
            (RDKafkaErrorCode::AutoOffsetReset, Fault::OffsetGone),
            (RDKafkaErrorCode::OffsetOutOfRange, Fault::OffsetGone),
            (RDKafkaErrorCode::BadMessage, Fault::Other),
            (RDKafkaErrorCode::BadCompression, Fault::Other),
            (RDKafkaErrorCode::UnknownTopicOrPartition, Fault::Other),
            (RDKafkaErrorCode::TopicAuthorizationFailed, Fault::Other),
        ] {
            assert_eq!(fault_of(&KafkaError::MessageConsumption(code)), fault, "{code}");
        }
    }

    #[test]
    fn only_what_was_never_queued_is_certainly_not_in_the_log() {
        for (step, code, fault) in [
            (AppendStep::Queue, RDKafkaErrorCode::QueueFull, AppendFault::Refused),
            (AppendStep::Queue, RDKafkaErrorCode::MessageSizeTooLarge, AppendFault::Refused),
            (AppendStep::Queue, RDKafkaErrorCode::Fatal, AppendFault::Refused),
            (AppendStep::Delivery, RDKafkaErrorCode::MessageTimedOut, AppendFault::Unknown),
            (AppendStep::Delivery, RDKafkaErrorCode::PurgeQueue, AppendFault::Unknown),
            (AppendStep::Delivery, RDKafkaErrorCode::MessageSizeTooLarge, AppendFault::Unknown),
            (AppendStep::Delivery, RDKafkaErrorCode::TopicAuthorizationFailed, AppendFault::Unknown),
        ] {
            assert_eq!(append_fault(step, &KafkaError::MessageProduction(code)), fault, "{step:?} {code}");
        }
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
