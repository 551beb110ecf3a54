//! The tables of generations that are not live: which are there, whether they are like the live ones, and dropping them. Only
//! names that [`Tables::of_generation`] gives are ever touched.

use std::collections::BTreeSet;

use ledger_database::{Tables, Watched};
use sqlx::{AssertSqlSafe, Executor, Row};

use super::error::{GenerationsError, sql};

/// Numbers of all generations that have a table which is not live, whole sets or not.
///
/// # Errors
/// The database's.
pub async fn generations(connection: &mut Watched) -> Result<BTreeSet<i32>, GenerationsError> {
    let names: Vec<String> =
        sqlx::query_scalar("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
            .fetch_all(connection)
            .await
            .map_err(sql("looking for tables"))?;
    Ok(names.iter().filter_map(|name| number_of(name)).collect())
}

/// `Some(12)` for `orders_g12`, and nothing for a name that would not be made for any number.
fn number_of(name: &str) -> Option<i32> {
    let (_, number) = name.rsplit_once("_g")?;
    // Any other name is a table of somebody else's.
    let number = number.parse().ok()?;
    Tables::of_generation(number).names().contains(&name).then_some(number)
}

/// Those of `tables` that are there, in their order.
///
/// # Errors
/// The database's.
pub async fn existing(connection: &mut Watched, tables: &Tables) -> Result<Vec<String>, GenerationsError> {
    let mut found = Vec::new();
    for name in tables.names() {
        let there: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?",
        )
        .bind(name)
        .fetch_one(&mut *connection)
        .await
        .map_err(sql("looking for tables"))?;
        if there > 0 {
            found.push(name.to_owned());
        }
    }
    Ok(found)
}

/// Checks that all tables of `generation` are there.
///
/// # Errors
/// [`GenerationsError::Incomplete`], naming the first that is missing.
pub async fn check_complete(connection: &mut Watched, generation: i32) -> Result<(), GenerationsError> {
    let tables = Tables::of_generation(generation);
    let found = existing(connection, &tables).await?;
    match tables.names().into_iter().find(|name| !found.iter().any(|found| found == name)) {
        Some(missing) => Err(GenerationsError::Incomplete { generation, missing: format!("table {missing}") }),
        None => Ok(()),
    }
}

/// Checks that each table of `generation` is like the live one in all but its name: columns, keys, checks, settings.
///
/// # Errors
/// [`GenerationsError::AnotherShape`], with the first line that differs.
pub async fn check_shape(connection: &mut Watched, generation: i32) -> Result<(), GenerationsError> {
    for (live, table) in Tables::live().names().into_iter().zip(Tables::of_generation(generation).names()) {
        let expected = shape(connection, live).await?;
        let found = shape(connection, table).await?;
        if let Some((expected, found)) = first_difference(&expected, &found) {
            return Err(GenerationsError::AnotherShape { generation, table: table.to_owned(), expected, found });
        }
    }
    Ok(())
}

/// What SHOW CREATE TABLE says below its first line, which has the name.
async fn shape(connection: &mut Watched, table: &str) -> Result<String, GenerationsError> {
    let text = AssertSqlSafe(format!("SHOW CREATE TABLE `{table}`"));
    let row = connection.fetch_one(text).await.map_err(sql("reading how a table was made"))?;
    let made: String = row.try_get(1).map_err(sql("reading how a table was made"))?;
    Ok(made.split_once('\n').map_or_else(String::new, |(_, rest)| rest.to_owned()))
}

fn first_difference(expected: &str, found: &str) -> Option<(String, String)> {
    let (mut expected, mut found) = (expected.lines(), found.lines());
    loop {
        let (expected, found) = (expected.next(), found.next());
        if expected != found {
            let line = |line: Option<&str>| line.unwrap_or("nothing").trim().to_owned();
            return Some((line(expected), line(found)));
        }
        expected?;
    }
}

/// Drops what there is of a generation that is not live. Its positions go first, so that a set of which something is missing
/// never looks whole. Whoever calls it holds the guard and has made sure that nobody may want the tables.
///
/// # Errors
/// The database's. What is left can be dropped by calling it again.
pub async fn drop_tables(connection: &mut Watched, generation: i32) -> Result<(), GenerationsError> {
    for name in Tables::of_generation(generation).names().into_iter().rev() {
        let text = AssertSqlSafe(format!("DROP TABLE IF EXISTS `{name}`"));
        connection.execute(text).await.map_err(sql("dropping tables"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ours_have_a_number() {
        for (name, number) in [
            ("orders_g12", Some(12)),
            ("stock_movements_g1", Some(1)),
            ("positions_g0", Some(0)),
            ("orders", None),
            ("orders_g", None),
            ("orders_g01", None),
            ("orders_g+1", None),
            ("outbox_g1", None),
            ("my_orders_g1", None),
        ] {
            assert_eq!(number_of(name), number, "{name}");
        }
    }

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(first_difference("a\nb", "a\nb"), None);
        assert_eq!(first_difference("a\n b,\nc", "a\nc"), Some(("b,".to_owned(), "c".to_owned())));
        assert_eq!(first_difference("a", "a\nb"), Some(("nothing".to_owned(), "b".to_owned())));
    }
}
