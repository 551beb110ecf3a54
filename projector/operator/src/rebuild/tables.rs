//! The tables of the generation that is built. They are made like the live ones, but without the secondary indexes of what
//! grows with the log: those cost more than all else while rows come in, and are added once they are in. Every step may be run
//! again after a death at any point of it. It must never touch a table without the generation's number in its name.

use std::time::Duration;

use ledger_database::Tables;
use ledger_database::{DatabaseUrl, Fault, Watched, fault_of};
use ledger_failpoints::FailPoint;
use ledger_fold::log_safety::LogIdentity;
use ledger_store::positions::{self, Origin, PositionStatements, StoredPosition};
use ledger_store::{FOLD_VERSION, GenerationKey, at};
use projector::writer::WriterError;
use sqlx::{AssertSqlSafe, Executor, Row};
use tokio_util::sync::CancellationToken;

use super::error::{RebuildCause, sql};
use super::progress::Bar;
use crate::generations::shadow;

/// How often the progress of an index is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Lock waits that an earlier builder's transaction is given to end.
const SETTLE_ATTEMPTS: u32 = 3;

/// Makes what is missing of the tables, then their positions, all at 0. Positions come last: where they are, the rest is.
pub(super) async fn prepare(
    connection: &mut Watched,
    generation: i32,
    topic: &str,
    identity: &LogIdentity,
) -> Result<(), RebuildCause> {
    let tables = Tables::of_generation(generation);
    for (live, table) in Tables::live().names().into_iter().zip(tables.names()) {
        run(connection, "creating tables", format!("CREATE TABLE IF NOT EXISTS `{table}` LIKE `{live}`")).await?;
        ledger_failpoints::reach(FailPoint::RebuildTable);
    }
    if !positions_of(connection, generation, topic).await?.is_empty() {
        return Ok(());
    }
    for table in growing(&tables) {
        let keys = keys(connection, table).await?;
        let drops: Vec<String> =
            keys.iter().filter_map(|key| name_of(key)).map(|name| format!("DROP KEY {name}")).collect();
        if !drops.is_empty() {
            run(connection, "dropping indexes", format!("ALTER TABLE `{table}` {}", drops.join(", "))).await?;
            ledger_failpoints::reach(FailPoint::RebuildKeysDropped);
        }
    }
    let origin = Origin { generation: GenerationKey::draw(generation), fold_version: FOLD_VERSION };
    let created = positions::create_in(connection, &tables, topic, identity, origin).await;
    created.map_err(WriterError::Store)?;
    ledger_failpoints::reach(FailPoint::RebuildPositions);
    Ok(())
}

/// Where the new tables stand.
pub(super) async fn positions_of(
    connection: &mut Watched,
    generation: i32,
    topic: &str,
) -> Result<Vec<StoredPosition>, RebuildCause> {
    let statements = PositionStatements::new(&Tables::of_generation(generation));
    statements.read(connection, topic).await.map_err(|error| WriterError::Store(error).into())
}

/// As [`positions_of`], after every transaction that moves one of them has ended. A builder that was killed may have sent a
/// COMMIT that the server has not come to; it holds the row until then.
pub(super) async fn settled_positions(
    connection: &mut Watched,
    generation: i32,
    topic: &str,
) -> Result<Vec<StoredPosition>, RebuildCause> {
    let table = Tables::of_generation(generation).positions;
    // A statement of its own transaction: the locks are got, and given back at once.
    let text = format!("SELECT next_offset FROM {table} WHERE topic = ? FOR UPDATE");
    for attempt in 1..=SETTLE_ATTEMPTS {
        let waited = sqlx::query(AssertSqlSafe(text.clone())).bind(topic).fetch_all(&mut *connection).await;
        match waited {
            Ok(_) => break,
            // The server ends a transaction that nobody continues after as long as a lock is waited for.
            Err(cause) if fault_of(&cause) == Fault::Retry && attempt < SETTLE_ATTEMPTS => {
                tracing::info!(table, "an earlier builder's transaction is still open: waiting for it");
            }
            Err(cause) => return Err(WriterError::Store(at("waiting for an earlier builder")(cause)).into()),
        }
    }
    positions_of(connection, generation, topic).await
}

/// Adds the indexes that the live tables have and these have not, showing how far the server is.
pub(super) async fn add_keys(
    url: &DatabaseUrl,
    generation: i32,
    bar: &Bar,
    stop: &CancellationToken,
) -> Result<(), RebuildCause> {
    let mut connection = ledger_database::connect(url).await?;
    let (live, built) = (Tables::live(), Tables::of_generation(generation));
    for (live, table) in growing(&live).into_iter().zip(growing(&built)) {
        add_keys_of(url, &mut connection, live, table, bar, stop).await?;
        // The server's picture of the table is of when it was empty, and plans follow it.
        run(&mut connection, "taking statistics", format!("ANALYZE TABLE `{table}`")).await?;
    }
    Ok(())
}

async fn add_keys_of(
    url: &DatabaseUrl,
    connection: &mut Watched,
    live: &str,
    table: &str,
    bar: &Bar,
    stop: &CancellationToken,
) -> Result<(), RebuildCause> {
    loop {
        let (expected, found) = (keys(connection, live).await?, keys(connection, table).await?);
        if let Some(unknown) = found.iter().find(|key| !expected.contains(key)) {
            return Err(RebuildCause::UnknownKeys { table: table.to_owned(), keys: unknown.clone() });
        }
        let missing: Vec<String> =
            expected.iter().filter(|key| !found.contains(key)).map(|key| format!("ADD {key}")).collect();
        if missing.is_empty() {
            return Ok(());
        }
        // One statement, so that there is all of it or nothing.
        let text = format!("ALTER TABLE `{table}` {}", missing.join(", "));
        match watched(url, connection, text, bar, stop).await {
            Ok(()) => ledger_failpoints::reach(FailPoint::RebuildKeysAdded),
            // An index that a killed builder began is still being made: what is missing is looked up again.
            Err(RebuildCause::Sql { cause, .. }) if fault_of(&cause) == Fault::Retry && !stop.is_cancelled() => {
                tracing::info!(table, %cause, "an earlier builder's statement still holds the table: waiting for it");
            }
            Err(error) => return Err(error),
        }
    }
}

/// Runs a long statement, while another connection looks how far it is, and ends it at a stop.
async fn watched(
    url: &DatabaseUrl,
    connection: &mut Watched,
    text: String,
    bar: &Bar,
    stop: &CancellationToken,
) -> Result<(), RebuildCause> {
    let id = connection.id();
    let mut watcher = ledger_database::connect(url).await?;
    let watch = async {
        let mut is_killed = false;
        loop {
            tokio::time::sleep(LOOK).await;
            if stop.is_cancelled() && !is_killed {
                // The statement ends with an error, and leaves the table as it was.
                is_killed = run(&mut watcher, "ending a statement", format!("KILL QUERY {id}")).await.is_ok();
            }
            let asked = sqlx::query_scalar::<_, Option<f64>>(
                "SELECT CAST((GREATEST(STAGE, 1) - 1) * 100 / GREATEST(MAX_STAGE, 1) + PROGRESS / GREATEST(MAX_STAGE, 1) \
                 AS DOUBLE) FROM information_schema.PROCESSLIST WHERE ID = ?",
            );
            // Only a look: what fails here fails in the statement itself, if it matters.
            if let Ok(Some(Some(percent))) = asked.bind(id).fetch_optional(&mut watcher).await {
                bar.percent(percent);
            }
        }
    };
    let altered = tokio::select! {
        done = run(connection, "adding indexes", text) => done,
        never = watch => never,
    };
    if stop.is_cancelled() { altered.map_err(|_| RebuildCause::Stopped) } else { altered }
}

/// The tables that grow with the log. (`stock` grows with the products, and is read by its index while it is loaded; of `open_orders` rows
/// go as they come.)
fn growing(tables: &Tables) -> [&str; 3] {
    [&tables.orders, &tables.stock_movements, &tables.reservations]
}

/// Whether those of the new tables that are there are like the live ones, but for secondary keys. They are not where a migration
/// came in between.
pub(super) async fn are_alike(connection: &mut Watched, generation: i32) -> Result<bool, RebuildCause> {
    let built = Tables::of_generation(generation);
    let there = shadow::existing(connection, &built).await?;
    for (live, table) in Tables::live().names().into_iter().zip(built.names()) {
        let is_there = there.iter().any(|found| found == table);
        if is_there && without_keys(&made(connection, live).await?) != without_keys(&made(connection, table).await?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What is below the first line, which has the name, and is no secondary key.
fn without_keys(made: &str) -> Vec<String> {
    let keys = keys_in(made);
    let lines = made.lines().skip(1).map(|line| line.trim().trim_end_matches(',').to_owned());
    lines.filter(|line| !keys.contains(line)).collect()
}

/// The secondary keys of a table, as they stand in SHOW CREATE TABLE.
async fn keys(connection: &mut Watched, table: &str) -> Result<Vec<String>, RebuildCause> {
    Ok(keys_in(&made(connection, table).await?))
}

async fn made(connection: &mut Watched, table: &str) -> Result<String, RebuildCause> {
    let row = connection.fetch_one(AssertSqlSafe(format!("SHOW CREATE TABLE `{table}`"))).await;
    row.and_then(|row| row.try_get(1)).map_err(sql("reading how a table was made"))
}

/// Lines such as ``KEY `name` (`column`,..)``, without what separates them. Constraints and the primary key are no such lines.
fn keys_in(made: &str) -> Vec<String> {
    let lines = made.lines().map(|line| line.trim().trim_end_matches(','));
    lines.filter(|line| line.starts_with("KEY `") || line.starts_with("UNIQUE KEY `")).map(str::to_owned).collect()
}

/// The quoted name in such a line.
fn name_of(key: &str) -> Option<&str> {
    let start = key.find('`')?;
    let length = key.get(start + 1..)?.find('`')?;
    key.get(start..start + length + 2)
}

async fn run(connection: &mut Watched, step: &'static str, text: String) -> Result<(), RebuildCause> {
    connection.execute(AssertSqlSafe(text)).await.map(drop).map_err(sql(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secondary_keys_are_found_in_the_table_s_text() {
        let made = "CREATE TABLE `orders` (\n  `order_id` binary(16) NOT NULL,\n  PRIMARY KEY (`order_id`),\n  \
                    KEY `orders_of_user` (`user_id`,`placed_at`),\n  UNIQUE KEY `odd``s` (`order_id`),\n  \
                    CONSTRAINT `c` CHECK (`order_id` > 0)\n) ENGINE=InnoDB";
        let keys = keys_in(made);
        assert_eq!(keys, ["KEY `orders_of_user` (`user_id`,`placed_at`)", "UNIQUE KEY `odd``s` (`order_id`)"]);
        assert_eq!(name_of(&keys[0]), Some("`orders_of_user`"));
        assert_eq!(keys_in("CREATE TABLE `t` (\n  `a` int\n)"), Vec::<String>::new());
        let last_is_no_key = "CREATE TABLE `g` (\n  `order_id` binary(16) NOT NULL,\n  PRIMARY KEY (`order_id`),\n  \
                              CONSTRAINT `c` CHECK (`order_id` > 0)\n) ENGINE=InnoDB";
        assert_eq!(without_keys(made), without_keys(last_is_no_key));
    }
}
