//! Tests of the projector and its commands on a real Kafka and a real MariaDB, as `cargo xtask test` starts them.

mod another_log;
mod as_of;
mod dead_letters;
mod found;
mod generations;
mod idle;
mod import;
mod log_end;
mod migrate;
mod project;
mod published;
mod rebuild;
mod refusals;
mod relay;
mod relay_look;
mod replay;
mod setting;
mod shown;
mod silence;
mod silent_proxy;
mod sizes;
mod status;
mod store;
mod verify;
mod writer;
