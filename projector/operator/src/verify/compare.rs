//! Two generations of tables against each other: what a swap would change. It writes nothing, and holds no snapshot when it
//! is done, since a swap would have to wait for it.
//!
//! The live tables may stand further along the log than the shadow (the projector folds on meanwhile), or less far after a
//! rollback. So of each partition the one that stands less far is folded on, in memory, to where the other stands ([`super::forward`]);
//! then every row of both is compared, in every column. Of positions the identity of the log is compared: how far each side stands
//! is no difference.
//!
//! What cannot be compared so is said, and asked about as if rows would change: when too many records lie between, or when the live
//! tables contradict themselves, so that nothing can be folded over them.

use std::collections::{BTreeMap, HashMap};

use ledger_database::DatabaseUrl;
use ledger_database::{Tables, Watched};
use ledger_fold::{Partition, Skips};
use ledger_kafka::KafkaSettings;
use ledger_kafka::replay::{LogRange, ReplayError};
use ledger_store::{StoreError, at};
use thiserror::Error;

use super::compared_row::ComparedRow;
use super::difference::Differences;
use super::feed;
use super::forward::{Forward, Overlay};
use super::lookup::Lookups;
use super::merge::{Merge, Met, Scan};
use super::snapshot;
use super::table::{
    ALL, DEAD_LETTERS, OPEN_ORDERS, ORDERS, POSITIONS, RESERVATIONS, STOCK, STOCK_MOVEMENTS, TableShape,
};

/// The tables cannot be compared.
#[derive(Debug, Error)]
pub enum CompareError {
    #[error("the new tables cannot be compared with the live ones: {0}")]
    Store(#[from] StoreError),
    #[error("the new tables cannot be compared with the live ones: {0}")]
    Replay(#[from] ReplayError),
}

impl CompareError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_unreachable(),
            Self::Replay(error) => error.is_unreachable(),
        }
    }
}

/// Rows that are read between two calls of `progress`.
const PROGRESS_ROWS: u64 = 10_000;
/// Most records between two sets of tables, in all partitions: what they make or change is held in memory.
const MAX_BETWEEN: u64 = 2_000_000;

/// What comparing came to.
#[derive(Debug)]
pub enum Compared {
    /// Live (found) against shadow (expected).
    Whole(Differences),
    /// Why it was not possible.
    Not(String),
}

/// Where the log and the tables are.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    pub kafka: KafkaSettings,
    pub database: DatabaseUrl,
    pub topic: String,
    pub partition_count: i32,
    /// Most differences that are listed.
    pub limit: usize,
}

/// Compares the `live` tables (found) with those of a `shadow` (expected). `progress` observes now and then how many rows were compared;
/// there are about as many as the live tables have.
///
/// # Errors
/// The database's, or the log's.
pub async fn compare(
    options: &CompareOptions,
    live: &Tables,
    shadow: &Tables,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Compared, CompareError> {
    let live = Side::open(options, live).await?;
    let shadow = Side::open(options, shadow).await?;
    let (to_live, to_shadow) = (shadow.short_of(&live), live.short_of(&shadow));
    let between = to_live.iter().chain(&to_shadow).map(|range| range.to - range.from).sum::<i64>();
    if u64::try_from(between).expect("no range is below 0") > MAX_BETWEEN {
        return Ok(Compared::Not(format!("{between} records of the log lie between the two, more than {MAX_BETWEEN}")));
    }
    // After both snapshots: what the one was folded over, and the other had not come to, may have been skipped in between.
    let skips = skips(options, &live).await?;
    // The shadow is this program's own work: should that contradict itself, this ends by name.
    let shadow = shadow.forward(options, to_live, skips.clone()).await?;
    // What people did to the live tables may be why they are rebuilt. A task of its own, so that what cannot be folded on ends it alone.
    let for_live = options.clone();
    let live = match tokio::spawn(async move { live.forward(&for_live, to_shadow, skips).await }).await {
        Ok(live) => live?,
        Err(_) => {
            return Ok(Compared::Not(
                "the live tables contradict themselves (the message above says where)".to_owned(),
            ));
        }
    };
    let mut comparison = Comparison { differences: Differences::new(options.limit, &ALL), rows: 0, progress };
    let mut sides = Sides { live, shadow };
    for shape in [&ORDERS, &STOCK_MOVEMENTS, &STOCK, &RESERVATIONS, &OPEN_ORDERS, &DEAD_LETTERS] {
        sides = comparison.table(sides, shape).await?;
    }
    comparison.positions(&sides);
    progress(comparison.rows);
    Ok(Compared::Whole(comparison.differences))
}

/// What operators had skipped, of the log that the live tables belong to.
async fn skips(options: &CompareOptions, live: &Side) -> Result<BTreeMap<i32, Skips>, CompareError> {
    let Some(position) = live.positions.values().next() else { return Ok(BTreeMap::new()) };
    let mut connection = ledger_database::connect(&options.database).await.map_err(StoreError::from)?;
    Ok(ledger_store::skips::of_log(&mut connection, position.text(&POSITIONS, "topic_id")).await?)
}

/// A generation as it is at one moment.
struct Side {
    connection: Watched,
    tables: Tables,
    /// By partition.
    positions: BTreeMap<i64, ComparedRow>,
    overlays: HashMap<&'static str, Overlay>,
}

struct Sides {
    live: Side,
    shadow: Side,
}

impl Side {
    async fn open(options: &CompareOptions, tables: &Tables) -> Result<Self, StoreError> {
        let mut connection = snapshot::open(&options.database, tables).await?;
        let text = POSITIONS.select(&tables.positions, "WHERE topic = ?");
        let query = sqlx::query(text).bind(&options.topic);
        let rows = query.fetch_all(&mut connection).await.map_err(at("reading positions"))?;
        let mut positions = BTreeMap::new();
        for row in rows {
            let row = ComparedRow::read(&POSITIONS, &row).map_err(at("reading positions"))?;
            positions.insert(row.integer(&POSITIONS, "kafka_partition"), row);
        }
        Ok(Self { connection, tables: tables.clone(), positions, overlays: HashMap::new() })
    }

    /// What of the log this side has not come to and the other has. A partition that not both have positions of is compared as it is.
    fn short_of(&self, other: &Self) -> Vec<LogRange> {
        let stands = |row: &ComparedRow| row.integer(&POSITIONS, "next_offset");
        let range = |(partition, row): (&i64, &ComparedRow)| {
            let (from, to) = (stands(row), stands(other.positions.get(partition)?));
            let partition = i32::try_from(*partition).expect("the column is an INT");
            (from < to).then_some(LogRange { partition, from, to })
        };
        self.positions.iter().filter_map(range).collect()
    }

    /// Folds on over `ranges`, in memory.
    async fn forward(
        mut self,
        options: &CompareOptions,
        ranges: Vec<LogRange>,
        mut skips: BTreeMap<i32, Skips>,
    ) -> Result<Self, CompareError> {
        let lookups = Lookups::new(&self.tables);
        let mut partitions = BTreeMap::new();
        for range in &ranges {
            let partition = Partition { number: range.partition, count: options.partition_count };
            let skips = skips.remove(&range.partition).unwrap_or_default();
            let stock = &self.tables.stock;
            let forward = Forward::start(&mut self.connection, stock, partition, range.from, skips).await?;
            partitions.insert(range.partition, forward);
        }
        if !ranges.is_empty() {
            let mut batches = feed::start(options.kafka.clone(), options.topic.clone(), ranges);
            while let Some(batch) = batches.recv().await {
                let batch = batch?;
                let partition = batch.first().expect("a batch is never empty").partition;
                let forward = partitions.get_mut(&partition).expect("only these ranges are read");
                forward.batch(&lookups, &mut self.connection, &batch).await?;
            }
        }
        partitions.into_values().for_each(|forward| forward.overlay(&mut self.overlays));
        Ok(self)
    }
}

struct Comparison<'p> {
    differences: Differences,
    rows: u64,
    progress: &'p (dyn Fn(u64) + Sync),
}

impl Comparison<'_> {
    async fn table(&mut self, sides: Sides, shape: &'static TableShape) -> Result<Sides, StoreError> {
        let Sides { mut live, mut shadow } = sides;
        let found = Scan::start(live.connection, shape, shape.of(&live.tables));
        let expected = Scan::start(shadow.connection, shape, shape.of(&shadow.tables));
        let over = |side: &mut HashMap<&'static str, Overlay>| side.remove(shape.name).unwrap_or_default();
        let (found, expected) = ((found, over(&mut live.overlays)), (expected, over(&mut shadow.overlays)));
        let mut merge = Merge::start(shape, found, expected).await?;
        while let Some(met) = merge.next().await? {
            match met {
                Met::Both(live, shadow) => drop(self.differences.compare(shape, &live, &shadow)),
                Met::Left(live) => self.differences.extra(shape, &live),
                Met::Right(shadow) => self.differences.missing(shape, &shadow),
            }
            self.rows += 1;
            if self.rows.is_multiple_of(PROGRESS_ROWS) {
                (self.progress)(self.rows);
            }
        }
        (live.connection, shadow.connection) = merge.end().await?;
        Ok(Sides { live, shadow })
    }

    fn positions(&mut self, sides: &Sides) {
        for (partition, shadow) in &sides.shadow.positions {
            match sides.live.positions.get(partition) {
                Some(live) => {
                    let mut live = live.clone();
                    for column in ["next_offset", "generation", "generation_id", "fold_version"] {
                        live.set(&POSITIONS, column, shadow.get(&POSITIONS, column).clone());
                    }
                    self.differences.compare(&POSITIONS, &live, shadow);
                }
                None => self.differences.missing(&POSITIONS, shadow),
            }
        }
        let extra =
            sides.live.positions.iter().filter(|(partition, _)| !sides.shadow.positions.contains_key(partition));
        extra.for_each(|(_, live)| self.differences.extra(&POSITIONS, live));
    }
}
