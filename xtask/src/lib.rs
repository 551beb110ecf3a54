//! The repository's own commands: what is missing is installed, the whole system is started,
//! supervised, tested and stopped from here. The binary (`main.rs`) only parses arguments.
//!
//! It must never depend on the crates it starts: it talks to them by processes, ports and HTTP, as
//! any operator would. The end-to-end tests use [`process`], [`gateway`], [`ports`] and [`http`].
//!
//! Reading order: [`state_dir`] (where things lie), [`process`] (how one is started, recognised again and ended),
//! [`mariadb`] and [`kafka`] and [`gateway`] (one server each), [`parts`] (all of them with their settings),
//! [`supervisor`] (keeps them running), [`up`] (the command people type); for what is checked, [`checks`].

pub mod addresses;
pub mod atomic_file;
pub mod bench;
pub mod by_hand;
pub mod cargo;
pub mod chaos;
pub mod checks;
pub mod contracts;
pub mod credentials;
pub mod debian;
pub mod down;
pub mod gateway;
pub mod http;
pub mod install;
pub mod interrupt;
pub mod jars;
pub mod kafka;
pub mod lanes;
pub mod lock;
pub mod logs;
pub mod mariadb;
pub mod mariadb_release;
pub mod mutants;
pub mod npm;
pub mod operator;
pub mod other_build;
pub mod parts;
pub mod ports;
pub mod probe;
pub mod process;
pub mod progress;
pub mod promtool;
pub mod pypi;
pub mod repository;
pub mod samples;
pub mod server;
pub mod servers;
pub mod simulate;
pub mod state_dir;
pub mod supervisor;
pub mod table;
pub mod tools;
pub mod up;
pub mod wrong_clock;
