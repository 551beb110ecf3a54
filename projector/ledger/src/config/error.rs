//! Why a configuration file is not taken: exit code 2. Each names the file, and the line where there is one; none repeats a value that may be a secret.

use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error("{file} cannot be read: {problem}")]
    Unreadable { file: String, problem: String },
    #[error("{file}, line {line}: {problem}")]
    Syntax { file: String, line: usize, problem: String },
    #[error("{file}, line {line}: `{key}` is no setting{hint}; `ledger config show` lists all")]
    UnknownKey { file: String, line: usize, key: String, hint: String },
    #[error("{file}, line {line}: `{key}` must be a text, an integer or true or false, found {found}")]
    Kind { file: String, line: usize, key: String, found: &'static str },
    #[error("{file}, line {line}: {key}: {problem}")]
    Value { file: String, line: usize, key: String, problem: String },
    #[error("{file} has no profile `{profile}`; {known}")]
    NoProfile { file: String, profile: String, known: String },
    #[error(
        "profile `{profile}` is asked for, but there is no configuration file (--config FILE, LEDGER_CONFIG, or ledger.toml in the working directory)"
    )]
    NoFile { profile: String },
    #[error(
        "{file}, line {line}: `{key}` is a secret, but others may read or change the file (mode {mode:o}): `chmod 600 {file}`"
    )]
    Exposed { file: String, line: usize, key: String, mode: u32 },
    #[error(
        "{file} belongs to the user with the number {owner}: only a file of your own or of root is read (another one: --config FILE; none: LEDGER_CONFIG=)"
    )]
    Foreign { file: String, owner: u32 },
}
