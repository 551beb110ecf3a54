//! Dropping generations that are not live. It must never drop the live one, nor one that somebody is building: the guard is
//! held while it is decided and done.

use ledger_database::DatabaseUrl;
use ledger_database::Tables;
use ledger_fold::log_safety::LogRefusal;
use ledger_store::generations::Work;
use ledger_store::log_check::LogCheckError;
use ledger_store::positions;
use serde::Serialize;

use super::error::{GenerationsError, sql};
use super::guard::Guard;
use super::{record, shadow};

/// What was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dropped {
    pub generation: i32,
    /// None: they had been dropped before.
    pub tables: Vec<String>,
}

/// Drops the tables of a generation, for an operator. One whose build was interrupted can be dropped, too.
///
/// # Errors
/// [`GenerationsError`]: it is live, somebody holds the guard (a build of it, say), or it is not known.
pub async fn run(owner: &DatabaseUrl, topic: &str, generation: i32) -> Result<Dropped, GenerationsError> {
    let mut guard = Guard::take(owner, Work::Drop).await?;
    guard.works_on(generation).await?;
    let dropped = drop_known(&mut guard, topic, generation).await;
    guard.release().await;
    dropped
}

async fn drop_known(guard: &mut Guard, topic: &str, generation: i32) -> Result<Dropped, GenerationsError> {
    // Numbers are of all topics: under another topic's name the live tables would pass for kept ones.
    if let Some(found) = positions::other_topic(guard.connection(), topic).await? {
        let refusal = LogRefusal::PositionsOfAnotherTopic { expected: topic.to_owned(), found };
        return Err(LogCheckError::from(refusal).into());
    }
    let live = ledger_store::generations::live(guard.connection(), topic).await?;
    if live.is_some_and(|live| live.generation == generation) {
        return Err(GenerationsError::IsLive { generation });
    }
    let tables = shadow::existing(guard.connection(), &Tables::of_generation(generation)).await?;
    if tables.is_empty() && ledger_store::generations::find(guard.connection(), generation).await?.is_none() {
        return Err(GenerationsError::Unknown { generation });
    }
    discard(guard, generation).await?;
    Ok(Dropped { generation, tables })
}

/// Drops what there is of a generation that is not live, such as a build that is not to be continued. Dying in the middle leaves
/// tables of a generation that is written down as dropped; running it again drops them, too.
///
/// # Errors
/// The database's.
pub async fn discard(guard: &mut Guard, generation: i32) -> Result<(), GenerationsError> {
    // Before its first table is gone: what is half there must not be swapped in.
    record::dropped(guard.connection(), generation).await?;
    shadow::drop_tables(guard.connection(), generation).await?;
    // What it decided and nobody published: no rollback can need it any more. Dying before this leaves rows that no relay loads,
    // and that each relay removes once its cursor has passed them.
    sqlx::query("DELETE FROM outbox WHERE generation = ?")
        .bind(generation)
        .execute(guard.connection())
        .await
        .map(|_| ())
        .map_err(sql("removing the outbox of a generation"))
}
