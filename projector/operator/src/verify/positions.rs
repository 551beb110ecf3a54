//! The rows of `positions`: whether each is of this log and stands where the tables stand. What the other columns of a row must
//! be is known from the log; number and id of the generation are whatever most rows say.

use std::collections::BTreeMap;

use ledger_database::{Tables, Watched};
use ledger_fold::FOLD_VERSION;
use ledger_fold::log_safety::{LogIdentity, LogRefusal, check_identity};
use ledger_store::{StoreError, at};

use super::compared_row::ComparedRow;
use super::difference::{Difference, Differences, Kind};
use super::evidence::Evidence;
use super::table::POSITIONS;
use super::value::Value;

/// The positions of one snapshot.
pub(super) struct Positions {
    /// Of this topic, and of a partition that the log has.
    pub(super) rows: BTreeMap<i32, ComparedRow>,
    /// Of anything else.
    pub(super) strange: Vec<ComparedRow>,
    /// Number and id that most rows say.
    generation: (Value, Value),
}

impl Positions {
    pub(super) async fn read(
        connection: &mut Watched,
        tables: &Tables,
        topic: &str,
        partition_count: i32,
    ) -> Result<Self, StoreError> {
        let text = POSITIONS.select(&tables.positions, "ORDER BY topic, kafka_partition");
        let found = sqlx::query(text).fetch_all(connection).await.map_err(at("reading positions"))?;
        let (mut rows, mut strange) = (BTreeMap::new(), Vec::new());
        let mut generations: Vec<((Value, Value), usize)> = Vec::new();
        for row in &found {
            let row = ComparedRow::read(&POSITIONS, row).map_err(at("reading positions"))?;
            let said = ["generation", "generation_id"].map(|column| row.get(&POSITIONS, column).clone());
            let said = <(Value, Value)>::from(said);
            match generations.iter_mut().find(|(known, _)| *known == said) {
                Some((_, rows)) => *rows += 1,
                None => generations.push((said, 1)),
            }
            let partition = row.partition(&POSITIONS);
            if row.text(&POSITIONS, "topic") == topic && (0..partition_count).contains(&partition) {
                rows.insert(partition, row);
            } else {
                strange.push(row);
            }
        }
        let most = generations.into_iter().max_by_key(|(_, rows)| *rows);
        // No rows at all: each is missing, and nobody can say of which generation.
        let generation = most.map_or((Value::Null, Value::Null), |(generation, _)| generation);
        Ok(Self { rows, strange, generation })
    }

    /// Refuses a log that no row belongs to. Where some do, the others are differences.
    pub(super) fn check_log(&self, topic: &str, identity: &LogIdentity) -> Result<(), LogRefusal> {
        let refusals = self.rows.values().map(|row| check_identity(topic, &identity_of(row), identity));
        let mut refused = None;
        for refusal in refusals {
            match refusal {
                Ok(()) => return Ok(()),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        refused.map_or(Ok(()), Err)
    }

    pub(super) fn next_offset(&self, partition: i32) -> Option<i64> {
        self.rows.get(&partition).map(|row| row.integer(&POSITIONS, "next_offset"))
    }

    /// Compares the row of a partition; `next_offset` is what was found out about that column.
    pub(super) fn judge(
        &self,
        partition: i32,
        identity: &LogIdentity,
        next_offset: Option<String>,
        differences: &mut Differences,
    ) {
        let Some(row) = self.rows.get(&partition) else { return };
        let expected = [
            ("cluster_id", Value::from(identity.cluster_id.as_str())),
            ("topic_id", identity.topic_id.as_str().into()),
            ("partition_count", identity.partition_count.into()),
            ("generation", self.generation.0.clone()),
            ("generation_id", self.generation.1.clone()),
            ("fold_version", i64::from(FOLD_VERSION).into()),
        ];
        let wrong = next_offset.map(|expected| difference(row, "next_offset", Some(expected)));
        let others = expected.into_iter().filter(|(column, expected)| row.get(&POSITIONS, column) != expected);
        let others = others.map(|(column, expected)| difference(row, column, expected.shown()));
        differences.judged(&POSITIONS, wrong.into_iter().chain(others).collect());
    }

    /// Rows that should not be there, and those that should.
    pub(super) fn judge_others(&self, topic: &str, identity: &LogIdentity, differences: &mut Differences) {
        self.strange.iter().for_each(|row| differences.extra(&POSITIONS, row));
        for partition in (0..identity.partition_count).filter(|partition| !self.rows.contains_key(partition)) {
            let expected = ComparedRow::new([
                topic.into(),
                partition.into(),
                Value::Null, // Nobody can know it.
                identity.cluster_id.as_str().into(),
                identity.topic_id.as_str().into(),
                identity.partition_count.into(),
                self.generation.0.clone(),
                self.generation.1.clone(),
                i64::from(FOLD_VERSION).into(),
            ]);
            differences.missing(&POSITIONS, &expected);
        }
    }
}

fn identity_of(row: &ComparedRow) -> LogIdentity {
    LogIdentity {
        cluster_id: row.text(&POSITIONS, "cluster_id").to_owned(),
        topic_id: row.text(&POSITIONS, "topic_id").to_owned(),
        partition_count: row.small(&POSITIONS, "partition_count"),
    }
}

fn difference(row: &ComparedRow, column: &'static str, expected: Option<String>) -> Difference {
    let found = row.get(&POSITIONS, column).shown();
    let key = row.key_text(&POSITIONS);
    Difference { table: POSITIONS.name, key, kind: Kind::Changed, column: Some(column), found, expected }
}

/// What a position should be, where it cannot be right. `folded` is one past the last record before it, `end` the log's end.
///
/// A position that is wrong by records which left no row (duplicates) cannot be distinguished from one that is right: the tables are those of
/// both.
pub(super) fn expected_next_offset(found: i64, folded: i64, end: i64, evidence: Evidence) -> Option<String> {
    if found > end {
        return Some(format!("at most {end}, the end of the log"));
    }
    if found != folded {
        return Some(format!("one past a record, as {folded} is"));
    }
    if let Some(beyond) = evidence.last_beyond {
        return Some(format!("at least {}, since a table has a row of offset {beyond}", beyond + 1));
    }
    let missing = evidence.first_missing.filter(|first| evidence.last_found.is_none_or(|last| *first > last))?;
    Some(format!("at most {missing}, since no table has a row of offset {missing} or of any after it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_tell_where_a_position_should_be() {
        let evidence = |last_found, first_missing, last_beyond| Evidence { last_found, first_missing, last_beyond };
        for (found, folded, end, evidence, expected) in [
            (5, 5, 9, evidence(Some(4), None, None), None),
            (5, 5, 9, evidence(Some(2), None, None), None),
            (5, 5, 9, evidence(Some(4), Some(1), None), None),
            (12, 9, 9, evidence(Some(8), None, None), Some("at most 9, the end of the log")),
            (6, 5, 9, evidence(Some(4), None, None), Some("one past a record, as 5 is")),
            (5, 5, 9, evidence(Some(4), None, Some(7)), Some("at least 8, since a table has a row of offset 7")),
            (
                5,
                5,
                9,
                evidence(Some(2), Some(3), None),
                Some("at most 3, since no table has a row of offset 3 or of any after it"),
            ),
        ] {
            assert_eq!(expected_next_offset(found, folded, end, evidence).as_deref(), expected);
        }
    }
}
