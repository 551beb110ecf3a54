//! A connection whose reads all see the tables as they were at one moment, however long it takes. It writes nothing.
//!
//! All tables are touched at the beginning, so that their names cannot come to mean other tables half-way: a swap waits, and
//! gives up after its time, until the connection ends. It must therefore be ended as soon as nothing more is read.

use ledger_database::DatabaseUrl;
use ledger_database::{Tables, Watched};
use ledger_store::{StoreError, at};
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

const STEP: &str = "taking a snapshot of the tables";
/// How often it is tried. A swap at this very moment makes one try fail, or wait for a lock in vain.
const TRIES: usize = 5;

/// Opens a connection that sees `tables` as they are now.
///
/// # Errors
/// The database's.
pub(super) async fn open(url: &DatabaseUrl, tables: &Tables) -> Result<Watched, StoreError> {
    let mut tried = 1;
    loop {
        let mut connection = ledger_database::connect(url).await?;
        match begin(&mut connection, tables).await {
            Ok(()) => return Ok(connection),
            Err(error) if error.is_retryable() && !error.is_unreachable() && tried < TRIES => tried += 1,
            Err(error) => return Err(error),
        }
    }
}

async fn begin(connection: &mut Watched, tables: &Tables) -> Result<(), StoreError> {
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await.map_err(at(STEP))?;
    connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await.map_err(at(STEP))?;
    for table in tables.names() {
        let touch = AssertSqlSafe(format!("SELECT 1 FROM {table} LIMIT 1")).into_sql_str();
        sqlx::query(touch).fetch_optional(&mut *connection).await.map_err(at(STEP))?;
    }
    Ok(())
}
