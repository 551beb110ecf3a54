//! Where the tables stand, read in the statement that reads the rows: one statement is one snapshot, also while a RENAME
//! waits to exchange the tables, so rows and positions are of the same tables and the same moment. Two statements would not be.
//!
//! A statement is made by [`with_standing`]: positions and furthest positions of every partition, or of the one that a product
//! lies in, and then the rows. What follows from them is decided in `reads`.

use std::collections::BTreeMap;

use ledger_schema::Position;
use sqlx::mysql::MySqlRow;
use sqlx::{FromRow, Row};

/// The partitions that a read is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concern {
    Every,
    One(i32),
}

impl Concern {
    pub(crate) fn includes(self, partition: i32) -> bool {
        match self {
            Self::Every => true,
            Self::One(one) => one == partition,
        }
    }
}

/// How far one partition is folded, and was folded at the furthest. Both exclusive; 0 where the table has no row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PartitionStanding {
    pub(crate) next_offset: i64,
    pub(crate) furthest: i64,
}

/// The partitions of a snapshot that have a row in either table.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    by_partition: BTreeMap<i32, PartitionStanding>,
}

impl Standing {
    pub(crate) fn of(&self, partition: i32) -> PartitionStanding {
        self.by_partition.get(&partition).copied().unwrap_or_default()
    }

    pub(crate) fn partitions(&self) -> impl Iterator<Item = (i32, PartitionStanding)> {
        self.by_partition.iter().map(|(partition, standing)| (*partition, *standing))
    }

    /// Of these partitions alone.
    pub(super) fn about(&self, concern: Concern) -> Self {
        let by_partition = self.partitions().filter(|(partition, _)| concern.includes(*partition)).collect();
        Self { by_partition }
    }

    /// Whether the record at `position` is folded.
    pub(crate) fn has_passed(&self, position: Position) -> bool {
        self.of(position.partition).next_offset > position.offset
    }
}

#[cfg(test)]
impl FromIterator<(i32, PartitionStanding)> for Standing {
    fn from_iter<I: IntoIterator<Item = (i32, PartitionStanding)>>(partitions: I) -> Self {
        Self { by_partition: partitions.into_iter().collect() }
    }
}

/// What one statement read.
#[derive(Debug)]
pub(crate) struct Snapshot<T> {
    pub(crate) found: T,
    pub(crate) standing: Standing,
}

impl<T> Snapshot<T> {
    pub(crate) fn map<U>(self, convert: impl FnOnce(T) -> U) -> Snapshot<U> {
        Snapshot { found: convert(self.found), standing: self.standing }
    }
}

/// The text of a statement: `every partition` or `one partition`, the columns of the rows, and what follows their names.
///
/// Its parameters: the topic (and the partition), twice, and then those of the rows. The columns of a UNION are named by its
/// first part; its rows come in no order that is promised, so lists are sorted where they are read.
macro_rules! with_standing {
    (every partition, [$($column:ident),+ $(,)?], $rows:expr) => {
        with_standing!(" WHERE topic = ?", [$($column),+], $rows)
    };
    (one partition, [$($column:ident),+ $(,)?], $rows:expr) => {
        with_standing!(" WHERE topic = ? AND kafka_partition = ?", [$($column),+], $rows)
    };
    ($concern:literal, [$($column:ident),+], $rows:expr) => {
        concat!(
            "SELECT 'position' AS part, kafka_partition AS at_partition, next_offset AS at_offset",
            $(", NULL AS ", stringify!($column),)+
            " FROM positions", $concern,
            " UNION ALL SELECT 'furthest', kafka_partition, next_offset",
            $(", NULL AS ", stringify!($column),)+
            " FROM furthest_positions", $concern,
            " UNION ALL (SELECT 'row', NULL, NULL",
            $(", ", stringify!($column),)+
            " ", $rows, ")"
        )
    };
}
pub(super) use with_standing;

/// Takes the parts of such a statement's answer apart.
pub(super) fn take_apart<T>(rows: &[MySqlRow]) -> sqlx::Result<Snapshot<Vec<T>>>
where
    T: for<'r> FromRow<'r, MySqlRow>,
{
    let (mut found, mut standing) = (Vec::new(), Standing::default());
    for row in rows {
        match row.try_get("part")? {
            "row" => found.push(T::from_row(row)?),
            part => {
                let partition = standing.by_partition.entry(row.try_get("at_partition")?).or_default();
                let offset = row.try_get("at_offset")?;
                match part {
                    "position" => partition.next_offset = offset,
                    "furthest" => partition.furthest = offset,
                    other => unreachable!("the statement has no part `{other}`"),
                }
            }
        }
    }
    Ok(Snapshot { found, standing })
}
