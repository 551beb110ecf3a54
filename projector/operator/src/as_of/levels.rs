//! What could be sold of each product.

use futures_util::future::LocalBoxFuture;
use std::collections::BTreeMap;

use ledger_fold::Skips;
use ledger_schema::Position;
use serde::Serialize;

use super::ends::{self, End};
use super::error::AsOfError;
use super::level::Level;
use super::options::AsOfOptions;
use super::replayed::Replayed;
use super::skips::KnownSkips;
use crate::output::Report;
use crate::verify::progress::Progress;
use crate::verify::{feed, ids};

/// A product in the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    pub product_id: String,
    pub available: i64,
    /// Taken by orders that were held, or not decided yet.
    pub held: i64,
    /// `PARTITION:OFFSET` of the record that changed it last.
    pub position: String,
}

/// All products as of some point of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Levels {
    pub topic: String,
    pub as_of: String,
    /// Up to where each partition was folded, exclusive.
    pub next_offsets: BTreeMap<i32, i64>,
    /// Whether records that operators had skipped were left out: the log does not say which.
    pub skips_known: bool,
    /// In order of product id.
    pub items: Vec<Item>,
}

/// Folds the log up to what is asked.
///
/// # Errors
/// [`AsOfError`].
pub fn levels(options: AsOfOptions) -> LocalBoxFuture<'static, Result<Levels, AsOfError>> {
    // Boxed here, so that it is compiled here, once, and not again in each program that awaits it.
    Box::pin(folded(options))
}

async fn folded(options: AsOfOptions) -> Result<Levels, AsOfError> {
    let ends = ends::find(&options).await?;
    let mut skips = KnownSkips::read(&options).await?;
    let progress = Progress::new("records folded", ends.iter().map(|end| end.records()).sum());
    let mut items = BTreeMap::new();
    for end in &ends {
        let of_partition = skips.take(end.partition.number);
        let replayed = replay(&options, *end, of_partition, &progress).await?;
        let asked =
            replayed.levels.into_iter().filter(|(id, _)| options.product.as_ref().is_none_or(|asked| asked == id));
        items.extend(asked.map(|(product_id, level)| (product_id.as_str().to_owned(), level)));
    }
    progress.end();
    let AsOfOptions { orders_topic: topic, as_of, product, .. } = options;
    match product {
        Some(product) if items.is_empty() => Err(AsOfError::UnknownProduct { product, as_of }),
        _ => Ok(Levels {
            topic,
            as_of: as_of.to_string(),
            next_offsets: ends.iter().map(|end| (end.partition.number, end.end)).collect(),
            skips_known: skips.is_known,
            items: items.into_iter().map(item).collect(),
        }),
    }
}

async fn replay(options: &AsOfOptions, end: End, skips: Skips, progress: &Progress) -> Result<Replayed, AsOfError> {
    let mut replayed = Replayed::new(end.partition, skips);
    let mut batches = feed::start(options.kafka.clone(), options.orders_topic.clone(), vec![end.range()]);
    while let Some(batch) = batches.recv().await {
        let batch = batch?;
        replayed.fold(&batch, &ids::events_of(&batch));
        progress.advance(batch.len());
    }
    Ok(replayed)
}

fn item((product_id, level): (String, Level)) -> Item {
    let position = Position { partition: level.partition, offset: level.offset }.to_string();
    let ledger_fold::Level { available, held } = level.of;
    Item { product_id, available, held, position }
}

impl Report for Levels {
    fn header(&self) -> Vec<&'static str> {
        vec!["product", "available", "held", "last changed at"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |item: &Item| {
            let numbers = [item.available, item.held].map(|number| number.to_string());
            [item.product_id.clone()].into_iter().chain(numbers).chain([item.position.clone()]).collect()
        };
        self.items.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        let note = KnownSkips::note(self.skips_known);
        Some(format!("{} products of {} as of {}{note}", self.items.len(), self.topic, self.as_of))
    }
}
