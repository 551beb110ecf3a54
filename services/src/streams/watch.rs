//! Whether the topic of outcomes is the one that it was: its id is asked for now and then, since a topic that was deleted and made
//! anew is read on at the old offsets without a sign.
//!
//! It must never take silence for an answer: what cannot be asked leaves the last answer standing.

use std::sync::Arc;
use std::time::Duration;

use ledger_kafka::ask;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::feed::Feed;
use super::token::TopicMark;
use crate::event_log::LogFacts;

/// How long a topic that was made anew may go unnoticed.
const INTERVAL: Duration = Duration::from_secs(2);

/// Looks until `stop`.
pub(crate) async fn watch(feed: Arc<Feed>, facts: Arc<dyn LogFacts>, topic: String, stop: CancellationToken) {
    while stop.run_until_cancelled(sleep(INTERVAL)).await.is_some() {
        let (facts, named) = (facts.clone(), topic.clone());
        match ask(move || facts.identity(&named)).await {
            Ok(found) if TopicMark::of(&found) != feed.topic() => feed.raise_doubt(),
            Ok(_) => {}
            // Also where the topic is missing: a broker that has just started may say so of a topic that is there.
            Err(error) => tracing::debug!(topic, %error, "the topic of outcomes cannot be looked at"),
        }
    }
}
