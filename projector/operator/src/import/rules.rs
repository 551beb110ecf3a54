//! How old records are read, as far as that is said from outside: names, units, ids. Next: [`super::field`].

use super::connect_schema::EpochUnit;
use super::field::FieldMap;

/// What the operator says about the old world. The default takes only what needs no word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    pub fields: FieldMap,
    /// How many decimal digits the old unit of prices has: 2 where 12.50 stands for 1250 minor units. `None` where prices are in
    /// minor units.
    pub minor_units: Option<u8>,
    /// Whether an id that is no UUID gets one that is derived from its text.
    pub derive_ids: bool,
    /// The unit of times that are numbers, where no schema says it.
    pub epoch: Option<EpochUnit>,
}
