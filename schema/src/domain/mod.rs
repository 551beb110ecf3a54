//! Domain types. Each parses in its constructor and has no setter, so a value that exists is valid; none
//! derives serde, so no wire format can make one past its constructor. Wire types: [`crate::wire`].
//!
//! It must never do IO, or know a wire name. Reading order: `text`, `amount`, `id`, `timestamp`, `line`, `terms`, `order`,
//! `request` (confirm, cancel, expire), `line_event` (what partitions tell each other), `movement`, `contents` (what makes two of
//! them the same), `violation` and `shown` (how a refusal is worded).

mod amount;
mod contents;
mod currencies;
mod id;
mod line;
mod line_event;
mod movement;
mod order;
mod request;
mod shown;
mod terms;
mod text;
mod timestamp;
mod violation;

pub use amount::{Delta, MAX_QUANTITY, MAX_SAFE_INTEGER, Quantity, TotalPrice, UnitPrice};
pub use contents::{Contents, Difference, LineContents, MovementContents, Note, OrderContents, Part, Sameness};
pub use id::{MovementId, OrderId};
pub use line::{Line, LineNo, MAX_LINES};
pub use line_event::{LineDecision, LineEvent, LineStep, LineTarget};
pub(crate) use movement::ADJUSTMENT;
pub use movement::{Movement, MovementKind};
pub use order::{Order, OrderFault, WrongTotal};
pub use request::{OrderRequest, RequestKind};
pub use shown::{shown, shown_bytes};
pub use terms::{Currency, HoldSeconds, MAX_HOLD_SECONDS, Terms};
pub(crate) use text::is_printable;
pub use text::{AdjustmentNote, CancelNote, Channel, IdempotencyKey, MAX_ID_CHARS, ProductId, UserId, check_visible};
pub use timestamp::{parse_timestamp, to_microseconds};
pub use violation::Violation;
