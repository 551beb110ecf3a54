//! The barrier of a swap (INV-10, INV-6). Between [`stop_publishing`] and [`resume_publishing`] no relay publishes anything, so
//! no cursor moves, and nothing that was loaded from the outbox before the RENAME is published after it.
//!
//! The order is what makes it so: the barrier is committed, then every relay is fenced. A relay opens its producer, and only then
//! looks for a barrier. Whoever opened it before the fence is fenced; whoever opened it after the fence sees the barrier. If we
//! die, the guard's lock ends with the connection, and with it the barrier; a RENAME that the server still executes keeps
//! both.

use ledger_kafka::{KafkaSettings, ask};
use projector::relay::fence;

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
    ledger_failpoints::reach(ledger_failpoints::FailPoint::SwapBarrier);
    let fenced = fence_all(publishers).await;
    if fenced.is_err() {
        resume_publishing(guard).await;
    }
    fenced?;
    ledger_failpoints::reach(ledger_failpoints::FailPoint::SwapFenced);
    Ok(())
}

/// Lets the relays publish again. What fails here ends with the guard's connection, and the barrier with it.
pub async fn resume_publishing(guard: &mut Guard) {
    if let Err(error) = guard.set_barrier(false).await {
        tracing::warn!(%error, "the barrier of the swap was not taken back: it ends with this command");
    }
}

/// All at once: each waits for brokers, not for us.
async fn fence_all(publishers: &Publishers) -> Result<(), GenerationsError> {
    let fence_one = |partition| {
        let Publishers { kafka, cursors_topic, .. } = publishers.clone();
        tokio::spawn(ask(move || fence(&kafka, &cursors_topic, partition)))
    };
    let fences: Vec<_> = (0..publishers.partition_count).map(fence_one).collect();
    for fenced in fences {
        fenced.await.map_err(|error| GenerationsError::Part(error.to_string()))??;
    }
    Ok(())
}
