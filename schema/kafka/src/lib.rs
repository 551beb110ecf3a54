//! Kafka, as the projector, the operator's commands and the order services use it: settings of clients, one classification
//! of errors, facts about topics, raw records and ranges of the log. It must never know what a record says.
//!
//! Reading order: [`settings`], [`faults`] (what an error means), [`error`], [`inspector`] (facts about topics), [`record`],
//! [`replay`] (ranges of the log), [`topics`] (creation), [`disposal`]; `native` is the one file with unsafe code.

pub mod disposal;
pub mod error;
pub mod faults;
pub mod inspector;
mod native;
pub mod record;
pub mod replay;
pub mod settings;
pub mod topics;

pub use disposal::DroppedAside;
pub use error::{KafkaUseError, use_error};
pub use faults::{Fault, fault_of};
pub use inspector::{LogInspector, QuietContext, ask, log_line};
pub use settings::{KAFKA_TIMEOUT, KafkaSettings, PropertiesError};
pub use topics::{TopicOutcome, TopicsError, ensure_topics};
