//! What became of records that were handed to the client: delivered, or which of them a topic did not take because of its
//! size. It must never blame a record whose own answer does not say so: the first refusal spoils the whole transaction, and
//! whatever else is in it fails in other words, or is never answered.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ledger_kafka::is_too_large;
use ledger_store::outbox::{EntryContent, OutboxEntry};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::DeliveryFuture;
use tokio::time::timeout;

use super::seam::{PublishError, TooLarge};

/// A record without an answer for so long may be one that is never sent, because another one was refused.
const LOOK: Duration = Duration::from_millis(500);
/// The answers of one batch come together.
const SAME_BATCH: Duration = Duration::from_millis(100);

/// A record on its way.
pub(super) struct Handed<'a> {
    /// `None` once it is known to be delivered.
    pub(super) future: Option<DeliveryFuture>,
    pub(super) entry: &'a OutboxEntry<'a>,
    pub(super) topic: &'a str,
    /// Key, value and headers as sent.
    pub(super) bytes: usize,
}

/// The client's answer about one record.
pub(super) fn outcome_of(answer: <DeliveryFuture as Future>::Output) -> Result<(), KafkaError> {
    match answer {
        Ok(Ok(_)) => Ok(()),
        Ok(Err((error, _))) => Err(error),
        // The producer was dropped with the message in it.
        Err(_) => Err(KafkaError::MessageProduction(RDKafkaErrorCode::PurgeInflight)),
    }
}

/// Waits until all are delivered.
///
/// # Errors
/// Of the first that failed, or of those that a topic did not take.
pub(super) async fn await_all(mut handed: Vec<Handed<'_>>) -> Result<(), PublishError> {
    let mut at = 0;
    while let Some(record) = handed.get_mut(at) {
        let Some(future) = &mut record.future else {
            at += 1;
            continue;
        };
        match timeout(LOOK, future).await.map(outcome_of) {
            Ok(Ok(())) => at += 1,
            Ok(Err(error)) if is_too_large(&error) => return Err(refusal(&error, at, &mut handed).await),
            Ok(Err(error)) => {
                record.future = None;
                return Err(failed(at, error, &mut handed).await);
            }
            Err(_) => {
                if let Some((later, error)) = answered(&mut handed) {
                    return Err(failed(later, error, &mut handed).await);
                }
            }
        }
    }
    Ok(())
}

/// A record failed. Where a topic did not take another one, that is why.
async fn failed(at: usize, error: KafkaError, handed: &mut [Handed<'_>]) -> PublishError {
    let (at, error) = if is_too_large(&error) { (at, error) } else { answered(handed).unwrap_or((at, error)) };
    if is_too_large(&error) { refusal(&error, at, handed).await } else { error.into() }
}

/// Takes the answers that are there; gives a failure, one for its size if there is one.
fn answered(handed: &mut [Handed<'_>]) -> Option<(usize, KafkaError)> {
    let mut context = Context::from_waker(Waker::noop());
    let mut failure = None;
    for (at, record) in handed.iter_mut().enumerate() {
        let Some(future) = &mut record.future else { continue };
        let Poll::Ready(answer) = Pin::new(future).poll(&mut context) else { continue };
        record.future = None;
        match outcome_of(answer) {
            Ok(()) => {}
            Err(error) if is_too_large(&error) => return Some((at, error)),
            Err(error) => failure = failure.or(Some((at, error))),
        }
    }
    failure
}

/// The record at `first` was refused for its size, and with it all that was in one batch with it: those of its topic that
/// come after it, and were refused as well.
async fn refusal(error: &KafkaError, first: usize, handed: &mut [Handed<'_>]) -> PublishError {
    let topic = handed[first].topic;
    let (mut last, mut count) = (first, 1);
    for (at, record) in handed.iter_mut().enumerate().skip(first + 1).filter(|(_, record)| record.topic == topic) {
        let Some(future) = &mut record.future else { break };
        match timeout(SAME_BATCH, future).await.map(outcome_of) {
            Ok(Err(error)) if is_too_large(&error) => (last, count) = (at, count + 1),
            _ => break,
        }
    }
    let Handed { entry, bytes, .. } = &handed[first];
    let last = handed[last].entry.event_id();
    of_size(error, TooLarge { last, count, ..too_large(entry, topic, *bytes) })
}

/// The client itself refused a record that it was handed.
pub(super) fn refused_at_once(error: KafkaError, entry: &OutboxEntry<'_>, topic: &str, bytes: usize) -> PublishError {
    if is_too_large(&error) { of_size(&error, too_large(entry, topic, bytes)) } else { error.into() }
}

fn too_large(entry: &OutboxEntry<'_>, topic: &str, bytes: usize) -> TooLarge {
    let (first, last) = (entry.event_id(), entry.event_id());
    let is_outcome = matches!(entry.content, EntryContent::Outcome { .. });
    TooLarge { topic: topic.to_owned(), first, last, count: 1, is_outcome, bytes }
}

fn of_size(error: &KafkaError, too_large: TooLarge) -> PublishError {
    PublishError { cause: format!("{too_large} ({error})"), too_large: Some(too_large) }
}
