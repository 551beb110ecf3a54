//! Who holds the guard of the generations, the lock under which one command at a time changes them. It only reads, so that
//! the running service can show it; the guard itself is taken by the operator's commands.

use std::fmt;

use chrono::{DateTime, Utc};
use ledger_database::Watched;
use serde::Serialize;
use sqlx::FromRow;

use crate::error::{StoreError, at};
use crate::generations::record::{self, State};

/// What the guard is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Rebuild,
    Rollback,
    Drop,
}

impl Work {
    /// The command.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rebuild => "rebuild",
            Self::Rollback => "rollback",
            Self::Drop => "generations drop",
        }
    }
}

/// Who holds the guard, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    pub connection_id: i64,
    /// What it does; `None` in the moment between taking the guard and saying so.
    pub work: Option<HolderWork>,
}

/// What a holder says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HolderWork {
    pub command: String,
    pub generation: Option<i32>,
    /// Of the build, where it is one.
    pub phase: Option<record::Phase>,
    /// Host and process id.
    pub holder: String,
    pub since: DateTime<Utc>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(work) = &self.work else {
            return write!(f, "another command (database connection {})", self.connection_id);
        };
        write!(f, "`ledger {}`", work.command)?;
        if let Some(generation) = work.generation {
            write!(f, " of generation {generation}")?;
        }
        if let Some(phase) = work.phase {
            write!(f, ", phase {}", phase.as_str())?;
        }
        write!(f, " ({}, since {} UTC)", work.holder, work.since.format("%Y-%m-%d %H:%M:%S"))
    }
}

/// Who holds the guard now. It only reads, and needs the reader's rights only.
///
/// # Errors
/// The database's.
pub async fn holder(connection: &mut Watched) -> Result<Option<Holder>, StoreError> {
    const READING: &str = "reading who holds the guard";
    let holding: Option<i64> =
        sqlx::query_scalar("SELECT CAST(IS_USED_LOCK(CONCAT('ledger.rebuild.', DATABASE())) AS SIGNED)")
            .fetch_one(&mut *connection)
            .await
            .map_err(at(READING))?;
    let Some(connection_id) = holding else { return Ok(None) };
    #[derive(FromRow)]
    struct Row {
        command: String,
        generation: Option<i32>,
        holder: String,
        since: DateTime<Utc>,
    }
    // A row of another connection is what a holder left that died.
    let row: Option<Row> =
        sqlx::query_as("SELECT command, generation, holder, since FROM generation_guard WHERE connection_id = ?")
            .bind(connection_id)
            .fetch_optional(&mut *connection)
            .await
            .map_err(at(READING))?;
    let Some(Row { command, generation, holder, since }) = row else {
        return Ok(Some(Holder { connection_id, work: None }));
    };
    let built = match generation {
        Some(generation) => record::find(connection, generation).await?,
        None => None,
    };
    let phase = built.filter(|row| row.state == State::Building).map(|row| row.phase);
    Ok(Some(Holder { connection_id, work: Some(HolderWork { command, generation, phase, holder, since }) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_named_as_far_as_it_is_known() {
        let since = DateTime::from_timestamp(1_795_449_600, 0).expect("a time");
        let work = |generation, phase| {
            let (command, holder) = ("rebuild".to_owned(), "h pid 7".to_owned());
            Holder { connection_id: 9, work: Some(HolderWork { command, generation, phase, holder, since }) }
        };
        let time = since.format("%Y-%m-%d %H:%M:%S");
        for (holder, says) in [
            (Holder { connection_id: 9, work: None }, "another command (database connection 9)".to_owned()),
            (work(None, None), format!("`ledger rebuild` (h pid 7, since {time} UTC)")),
            (
                work(Some(4), Some(record::Phase::CatchUp)),
                format!("`ledger rebuild` of generation 4, phase catch-up (h pid 7, since {time} UTC)"),
            ),
        ] {
            assert_eq!(holder.to_string(), says);
        }
    }
}
