//! The projector's own code under schedules that a seed decides: which task runs next, what fails, what is late, who dies. The
//! log, the brokers and the database are in memory; the writer, the intake, what the parts share, the group's take-over and
//! hand-over and the relay's session are the real ones. What the servers hold is judged by an oracle that shares no code with
//! the fold.
//!
//! It must never be part of a running system, and never change what the real code decides.
//!
//! Reading order: [`schedule`] with `cast` and `judge` (one schedule from beginning to end), [`settings`], [`choice`] (what a seed decides),
//! [`scheduler`], [`world`]; the servers: [`log`] with [`ask`], [`database`] with [`tables`] and [`store`], [`broker`], [`coordinator`] with [`member`]; who
//! uses them: [`process`], `telling` (relays and owners append), [`operator`] with [`swap`]; the judge: [`oracle`], [`published`], [`reader`]; then [`shrink`].

pub mod ask;
pub mod broker;
mod cast;
pub mod choice;
pub mod coordinator;
pub mod database;
pub mod give_way;
mod judge;
pub mod log;
pub mod member;
pub mod operator;
pub mod oracle;
mod oracle_lines;
pub mod process;
pub mod published;
pub mod publishing;
pub mod reader;
pub mod schedule;
pub mod scheduler;
pub mod settings;
pub mod shown;
pub mod shrink;
pub mod store;
pub mod swap;
pub mod tables;
mod telling;
pub mod world;
