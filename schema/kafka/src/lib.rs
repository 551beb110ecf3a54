//! Kafka, as the projector, the operator's commands and the order services use it: settings of clients, one classification
//! of errors, facts about topics, raw records and ranges of the log. It must never know what a record says.
//!
//! Reading order: [`settings`], [`service_clients`] (settings of the order services' clients), [`faults`] (what an error means), [`error`], [`inspector`] (facts about topics), [`record`],
//! [`replay`] (ranges of the log), [`topics`] (creation), [`disposal`]; `native` is the one file with unsafe code.

pub mod disposal;
pub mod error;
pub mod faults;
pub mod inspector;
mod native;
pub mod record;
pub mod replay;
pub mod service_clients;
pub mod settings;
pub mod topics;

pub use disposal::DroppedAside;
pub use error::{KafkaUseError, settings_refused, use_error};
pub use faults::{AppendFault, AppendStep, Fault, append_fault, fault_of, is_all_brokers_down, is_too_large};
pub use inspector::{LogInspector, QuietContext, ask, log_line};
pub use service_clients::ProducerLimits;
pub use settings::{KAFKA_TIMEOUT, KafkaSettings, PropertiesError};
pub use topics::{TopicOutcome, TopicsError, check_uncompressed, ensure_topics};
