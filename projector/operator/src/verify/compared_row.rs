//! A row that is compared, of any table that the log decides. What it must never do is to bend a value: a column that does
//! not hold what it should is named.

use sqlx::mysql::MySqlRow;
use uuid::Uuid;

use super::table::{Column, TableShape};
use super::value::Value;

/// A row, its values in the order of the shape's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedRow(Box<[Value]>);

impl ComparedRow {
    pub fn new(values: impl IntoIterator<Item = Value>) -> Self {
        Self(values.into_iter().collect())
    }

    /// A row of what [`TableShape::expressions`] selects.
    pub(super) fn read(shape: &TableShape, row: &MySqlRow) -> Result<Self, sqlx::Error> {
        let value = |(at, column): (usize, &Column)| column.read(row, at);
        shape.columns.iter().enumerate().map(value).collect::<Result<_, _>>().map(Self)
    }

    pub fn values(&self) -> &[Value] {
        &self.0
    }

    /// The primary key, which orders rows as the server does.
    pub fn key(&self, shape: &TableShape) -> &[Value] {
        &self.0[..shape.key_columns]
    }

    /// `COLUMN=VALUE` of each column of the key.
    pub fn key_text(&self, shape: &TableShape) -> String {
        texts(shape.columns.iter().zip(self.key(shape)))
    }

    /// `COLUMN=VALUE` of each column after the key.
    pub fn rest_text(&self, shape: &TableShape) -> String {
        texts(shape.columns.iter().zip(&self.0).skip(shape.key_columns))
    }

    /// The id that the key begins with. Only of tables that have one.
    pub(super) fn id(&self) -> Uuid {
        match self.0.first() {
            Some(Value::Id(id)) => *id,
            other => unreachable!("the key begins with an id, found {other:?}"),
        }
    }

    /// The value of the column of that name.
    pub(super) fn get(&self, shape: &TableShape, name: &str) -> &Value {
        &self.0[shape.index_of(name)]
    }

    /// A number in the column of that name, which allows no NULL.
    pub(super) fn integer(&self, shape: &TableShape, name: &str) -> i64 {
        match self.get(shape, name) {
            Value::Integer(number) => *number,
            other => unreachable!("column {name} of {} holds numbers, found {other:?}", shape.name),
        }
    }

    /// The partition that the row says it is of.
    pub(super) fn partition(&self, shape: &TableShape) -> i32 {
        self.small(shape, "kafka_partition")
    }

    /// A number in a column of 32 bits.
    pub(super) fn small(&self, shape: &TableShape, name: &str) -> i32 {
        i32::try_from(self.integer(shape, name)).expect("the column is an INT")
    }

    /// Text in the column of that name, which allows no NULL.
    pub(super) fn text(&self, shape: &TableShape, name: &str) -> &str {
        self.text_or_null(shape, name).unwrap_or_else(|| unreachable!("column {name} of {} is NOT NULL", shape.name))
    }

    /// Text in the column of that name; `None` is NULL.
    pub(super) fn text_or_null(&self, shape: &TableShape, name: &str) -> Option<&str> {
        match self.get(shape, name) {
            Value::Text(text) => Some(text),
            Value::Null => None,
            other => unreachable!("column {name} of {} holds text, found {other:?}", shape.name),
        }
    }

    pub(super) fn set(&mut self, shape: &TableShape, name: &str, value: Value) {
        self.0[shape.index_of(name)] = value;
    }
}

fn texts<'a>(columns: impl Iterator<Item = (&'a Column, &'a Value)>) -> String {
    let text =
        |(column, value): (&Column, &Value)| format!("{}={}", column.name, value.shown().unwrap_or("NULL".to_owned()));
    columns.map(text).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::table::STOCK;
    use super::*;

    #[test]
    fn a_row_is_shown_with_its_names() {
        let row = ComparedRow::new(["bar\u{1b}".into(), Value::Integer(7), 2.into(), 3.into(), Value::Null]);
        assert_eq!(row.key_text(&STOCK), "product_id=bar\\u{1b}");
        assert_eq!(row.rest_text(&STOCK), "available=7 held=2 kafka_partition=3 kafka_offset=NULL");
        assert_eq!((row.integer(&STOCK, "available"), row.partition(&STOCK)), (7, 3));
        assert_eq!(row.text(&STOCK, "product_id"), "bar\u{1b}");
    }

    #[test]
    #[should_panic(expected = "column kafka_offset of stock holds numbers, found Null")]
    fn what_is_no_number_is_never_0() {
        ComparedRow::new(["a".into(), Value::Integer(7), 0.into(), 3.into(), Value::Null])
            .integer(&STOCK, "kafka_offset");
    }
}
