//! Rows of the tables, as the auditor compares them: those that must be there and those that are.
//!
//! It must never know where a row comes from. Read [`super::expected`] and [`super::tables`], which make them.

use std::collections::BTreeMap;
use std::fmt::Debug;

/// A table by its primary key.
pub type Rows<K, R> = BTreeMap<K, R>;

/// Which line of which order, in the order's home partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderKey {
    pub order_id: String,
    pub home: i32,
    pub line_no: i64,
}

/// A row of `orders`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    pub user: String,
    pub product: String,
    pub quantity: i64,
    pub unit_price: i64,
    pub total_price: i64,
    pub currency: Option<String>,
    /// Microseconds since 1970, as every time here.
    pub placed_at: i64,
    pub expires_at: Option<i64>,
    pub status: String,
    pub line_status: String,
    pub reason: Option<String>,
    /// Of the record that placed the order.
    pub offset: i64,
}

/// Which receipt or adjustment, in which partition.
pub type MovementKey = (String, i32);

/// A row of `stock_movements`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// `receipt` or `adjustment`.
    pub kind: String,
    pub product: String,
    pub delta: i64,
    /// A note that is there and empty is none that is absent.
    pub note: Option<String>,
    pub status: String,
    pub reason: Option<String>,
    pub offset: i64,
}

/// A row of `stock`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    pub available: i64,
    pub held: i64,
    pub partition: i32,
    /// Of the record that changed it last.
    pub offset: i64,
}

/// Which line of which order, in the line's own partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReservationKey {
    pub order_id: String,
    pub home: i32,
    pub line_no: i64,
    pub partition: i32,
}

/// A row of `reservations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    pub product: String,
    pub quantity: i64,
    pub status: String,
    pub reason: Option<String>,
    pub confirmed: bool,
    /// Of the record by which it was decided.
    pub offset: i64,
}

/// A row of `open_orders`: status and when it is due, by partition and order id.
pub type OpenOrders = Rows<(i32, String), (String, i64)>;

/// One line for each row that is missing, too many, or other than expected.
pub fn differences<K: Ord + Debug, R: PartialEq + Debug>(
    table: &str,
    expected: &Rows<K, R>,
    actual: &Rows<K, R>,
) -> Vec<String> {
    let missing = expected.iter().filter_map(|(key, row)| match actual.get(key) {
        None => Some(format!("{table} {key:?}: expected {row:?}, found nothing")),
        Some(found) if found != row => Some(format!("{table} {key:?}: expected {row:?}, found {found:?}")),
        Some(_) => None,
    });
    let extra = actual
        .iter()
        .filter(|(key, _)| !expected.contains_key(*key))
        .map(|(key, row)| format!("{table} {key:?}: expected nothing, found {row:?}"));
    missing.chain(extra).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_difference_is_named() {
        let expected = Rows::from([("a", 1), ("b", 2), ("c", 3)]);
        let actual = Rows::from([("a", 1), ("b", 9), ("d", 4)]);
        assert_eq!(
            differences("stock", &expected, &actual),
            [
                r#"stock "b": expected 2, found 9"#,
                r#"stock "c": expected 3, found nothing"#,
                r#"stock "d": expected nothing, found 4"#
            ]
        );
        assert!(differences("stock", &expected, &expected).is_empty());
    }
}
