//! What an earlier run left: continued where it can be, dropped where it cannot. It must never drop a generation that is
//! live, or was.

use ledger_database::Watched;
use ledger_fold::log_safety::{LogIdentity, check_identity};
use ledger_store::FOLD_VERSION;
use ledger_store::generations::{Generation, Live, State};

use super::error::RebuildCause;
use super::options::RebuildOptions;
use super::tables;
use crate::generations::{Guard, drop, shadow};

/// The build to continue, if there is one. One that is live is found, too: its run died after the RENAME.
pub(super) async fn find(
    options: &RebuildOptions,
    guard: &mut Guard,
    identity: &LogIdentity,
    live: Option<&Live>,
) -> Result<Option<Generation>, RebuildCause> {
    sweep(guard).await?;
    while let Some(found) = ledger_store::generations::building(guard.connection(), &options.topics.orders).await? {
        let generation = found.generation;
        let is_live = live.is_some_and(|live| live.generation == generation);
        if is_live || (!options.restart && fits(guard.connection(), &found, identity).await?) {
            return Ok(Some(found));
        }
        tracing::info!(generation, "what an earlier run left is dropped");
        drop::discard(guard, generation).await?;
    }
    Ok(None)
}

/// Whether an unfinished build can be continued: of this log, by these rules, in tables like the live ones.
async fn fits(connection: &mut Watched, found: &Generation, identity: &LogIdentity) -> Result<bool, RebuildCause> {
    let same_log = check_identity(&found.topic, &found.identity, identity).is_ok();
    Ok(same_log && found.fold_version == FOLD_VERSION && tables::are_alike(connection, found.generation).await?)
}

/// Drops what a run left that died while it dropped tables.
async fn sweep(guard: &mut Guard) -> Result<(), RebuildCause> {
    for generation in shadow::generations(guard.connection()).await? {
        let found = ledger_store::generations::find(guard.connection(), generation).await?;
        if found.is_some_and(|found| found.state == State::Dropped) {
            drop::discard(guard, generation).await?;
        }
    }
    Ok(())
}
