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
    fn a_client_that_gave_up_does_not_pass() {
        let fatal = KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::IllegalGeneration);
        assert_eq!(fault_of(&fatal), Fault::Other);
    }
}
