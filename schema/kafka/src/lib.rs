//! Kafka, as the projector, the operator's commands and the order services use it: settings of clients, one classification
//! of errors, facts about topics, raw records and ranges of the log. It must never know what a record says.
//!
//! Reading order: [`properties`] (as operators write them), `property_files` (the files that they name), [`settings`], `token` (how OAUTHBEARER logs in), [`service_clients`] (settings of the order services' clients), [`faults`] (what an error means), [`delivery`] (what became of a record), [`error`], `context` (what clients report beside their answers), [`inspector`] (facts about topics; `ends` has where they end, [`cluster`] facts about brokers), [`record`],
//! [`replay`] (ranges of the log), [`tail`] (what is left of one), [`topics`] (creation), [`disposal`]; `native` is the one folder with unsafe code.

pub mod cluster;
mod code_table;
mod context;
pub mod delivery;
pub mod disposal;
mod ends;
pub mod error;
pub mod faults;
pub mod inspector;
mod native;
pub mod properties;
mod property_files;
pub mod record;
pub mod replay;
pub mod service_clients;
pub mod settings;
pub mod tail;
mod token;
pub mod topics;

pub use cluster::Broker;
pub use context::{QuietContext, log_line};
pub use delivery::{NotDelivered, Reported, reported};
pub use disposal::DroppedAside;
pub use error::{KafkaUseError, settings_refused, use_error};
pub use faults::{
    AppendAnswer, AppendFault, AppendStep, Fault, Persistence, Refusal, TOPIC_PATIENCE, append_answer_of_code,
    append_fault, fault_of, is_all_brokers_down, is_not_admitted, is_too_large,
};
pub use inspector::{LogInspector, PartitionState, ask};
pub use properties::PropertiesError;
pub use service_clients::ProducerLimits;
pub use settings::{KAFKA_TIMEOUT, KafkaSettings};
pub use token::oauth_token;
pub use topics::{TopicCheck, TopicOutcome, TopicsError, check_topics, ensure_topics};
