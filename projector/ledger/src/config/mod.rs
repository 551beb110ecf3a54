//! The configuration file: which one is read, what it may say, and how its values come below flags and environment. It must never echo a secret,
//! and never let a key that nobody knows pass in silence.
//!
//! A setting is a flag that is also an environment variable; its key is the flag's name. What a file says becomes the default of the flag, of every
//! command that has it, before the command line is read: so flag > environment > profile > the file's top level > built-in default, without a word
//! of it in any command. A choice of one run (`--yes`, `--dry-run`, `--event`) is no setting and cannot stand in a file.
//!
//! Reading order: [`location`] (which file, which profile), [`access`] (whose it is, who may read it), [`file`] (its lines), [`settings`] (what there is
//! to set), [`defaults`] (how it takes effect), [`origin`] (where each value comes from), [`error`].

mod access;
mod defaults;
mod error;
mod file;
mod location;
mod origin;
mod settings;

pub use defaults::Config;
pub use error::ConfigError;
pub use origin::{Origins, origins, secrets};
