//! Tests of the projector and its commands on a real Kafka and a real MariaDB, as `cargo xtask test` starts them.

mod another_log;
mod as_of;
mod basket;
mod bundle;
mod callers;
mod configuration;
mod dead_letters;
mod doctor;
mod explained;
mod found;
mod generations;
mod idle;
mod import;
mod interventions;
mod kafka_away;
mod lines;
mod log_end;
mod migrate;
#[expect(dead_code, reason = "the projector is asked with tokens of a secret alone")]
#[path = "../../../../schema/auth/tests/minting/mod.rs"]
mod minting;
mod project;
mod published;
mod rebuild;
mod redrive_many;
mod refusals;
#[path = "../../../../schema/kafka/tests/refusing_broker/mod.rs"]
mod refusing_broker;
mod relay;
mod relay_look;
mod replay;
mod scripted_service;
mod secured_database;
mod services;
mod setting;
mod shown;
mod silence;
mod silent_proxy;
mod sizes;
mod status;
mod store;
mod verify;
mod writer;
