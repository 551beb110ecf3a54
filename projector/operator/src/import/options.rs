//! What to import, and into which log.

use std::path::PathBuf;
use std::time::Duration;

use super::rules::Rules;

/// What to import, and into which log.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The old world's topic.
    pub topic: String,
    /// How its records are read.
    pub rules: Rules,
    /// The CSV of derived ids; needed where ids are derived.
    pub derived_ids: Option<PathBuf>,
    /// How many orders are remembered, so that one that stands twice is named.
    pub remembered_orders: usize,
    /// The CSV of opening stock.
    pub stock: Option<PathBuf>,
    /// Keep on reading until stopped, instead of ending at the ends that the topic has now.
    pub follow: bool,
    /// How long one open transaction of the old topic is waited for, unless it is followed for ever.
    pub transaction_patience: Duration,
    /// The log.
    pub orders_topic: String,
    /// The ledger's other topics, which are no old world either.
    pub other_topics: Vec<String>,
}
