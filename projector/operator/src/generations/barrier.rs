//! The barrier of a swap (INV-10, INV-6). Between [`stop_publishing`] and [`resume_publishing`] no relay publishes anything, so
//! no cursor moves, and nothing that was loaded from the outbox before the RENAME is published after it.
//!
//! The order is what makes it so: the barrier is committed, then every relay is fenced. A relay opens its producer, and only then
//! looks for a barrier. Whoever opened it before the fence is fenced; whoever opened it after the fence sees the barrier.
//!
//! Dying at any line ends the guard's lock with its connection, and with the lock the barrier; a RENAME that the server still
//! executes keeps both. A holder that is frozen is taken for dead after two minutes ([`Guard::while_held`]): its connection is
//! closed then, so that it cannot RENAME when it wakes.

use ledger_failpoints::FailPoint;
use ledger_kafka::KafkaSettings;
use projector::relay::fence_all;

use super::error::GenerationsError;
use super::guard::Guard;

/// The relays of the log that is folded.
#[derive(Debug, Clone)]
pub struct Publishers {
    pub kafka: KafkaSettings,
    pub cursors_topic: String,
    pub partition_count: i32,
}

/// Stops every relay, wherever it runs.
///
/// # Errors
/// [`GenerationsError`]; the barrier is taken back where that is possible, and ends with the guard where it is not.
pub async fn stop_publishing(guard: &mut Guard, publishers: &Publishers) -> Result<(), GenerationsError> {
    guard.set_barrier(true).await?;
    ledger_failpoints::reach(FailPoint::SwapBarrier);
    // A broker may take half a minute to answer: the guard is shown to be held meanwhile.
    let Publishers { kafka, cursors_topic, partition_count } = publishers;
    let fencing = fence_all(kafka, cursors_topic, *partition_count);
    let fenced = guard.while_held(fencing).await.and_then(|fenced| Ok(fenced?));
    if fenced.is_err() {
        resume_publishing(guard).await;
    }
    fenced?;
    ledger_failpoints::reach(FailPoint::SwapFenced);
    Ok(())
}

/// Lets the relays publish again. What fails here ends with the guard's connection, and the barrier with it.
pub async fn resume_publishing(guard: &mut Guard) {
    if let Err(error) = guard.set_barrier(false).await {
        tracing::warn!(%error, "the barrier of the swap was not taken back: it ends with this command");
    }
}
