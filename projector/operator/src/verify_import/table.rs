//! The old table's columns, and the statement that reads them, each as text: what a column holds is compared as it is shown, so a
//! type that has no equal in Rust is no obstacle. It must never put a name into a text unquoted. Next: [`super::old_row`].

use ledger_database::Watched;
use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Row, SqlSafeStr, SqlStr};

use super::error::VerifyImportError;
use crate::import::Rules;
use crate::import::field::Field;
use crate::import::number::NumberKind;

/// Where a sink that was told so (`pk.mode=kafka`) keeps the place of the record.
const PARTITION_COLUMN: &str = "__connect_partition";
const OFFSET_COLUMN: &str = "__connect_offset";

/// A column as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub name: String,
    /// `int`, `decimal`, `varchar`, ..
    data_type: String,
    scale: Option<u32>,
}

impl Column {
    pub(super) fn kind(&self) -> NumberKind {
        match (self.data_type.as_str(), self.scale) {
            ("tinyint" | "smallint" | "mediumint" | "int" | "bigint", _) => NumberKind::Integer,
            ("decimal", Some(scale)) => NumberKind::Decimal { scale: i32::try_from(scale).expect("38 at most") },
            _ => NumberKind::Other,
        }
    }

    fn expression(&self) -> String {
        let name = quoted(&self.name);
        // Sixteen bytes are no text.
        if matches!(self.data_type.as_str(), "binary" | "varbinary") {
            format!("HEX({name})")
        } else {
            format!("CAST({name} AS CHAR CHARACTER SET utf8mb4)")
        }
    }
}

/// The old table, as far as it is compared.
#[derive(Debug, Clone)]
pub(super) struct OldTable {
    /// `DATABASE.TABLE`.
    pub name: String,
    quoted: String,
    pub order_id: Option<Column>,
    /// Partition and offset of the record.
    place: Option<(Column, Column)>,
    pub user_id: Column,
    pub product_id: Column,
    pub quantity: Column,
    pub unit_price: Column,
    pub total_price: Option<Column>,
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

impl OldTable {
    /// Looks the table up. `has_topic`: whether the old topic is known, without which a place gives no id.
    pub(super) async fn find(
        connection: &mut Watched,
        database: &str,
        table: &str,
        rules: &Rules,
        has_topic: bool,
    ) -> Result<Self, VerifyImportError> {
        let mut found = columns(connection, database, table).await?;
        let (mut schema, mut name) = (database, table);
        if let Some((other, rest)) = table.split_once('.').filter(|_| found.is_empty()) {
            (schema, name) = (other, rest);
            found = columns(connection, schema, name).await?;
        }
        if found.is_empty() {
            let (table, database) = (table.to_owned(), database.to_owned());
            return Err(VerifyImportError::NoSuchTable { table, database });
        }
        Self::of(schema, name, &found, rules, has_topic)
    }

    fn of(
        schema: &str,
        name: &str,
        columns: &[Column],
        rules: &Rules,
        has_topic: bool,
    ) -> Result<Self, VerifyImportError> {
        let table = format!("{schema}.{name}");
        // Columns are the same whatever their case.
        let called = |name: &str| columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)).cloned();
        let optional = |field: Field| rules.fields.origin(field).names().iter().find_map(|name| called(name));
        let required = |field: Field| {
            optional(field).ok_or_else(|| {
                let columns = columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
                VerifyImportError::NoColumn { table: table.clone(), field: field.word(), columns }
            })
        };
        let priced = |column: Column| match column.kind() {
            NumberKind::Decimal { scale: 0 } | NumberKind::Integer => Ok(column),
            _ if rules.minor_units.is_some() => Ok(column),
            _ => {
                let Column { name, data_type, scale } = column;
                let kind = scale.map_or(data_type.clone(), |scale| format!("{data_type} with {scale} decimal digits"));
                Err(VerifyImportError::NoUnit { table: table.clone(), column: name, kind })
            }
        };
        let order_id = optional(Field::OrderId);
        let place = called(PARTITION_COLUMN).zip(called(OFFSET_COLUMN)).filter(|_| has_topic);
        if place.is_none() {
            required(Field::OrderId)?;
        }
        Ok(Self {
            quoted: format!("{}.{}", quoted(schema), quoted(name)),
            order_id,
            place,
            user_id: required(Field::UserId)?,
            product_id: required(Field::ProductId)?,
            quantity: required(Field::Quantity)?,
            unit_price: priced(required(Field::UnitPrice)?)?,
            total_price: optional(Field::TotalPrice).map(priced).transpose()?,
            name: table,
        })
    }

    /// Id, partition and offset: NULL where the table has no such column.
    fn id_expressions(&self) -> String {
        let or_null = |column: Option<&Column>| column.map_or_else(|| "NULL".to_owned(), Column::expression);
        let place = self.place.as_ref();
        [self.order_id.as_ref(), place.map(|place| &place.0), place.map(|place| &place.1)].map(or_null).join(", ")
    }

    /// Every row, what says its id alone.
    pub(super) fn select_ids(&self) -> SqlStr {
        AssertSqlSafe(format!("SELECT {} FROM {}", self.id_expressions(), self.quoted)).into_sql_str()
    }

    /// Every row.
    pub(super) fn select_rows(&self) -> SqlStr {
        let fields =
            [&self.user_id, &self.product_id, &self.quantity, &self.unit_price].map(Column::expression).join(", ");
        let total = self.total_price.as_ref().map_or_else(|| "NULL".to_owned(), Column::expression);
        let sql = format!("SELECT {}, {fields}, {total} FROM {}", self.id_expressions(), self.quoted);
        AssertSqlSafe(sql).into_sql_str()
    }
}

async fn columns(connection: &mut Watched, schema: &str, table: &str) -> Result<Vec<Column>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT CAST(COLUMN_NAME AS CHAR), LOWER(CAST(DATA_TYPE AS CHAR)), CAST(NUMERIC_SCALE AS UNSIGNED) \
         FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
    )
    .bind(schema)
    .bind(table)
    .fetch_all(connection)
    .await?;
    let column = |row: &MySqlRow| {
        let scale: Option<u64> = row.try_get(2)?;
        let scale = scale.map(|scale| u32::try_from(scale).expect("38 at most"));
        Ok(Column { name: row.try_get(0)?, data_type: row.try_get(1)?, scale })
    };
    rows.iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::FieldMap;

    fn column(name: &str, data_type: &str, scale: Option<u32>) -> Column {
        Column { name: name.to_owned(), data_type: data_type.to_owned(), scale }
    }

    fn usual() -> Vec<Column> {
        vec![
            column("order_id", "varchar", None),
            column("USER_ID", "varchar", None),
            column("product_id", "varchar", None),
            column("qty", "int", Some(0)),
            column("unit_price", "int", Some(0)),
            column("a`b", "int", Some(0)),
        ]
    }

    fn found(columns: &[Column], rules: &Rules) -> Result<OldTable, String> {
        OldTable::of("old", "orders", columns, rules, false).map_err(|error| error.to_string())
    }

    #[test]
    fn columns_are_found_and_quoted() {
        let fields = FieldMap::new(&["quantity=a`b".parse().expect("a mapping")]).expect("a map");
        let table = found(&usual(), &Rules { fields, ..Rules::default() }).expect("a table");
        assert_eq!(
            table.select_rows().as_str(),
            "SELECT CAST(`order_id` AS CHAR CHARACTER SET utf8mb4), NULL, NULL, CAST(`USER_ID` AS CHAR CHARACTER SET utf8mb4), \
             CAST(`product_id` AS CHAR CHARACTER SET utf8mb4), CAST(`a``b` AS CHAR CHARACTER SET utf8mb4), \
             CAST(`unit_price` AS CHAR CHARACTER SET utf8mb4), NULL FROM `old`.`orders`"
        );
        let mut binary = usual();
        binary[0] = column("order_id", "binary", None);
        let table = found(&binary, &Rules::default()).expect("a table");
        assert_eq!(table.select_ids().as_str(), "SELECT HEX(`order_id`), NULL, NULL FROM `old`.`orders`");
    }

    #[test]
    fn a_place_is_an_id_where_the_topic_is_known() {
        let mut columns = usual();
        columns[0] = column("__connect_partition", "int", Some(0));
        columns.push(column("__connect_offset", "bigint", Some(0)));
        let table = OldTable::of("old", "orders", &columns, &Rules::default(), true).expect("a table");
        let sql = table.select_ids();
        assert!(sql.as_str().starts_with("SELECT NULL, CAST(`__connect_partition` AS"), "{}", sql.as_str());
        assert!(found(&columns, &Rules::default()).is_err());
    }

    #[test]
    fn what_is_not_said_is_asked_for() {
        let error = found(&usual()[1..], &Rules::default()).expect_err("no id");
        assert_eq!(
            error,
            "table old.orders has no column for order_id: `--map order_id=NAME` names it; its columns are USER_ID, product_id, qty, \
             unit_price, a`b"
        );
        let mut columns = usual();
        columns[4] = column("unit_price", "decimal", Some(2));
        let error = found(&columns, &Rules::default()).expect_err("no unit");
        assert!(
            error.starts_with(
                "column unit_price of table old.orders is decimal with 2 decimal digits: `--minor-units N`"
            ),
            "{error}"
        );
        assert!(found(&columns, &Rules { minor_units: Some(2), ..Rules::default() }).is_ok());
        columns[4] = column("unit_price", "decimal", Some(0));
        assert!(found(&columns, &Rules::default()).is_ok());
    }
}
