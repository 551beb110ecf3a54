//! SQL texts with many ids, in a few fixed shapes, so that each is prepared once per connection. It must never put a value into a text:
//! values are bound. What is written has its values in the text: `literals.rs`.

use std::sync::Arc;

use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::types::Uuid;
use sqlx::{Arguments, AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::watched::Watched;

/// Numbers of ids per statement: a handful of statements for any number, since each costs a round trip. All shapes of all tables are far
/// below the 512 statements that a connection keeps prepared.
pub const SHAPES: [usize; 10] = [512, 256, 128, 64, 32, 16, 8, 4, 2, 1];
/// Statements of so many ids and more are cut, and what is left is filled up: an id too much costs far less than a further statement.
const NEVER_FILLED: usize = 64;

/// `?, ?, ..`, for a list in parentheses.
pub fn placeholders(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// A SELECT of rows by their ids: `.. IN (?, ?, ..)`, cut into these shapes. The largest list is below 1000, from where on MariaDB makes a
/// temporary table of it.
#[derive(Debug, Clone)]
pub struct SelectByIds {
    texts: [SqlStr; SHAPES.len()],
}

impl SelectByIds {
    /// `before` ends with the name of the column that holds the id.
    pub fn new(before: &str) -> Self {
        // Shared, so that an execution only counts a reference.
        let text = |ids| Arc::<str>::from(format!("{before} IN ({})", placeholders(ids)));
        Self { texts: SHAPES.map(|ids| AssertSqlSafe(text(ids)).into_sql_str()) }
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
        for (text, ids, missing) in self.cut(ids) {
            let mut arguments = MySqlArguments::default();
            leading.iter().try_for_each(|value| arguments.add(value)).map_err(sqlx::Error::Encode)?;
            filled(ids, missing).try_for_each(|id| arguments.add(id)).map_err(sqlx::Error::Encode)?;
            rows.append(&mut sqlx::query_with(text, arguments).fetch_all(&mut *connection).await?);
        }
        Ok(rows)
    }

    /// Cuts ids into pieces, each with its statement, and says by how many ids each is too short for it. Only the last is, and by less than
    /// it has.
    fn cut<'a, T>(&self, mut ids: &'a [T]) -> Vec<(SqlStr, &'a [T], usize)> {
        let mut pieces = Vec::new();
        for (size, text) in SHAPES.iter().zip(&self.texts).filter(|(size, _)| **size >= NEVER_FILLED) {
            while let Some(piece) = ids.split_off(..*size) {
                pieces.push((text.clone(), piece, 0));
            }
        }
        let fitting = SHAPES.iter().zip(&self.texts).rfind(|(size, _)| **size >= ids.len());
        if let Some((size, text)) = fitting.filter(|_| !ids.is_empty()) {
            pieces.push((text.clone(), ids, size - ids.len()));
        }
        pieces
    }
}

/// The ids, and the last of them again, as often as ids are `missing`.
fn filled<T>(ids: &[T], missing: usize) -> impl Iterator<Item = &T> {
    ids.iter().chain(ids.last().into_iter().cycle().take(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_ids_is_cut_into_few_statements() {
        let select = SelectByIds::new("SELECT a FROM t WHERE b = ? AND id");
        for (count, expected) in [
            (0, vec![]),
            (1, vec![(1, 0)]),
            (5, vec![(5, 3)]),
            (33, vec![(33, 31)]),
            (65, vec![(64, 0), (1, 0)]),
            (600, vec![(512, 0), (64, 0), (24, 8)]),
            (1024, vec![(512, 0), (512, 0)]),
        ] {
            let ids: Vec<_> = (0..count).collect();
            let pieces = select.cut(&ids);
            let sizes: Vec<_> = pieces.iter().map(|(_, ids, missing)| (ids.len(), *missing)).collect();
            assert_eq!(sizes, expected, "{count}");
            for (text, ids, missing) in pieces {
                assert_eq!(text.as_str().matches('?').count(), 1 + ids.len() + missing, "{count}");
            }
        }
        assert_eq!(select.cut(&[0; 2])[0].0.as_str(), "SELECT a FROM t WHERE b = ? AND id IN (?, ?)");
        assert_eq!(filled(&[1, 2, 3], 2).copied().collect::<Vec<_>>(), [1, 2, 3, 3, 3]);
    }
}
