//! What to import, and into which log.

use std::path::PathBuf;

/// What to import, and into which log.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The old world's topic.
    pub topic: String,
    /// The CSV of opening stock.
    pub stock: Option<PathBuf>,
    /// Keep on reading until stopped, instead of ending at the ends that the topic has now.
    pub follow: bool,
    /// The log.
    pub orders_topic: String,
    /// The ledger's other topics, which are no old world either.
    pub other_topics: Vec<String>,
}
