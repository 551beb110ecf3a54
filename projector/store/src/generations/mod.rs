//! Sets of tables, as they can be read: [`live`] (which is live), [`record`] (what is known of each), [`holder`] (which command
//! changes them now), [`numbers`] (a new set's number). It must never change a set of tables: only an operator's command does.

pub mod holder;
pub mod live;
pub mod numbers;
pub mod record;

pub use holder::{Holder, HolderWork, Work, holder};
pub use live::{Live, live};
pub use numbers::allot_number;
pub use record::{Counts, Generation, Phase, State, all, building, find};
