//! Some partitions, verified in one snapshot: folded again from the log beside their rows, then whatever the log does not
//! explain. A partition is an island, so each worker may see the tables at another moment.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use ledger_database::Watched;
use ledger_fold::{Partition, Skips};
use ledger_kafka::replay::LogRange;
use ledger_schema::partitioner::partition_of;
use ledger_schema::{OrderId, ProductId};

use super::compared_row::ComparedRow;
use super::difference::Differences;
use super::error::VerifyError;
use super::expected;
use super::feed;
use super::ids;
use super::job::{Job, MAX_WRONG_ROWS, View, WorkerFindings};
use super::lookup::Lookups;
use super::merge::Scan;
use super::partition::PartitionCheck;
use super::positions::{Positions, expected_next_offset};
use super::strange::Strange;
use super::sums::{self, Unbalanced};
use super::table::{ALL, OPEN_ORDERS, STOCK};
use super::value::Value;

/// Verifies what one worker has to.
pub(super) async fn run(job: Arc<Job>, view: View) -> Result<WorkerFindings, VerifyError> {
    let View { mut connection, positions, ends, skips, takes_others } = view;
    let mut differences = Differences::new(job.limit, &ALL);
    let mut unbalanced = Unbalanced::default();
    let mut checks = checks(&job, &positions, &ends, skips);
    let (records, gave_up) = fold_all(&job, &mut connection, &mut checks, &mut differences).await?;
    for check in checks.values() {
        check.count_compared(&mut differences);
        check.name_unsettled(&job.tables, &mut connection, !gave_up, &mut differences).await?;
    }
    if !gave_up {
        let mut strange = Strange::new(&job, &mut checks, takes_others);
        strange.dead_letters(&mut connection, &mut differences).await?;
        strange.rows_with_ids(&mut connection, &mut differences).await?;
        connection = stock(&job, connection, &mut checks, &mut differences).await?;
        connection = open_orders(&job, connection, &mut checks, takes_others, &mut differences).await?;
        if takes_others {
            // One snapshot has all partitions, and each adds up by itself.
            unbalanced = sums::unbalanced(&mut connection, &job.tables, job.limit).await?;
        }
    }
    let folded = checks.iter().map(|(partition, check)| (*partition, check.next_offset.max(check.end))).collect();
    let mut first = Differences::new(job.limit, &ALL);
    if takes_others {
        positions.judge_others(&job.topic, &job.identity, &mut first);
    }
    for (partition, check) in &checks {
        let found = positions.next_offset(*partition).expect("only partitions that have a position are checked");
        let expected = expected_next_offset(found, check.next_offset, check.log_end, check.evidence);
        positions.judge(*partition, &job.identity, expected.filter(|_| !gave_up), &mut first);
    }
    drop(connection);
    // A wrong position makes many rows look wrong, so it stands first.
    first.absorb(differences);
    let duplicates = checks.values().map(|check| check.duplicates).sum();
    let skipped = checks.values().map(|check| check.skipped).sum();
    Ok(WorkerFindings { differences: first, records, duplicates, skipped, unbalanced, folded, gave_up })
}

fn checks(
    job: &Job,
    positions: &Positions,
    ends: &BTreeMap<i32, i64>,
    mut skips: BTreeMap<i32, Skips>,
) -> BTreeMap<i32, PartitionCheck> {
    let check = |(partition, end): (&i32, &i64)| {
        let found = positions.next_offset(*partition)?;
        let number = Partition { number: *partition, count: job.identity.partition_count };
        let skips = skips.remove(partition).unwrap_or_default();
        Some((*partition, PartitionCheck::new(number, found.clamp(0, *end), *end, skips)))
    };
    ends.iter().filter_map(check).collect()
}

/// Folds the log up to the positions; gives how many records there were, and whether it stopped before the end. What stands behind a
/// position is only read for what partitions tell each other.
async fn fold_all(
    job: &Job,
    connection: &mut Watched,
    checks: &mut BTreeMap<i32, PartitionCheck>,
    differences: &mut Differences,
) -> Result<(u64, bool), VerifyError> {
    let lookups = Lookups::new(&job.tables);
    let range =
        |(partition, check): (&i32, &PartitionCheck)| LogRange { partition: *partition, from: 0, to: check.log_end };
    let mut batches = feed::start(job.kafka.clone(), job.topic.clone(), checks.iter().map(range).collect());
    let mut records = 0;
    while let Some(batch) = batches.recv().await {
        let batch = batch?;
        let partition = batch.first().expect("a batch is never empty").partition;
        let check = checks.get_mut(&partition).expect("only the ranges of these partitions are read");
        let events = ids::events_of(&batch);
        let folded = batch.partition_point(|record| record.offset < check.end);
        let mut told = Vec::new();
        if folded > 0 {
            told = check.batch(&lookups, connection, &batch[..folded], &events[..folded], differences).await?;
        }
        job.between.lock().unwrap_or_else(PoisonError::into_inner).take(check.partition, told, &batch, &events);
        job.progress.advance(folded);
        records += u64::try_from(folded).expect("a batch is held in memory");
        if checks.values().map(PartitionCheck::wrong_rows).sum::<usize>() > MAX_WRONG_ROWS {
            return Ok((records, true));
        }
    }
    Ok((records, false))
}

/// Products and their stock. A product's partition follows from its id, so that a false one in the row is a false column.
async fn stock(
    job: &Job,
    connection: Watched,
    checks: &mut BTreeMap<i32, PartitionCheck>,
    differences: &mut Differences,
) -> Result<Watched, VerifyError> {
    let mut rows = Scan::start(connection, &STOCK, &job.tables.stock);
    while let Some(row) = rows.next().await? {
        let text = row.text(&STOCK, "product_id");
        // Another worker's, or of a partition whose position is missing.
        let Some(check) = checks.get_mut(&partition_of(text.as_bytes(), job.identity.partition_count)) else {
            continue;
        };
        // What is no product id was written by no projector, and is no product of the log.
        match ProductId::parse(text).ok().and_then(|product| check.levels.remove_entry(&product)) {
            Some((product, level)) => {
                if row.integer(&STOCK, "kafka_offset") == level.offset {
                    check.evidence.found(level.offset);
                }
                differences.compare(&STOCK, &row, &expected::stock(check.partition.number, &product, level));
            }
            None => differences.extra(&STOCK, &row),
        }
    }
    for check in checks.values_mut() {
        let mut missing: Vec<_> = check.levels.drain().collect();
        missing.sort_unstable_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        for (product, level) in missing {
            differences.missing(&STOCK, &expected::stock(check.partition.number, &product, level));
        }
    }
    Ok(rows.end().await?)
}

/// Orders that are pending or held: as many rows, and no other.
async fn open_orders(
    job: &Job,
    connection: Watched,
    checks: &mut BTreeMap<i32, PartitionCheck>,
    takes_others: bool,
    differences: &mut Differences,
) -> Result<Watched, VerifyError> {
    let mut rows = Scan::start(connection, &OPEN_ORDERS, &job.tables.open_orders);
    while let Some(row) = rows.next().await? {
        let partition = row.partition(&OPEN_ORDERS);
        let Some(check) = checks.get_mut(&partition) else {
            if takes_others && !(0..job.identity.partition_count).contains(&partition) {
                differences.extra(&OPEN_ORDERS, &row);
            }
            continue;
        };
        let id = match row.get(&OPEN_ORDERS, "order_id") {
            Value::Id(id) => OrderId::from_uuid(*id),
            other => unreachable!("column order_id holds ids, found {other:?}"),
        };
        let expected = check.open.get(&id).map(|open| expected::open_order(partition, open));
        if expected.as_ref() == Some(&row) {
            check.open.remove(&id);
            differences.equal(&OPEN_ORDERS, 1);
        } else {
            differences.extra(&OPEN_ORDERS, &row);
        }
    }
    for (partition, check) in checks {
        let mut missing: Vec<ComparedRow> =
            check.open.values().map(|open| expected::open_order(*partition, open)).collect();
        missing.sort_unstable_by(|a, b| a.key(&OPEN_ORDERS).cmp(b.key(&OPEN_ORDERS)));
        missing.iter().for_each(|row| differences.missing(&OPEN_ORDERS, row));
    }
    Ok(rows.end().await?)
}
