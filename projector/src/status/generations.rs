//! What the status says of generations: which tables are live, which are kept, and a rebuild that runs or is unfinished. It
//! needs the reader's rights only, so it knows what is written down, not what tables there are: `ledger generations list` does.

use std::fmt;

use chrono::{DateTime, Utc};
use ledger_database::Watched;
use ledger_store::generations::record::{self, Generation, Phase, State};
use ledger_store::generations::{Holder, Work, holder};
use ledger_store::{StoreError, at};
use serde::Serialize;

/// Tables that are not live, and can be rolled back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptGeneration {
    pub generation: i32,
    pub fold_version: i32,
    /// When it became live, the last time; `None` for tables that a projector made, which were live from the beginning.
    pub swapped_at: Option<DateTime<Utc>>,
}

/// A rebuild that is not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RebuildStatus {
    pub generation: i32,
    pub fold_version: i32,
    /// Whether somebody builds it now; otherwise it was interrupted, or nobody agreed to the swap, and `ledger rebuild`
    /// continues it.
    pub running: bool,
    /// The phase that it is in, or was left in.
    pub phase: Phase,
    /// Records of the log that were folded into it, as far as that is written down.
    pub records: Option<i64>,
    pub started_at: Option<DateTime<Utc>>,
    /// Host and process id of who builds it, or did last.
    pub builder: Option<String>,
}

/// Everything but the positions, which also say what generation is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) kept: Vec<KeptGeneration>,
    pub(super) rebuild: Option<RebuildStatus>,
    /// Who holds the guard of the generations: a rebuild, a rollback, or somebody who drops one.
    pub(super) working: Option<Holder>,
    /// Whether the server takes no rows.
    pub(super) read_only: bool,
}

/// `live` is the live generation; its own row is passed over, whatever it says: a run may have died right after the swap.
pub(super) async fn read(connection: &mut Watched, topic: &str, live: Option<i32>) -> Result<Known, StoreError> {
    // The guard first: a rebuild that begins in between is shown as unfinished for one look, and none that has
    // ended is shown as running.
    let working = holder(&mut *connection).await?;
    let mut rows = record::all(connection).await?;
    rows.retain(|row| row.topic == topic && live != Some(row.generation));
    let building = rows.iter().rfind(|row| row.state == State::Building);
    let rebuild = building.map(|row| RebuildStatus {
        generation: row.generation,
        fold_version: row.fold_version,
        running: working.as_ref().is_some_and(|holder| builds(holder, row)),
        phase: row.phase,
        records: row.records,
        started_at: row.started_at,
        builder: row.builder.clone(),
    });
    let kept = rows.iter().filter(|row| row.state == State::Kept).map(|row| KeptGeneration {
        generation: row.generation,
        fold_version: row.fold_version,
        swapped_at: row.swapped_at,
    });
    Ok(Known { kept: kept.collect(), rebuild, working, read_only: read_only(connection).await? })
}

/// MariaDB until 11 has a flag here, later ones a word; in both, OFF is what takes rows.
async fn read_only(connection: &mut Watched) -> Result<bool, StoreError> {
    let set: String = sqlx::query_scalar("SELECT CAST(@@GLOBAL.read_only AS CHAR)")
        .fetch_one(connection)
        .await
        .map_err(at("reading whether the server is read-only"))?;
    Ok(!matches!(set.to_ascii_uppercase().as_str(), "0" | "OFF"))
}

fn builds(holder: &Holder, row: &Generation) -> bool {
    holder.work.as_ref().is_some_and(|work| {
        work.command == Work::Rebuild.as_str() && work.generation.is_none_or(|generation| generation == row.generation)
    })
}

impl fmt::Display for RebuildStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.running { "running" } else { "unfinished (`ledger rebuild` continues it)" };
        write!(f, "rebuild of generation {}: {state}, phase {}", self.generation, self.phase.as_str())?;
        if let Some(records) = self.records {
            write!(f, ", {records} records")?;
        }
        if let Some(started_at) = self.started_at {
            write!(f, ", started {} UTC", started_at.format("%Y-%m-%d %H:%M:%S"))?;
        }
        match &self.builder {
            Some(builder) => write!(f, ", {builder}"),
            None => Ok(()),
        }
    }
}
