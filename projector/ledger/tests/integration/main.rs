//! Tests of the projector and its commands on a real Kafka and a real MariaDB, as `cargo xtask test` starts them.

mod as_of;
mod dead_letters;
mod generations;
mod idle;
mod import;
mod migrate;
mod project;
mod published;
mod rebuild;
mod relay;
mod relay_look;
mod replay;
mod setting;
mod sizes;
mod status;
mod store;
mod verify;
mod writer;
