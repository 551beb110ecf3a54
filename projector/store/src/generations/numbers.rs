//! Numbers of generations: one row counts them, for projectors and rebuilds alike. It must never give a number twice.

use ledger_database::Watched;

use crate::error::{StoreError, at};

/// Allots a number that no generation of tables had, nor will get again: one row counts them, for projectors and rebuilds
/// alike, so that two calls at the same time cannot get the same.
///
/// # Errors
/// The database's, or [`StoreError::NumbersGone`].
pub async fn allot_number(connection: &mut Watched) -> Result<i32, StoreError> {
    const STEP: &str = "allotting a generation's number";
    let counted = sqlx::query("UPDATE generation_numbers SET last_number = LAST_INSERT_ID(last_number + 1)")
        .execute(&mut *connection)
        .await
        .map_err(at(STEP))?;
    if counted.rows_affected() != 1 {
        return Err(StoreError::NumbersGone);
    }
    let number: i64 =
        sqlx::query_scalar("SELECT CAST(LAST_INSERT_ID() AS SIGNED)").fetch_one(connection).await.map_err(at(STEP))?;
    i32::try_from(number).map_err(|_| StoreError::CorruptRow {
        table: "generation_numbers",
        key: "last_number".to_owned(),
        problem: format!("{number} is no number of a generation"),
    })
}
