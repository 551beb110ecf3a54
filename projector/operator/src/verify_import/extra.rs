//! Orders of the ledger that the old table has no row for. The ledger's ids are taken in their order, so many at a time as memory
//! is allowed; for each part the table is read once, and what it has is taken out: what is left has no row.
//!
//! It must never take an order for one too many that came to the ledger by itself, where the old topic tells them apart. Next:
//! [`super::run`].

use std::collections::HashSet;

use futures_util::TryStreamExt;
use ledger_database::Watched;
use ledger_schema::OrderId;
use uuid::Uuid;

use super::error::VerifyImportError;
use super::old_row::IdReader;
use super::table::OldTable;
use crate::import::ledger_reader::LedgerReader;

/// Ids that are held at once: 35 to 70 MiB.
pub(super) const PASS_IDS: usize = 2_000_000;
/// Ids that are asked for at once.
const PAGE_IDS: u32 = 10_000;

/// The next orders of the ledger, and which of them have no row.
pub(super) struct Extra<'a> {
    pub table: &'a OldTable,
    pub ids: IdReader<'a>,
    /// The last id of the part before.
    after: Option<Uuid>,
}

impl<'a> Extra<'a> {
    pub(super) fn new(table: &'a OldTable, ids: IdReader<'a>) -> Self {
        Self { table, ids, after: None }
    }

    /// The ids of the next part that have no row; `None` when there is no further part.
    pub(super) async fn next(
        &mut self,
        ledger: &mut LedgerReader,
        old: &mut Watched,
    ) -> Result<Option<HashSet<Uuid>>, VerifyImportError> {
        let mut left = HashSet::new();
        while left.len() < PASS_IDS {
            let page = ledger.ids_after(self.after, PAGE_IDS).await?;
            let Some(last) = page.last() else { break };
            self.after = Some(*last);
            left.extend(page);
        }
        if left.is_empty() {
            return Ok(None);
        }
        let mut rows = sqlx::query(self.table.select_ids()).fetch(old);
        while let Some(row) = rows.try_next().await? {
            if let Ok(id) = self.ids.read(&row)? {
                for id in id.ids {
                    left.remove(&OrderId::as_uuid(id));
                }
            }
        }
        Ok(Some(left))
    }
}
