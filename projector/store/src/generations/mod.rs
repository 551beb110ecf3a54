//! Sets of tables, as they can be read: [`live`] (which is live), [`record`] (what is known of each), [`holder`] (which command
//! changes them now). It must never change anything: only an operator's command does.

pub mod holder;
pub mod live;
pub mod record;

pub use holder::{Holder, HolderWork, Work, holder};
pub use live::{Live, live};
pub use record::{Counts, Generation, Phase, State, all, building, find};
