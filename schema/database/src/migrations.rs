//! The migrations of `schema/migrations`, built in, so that a binary alone can migrate. Nothing is run here: `ledger migrate`
//! runs them, and `schema_version.rs` compares what a database has with them.

use sqlx::migrate::Migrator;

pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");
