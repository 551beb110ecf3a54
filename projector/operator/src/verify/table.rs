//! The tables that are a function of the log: their columns, and how a row is read so that any contents can be shown. Rows
//! are not parsed into domain values here: a row that no projector would write is what is looked for.
//!
//! Every column is named here once. A test on a real server holds this list against the tables themselves, so that a
//! column that is added cannot go unverified.

use ledger_database::Tables;
use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr, SqlStr, ValueRef as _};
use uuid::Uuid;

use super::value::Value;

/// What a column holds, as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Integer,
    Id,
    Text,
    /// A word of an ENUM that is part of a key: ordered as text here, and by its number on the server.
    Word,
    /// As text, since a date that is none could not be read otherwise.
    Time,
    /// Bytes of any length; what is long with its beginning, length and digest.
    Blob,
    /// Text of any length; what is long as bytes are.
    LongText,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub of: Type,
    /// Whether it may be NULL.
    pub is_nullable: bool,
}

const fn column(name: &'static str, of: Type) -> Column {
    Column { name, of, is_nullable: false }
}

const fn nullable(name: &'static str, of: Type) -> Column {
    Column { name, of, is_nullable: true }
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
        nullable("currency", Type::Text),
        column("status", Type::Text),
        column("line_status", Type::Text),
        nullable("reason", Type::Text),
        nullable("expires_at", Type::Time),
        column("placed_at", Type::Time),
        column("listed_at", Type::Time),
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
        nullable("reason", Type::Text),
        nullable("note", Type::Text),
        column("occurred_at", Type::Time),
    ],
    key_columns: 2,
};

pub static STOCK: TableShape = TableShape {
    name: "stock",
    columns: &[
        column("product_id", Type::Text),
        column("available", Type::Integer),
        column("held", Type::Integer),
        column("kafka_partition", Type::Integer),
        column("kafka_offset", Type::Integer),
    ],
    key_columns: 1,
};

pub static RESERVATIONS: TableShape = TableShape {
    name: "reservations",
    columns: &[
        column("order_id", Type::Id),
        column("home_partition", Type::Integer),
        column("line_no", Type::Integer),
        column("kafka_partition", Type::Integer),
        column("kafka_offset", Type::Integer),
        column("product_id", Type::Text),
        column("quantity", Type::Integer),
        column("status", Type::Text),
        nullable("reason", Type::Text),
        column("confirmed", Type::Integer),
    ],
    key_columns: 4,
};

pub static OPEN_ORDERS: TableShape = TableShape {
    name: "open_orders",
    columns: &[
        column("kafka_partition", Type::Integer),
        column("status", Type::Word),
        column("due_at", Type::Time),
        column("order_id", Type::Id),
    ],
    key_columns: 4,
};

pub static DEAD_LETTERS: TableShape = TableShape {
    name: "dead_letters",
    columns: &[
        column("kafka_partition", Type::Integer),
        column("kafka_offset", Type::Integer),
        column("reason", Type::Text),
        column("detail", Type::LongText),
        nullable("message_key", Type::Blob),
        nullable("message_value", Type::Blob),
        nullable("value_bytes", Type::Integer),
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
pub static ALL: [&TableShape; 7] =
    [&ORDERS, &STOCK_MOVEMENTS, &STOCK, &RESERVATIONS, &OPEN_ORDERS, &DEAD_LETTERS, &POSITIONS];

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

    /// What orders rows by their key, as [`Value`] does.
    pub(super) fn key_order(&self) -> String {
        let names: Vec<String> = self.columns.iter().take(self.key_columns).map(Column::ordered).collect();
        names.join(", ")
    }

    /// The table of this shape among `tables`.
    pub(super) fn of<'t>(&self, tables: &'t Tables) -> &'t str {
        match self.name {
            "orders" => &tables.orders,
            "stock_movements" => &tables.stock_movements,
            "stock" => &tables.stock,
            "reservations" => &tables.reservations,
            "open_orders" => &tables.open_orders,
            "dead_letters" => &tables.dead_letters,
            "positions" => &tables.positions,
            name => unreachable!("no table of a fold is called {name}"),
        }
    }

    /// Where a column stands.
    pub(super) fn index_of(&self, name: &str) -> usize {
        self.columns.iter().position(|column| column.name == name).expect("the name of a column of this table")
    }
}

impl Column {
    /// What stands in the column, at its place among [`TableShape::expressions`]. NULL where it is not allowed is an error: the
    /// table was altered.
    pub(super) fn read(&self, row: &MySqlRow, at: usize) -> Result<Value, sqlx::Error> {
        if self.is_nullable && row.try_get_raw(at)?.is_null() {
            return Ok(Value::Null);
        }
        Ok(match self.of {
            Type::Integer => row.try_get::<i64, _>(at)?.into(),
            Type::Id => row.try_get::<Uuid, _>(at)?.into(),
            Type::Text | Type::Word | Type::Time | Type::Blob | Type::LongText => row.try_get::<&str, _>(at)?.into(),
        })
    }

    fn ordered(&self) -> String {
        match self.of {
            Type::Word => format!("CAST({} AS BINARY)", self.name),
            _ => self.name.to_owned(),
        }
    }

    fn expression(&self) -> String {
        let name = self.name;
        match self.of {
            Type::Integer | Type::Id | Type::Text | Type::Word => name.to_owned(),
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
