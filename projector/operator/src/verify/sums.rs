//! Whether stock adds up (INV-3): what is available is what confirmed movements brought less the pieces of lines that are reserved; of
//! these, the pieces of lines whose order is not confirmed are held. A line of an order counts where its product lives: in `orders` where
//! that is the order's home, else in `reservations`. One scan of each table, for however many products. (The README has it for people.)

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;
use ledger_database::statements::placeholders;
use ledger_database::{Tables, Watched};
use ledger_schema::ProductId;
use ledger_schema::partitioner::partition_of;
use ledger_schema::printable::printable_line;
use ledger_store::{StoreError, at};
use serde::Serialize;
use sqlx::mysql::MySqlArguments;
use sqlx::{Arguments, AssertSqlSafe, SqlSafeStr, SqlStr};

use super::compared_row::ComparedRow;
use super::difference::{Difference, Differences, Kind};
use super::table::STOCK;
use super::value::Value;

const STEP: &str = "adding up stock";
/// Products of one scan: far below the 65,535 placeholders of the protocol.
const AT_ONCE: usize = 10_000;

/// What rows say of a product.
#[derive(Debug, Default, Clone, Copy)]
struct Sum {
    available: i64,
    held: i64,
}

/// Products whose stock does not add up.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unbalanced {
    pub products: u64,
    /// The first of them.
    pub first: Vec<UnbalancedProduct>,
}

/// A product whose stock is not what its rows add up to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct UnbalancedProduct {
    pub product_id: String,
    pub available: i64,
    pub held: i64,
    pub expected_available: i64,
    pub expected_held: i64,
}

impl Unbalanced {
    pub fn is_empty(&self) -> bool {
        self.products == 0
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.products += other.products;
        self.first.extend(other.first);
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let line = |product: &UnbalancedProduct| {
            let UnbalancedProduct { product_id, available, held, expected_available, expected_held } = product;
            format!(
                "INV-3: product {} has {available} available and {held} held; its movements and lines add up to {expected_available} and \
                 {expected_held}",
                printable_line(product_id)
            )
        };
        let mut lines: Vec<String> = self.first.iter().map(line).collect();
        if !self.is_empty() {
            lines.push(format!("the stock of {} products does not add up (INV-3)", self.products));
        }
        lines
    }
}

/// Adds up all products; at most `limit` that do not add up are listed.
pub(super) async fn unbalanced(
    connection: &mut Watched,
    tables: &Tables,
    limit: usize,
) -> Result<Unbalanced, StoreError> {
    let Tables { orders, stock, stock_movements, reservations, .. } = tables;
    // Rows of `orders` that are of another product's partition join no row of stock: their pieces are in `reservations` there.
    let text = format!(
        "SELECT s.product_id, s.available, s.held, \
         CAST(COALESCE(m.moved, 0) - COALESCE(l.taken, 0) AS SIGNED) AS expected_available, \
         CAST(COALESCE(l.held, 0) AS SIGNED) AS expected_held \
         FROM {stock} s \
         LEFT JOIN (SELECT product_id, kafka_partition, SUM(delta) AS moved FROM {stock_movements} \
           WHERE status = 'confirmed' GROUP BY product_id, kafka_partition) m USING (product_id, kafka_partition) \
         LEFT JOIN (SELECT product_id, kafka_partition, SUM(quantity) AS taken, SUM(IF(is_held, quantity, 0)) AS held FROM ( \
             SELECT product_id, kafka_partition, quantity, status <> 'confirmed' AS is_held FROM {orders} WHERE line_status = 'reserved' \
             UNION ALL SELECT product_id, kafka_partition, quantity, NOT confirmed FROM {reservations} WHERE status = 'reserved') t \
           GROUP BY product_id, kafka_partition) l USING (product_id, kafka_partition) \
         HAVING s.available <> expected_available OR s.held <> expected_held ORDER BY s.product_id"
    );
    let mut found = Unbalanced::default();
    let mut rows = sqlx::query_as::<_, UnbalancedProduct>(AssertSqlSafe(text)).fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(at(STEP))? {
        found.products += 1;
        if found.first.len() < limit {
            found.first.push(row);
        }
    }
    Ok(found)
}

/// Adds up the stock of `products` and compares their rows. `next_offset` says where a partition stands.
pub(super) async fn compare(
    connection: &mut Watched,
    products: &BTreeSet<ProductId>,
    partition_count: i32,
    next_offset: impl Fn(i32) -> i64,
    differences: &mut Differences,
) -> Result<(), StoreError> {
    let products: Vec<&ProductId> = products.iter().collect();
    for products in products.chunks(AT_ONCE) {
        let moved = moved(connection, products).await?;
        let taken = taken(connection, products, partition_count).await?;
        let mut rows = rows(connection, products).await?;
        for product in products {
            let id = product.as_str();
            let partition = partition_of(id.as_bytes(), partition_count);
            // A product that nothing moved, or nobody ordered, has no row in a sum: that is 0.
            let Sum { available: taken, held } = taken.get(id).copied().unwrap_or_default();
            let available = moved.get(id).copied().unwrap_or(0).saturating_sub(taken);
            match rows.remove(id) {
                Some(row) => {
                    differences.judged(&STOCK, wrong(&row, Sum { available, held }, partition, next_offset(partition)));
                }
                None if moved.contains_key(id) => {
                    let sums = [available.into(), held.into(), partition.into(), Value::Null];
                    differences.missing(&STOCK, &ComparedRow::new(std::iter::once(id.into()).chain(sums)));
                }
                None => {}
            }
        }
    }
    Ok(())
}

/// The columns of a row of stock that cannot be right.
fn wrong(row: &ComparedRow, sum: Sum, partition: i32, next_offset: i64) -> Vec<Difference> {
    let last = row.integer(&STOCK, "kafka_offset");
    let expected = [
        (
            "available",
            row.integer(&STOCK, "available") == sum.available,
            format!("{}, the sum of its movements and lines", sum.available),
        ),
        ("held", row.integer(&STOCK, "held") == sum.held, format!("{}, the sum of its lines that are held", sum.held)),
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

async fn moved(connection: &mut Watched, products: &[&ProductId]) -> Result<BTreeMap<String, i64>, StoreError> {
    let text = format!(
        "SELECT product_id, CAST(SUM(delta) AS SIGNED) FROM stock_movements WHERE status = 'confirmed' AND product_id IN \
         ({}) GROUP BY product_id",
        placeholders(products.len())
    );
    let (text, arguments) = bound(text, products.iter())?;
    let found = sqlx::query_as_with::<_, (String, i64), _>(text, arguments).fetch_all(connection).await;
    Ok(found.map_err(at(STEP))?.into_iter().collect())
}

/// What lines took of each product, and how much of that is held, in the partition where the product lives.
async fn taken(
    connection: &mut Watched,
    products: &[&ProductId],
    partition_count: i32,
) -> Result<BTreeMap<String, Sum>, StoreError> {
    let list = placeholders(products.len());
    let text = format!(
        "SELECT product_id, kafka_partition, CAST(SUM(quantity) AS SIGNED), CAST(SUM(IF(is_held, quantity, 0)) AS SIGNED) FROM ( \
         SELECT product_id, kafka_partition, quantity, status <> 'confirmed' AS is_held FROM orders \
         WHERE line_status = 'reserved' AND product_id IN ({list}) \
         UNION ALL SELECT product_id, kafka_partition, quantity, NOT confirmed FROM reservations \
         WHERE status = 'reserved' AND product_id IN ({list})) t GROUP BY product_id, kafka_partition"
    );
    let (text, arguments) = bound(text, products.iter().chain(products))?;
    let found = sqlx::query_as_with::<_, (String, i32, i64, i64), _>(text, arguments).fetch_all(connection).await;
    let found = found.map_err(at(STEP))?.into_iter();
    // A line that lives elsewhere stands in the home's rows, too.
    let own = found.filter(|(id, partition, ..)| partition_of(id.as_bytes(), partition_count) == *partition);
    Ok(own.map(|(id, _, available, held)| (id, Sum { available, held })).collect())
}

async fn rows(connection: &mut Watched, products: &[&ProductId]) -> Result<BTreeMap<String, ComparedRow>, StoreError> {
    let condition = format!("WHERE product_id IN ({})", placeholders(products.len()));
    let (text, arguments) = bound(STOCK.select("stock", &condition).as_str().to_owned(), products.iter())?;
    let found = sqlx::query_with(text, arguments).fetch_all(connection).await.map_err(at(STEP))?;
    let row = |row| {
        ComparedRow::read(&STOCK, row).map(|row| (row.text(&STOCK, "product_id").to_owned(), row)).map_err(at(STEP))
    };
    found.iter().map(row).collect()
}

fn bound<'p>(
    text: String,
    mut products: impl Iterator<Item = &'p &'p ProductId>,
) -> Result<(SqlStr, MySqlArguments), StoreError> {
    let mut arguments = MySqlArguments::default();
    let bound = products.try_for_each(|product| arguments.add(product.as_str()));
    bound.map_err(|error| at(STEP)(sqlx::Error::Encode(error)))?;
    Ok((AssertSqlSafe(text).into_sql_str(), arguments))
}
