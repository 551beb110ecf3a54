//! Which version of the rules tables were folded by, and whether tables of another version may be continued.

use crate::error::StoreError;

/// Of the rules that this program folds by, as the tables store it.
pub const FOLD_VERSION: i32 = ledger_fold::FOLD_VERSION.cast_signed();

/// Whether tables that another version of the fold made may be continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MixedFolds {
    Refused,
    /// An operator said so. The tables keep the version that they were begun with.
    Accepted,
}

impl MixedFolds {
    /// Whether this program may fold into tables of `generation`, which were made by `found`.
    ///
    /// # Errors
    /// [`StoreError::AnotherFold`].
    pub fn check(self, generation: i32, found: i32) -> Result<(), StoreError> {
        if found == FOLD_VERSION || self == Self::Accepted {
            return Ok(());
        }
        Err(StoreError::AnotherFold { generation, expected: FOLD_VERSION, found })
    }
}
