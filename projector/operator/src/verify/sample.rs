//! A quick look: some records of each partition, taken at random, and whether their rows are right; and whether stock adds up for
//! their products (INV-3). It folds nothing, so it cannot know whether a confirmed order should have been rejected; and what it
//! did not look at may be wrong. Only [`super::verify`] proves the tables right.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use ledger_database::Tables;
use ledger_fold::listed::listed_at;
use ledger_fold::{
    BatchFold, Decision, MovementRow, OrderRow, Parked, Partition, PartitionState, Prior, conflict_detail,
};
use ledger_kafka::KafkaSettings;
use ledger_kafka::record::OwnedRecord;
use ledger_kafka::replay::{LogRange, LogReader, ReplayError};
use ledger_schema::wire::{self, Event};
use ledger_schema::{Movement, Order, ParkReason, ProductId};
use ledger_store::StoreError;
use ledger_store::for_fold;
use serde::Serialize;
use sqlx::MySqlConnection;

use super::compared_row::ComparedRow;
use super::difference::Differences;
use super::error::VerifyError;
use super::expected;
use super::lookup::Lookups;
use super::progress::Progress;
use super::row_values;
use super::run::{self, VerifyOptions};
use super::sums;
use super::table::{DEAD_LETTERS, ORDERS, STOCK_MOVEMENTS, TableShape};
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
}

/// Looks at `per_partition` records of each partition.
///
/// # Errors
/// As [`super::verify`].
pub async fn sample(options: VerifyOptions, per_partition: u32) -> Result<Sampled, VerifyError> {
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
    view.positions.judge_others(&options.orders_topic, &prepared.identity, &mut differences);
    let look = Look { lookups: Lookups::new(&Tables::live()), count };
    let total = offsets.values().map(BTreeSet::len).sum::<usize>();
    let progress = Progress::new("records looked at", u64::try_from(total).expect("offsets in memory"));
    let mut products = BTreeSet::new();
    let (mut records, mut left) = (0, offsets);
    while left.values().any(|offsets| !offsets.is_empty()) {
        // One record of each partition at a time: each costs a fetch, and they are fetched at once.
        let ranges = left.iter_mut().filter_map(|(partition, offsets)| {
            offsets.pop_first().map(|from| LogRange { partition: *partition, from, to: from + 1 })
        });
        let read = read(&options.kafka, &options.orders_topic, ranges.collect()).await?;
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
    Ok(Sampled { topic: options.orders_topic, records, products, differences })
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

struct Look {
    lookups: Lookups,
    count: i32,
}

impl Look {
    /// Compares what one record must have left; gives the product that it is about.
    async fn at(
        &self,
        connection: &mut MySqlConnection,
        record: &OwnedRecord,
        differences: &mut Differences,
    ) -> Result<Option<ProductId>, StoreError> {
        let (state, prior) = (PartitionState::default(), Prior::default());
        let partition = Partition { number: record.partition, count: self.count };
        let mut fold = BatchFold::new(partition, &state, &prior, record.offset);
        fold.fold(&for_fold(record));
        // Over no state, the fold parks exactly what it would park for the record alone.
        if let Some(parked) = fold.finish().parked.first() {
            self.dead_letter(connection, record, Some(parked), differences).await?;
            return Ok(None);
        }
        match wire::decode(record.value()) {
            Ok(Event::OrderPlaced(order)) => {
                let product = order.product_id().clone();
                self.order(connection, record, order, differences).await?;
                Ok(Some(product))
            }
            Ok(Event::StockMoved(movement)) => {
                let product = movement.product_id().clone();
                self.movement(connection, record, movement, differences).await?;
                Ok(Some(product))
            }
            Err(_) => Ok(None),
        }
    }

    async fn order(
        &self,
        connection: &mut MySqlConnection,
        record: &OwnedRecord,
        order: Order,
        differences: &mut Differences,
    ) -> Result<(), StoreError> {
        let id = order.order_id().as_uuid();
        let listed_at = listed_at(order.placed_at(), record.time_ms);
        let row = OrderRow { offset: record.offset, order: order.clone(), decision: Decision::Confirmed, listed_at };
        let expected = expected::order(record.partition, &row);
        match self.lookups.orders.rows(connection, record.partition, &[id]).await?.remove(&id) {
            None => differences.missing(&ORDERS, &expected),
            Some(found) if found.integer(&ORDERS, "kafka_offset") < record.offset => {
                let is_same = row_values::order(&found).contents() == order.contents();
                self.repeated(connection, record, "order", &id.to_string(), is_same, differences).await?;
            }
            Some(found) => drop(differences.compare(&ORDERS, &found, &undecided(&ORDERS, expected, &found))),
        }
        Ok(())
    }

    async fn movement(
        &self,
        connection: &mut MySqlConnection,
        record: &OwnedRecord,
        movement: Movement,
        differences: &mut Differences,
    ) -> Result<(), StoreError> {
        let id = movement.movement_id().as_uuid();
        let row = MovementRow { offset: record.offset, movement: movement.clone(), decision: Decision::Confirmed };
        let expected = expected::movement(record.partition, &row);
        match self.lookups.movements.rows(connection, record.partition, &[id]).await?.remove(&id) {
            // Parked, perhaps, for what the stock would have been: only the fold could say.
            None if self.letter(connection, record).await?.is_some() => {}
            None => differences.missing(&STOCK_MOVEMENTS, &expected),
            Some(found) if found.integer(&STOCK_MOVEMENTS, "kafka_offset") < record.offset => {
                let is_same = row_values::movement(&found).contents() == movement.contents();
                self.repeated(connection, record, "movement", &id.to_string(), is_same, differences).await?;
            }
            Some(found) => {
                differences.compare(&STOCK_MOVEMENTS, &found, &undecided(&STOCK_MOVEMENTS, expected, &found));
            }
        }
        Ok(())
    }

    /// A record under an id that stands before: a duplicate leaves nothing, a conflict is parked.
    async fn repeated(
        &self,
        connection: &mut MySqlConnection,
        record: &OwnedRecord,
        what: &str,
        id: &str,
        is_same: bool,
        differences: &mut Differences,
    ) -> Result<(), StoreError> {
        let detail = conflict_detail(what, id);
        let parked = Parked { offset: record.offset, reason: ParkReason::ConflictingDuplicate, detail };
        self.dead_letter(connection, record, (!is_same).then_some(&parked), differences).await
    }

    async fn dead_letter(
        &self,
        connection: &mut MySqlConnection,
        record: &OwnedRecord,
        parked: Option<&Parked>,
        differences: &mut Differences,
    ) -> Result<(), StoreError> {
        let expected = parked.map(|parked| expected::dead_letter(record.partition, parked, record));
        match (self.letter(connection, record).await?, expected) {
            (None, None) => {}
            (Some(found), Some(expected)) => drop(differences.compare(&DEAD_LETTERS, &found, &expected)),
            (Some(found), None) => differences.extra(&DEAD_LETTERS, &found),
            (None, Some(expected)) => differences.missing(&DEAD_LETTERS, &expected),
        }
        Ok(())
    }

    async fn letter(
        &self,
        connection: &mut MySqlConnection,
        record: &OwnedRecord,
    ) -> Result<Option<ComparedRow>, StoreError> {
        let (partition, offset) = (record.partition, record.offset);
        let rows = self.lookups.dead_letters(connection, partition, offset, offset + 1).await?;
        Ok(rows.into_iter().next())
    }
}

/// What is expected, with the decision that was found: whether it is right, only the fold can say.
fn undecided(shape: &TableShape, mut expected: ComparedRow, found: &ComparedRow) -> ComparedRow {
    for column in ["status", "reason"] {
        expected.set(shape, column, found.get(shape, column).clone());
    }
    expected
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
