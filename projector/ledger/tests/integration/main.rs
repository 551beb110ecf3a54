//! Tests of the projector and its commands on a real Kafka and a real MariaDB, as `cargo xtask test` starts them.

mod as_of;
mod dead_letters;
mod found;
mod generations;
mod idle;
mod import;
mod migrate;
mod project;
mod published;
mod rebuild;
mod relay;
mod replay;
mod setting;
mod status;
mod store;
mod verify;
mod writer;
