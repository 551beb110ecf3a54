//! Whether stock adds up (INV-3): what is available is what confirmed movements brought less what confirmed orders took. One scan
//! of each table, for however many products.

use std::collections::{BTreeMap, BTreeSet};

use ledger_database::statements::placeholders;
use ledger_schema::ProductId;
use ledger_schema::partitioner::partition_of;
use ledger_store::{StoreError, at};
use sqlx::mysql::MySqlArguments;
use sqlx::{Arguments, AssertSqlSafe, MySqlConnection, SqlSafeStr, SqlStr};

use super::compared_row::ComparedRow;
use super::difference::{Difference, Differences, Kind};
use super::table::STOCK;
use super::value::Value;

const STEP: &str = "adding up stock";
/// Products of one scan: far below the 65,535 placeholders of the protocol.
const AT_ONCE: usize = 10_000;

/// Adds up the stock of `products` and compares their rows. `next_offset` says where a partition stands.
pub(super) async fn compare(
    connection: &mut MySqlConnection,
    products: &BTreeSet<ProductId>,
    partition_count: i32,
    next_offset: impl Fn(i32) -> i64,
    differences: &mut Differences,
) -> Result<(), StoreError> {
    let products: Vec<&ProductId> = products.iter().collect();
    for products in products.chunks(AT_ONCE) {
        let moved = sums(connection, "delta", "stock_movements", products).await?;
        let ordered = sums(connection, "quantity", "orders", products).await?;
        let mut rows = rows(connection, products).await?;
        for product in products {
            let id = product.as_str();
            let partition = partition_of(id.as_bytes(), partition_count);
            // A product that nothing moved, or nobody ordered, has no row in a sum: that is 0.
            let sum = moved.get(id).copied().unwrap_or(0).saturating_sub(ordered.get(id).copied().unwrap_or(0));
            match rows.remove(id) {
                Some(row) => differences.judged(&STOCK, wrong(&row, sum, partition, next_offset(partition))),
                None if moved.contains_key(id) => {
                    let expected = ComparedRow::new([id.into(), sum.into(), partition.into(), Value::Null]);
                    differences.missing(&STOCK, &expected);
                }
                None => {}
            }
        }
    }
    Ok(())
}

/// The columns of a row of stock that cannot be right.
fn wrong(row: &ComparedRow, sum: i64, partition: i32, next_offset: i64) -> Vec<Difference> {
    let last = row.integer(&STOCK, "kafka_offset");
    let expected = [
        ("available", row.integer(&STOCK, "available") == sum, format!("{sum}, the sum of its movements and orders")),
        ("kafka_partition", row.integer(&STOCK, "kafka_partition") == i64::from(partition), partition.to_string()),
        ("kafka_offset", (0..next_offset).contains(&last), format!("below {next_offset}, the position")),
    ];
    let wrong = expected.into_iter().filter(|(_, holds, _)| !holds);
    let difference = |(column, _, expected): (&'static str, bool, String)| {
        let (key, found) = (row.key_text(&STOCK), row.get(&STOCK, column).shown());
        Difference {
            table: STOCK.name,
            key,
            kind: Kind::Changed,
            column: Some(column),
            found,
            expected: Some(expected),
        }
    };
    wrong.map(difference).collect()
}

async fn sums(
    connection: &mut MySqlConnection,
    column: &str,
    table: &str,
    products: &[&ProductId],
) -> Result<BTreeMap<String, i64>, StoreError> {
    let text = format!(
        "SELECT product_id, CAST(SUM({column}) AS SIGNED) FROM {table} WHERE status = 'confirmed' AND product_id IN \
         ({}) GROUP BY product_id",
        placeholders(products.len())
    );
    let (text, arguments) = bound(text, products)?;
    let found = sqlx::query_as_with::<_, (String, i64), _>(text, arguments).fetch_all(connection).await;
    Ok(found.map_err(at(STEP))?.into_iter().collect())
}

async fn rows(
    connection: &mut MySqlConnection,
    products: &[&ProductId],
) -> Result<BTreeMap<String, ComparedRow>, StoreError> {
    let condition = format!("WHERE product_id IN ({})", placeholders(products.len()));
    let (text, arguments) = bound(STOCK.select("stock", &condition).as_str().to_owned(), products)?;
    let found = sqlx::query_with(text, arguments).fetch_all(connection).await.map_err(at(STEP))?;
    let row = |row| {
        ComparedRow::read(&STOCK, row).map(|row| (row.text(&STOCK, "product_id").to_owned(), row)).map_err(at(STEP))
    };
    found.iter().map(row).collect()
}

fn bound(text: String, products: &[&ProductId]) -> Result<(SqlStr, MySqlArguments), StoreError> {
    let mut arguments = MySqlArguments::default();
    let bound = products.iter().try_for_each(|product| arguments.add(product.as_str()));
    bound.map_err(|error| at(STEP)(sqlx::Error::Encode(error)))?;
    Ok((AssertSqlSafe(text).into_sql_str(), arguments))
}
