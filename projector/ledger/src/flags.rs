//! Flags that commands share, each also an environment variable, and how their values are read. It must never connect to
//! anything or print a secret: values of database URLs and Kafka properties are hidden.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ledger_database::DatabaseUrl;
use ledger_kafka::KafkaSettings;
use projector::relay::RelayTopics;

use crate::usage::UsageError;

#[derive(Debug, Args)]
pub struct LogArgs {
    /// What is logged, as a tracing filter (`info`, `projector=debug,info`)
    #[arg(long, env = "LEDGER_LOG", default_value = "info", global = true)]
    pub log: String,
    #[arg(long, env = "LEDGER_LOG_FORMAT", default_value = "text", global = true)]
    pub log_format: LogFormat,
}

/// Which configuration file is read; it is read before the rest of the command line (`config/location.rs`).
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// A file of settings; default: ledger.toml in the working directory, where it is there. Empty: none
    #[arg(long, env = "LEDGER_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<OsString>,
    /// The profile of that file that counts, [profile.NAME]
    #[arg(long, env = "LEDGER_PROFILE", value_name = "NAME", global = true)]
    pub profile: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// A limit that the command line gives, for what is held in memory.
pub fn bounded(limit: u32) -> usize {
    usize::try_from(limit).expect("a usize has 32 bits or more")
}

/// Where Kafka is, and how its topics are named.
#[derive(Debug, Clone, Args)]
pub struct KafkaArgs {
    /// Bootstrap servers, comma separated
    #[arg(long, env = "LEDGER_KAFKA_BROKERS", default_value = "127.0.0.1:29092")]
    pub kafka_brokers: String,
    /// Further librdkafka properties for every client, as `key=value`, comma separated; a value with commas in double quotes
    #[arg(long, env = "LEDGER_KAFKA_PROPERTIES", default_value = "", hide_env_values = true)]
    pub kafka_properties: Hidden,
    /// A file of such properties, one `key=value` a line; those of --kafka-properties win over them
    #[arg(long, env = "LEDGER_KAFKA_PROPERTIES_FILE", value_name = "FILE")]
    pub kafka_properties_file: Option<PathBuf>,
    #[arg(long, env = "LEDGER_ORDERS_TOPIC", default_value = ledger_schema::topics::ORDERS)]
    pub orders_topic: String,
}

/// The topics that the projector writes.
#[derive(Debug, Clone, Args)]
pub struct OutputTopicsArgs {
    #[arg(long, env = "LEDGER_OUTCOMES_TOPIC", default_value = ledger_schema::topics::OUTCOMES)]
    pub outcomes_topic: String,
    #[arg(long, env = "LEDGER_DEAD_LETTERS_TOPIC", default_value = ledger_schema::topics::DEAD_LETTERS)]
    pub dead_letters_topic: String,
    /// Where the relay keeps how far it has published
    #[arg(long, env = "LEDGER_CURSORS_TOPIC", default_value = ledger_schema::topics::CURSORS)]
    pub cursors_topic: String,
}

impl OutputTopicsArgs {
    /// With the log, all topics of the ledger.
    pub fn named(self, orders: String) -> RelayTopics {
        let Self { outcomes_topic: outcomes, dead_letters_topic: dead_letters, cursors_topic: cursors } = self;
        RelayTopics { orders, outcomes, dead_letters, cursors }
    }
}

#[derive(Debug, Clone, Copy, Args)]
pub struct OutputArgs {
    /// Default: a table on a terminal, JSON otherwise
    #[arg(long, env = "LEDGER_OUTPUT", value_name = "FORMAT")]
    pub output: Option<OutputFormat>,
}

/// What every command has that reads the ledger's tables and prints what it found.
#[derive(Debug, Args)]
pub struct ReaderArgs {
    /// mysql://USER:PASSWORD@HOST:PORT/DATABASE of the reader
    #[arg(long, env = "LEDGER_READER_DATABASE_URL", hide_env_values = true)]
    pub reader_database_url: Option<Hidden>,
    #[command(flatten)]
    pub output: OutputArgs,
}

impl ReaderArgs {
    /// # Errors
    /// As [`database_url`].
    pub fn url(&self) -> Result<DatabaseUrl, UsageError> {
        database_url("--reader-database-url", "LEDGER_READER_DATABASE_URL", self.reader_database_url.as_ref())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    Table,
    Json,
}

/// Text that may hold a secret. It takes any text, so that a mistake in it is never echoed by the parser; whoever reads it
/// checks it and names the flag only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

impl From<&str> for Hidden {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::str::FromStr for Hidden {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(text))
    }
}

impl KafkaArgs {
    /// # Errors
    /// [`UsageError::KafkaProperties`].
    pub fn settings(&self) -> Result<KafkaSettings, UsageError> {
        let (properties, file) = (self.kafka_properties.expose(), self.kafka_properties_file.as_deref());
        Ok(KafkaSettings::with_file(&self.kafka_brokers, properties, file)?)
    }
}

/// Reads the database URL that `flag` gives.
///
/// # Errors
/// [`UsageError::MissingUrl`] or [`UsageError::Url`]; neither repeats the value.
pub fn database_url(
    flag: &'static str,
    variable: &'static str,
    value: Option<&Hidden>,
) -> Result<DatabaseUrl, UsageError> {
    let value = value.filter(|value| !value.expose().is_empty()).ok_or(UsageError::MissingUrl { flag, variable })?;
    let url = DatabaseUrl::parse(value.expose()).map_err(|problem| UsageError::Url { flag, problem })?;
    if url.database().is_none() {
        return Err(UsageError::Url { flag, problem: "it names no database".to_owned() });
    }
    Ok(url)
}

/// As [`database_url`], for a role that may be left out; the database may be left out too.
///
/// # Errors
/// [`UsageError::Url`].
pub fn optional_database_url(flag: &'static str, value: Option<&Hidden>) -> Result<Option<DatabaseUrl>, UsageError> {
    value
        .filter(|value| !value.expose().is_empty())
        .map(|value| DatabaseUrl::parse(value.expose()).map_err(|problem| UsageError::Url { flag, problem }))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_value_does_not_show() {
        assert_eq!(format!("{:?}", Hidden::from("mysql://u:secret@h/d")), "(hidden)");
    }

    #[test]
    fn an_error_names_the_flag_and_not_the_value() {
        let missing = database_url("--x-url", "X_URL", None).expect_err("missing");
        assert!(missing.to_string().starts_with("--x-url (or X_URL) is needed"));
        let no_database = database_url("--x-url", "X_URL", Some(&Hidden::from("mysql://u:secret@h/")));
        assert_eq!(
            no_database.err().map(|error| error.to_string()),
            Some(
                "--x-url is not of the form mysql://USER:PASSWORD@HOST:PORT/DATABASE: it names no database".to_owned()
            )
        );
    }
}
