//! One file per command. A command checks its flags, calls the part of the library that does the work, and prints; it
//! must never hold logic of its own.

pub mod completions;
pub mod config;
pub mod dead_letters;
pub mod debug;
pub mod doctor;
pub mod examples;
pub mod generations;
pub mod import;
pub mod keys;
pub mod man;
pub mod migrate;
pub mod order;
pub mod pause;
pub mod project;
pub mod rebuild;
pub mod rollback;
pub mod skip;
pub mod status;
pub mod stock;
pub mod verify;
pub mod verify_import;
