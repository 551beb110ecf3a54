//! Fencing a partition's relay from outside: whoever swaps tables does it, so that no cursor moves until the swap is done. It
//! must never be called without the barrier that keeps a relay from publishing anew (`rows::swap_is_under_way`).

use std::time::Duration;

use ledger_kafka::{DroppedAside, KafkaSettings, KafkaUseError, QuietContext, use_error};
use rdkafka::producer::{FutureProducer, Producer};

use super::error::passes;
use super::patience::patiently;

const FENCE_LIMIT: Duration = Duration::from_secs(30);

/// The `transactional.id` of a partition's relay. Made of the topic of the cursors: whoever writes the same cursors fences, and
/// is fenced, whichever projector or command it is.
pub(super) fn transactional_id(cursors_topic: &str, partition: i32) -> String {
    format!("ledger-relay-{cursors_topic}-{partition}")
}

/// Fences the relays of all partitions at once: each waits for brokers, not for us. All are waited for, also after a failure:
/// none may fence a relay that has begun to publish again.
///
/// # Errors
/// The first: which relays were fenced is not known then.
pub async fn fence_all(kafka: &KafkaSettings, cursors_topic: &str, partition_count: i32) -> Result<(), KafkaUseError> {
    let fence_one = |partition| {
        let (kafka, cursors_topic) = (kafka.clone(), cursors_topic.to_owned());
        tokio::spawn(patiently(move || fence(&kafka, &cursors_topic, partition), passes))
    };
    let fences: Vec<_> = (0..partition_count).map(fence_one).collect();
    let mut all = Ok(());
    for fenced in fences {
        let cause = |error: tokio::task::JoinError| KafkaUseError::Native {
            action: "fencing a relay",
            cause: error.to_string(),
        };
        all = all.and(fenced.await.map_err(cause).flatten());
    }
    all
}

/// Fences the relay of a partition, wherever it runs, and ends the transaction that it has open. Blocks.
///
/// # Errors
/// [`KafkaUseError`]: whether it was fenced is not known.
fn fence(kafka: &KafkaSettings, cursors_topic: &str, partition: i32) -> Result<(), KafkaUseError> {
    let action = "fencing a relay";
    let mut config = kafka.client("ledger-fence");
    config
        .set("transactional.id", transactional_id(cursors_topic, partition))
        .set("enable.idempotence", "true")
        .set("acks", "all");
    let producer: FutureProducer<QuietContext> =
        config.create_with_context(QuietContext::default()).map_err(|cause| KafkaUseError::Failed { action, cause })?;
    let producer = DroppedAside::new(producer);
    producer.init_transactions(FENCE_LIMIT).map_err(|cause| use_error(kafka.brokers(), action, cause))
}
