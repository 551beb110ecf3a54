//! The contract between the order services and the projector: domain types, wire events, topics,
//! partitioning, and the SQL schema (in `migrations/`).
//!
//! It must never do IO: no tokio, no sqlx, no rdkafka, no clock, no random number. Both sides depend on it
//! and it depends on neither. Reading order: [`domain`], [`position`], [`wire`], [`reason`], [`log`],
//! [`topics`], [`topic_settings`], [`topic_rules`], [`printable`].

pub mod cloudevents;
pub mod domain;
pub mod log;
pub mod partitioner;
pub mod position;
pub mod printable;
pub mod reason;
pub mod topic_rules;
pub mod topic_settings;
pub mod topics;
pub mod wire;

pub use domain::{
    AdjustmentNote, CancelNote, Channel, Contents, Currency, Delta, HoldSeconds, IdempotencyKey, Line, LineContents,
    LineDecision, LineEvent, LineNo, LineStep, LineTarget, MAX_LINES, MAX_SAFE_INTEGER, Movement, MovementContents,
    MovementId, MovementKind, Note, Order, OrderContents, OrderFault, OrderId, OrderRequest, ProductId, Quantity,
    RequestKind, Sameness, Terms, TotalPrice, UnitPrice, UserId, Violation,
};
pub use position::{EventId, Position};
pub use reason::{LineStatus, OrderReason, ParkReason, RejectionReason, Status};
