//! How a product's numbers came about: every record about it (orders, their lines and holds, what was given back), what the fold made
//! of it, and what was left.

use futures_util::future::LocalBoxFuture;
use std::collections::VecDeque;

use ledger_kafka::record::OwnedRecord;
use ledger_schema::ProductId;
use serde::Serialize;

use super::ends;
use super::entry::{Entry, entry};
use super::error::AsOfError;
use super::options::AsOfOptions;
use super::replayed::Replayed;
use super::skips::KnownSkips;
use crate::output::Report;
use crate::verify::progress::Progress;
use crate::verify::{feed, ids};

/// A product's history, or its last part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    pub topic: String,
    pub as_of: String,
    pub product_id: String,
    /// What is available at the end.
    pub available: Option<i64>,
    /// What is held at the end: of orders that are not confirmed, and may come back.
    pub held: Option<i64>,
    /// Whether records that operators had skipped count as parked: the log does not say which.
    pub skips_known: bool,
    /// Records about it, listed or not.
    pub events: u64,
    /// The last of them, in log order.
    pub entries: Vec<Entry>,
}

/// Lists the last `limit` records about `product`.
///
/// # Errors
/// [`AsOfError`].
pub fn explain(
    options: AsOfOptions,
    product: ProductId,
    limit: usize,
) -> LocalBoxFuture<'static, Result<Explained, AsOfError>> {
    // Boxed here, so that it is compiled here, once, and not again in each program that awaits it.
    Box::pin(history(options, product, limit))
}

async fn history(options: AsOfOptions, product: ProductId, limit: usize) -> Result<Explained, AsOfError> {
    let options = AsOfOptions { product: Some(product.clone()), ..options };
    let mut history = History { product, limit, level: None, events: 0, last: VecDeque::new() };
    let mut skips = KnownSkips::read(&options).await?;
    for end in ends::find(&options).await? {
        let progress = Progress::new("records folded", end.records());
        let mut replayed = Replayed::new(end.partition, skips.take(end.partition.number));
        let mut batches = feed::start(options.kafka.clone(), options.orders_topic.clone(), vec![end.range()]);
        while let Some(batch) = batches.recv().await {
            let batch = batch?;
            batch.iter().for_each(|record| history.add(record, &mut replayed));
            progress.advance(batch.len());
        }
        progress.end();
    }
    let AsOfOptions { orders_topic: topic, as_of, .. } = options;
    if history.events == 0 {
        return Err(AsOfError::UnknownProduct { product: history.product, as_of });
    }
    Ok(Explained {
        topic,
        as_of: as_of.to_string(),
        product_id: history.product.as_str().to_owned(),
        available: history.level.map(|level| level.available),
        held: history.level.map(|level| level.held),
        skips_known: skips.is_known,
        events: history.events,
        entries: history.last.into(),
    })
}

struct History {
    product: ProductId,
    limit: usize,
    level: Option<ledger_fold::Level>,
    events: u64,
    last: VecDeque<Entry>,
}

impl History {
    /// Folds one record by itself, so that what it does to the product is its own.
    fn add(&mut self, record: &OwnedRecord, replayed: &mut Replayed) {
        let record = std::slice::from_ref(record);
        let events = ids::events_of(record);
        let effects = replayed.fold(record, &events);
        let [record] = record else { unreachable!("it is one record") };
        let event = events.first().and_then(Option::as_ref);
        let Some(mut entry) = entry(record, event, &self.product, &effects) else { return };
        // Before the first receipt there is nothing.
        self.level = replayed.levels.get(&self.product).map(|level| level.of);
        entry.balance = self.level.map(|level| level.available);
        entry.held = self.level.map(|level| level.held);
        self.events += 1;
        if self.last.len() == self.limit {
            self.last.pop_front();
        }
        self.last.push_back(entry);
    }
}

impl Report for Explained {
    fn header(&self) -> Vec<&'static str> {
        vec!["position", "time", "event", "id", "line", "by", "asked", "outcome", "available", "held"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let row = |entry: &Entry| {
            vec![
                entry.position.clone(),
                text(&entry.time),
                entry.event.to_owned(),
                text(&entry.id),
                entry.line_no.map_or_else(String::new, |line_no| line_no.to_string()),
                text(&entry.by),
                format!("{:+}", entry.asked),
                entry.reason.map_or(entry.outcome.to_owned(), |reason| format!("{}: {reason}", entry.outcome)),
                entry.balance.map_or("-".to_owned(), |balance| balance.to_string()),
                entry.held.map_or("-".to_owned(), |held| held.to_string()),
            ]
        };
        self.entries.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        let Self { product_id, as_of, events, entries, .. } = self;
        let listed = u64::try_from(entries.len()).expect("a list in memory");
        let earlier = match events - listed {
            0 => String::new(),
            earlier => format!("; {earlier} earlier ones are not listed (raise --limit)"),
        };
        let available = match (self.available, self.held) {
            (Some(available), Some(held)) => format!("{available} available, {held} held"),
            _ => "not in stock ever".to_owned(),
        };
        let note = KnownSkips::note(self.skips_known);
        Some(format!("{product_id} as of {as_of}: {available}, {events} records about it{earlier}{note}"))
    }
}
