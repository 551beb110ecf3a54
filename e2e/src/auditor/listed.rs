//! Where each order must stand in its user's list: at the time that Kafka gave its record, or, where that is more than a day after
//! the order's own time, at that one.

use super::tables::Tables;
use super::topic::RawLog;

const DAY_MICROS: i64 = 86_400_000_000;

/// `time_ms` is Kafka's.
pub(super) fn listed_micros(placed_micros: i64, time_ms: Option<i64>) -> i64 {
    match time_ms {
        Some(ms) if ms * 1000 - placed_micros <= DAY_MICROS => ms * 1000,
        _ => placed_micros,
    }
}

/// One line for each order that stands elsewhere.
pub(super) fn differences(log: &RawLog, tables: &Tables) -> Vec<String> {
    let wrong = tables.listed.iter().filter_map(|((partition, offset), times)| {
        let records = log.partitions.get(partition)?;
        // What is not in the log is named where the rows are compared with it.
        let record = &records[records.binary_search_by_key(offset, |record| record.offset).ok()?];
        let expected = listed_micros(times.placed_micros, record.time_ms);
        let found = times.listed_micros;
        (found != expected).then(|| {
            format!("orders at {partition}:{offset}: expected a place at {expected} microseconds, found {found}")
        })
    });
    wrong.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::tables::Times;
    use super::super::topic::RawRecord;
    use super::*;

    #[test]
    fn every_other_place_is_named() {
        let record = |offset, time_ms| RawRecord { offset, time_ms, key: None, value: None, headers: Vec::new() };
        let placed_micros = 5_000_000_000_000_007;
        let placed_ms = 5_000_000_000_000;
        let records = vec![record(0, Some(placed_ms - 9)), record(2, Some(placed_ms + 86_400_001)), record(3, None)];
        let log = RawLog { partitions: BTreeMap::from([(1, records)]) };
        for (offset, right) in [(0, (placed_ms - 9) * 1000), (2, placed_micros), (3, placed_micros)] {
            for (listed_micros, is_right) in [(right, true), (right + 1, false)] {
                let listed = BTreeMap::from([((1, offset), Times { placed_micros, listed_micros })]);
                let tables = Tables { listed, ..Tables::default() };
                assert_eq!(differences(&log, &tables).is_empty(), is_right, "{offset}");
            }
        }
    }
}
