//! Two generations of tables against each other: what a swap would change. It writes nothing, and holds no snapshot when it
//! is done, since a swap would have to wait for it.
//!
//! The live tables may stand further along the log than the shadow (the projector folds on meanwhile), or less far after a
//! rollback. So the two are compared at the position that both have reached, per partition:
//! - A row that only one side has, and whose record lies at that position or after it, is *set aside*: the other side has not
//!   come to it. A row that both have is compared wherever its record lies: a false offset is a difference.
//! - Stock is brought back to that position by undoing the confirmed rows that are set aside. Which record changed a product
//!   last is compared where none of them did; where one did, the tables no longer hold it.
//! - Of positions the identity of the log is compared: how far each side stands is no difference.
//!
//! What this takes for granted is what a swap rests on anyway: that the rows set aside are folded again after it.

use std::collections::BTreeMap;

use ledger_database::DatabaseUrl;
use ledger_database::Tables;
use ledger_store::{StoreError, at};
use sqlx::MySqlConnection;
use thiserror::Error;

use super::compared_row::ComparedRow;
use super::difference::Differences;
use super::merge::{Merge, Met, Scan};
use super::snapshot;
use super::table::{ALL, DEAD_LETTERS, ORDERS, POSITIONS, STOCK, STOCK_MOVEMENTS, TableShape};
use super::undo::{Undoes, is_introduced};

/// The tables cannot be compared.
#[derive(Debug, Error)]
pub enum CompareError {
    #[error("the new tables cannot be compared with the live ones: {0}")]
    Store(#[from] StoreError),
}

impl CompareError {
    pub fn is_unreachable(&self) -> bool {
        let Self::Store(error) = self;
        error.is_unreachable()
    }
}

/// Rows that are read between two calls of `progress`.
const PROGRESS_ROWS: u64 = 10_000;

/// Compares the `live` tables (found) with those of a `shadow` (expected). At most `limit` differences are listed. `progress`
/// observes now and then how many rows were compared; there are about as many as the live tables have.
///
/// # Errors
/// The database's.
pub async fn compare(
    url: &DatabaseUrl,
    topic: &str,
    live: &Tables,
    shadow: &Tables,
    limit: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Differences, CompareError> {
    let mut sides = Sides { live: Side::open(url, topic, live).await?, shadow: Side::open(url, topic, shadow).await? };
    let mut comparison = Comparison::new(limit, &sides);
    for shape in [&ORDERS, &STOCK_MOVEMENTS, &STOCK, &DEAD_LETTERS] {
        sides = comparison.table(sides, shape, progress).await?;
    }
    comparison.positions(&sides);
    progress(comparison.rows);
    Ok(comparison.differences)
}

/// A generation as it is at one moment.
struct Side {
    connection: MySqlConnection,
    tables: Tables,
    /// By partition.
    positions: BTreeMap<i64, ComparedRow>,
}

struct Sides {
    live: Side,
    shadow: Side,
}

impl Side {
    async fn open(url: &DatabaseUrl, topic: &str, tables: &Tables) -> Result<Self, StoreError> {
        let mut connection = snapshot::open(url, tables).await?;
        let text = POSITIONS.select(&tables.positions, "WHERE topic = ?");
        let rows = sqlx::query(text).bind(topic).fetch_all(&mut connection).await.map_err(at("reading positions"))?;
        let mut positions = BTreeMap::new();
        for row in rows {
            let row = ComparedRow::read(&POSITIONS, &row).map_err(at("reading positions"))?;
            positions.insert(row.integer(&POSITIONS, "kafka_partition"), row);
        }
        Ok(Self { connection, tables: tables.clone(), positions })
    }

    fn table(&self, shape: &TableShape) -> &str {
        match shape.name {
            "orders" => &self.tables.orders,
            "stock_movements" => &self.tables.stock_movements,
            "stock" => &self.tables.stock,
            _ => &self.tables.dead_letters,
        }
    }
}

struct Comparison {
    differences: Differences,
    /// Where both sides stand, per partition of both.
    common: BTreeMap<i64, i64>,
    undo_live: Undoes,
    undo_shadow: Undoes,
    rows: u64,
}

impl Comparison {
    fn new(limit: usize, sides: &Sides) -> Self {
        let next_offset = |row: &ComparedRow| row.integer(&POSITIONS, "next_offset");
        let common = sides.shadow.positions.iter().filter_map(|(partition, shadow)| {
            let live = sides.live.positions.get(partition)?;
            Some((*partition, next_offset(shadow).min(next_offset(live))))
        });
        Self {
            differences: Differences::new(limit, &ALL),
            common: common.collect(),
            undo_live: Undoes::default(),
            undo_shadow: Undoes::default(),
            rows: 0,
        }
    }

    async fn table(
        &mut self,
        sides: Sides,
        shape: &'static TableShape,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Sides, StoreError> {
        let Sides { mut live, mut shadow } = sides;
        let (live_table, shadow_table) = (live.table(shape).to_owned(), shadow.table(shape).to_owned());
        let found = Scan::start(live.connection, shape, &live_table);
        let expected = Scan::start(shadow.connection, shape, &shadow_table);
        let mut merge = Merge::start(shape, found, expected).await?;
        while let Some(met) = merge.next().await? {
            if shape == &STOCK {
                self.stock(met);
            } else {
                self.row(shape, met);
            }
            self.rows += 1;
            if self.rows.is_multiple_of(PROGRESS_ROWS) {
                progress(self.rows);
            }
        }
        (live.connection, shadow.connection) = merge.end().await?;
        Ok(Sides { live, shadow })
    }

    /// Rows of one key, of a table whose rows never change.
    fn row(&mut self, shape: &'static TableShape, met: Met) {
        match met {
            Met::Both(live, shadow) => {
                self.differences.compare(shape, &live, &shadow);
            }
            Met::Left(live) if self.is_beyond(shape, &live) => self.undo_live.set_aside(shape, &live),
            Met::Left(live) => self.differences.extra(shape, &live),
            Met::Right(shadow) if self.is_beyond(shape, &shadow) => self.undo_shadow.set_aside(shape, &shadow),
            Met::Right(shadow) => self.differences.missing(shape, &shadow),
        }
    }

    /// Whether only one side can have come to the row's record. A partition that not both sides have positions of has no
    /// common position: everything is compared.
    fn is_beyond(&self, shape: &TableShape, row: &ComparedRow) -> bool {
        let common = self.common.get(&row.integer(shape, "kafka_partition"));
        common.is_some_and(|common| row.integer(shape, "kafka_offset") >= *common)
    }

    /// A product, brought back to the common position.
    fn stock(&mut self, met: Met) {
        match met {
            Met::Both(mut live, mut shadow) => {
                let undone = [self.undo_live.bring_back(&mut live), self.undo_shadow.bring_back(&mut shadow)];
                if undone.iter().any(Option::is_some) {
                    // The tables do not hold which change was the last before the common position.
                    live.set(&STOCK, "kafka_offset", shadow.integer(&STOCK, "kafka_offset").into());
                }
                self.differences.compare(&STOCK, &live, &shadow);
            }
            Met::Left(mut live) => {
                if !is_introduced(self.undo_live.bring_back(&mut live), &live) {
                    self.differences.extra(&STOCK, &live);
                }
            }
            Met::Right(mut shadow) => {
                if !is_introduced(self.undo_shadow.bring_back(&mut shadow), &shadow) {
                    self.differences.missing(&STOCK, &shadow);
                }
            }
        }
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
