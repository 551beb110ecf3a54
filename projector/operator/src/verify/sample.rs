//! A quick look: some records of each partition, taken at random, and whether their rows are right; and whether stock adds up for
//! their products (INV-3). It folds nothing, so it cannot know whether a confirmed order should have been rejected; and what it
//! did not look at may be wrong. Only [`super::verify`] proves the tables right.

use futures_util::future::LocalBoxFuture;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use ledger_kafka::KafkaSettings;
use ledger_kafka::record::OwnedRecord;
use ledger_kafka::replay::{LogRange, LogReader, ReplayError};
use projector::blocked::Blocked;
use serde::Serialize;

use super::difference::Differences;
use super::error::VerifyError;
use super::look::Look;
use super::progress::Progress;
use super::run::{self, VerifyOptions};
use super::sums;
use crate::output::Report;

/// What a quick look came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sampled {
    pub topic: String,
    /// Records that were looked at.
    pub records: u64,
    /// Products whose stock was added up.
    pub products: u64,
    #[serde(flatten)]
    pub differences: Differences,
    /// Partitions that an open transaction blocks: what stands behind it is in no table yet.
    pub blocked: Vec<Blocked>,
}

/// Looks at `per_partition` records of each partition.
///
/// # Errors
/// As [`super::verify`].
pub fn sample(options: VerifyOptions, per_partition: u32) -> LocalBoxFuture<'static, Result<Sampled, VerifyError>> {
    // Boxed here, so that it is compiled here, once, and not again in each program that awaits it.
    Box::pin(compare_some(options, per_partition))
}

async fn compare_some(options: VerifyOptions, per_partition: u32) -> Result<Sampled, VerifyError> {
    let prepared = run::prepare(&options, 1).await?;
    let mut view = prepared.views.into_iter().next().expect("one view was asked for");
    let count = prepared.identity.partition_count;
    let mut differences = Differences::new(options.limit, &super::table::ALL);
    let mut offsets = BTreeMap::new();
    for (partition, end) in &view.ends {
        // Of a partition without a position nothing is looked at: the missing position is the difference.
        let next_offset = view.positions.next_offset(*partition).unwrap_or(0);
        let expected = (next_offset > *end).then(|| format!("at most {end}, the end of the log"));
        view.positions.judge(*partition, &prepared.identity, expected, &mut differences);
        offsets.insert(*partition, draw(next_offset.clamp(0, *end), per_partition));
    }
    view.positions.judge_others(&options.topics.orders, &prepared.identity, &mut differences);
    let look = Look::new(count, std::mem::take(&mut view.skips));
    let total = offsets.values().map(BTreeSet::len).sum::<usize>();
    let progress = Progress::new("records looked at", u64::try_from(total).expect("offsets in memory"));
    let mut products = BTreeSet::new();
    let (mut records, mut left) = (0, offsets);
    while left.values().any(|offsets| !offsets.is_empty()) {
        // One record of each partition at a time: each costs a fetch, and they are fetched at once.
        let ranges = left.iter_mut().filter_map(|(partition, offsets)| {
            offsets.pop_first().map(|from| LogRange { partition: *partition, from, to: from + 1 })
        });
        let read = read(&options.kafka, &options.topics.orders, ranges.collect()).await?;
        for record in &read {
            products.extend(look.at(&mut view.connection, record, &mut differences).await?);
        }
        progress.advance(read.len());
        records += u64::try_from(read.len()).expect("records in memory");
    }
    let next_offset = |partition| view.positions.next_offset(partition).unwrap_or(0);
    sums::compare(&mut view.connection, &products, count, next_offset, &mut differences).await?;
    progress.end();
    let products = u64::try_from(products.len()).expect("products in memory");
    Ok(Sampled { topic: options.topics.orders, records, products, differences, blocked: prepared.blocked })
}

/// Different offsets before `end`. The hash has a random key, so each look is another.
fn draw(end: i64, most: u32) -> BTreeSet<i64> {
    if end <= i64::from(most) {
        return (0..end).collect();
    }
    let hash = RandomState::new();
    let most_drawn = usize::try_from(most).expect("a usize has 32 bits or more");
    let (mut drawn, mut number) = (BTreeSet::new(), 0_u64);
    while drawn.len() < most_drawn {
        // Half of the hash's values, so that none is negative.
        drawn.insert((hash.hash_one(number) >> 1).cast_signed() % end);
        number += 1;
    }
    drawn
}

async fn read(settings: &KafkaSettings, topic: &str, ranges: Vec<LogRange>) -> Result<Vec<OwnedRecord>, VerifyError> {
    let (settings, topic) = (settings.clone(), topic.to_owned());
    let read = tokio::task::spawn_blocking(move || {
        let mut reader = LogReader::open(&settings, &topic, &ranges)?;
        let mut records = Vec::new();
        while let Some(record) = reader.next()? {
            records.push(record);
        }
        Ok::<_, ReplayError>(records)
    });
    Ok(read.await.map_err(|_| VerifyError::WorkerDied)??)
}

impl Report for Sampled {
    fn header(&self) -> Vec<&'static str> {
        self.differences.header()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.differences.rows()
    }

    fn summary(&self) -> Option<String> {
        let Self { topic, records, products, .. } = self;
        let mut lines = self.differences.lines();
        lines.push(format!("{records} records of {topic} looked at, the stock of {products} products added up"));
        lines.extend(self.blocked.iter().map(|blocked| format!("{blocked}; what is behind it was not looked at")));
        lines.push(match self.differences.is_empty() {
            true => "nothing differs among them; without --sample every row is compared".to_owned(),
            false => format!(
                "{} rows differ among them: `ledger rebuild` makes the tables anew",
                self.differences.differing()
            ),
        });
        Some(lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_offsets_are_drawn_of_all_that_there_are() {
        assert_eq!(draw(0, 5), BTreeSet::new());
        assert_eq!(draw(3, 5), BTreeSet::from([0, 1, 2]));
        let drawn = draw(1000, 100);
        assert_eq!(drawn.len(), 100);
        assert!(drawn.iter().all(|offset| (0..1000).contains(offset)));
    }
}
