//! Whether a ledger is at rest: everything on the log is folded, everything that was decided is published, and what partitions tell each other
//! has been heard.
//!
//! It must never take an unreadable status for rest.

use anyhow::Result;
use serde_json::Value;
use sqlx::MySqlPool;

use crate::ledger::Ledger;

/// `None`: at rest. Else what is still to be done, for a person.
///
/// Two looks with the outbox in between: what a partition folds may be told to another, which lets the log grow. Where the log did not grow
/// from the one look to the other, and all of it was folded at both, whatever the outbox held in between came from what was folded before the
/// first, and it held nothing.
///
/// # Errors
/// When MariaDB does not answer, or the command cannot be started.
pub async fn why_not(ledger: &Ledger, pool: &MySqlPool) -> Result<Option<String>> {
    let before = match folded(ledger).await? {
        Ok(ends) => ends,
        Err(why) => return Ok(Some(why)),
    };
    let unpublished: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM outbox").fetch_one(pool).await?;
    if unpublished > 0 {
        return Ok(Some(format!("{unpublished} outbox rows")));
    }
    Ok(match folded(ledger).await? {
        Ok(after) if after == before => None,
        Ok(_) => Some("the log grew meanwhile".to_owned()),
        Err(why) => Some(why),
    })
}

/// The end of each partition, where nothing is left to fold; else the status.
async fn folded(ledger: &Ledger) -> Result<Result<Vec<Value>, String>> {
    let (code, output) = ledger.run(&["status", "--output", "json"]).await?;
    let status = serde_json::from_str::<Value>(&output).ok().filter(|_| code == 0);
    Ok(match status {
        Some(status) if status["lag"] == 0 => {
            let partitions = status["partitions"].as_array().into_iter().flatten();
            Ok(partitions.map(|partition| partition["endOffset"].clone()).collect())
        }
        _ => Err(format!("{code} {output}")),
    })
}
