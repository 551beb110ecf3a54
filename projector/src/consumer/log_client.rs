//! What the group asks of a client of the log: the calls that take a place in it. Besides the Kafka client (`client.rs`), the
//! simulator has one.

use std::collections::BTreeMap;
use std::future::Future;

use super::errors::ConsumerError;

/// A member of the consumer group, as far as a `Group` needs one.
pub trait LogClient {
    /// Begins to deliver each partition at its offset. Called once per assignment.
    ///
    /// # Errors
    /// The client's.
    fn assign(&self, starts: &[(i32, i64)]) -> Result<(), ConsumerError>;

    /// Gives everything away.
    ///
    /// # Errors
    /// The client's.
    fn unassign(&self) -> Result<(), ConsumerError>;

    /// Continues to deliver `partition` at `offset`; done when no record from elsewhere can follow.
    fn seek(&self, partition: i32, offset: i64) -> impl Future<Output = Result<(), ConsumerError>>;

    /// Delivers nothing of `partition` until it is resumed.
    ///
    /// # Errors
    /// The client's.
    fn pause(&self, partition: i32) -> Result<(), ConsumerError>;

    /// # Errors
    /// The client's.
    fn resume(&self, partitions: &[i32]) -> Result<(), ConsumerError>;

    /// Publishes positions for lag tools. Nothing reads them.
    ///
    /// # Errors
    /// The client's.
    fn hint(&self, positions: &BTreeMap<i32, i64>) -> Result<(), ConsumerError>;
}
