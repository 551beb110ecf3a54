//! The contract between the order services and the projector: domain types, wire events, topics,
//! partitioning, and the SQL schema (in `migrations/`).
//!
//! It must never do IO: no tokio, no sqlx, no rdkafka, no clock, no random number. Both sides depend on it
//! and it depends on neither. Reading order: [`domain`], [`position`], [`wire`], [`reason`], [`log`],
//! [`topics`], [`topic_settings`], [`printable`].

pub mod cloudevents;
pub mod domain;
pub mod log;
pub mod partitioner;
pub mod position;
pub mod printable;
pub mod reason;
pub mod topic_settings;
pub mod topics;
pub mod wire;

pub use domain::{
    AdjustmentNote, Channel, Contents, Delta, IdempotencyKey, MAX_SAFE_INTEGER, Movement, MovementContents, MovementId,
    MovementKind, Note, Order, OrderContents, OrderId, ProductId, Quantity, Sameness, TotalPrice, UnitPrice, UserId,
    Violation,
};
pub use position::{EventId, Position};
pub use reason::{ParkReason, RejectionReason, Status};
