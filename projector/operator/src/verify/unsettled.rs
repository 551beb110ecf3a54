//! Rows that differ from what was folded so far. The log may change them yet: the tables have what becomes of an order at the end, and the
//! fold comes to it record by record. What is left here when everything is folded is a difference.
//!
//! Memory: the rows that the log changes later, from when they are folded until they are changed, and those that are wrong.

use std::collections::HashMap;
use std::hash::Hash;

/// What was folded of a row that differs, by the row's key.
#[derive(Debug)]
pub(super) struct Unsettled<K, R> {
    rows: HashMap<K, (R, bool)>,
    wrong: usize,
}

impl<K, R> Default for Unsettled<K, R> {
    fn default() -> Self {
        Self { rows: HashMap::new(), wrong: 0 }
    }
}

impl<K: Hash + Eq, R> Unsettled<K, R> {
    /// What was folded last, where the rows differ from it.
    pub(super) fn get(&self, key: &K) -> Option<&R> {
        self.rows.get(key).map(|(row, _)| row)
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.rows.contains_key(key)
    }

    /// The rows differ from what is folded now. `is_wrong`: whatever follows in the log, they cannot become right.
    pub(super) fn differ(&mut self, key: K, row: R, is_wrong: bool) {
        self.wrong += usize::from(is_wrong);
        if let Some((_, true)) = self.rows.insert(key, (row, is_wrong)) {
            self.wrong -= 1;
        }
    }

    /// The rows are what is folded now.
    pub(super) fn settle(&mut self, key: &K) {
        if let Some((_, true)) = self.rows.remove(key) {
            self.wrong -= 1;
        }
    }

    /// How many are wrong whatever follows.
    pub(super) fn wrong(&self) -> usize {
        self.wrong
    }

    /// Those that are differences: all of them at the end of the log (`is_all`), before it only what is wrong whatever follows.
    pub(super) fn differences(&self, is_all: bool) -> Vec<(&K, &R)> {
        let wrong = self.rows.iter().filter(|(_, (_, is_wrong))| is_all || *is_wrong);
        wrong.map(|(key, (row, _))| (key, row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_log_comes_to_is_no_difference() {
        let mut unsettled = Unsettled::default();
        unsettled.differ("cancelled later", 1, false);
        unsettled.differ("wrong", 2, true);
        unsettled.differ("wrong at first", 3, true);
        assert_eq!((unsettled.wrong(), unsettled.differences(false).len()), (2, 2));
        unsettled.settle(&"cancelled later");
        unsettled.settle(&"never heard of");
        unsettled.differ("wrong at first", 4, false);
        assert_eq!((unsettled.wrong(), unsettled.differences(false)), (1, vec![(&"wrong", &2)]));
        assert_eq!((unsettled.differences(true).len(), unsettled.get(&"wrong at first")), (2, Some(&4)));
        assert!(!unsettled.contains(&"cancelled later"));
    }
}
