//! The tables that are a function of the log: their columns, and how a row is read so that any contents can be shown. Rows
//! are not parsed into domain values here: a row that no projector would write is what is looked for.
//!
//! Every column is named here once. A test on a real server holds this list against the tables themselves, so that a
//! column that is added cannot go unverified.

use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr, SqlStr};
use uuid::Uuid;

use crate::printable::printable;

/// Contents of a column. The order is the server's order of its type, which merging relies on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Null,
    Integer(i64),
    Id(Uuid),
    Text(Box<str>),
}

impl Value {
    /// For a person; `None` is NULL.
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Integer(number) => Some(number.to_string()),
            Self::Id(id) => Some(id.as_hyphenated().to_string()),
            Self::Text(text) => Some(printable(text)),
        }
    }

    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Integer(i64::from(number))
    }
}

impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        Self::Id(id)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// What a column holds, as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Integer,
    Id,
    Text,
    /// As text, since a date that is none could not be read otherwise.
    Time,
    /// Bytes of any length, as [`blob_text`] has them.
    Blob,
    /// Text of any length; what is long as [`blob_text`] has it.
    LongText,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub of: Type,
}

const fn column(name: &'static str, of: Type) -> Column {
    Column { name, of }
}

/// A table whose rows the log decides.
#[derive(Debug, PartialEq, Eq)]
pub struct TableShape {
    /// Of the live table, whatever the name of the one that is read.
    pub name: &'static str,
    /// The primary key first, in its order.
    pub columns: &'static [Column],
    pub key_columns: usize,
}

/// Bytes up to this many are shown in full; of more, the beginning, the length and a digest.
pub const WHOLE_BYTES: usize = 256;
/// How many bytes of a longer value are shown.
pub const BEGINNING_BYTES: usize = 64;

pub static ORDERS: TableShape = TableShape {
    name: "orders",
    columns: &[
        column("order_id", Type::Id),
        column("kafka_partition", Type::Integer),
        column("line_no", Type::Integer),
        column("kafka_offset", Type::Integer),
        column("user_id", Type::Text),
        column("product_id", Type::Text),
        column("quantity", Type::Integer),
        column("unit_price", Type::Integer),
        column("total_price", Type::Integer),
        column("status", Type::Text),
        column("reason", Type::Text),
        column("placed_at", Type::Time),
    ],
    key_columns: 3,
};

pub static STOCK_MOVEMENTS: TableShape = TableShape {
    name: "stock_movements",
    columns: &[
        column("movement_id", Type::Id),
        column("kafka_partition", Type::Integer),
        column("kafka_offset", Type::Integer),
        column("product_id", Type::Text),
        column("kind", Type::Text),
        column("delta", Type::Integer),
        column("status", Type::Text),
        column("reason", Type::Text),
        column("note", Type::Text),
        column("occurred_at", Type::Time),
    ],
    key_columns: 2,
};

pub static STOCK: TableShape = TableShape {
    name: "stock",
    columns: &[
        column("product_id", Type::Text),
        column("available", Type::Integer),
        column("kafka_partition", Type::Integer),
        column("kafka_offset", Type::Integer),
    ],
    key_columns: 1,
};

pub static DEAD_LETTERS: TableShape = TableShape {
    name: "dead_letters",
    columns: &[
        column("kafka_partition", Type::Integer),
        column("kafka_offset", Type::Integer),
        column("reason", Type::Text),
        column("detail", Type::LongText),
        column("message_key", Type::Blob),
        column("message_value", Type::Blob),
        column("value_bytes", Type::Integer),
        column("message_headers", Type::LongText),
    ],
    key_columns: 2,
};

pub static POSITIONS: TableShape = TableShape {
    name: "positions",
    columns: &[
        column("topic", Type::Text),
        column("kafka_partition", Type::Integer),
        column("next_offset", Type::Integer),
        column("cluster_id", Type::Text),
        column("topic_id", Type::Text),
        column("partition_count", Type::Integer),
        column("generation", Type::Integer),
        column("generation_id", Type::Id),
        column("fold_version", Type::Integer),
    ],
    key_columns: 2,
};

/// Every table that the log decides.
pub static ALL: [&TableShape; 5] = [&ORDERS, &STOCK_MOVEMENTS, &STOCK, &DEAD_LETTERS, &POSITIONS];

impl TableShape {
    /// `SELECT` of all columns `FROM` the table of this shape that is called `table`, then `rest`.
    pub(super) fn select(&self, table: &str, rest: &str) -> SqlStr {
        AssertSqlSafe(format!("SELECT {} FROM {table} {rest}", self.expressions())).into_sql_str()
    }

    /// The columns as they are selected.
    pub(super) fn expressions(&self) -> String {
        let expressions: Vec<String> = self.columns.iter().map(Column::expression).collect();
        expressions.join(", ")
    }

    /// The names of the key's columns.
    pub(super) fn key_names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().take(self.key_columns).map(|column| column.name).collect();
        names.join(", ")
    }

    /// A row of what [`Self::expressions`] selects.
    pub(super) fn read(&self, row: &MySqlRow) -> Result<Row, sqlx::Error> {
        let value = |(at, column): (usize, &Column)| -> Result<Value, sqlx::Error> {
            Ok(match column.of {
                Type::Integer => row.try_get::<Option<i64>, _>(at)?.into(),
                Type::Id => row.try_get::<Option<Uuid>, _>(at)?.into(),
                Type::Text | Type::Time | Type::Blob | Type::LongText => row.try_get::<Option<&str>, _>(at)?.into(),
            })
        };
        self.columns.iter().enumerate().map(value).collect::<Result<_, _>>().map(Row)
    }

    /// Where a column stands. Only for columns that are named in this file.
    pub(super) fn index_of(&self, name: &str) -> usize {
        self.columns.iter().position(|column| column.name == name).unwrap_or(0)
    }
}

impl Column {
    fn expression(&self) -> String {
        let name = self.name;
        match self.of {
            Type::Integer | Type::Id | Type::Text => name.to_owned(),
            Type::Time => format!("CAST({name} AS CHAR)"),
            Type::Blob => format!(
                "IF(LENGTH({name}) <= {WHOLE_BYTES}, CONCAT('0x', LOWER(HEX({name}))), CONCAT('0x', \
                 LOWER(HEX(LEFT({name}, {BEGINNING_BYTES}))), '.. (', LENGTH({name}), ' bytes, SHA-256 ', \
                 SHA2({name}, 256), ')'))"
            ),
            Type::LongText => format!(
                "IF(LENGTH({name}) <= {WHOLE_BYTES}, {name}, CONCAT('0x', \
                 LOWER(HEX(LEFT(CAST({name} AS BINARY), {BEGINNING_BYTES}))), '.. (', LENGTH({name}), \
                 ' bytes, SHA-256 ', SHA2({name}, 256), ')'))"
            ),
        }
    }
}

/// A row, its values in the order of the shape's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(pub(super) Box<[Value]>);

impl Row {
    pub fn new(values: impl IntoIterator<Item = Value>) -> Self {
        Self(values.into_iter().collect())
    }

    pub fn values(&self) -> &[Value] {
        &self.0
    }

    /// The primary key, which orders rows as the server does.
    pub fn key(&self, shape: &TableShape) -> &[Value] {
        self.0.get(..shape.key_columns).unwrap_or_default()
    }

    /// `COLUMN=VALUE` of each column of the key.
    pub fn key_text(&self, shape: &TableShape) -> String {
        texts(shape.columns.iter().zip(self.key(shape)))
    }

    /// `COLUMN=VALUE` of each column behind the key.
    pub fn rest_text(&self, shape: &TableShape) -> String {
        texts(shape.columns.iter().zip(&self.0).skip(shape.key_columns))
    }

    /// The id that the key begins with, in the tables that have one.
    pub(super) fn id(&self) -> Option<Uuid> {
        match self.0.first() {
            Some(Value::Id(id)) => Some(*id),
            _ => None,
        }
    }

    /// The value of the column of that name.
    pub(super) fn get(&self, shape: &TableShape, name: &str) -> &Value {
        self.0.get(shape.index_of(name)).unwrap_or(&Value::Null)
    }

    /// A number in the column of that name; 0 where it is NULL, which no column of a number allows but `value_bytes`.
    pub(super) fn integer(&self, shape: &TableShape, name: &str) -> i64 {
        self.get(shape, name).integer().unwrap_or(0)
    }

    pub(super) fn text(&self, shape: &TableShape, name: &str) -> &str {
        match self.get(shape, name) {
            Value::Text(text) => text,
            _ => "",
        }
    }

    pub(super) fn set(&mut self, shape: &TableShape, name: &str, value: Value) {
        if let Some(found) = self.0.get_mut(shape.index_of(name)) {
            *found = value;
        }
    }
}

fn texts<'a>(columns: impl Iterator<Item = (&'a Column, &'a Value)>) -> String {
    let text =
        |(column, value): (&Column, &Value)| format!("{}={}", column.name, value.shown().unwrap_or("NULL".to_owned()));
    columns.map(text).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_shown_with_its_names() {
        let row = Row::new(["bar\u{1b}".into(), Value::Integer(7), 3.into(), Value::Null]);
        assert_eq!(row.key_text(&STOCK), "product_id=bar\\u{1b}");
        assert_eq!(row.rest_text(&STOCK), "available=7 kafka_partition=3 kafka_offset=NULL");
        assert_eq!((row.integer(&STOCK, "available"), row.integer(&STOCK, "kafka_offset")), (7, 0));
        assert_eq!(row.text(&STOCK, "product_id"), "bar\u{1b}");
    }

    #[test]
    fn keys_are_ordered_as_the_server_orders_them() {
        let ids = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(1 << 120)].map(Value::from);
        let texts = ["", "B", "a", "a ", "aa", "\u{e9}", "\u{ffff}", "\u{10000}"].map(Value::from);
        assert!(ids.is_sorted() && texts.is_sorted());
        assert!(Value::Integer(-1) < Value::Integer(0));
    }
}
