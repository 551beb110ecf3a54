//! Flags that say how the old world wrote its orders, which `import` and `verify-import` share. It must never guess what is not said.
//! Read next: `import/rules.rs` of the operator.

use clap::{Args, ValueEnum};
use ledger_operator::import::{EpochUnit, FieldMap, Mapping, Rules};

use crate::usage::UsageError;

#[derive(Debug, Clone, Args)]
pub struct OldWorldArgs {
    /// A field that stands under another name: order_id, user_id, product_id, quantity, unit_price, total_price or placed_at. An order
    /// id may also be `@key` (the record's key) or `@position` (made of topic and place), a time `@timestamp` (the record's own)
    #[arg(long = "map", value_name = "FIELD=NAME")]
    pub map: Vec<Mapping>,
    /// How many decimal digits the old unit of prices has: 2 where 12.50 stands for 1250 minor units. It counts for every price, whatever its
    /// type. Without it, prices are integers of minor units
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=18))]
    pub minor_units: Option<u8>,
    /// Give an order whose id is no UUID one that is derived from its text (UUIDv5)
    #[arg(long)]
    pub derive_ids: bool,
    /// The unit of times that are numbers, where no schema says it
    #[arg(long, value_name = "UNIT")]
    pub epoch: Option<Epoch>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Epoch {
    S,
    Ms,
    Us,
    Ns,
}

impl OldWorldArgs {
    /// # Errors
    /// [`UsageError::Map`].
    pub fn rules(&self) -> Result<Rules, UsageError> {
        let epoch = self.epoch.map(|unit| match unit {
            Epoch::S => EpochUnit::Seconds,
            Epoch::Ms => EpochUnit::Milliseconds,
            Epoch::Us => EpochUnit::Microseconds,
            Epoch::Ns => EpochUnit::Nanoseconds,
        });
        let Self { map, minor_units, derive_ids, .. } = self;
        Ok(Rules { fields: FieldMap::new(map)?, minor_units: *minor_units, derive_ids: *derive_ids, epoch })
    }
}
