//! SQL texts with many rows or many ids, in a few fixed shapes, so that each is prepared once per connection. It must never
//! put a value into a text: values are bound; only table names, which are ours, are put in.

use std::sync::Arc;

use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::types::Uuid;
use sqlx::{Arguments, AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::watched::Watched;

/// Numbers of rows per statement. A batch is cut into the largest that fit: a handful of statements for any number of
/// rows, since each costs a round trip. The largest times the columns stays far below the 65,535 placeholders of the
/// protocol, and all shapes of all tables below the 100 statements that a connection keeps prepared.
pub const SHAPES: [usize; 10] = [512, 256, 128, 64, 32, 16, 8, 4, 2, 1];

/// One statement per shape.
#[derive(Debug, Clone)]
pub struct Shaped {
    texts: [SqlStr; SHAPES.len()],
}

impl Shaped {
    /// `before`, then one `row` per row with commas between, then `after`.
    pub fn new(before: &str, row: &str, after: &str) -> Self {
        let text = |rows: usize| {
            let text = format!("{before} {}{after}", vec![row; rows].join(", "));
            // Shared, so that an execution only counts a reference.
            AssertSqlSafe(Arc::<str>::from(text)).into_sql_str()
        };
        Self { texts: SHAPES.map(text) }
    }

    /// Binds and executes all of `rows`. `bind` adds the values of one row; `executed` is called after each statement.
    ///
    /// # Errors
    /// Of the first statement that fails.
    pub async fn execute<T: Sync>(
        &self,
        connection: &mut Watched,
        rows: &[T],
        bind: impl Fn(&mut MySqlArguments, &T) -> Result<(), sqlx::error::BoxDynError> + Send + Sync,
        executed: impl Fn() + Send + Sync,
    ) -> Result<(), sqlx::Error> {
        let pieces = self.cut(rows).into_iter().map(|(text, rows)| (text, rows, 0)).collect();
        execute_pieces(connection, pieces, bind, executed).await
    }

    /// As [`Self::execute`], for statements to which a row that stands twice is as if it stood once: the last one fills a shape up, so
    /// that some rows are one statement.
    ///
    /// # Errors
    /// Of the first statement that fails.
    pub async fn execute_filled<T: Sync>(
        &self,
        connection: &mut Watched,
        rows: &[T],
        bind: impl Fn(&mut MySqlArguments, &T) -> Result<(), sqlx::error::BoxDynError> + Send + Sync,
        executed: impl Fn() + Send + Sync,
    ) -> Result<(), sqlx::Error> {
        execute_pieces(connection, self.cut_filled(rows), bind, executed).await
    }

    /// Cuts `rows` into pieces, and says by how many rows each is too short for its statement. Only the last is, and by less than it has.
    fn cut_filled<'a, T>(&self, mut rows: &'a [T]) -> Vec<Piece<'a, T>> {
        let mut pieces = Vec::new();
        for (size, text) in SHAPES.iter().zip(&self.texts).filter(|(size, _)| **size >= NEVER_FILLED) {
            while let Some(piece) = rows.split_off(..*size) {
                pieces.push((text.clone(), piece, 0));
            }
        }
        let fitting = SHAPES.iter().zip(&self.texts).rfind(|(size, _)| **size >= rows.len());
        if let Some((size, text)) = fitting.filter(|_| !rows.is_empty()) {
            pieces.push((text.clone(), rows, size - rows.len()));
        }
        pieces
    }

    /// Cuts `rows` into pieces that have a statement.
    pub fn cut<'a, T>(&self, mut rows: &'a [T]) -> Vec<(SqlStr, &'a [T])> {
        let mut pieces = Vec::new();
        for (size, text) in SHAPES.iter().zip(&self.texts) {
            while let Some(piece) = rows.split_off(..*size) {
                pieces.push((text.clone(), piece));
            }
        }
        pieces
    }
}

/// A statement, its rows, and how many it lacks.
type Piece<'a, T> = (SqlStr, &'a [T], usize);

async fn execute_pieces<T: Sync>(
    connection: &mut Watched,
    pieces: Vec<Piece<'_, T>>,
    bind: impl Fn(&mut MySqlArguments, &T) -> Result<(), sqlx::error::BoxDynError> + Send + Sync,
    executed: impl Fn() + Send + Sync,
) -> Result<(), sqlx::Error> {
    for (text, rows, missing) in pieces {
        let count = rows.len() + missing;
        let mut arguments = MySqlArguments::default();
        arguments.reserve(count * 12, count * 160);
        for row in filled(rows, missing) {
            bind(&mut arguments, row).map_err(sqlx::Error::Encode)?;
        }
        sqlx::query_with(text, arguments).execute(&mut *connection).await?;
        executed();
    }
    Ok(())
}

/// Statements of so many rows and more are cut, and what is left is filled up: a row too much costs far less than a further statement.
const NEVER_FILLED: usize = 64;

/// The rows, and the last of them again, as often as rows are `missing`.
fn filled<T>(rows: &[T], missing: usize) -> impl Iterator<Item = &T> {
    rows.iter().chain(rows.last().into_iter().cycle().take(missing))
}

/// Most bytes of the values in a statement of many rows. A single row may have more, up to what a record may have.
pub const MAX_SHARED_BYTES: usize = 4 * 1024 * 1024;

/// Cuts `rows` into pieces of at most [`MAX_SHARED_BYTES`] each, so that a statement stays below the server's
/// `max_allowed_packet`; a row that is larger by itself is a piece of its own. `bytes` are those of a row's values as they are sent.
pub fn cut_by_bytes<T>(mut rows: &[T], bytes: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut pieces = Vec::new();
    while !rows.is_empty() {
        let mut sum = 0;
        let fits = |row: &&T| {
            sum += bytes(row);
            sum <= MAX_SHARED_BYTES
        };
        let count = rows.iter().take_while(fits).count().max(1);
        let (piece, rest) = rows.split_at(count);
        pieces.push(piece);
        rows = rest;
    }
    pieces
}

/// `?, ?, ..`, for a list in parentheses.
pub fn placeholders(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// A SELECT of rows by their ids: `.. IN (?, ?, ..)`, cut into the same shapes. The largest list is below 1000, from where on
/// MariaDB makes a temporary table of it.
#[derive(Debug, Clone)]
pub struct SelectByIds {
    by_ids: Shaped,
}

impl SelectByIds {
    /// `before` ends with the name of the column that holds the id.
    pub fn new(before: &str) -> Self {
        Self { by_ids: Shaped::new(&format!("{before} IN ("), "?", ")") }
    }

    /// The rows under `ids`. `leading` are the values of placeholders that stand before the list.
    ///
    /// # Errors
    /// Of the first statement that fails.
    pub async fn fetch(
        &self,
        connection: &mut Watched,
        leading: &[i32],
        ids: &[Uuid],
    ) -> Result<Vec<MySqlRow>, sqlx::Error> {
        let mut rows = Vec::new();
        for (text, ids, missing) in self.by_ids.cut_filled(ids) {
            let mut arguments = MySqlArguments::default();
            leading.iter().try_for_each(|value| arguments.add(value)).map_err(sqlx::Error::Encode)?;
            filled(ids, missing).try_for_each(|id| arguments.add(id)).map_err(sqlx::Error::Encode)?;
            rows.append(&mut sqlx::query_with(text, arguments).fetch_all(&mut *connection).await?);
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_rows_is_cut_into_few_statements() {
        let shaped = Shaped::new("INSERT INTO t VALUES", "(?, ?)", "");
        for (count, expected) in
            [(0, vec![]), (1, vec![1]), (7, vec![4, 2, 1]), (600, vec![512, 64, 16, 8]), (1024, vec![512, 512])]
        {
            let rows = vec![0; count];
            let sizes: Vec<_> = shaped.cut(&rows).iter().map(|(_, rows)| rows.len()).collect();
            assert_eq!(sizes, expected);
        }
        assert_eq!(shaped.cut(&[0; 4])[0].0.as_str(), "INSERT INTO t VALUES (?, ?), (?, ?), (?, ?), (?, ?)");
    }

    #[test]
    fn rows_that_may_stand_twice_fill_the_last_statement_up() {
        let shaped = Shaped::new("INSERT INTO t VALUES", "(?, ?)", "");
        for (count, expected) in [
            (0, vec![]),
            (1, vec![(1, 0)]),
            (5, vec![(5, 3)]),
            (33, vec![(33, 31)]),
            (65, vec![(64, 0), (1, 0)]),
            (600, vec![(512, 0), (64, 0), (24, 8)]),
            (1024, vec![(512, 0), (512, 0)]),
        ] {
            let rows: Vec<_> = (0..count).collect();
            let pieces = shaped.cut_filled(&rows);
            let sizes: Vec<_> = pieces.iter().map(|(_, rows, missing)| (rows.len(), *missing)).collect();
            assert_eq!(sizes, expected, "{count}");
            for (text, rows, missing) in pieces {
                assert_eq!(text.as_str().matches("(?, ?)").count(), rows.len() + missing, "{count}");
            }
        }
        assert_eq!(filled(&[1, 2, 3], 2).copied().collect::<Vec<_>>(), [1, 2, 3, 3, 3]);
    }

    #[test]
    fn large_rows_go_into_statements_of_their_own() {
        const MOST: usize = MAX_SHARED_BYTES;
        for (rows, expected) in [
            (&[][..], &[][..]),
            (&[MOST * 3], &[1]),
            (&[1, 2, 3], &[3]),
            (&[MOST - 1, 1, 1], &[2, 1]),
            (&[1, MOST, 1, MOST + 1, 0], &[1, 1, 1, 1, 1]),
        ] {
            let pieces: Vec<_> = cut_by_bytes(rows, |bytes| *bytes).into_iter().map(<[usize]>::len).collect();
            assert_eq!(pieces, expected, "{rows:?}");
        }
    }

    #[test]
    fn ids_stand_in_a_list() {
        let select = SelectByIds::new("SELECT a FROM t WHERE b = ? AND id");
        assert_eq!(select.by_ids.cut(&[0; 2])[0].0.as_str(), "SELECT a FROM t WHERE b = ? AND id IN ( ?, ?)");
        assert_eq!(placeholders(3), "?, ?, ?");
    }
}
