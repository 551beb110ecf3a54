//! Domain types. Each parses in its constructor and has no setter, so a value that exists is valid; none
//! derives serde, so no wire format can make one past its constructor. Wire types: [`crate::wire`].
//!
//! It must never do IO, or know a wire name. Reading order: `text`, `amount`, `id`, `timestamp`, `order`, `movement`,
//! `contents` (what makes two of them the same), `violation` and `shown` (how a refusal is worded).

mod amount;
mod contents;
mod id;
mod movement;
mod order;
mod shown;
mod text;
mod timestamp;
mod violation;

pub use amount::{Delta, MAX_QUANTITY, MAX_SAFE_INTEGER, Quantity, TotalPrice, UnitPrice};
pub use contents::{Contents, Difference, MovementContents, Note, OrderContents, Part, Sameness};
pub use id::{MovementId, OrderId};
pub(crate) use movement::ADJUSTMENT;
pub use movement::{Movement, MovementKind};
pub use order::{Order, WrongTotal};
pub use shown::{shown, shown_bytes};
pub(crate) use text::is_printable;
pub use text::{AdjustmentNote, Channel, IdempotencyKey, MAX_ID_CHARS, ProductId, UserId, check_visible};
pub use timestamp::{parse_timestamp, to_microseconds};
pub use violation::Violation;
