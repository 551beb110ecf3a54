//! Where the value of each setting comes from, for `ledger config show`. It must never show a secret.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use ledger_database::DatabaseUrl;
use ledger_operator::output::Report;
use serde::Serialize;

use super::defaults::Config;
use super::settings::{Setting, settings};

/// Said in place of a secret.
const HIDDEN: &str = "(hidden)";

/// A setting of one or more commands, all of which have it with this value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    pub setting: String,
    /// `None` where it has none.
    pub value: Option<String>,
    /// `flag`, `environment VARIABLE`, `FILE:LINE`, `default` or `not set`.
    pub origin: String,
    pub variable: String,
    /// The commands that have it; `*` for all.
    pub commands: Vec<String>,
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origins {
    /// The file that was read.
    pub file: Option<String>,
    pub profile: Option<String>,
    pub settings: Vec<Origin>,
}

/// `matches` are those of the command line that asks; only flags that every command has can stand there for others.
pub fn origins(
    command: &Command,
    config: &Config,
    matches: &ArgMatches,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Origins {
    let mut found = Vec::<Origin>::new();
    for setting in settings(command).into_values().flatten() {
        let (value, origin) = resolved(&setting, config, matches, &variable);
        let value = value.map(|value| if setting.is_secret { masked(&value) } else { value });
        let Setting { key: setting, command, variable, .. } = setting;
        let same =
            found.iter_mut().find(|known| known.setting == setting && known.value == value && known.origin == origin);
        match same {
            Some(known) => known.commands.push(command),
            None => found.push(Origin { setting, value, origin, variable, commands: vec![command] }),
        }
    }
    Origins { file: config.file.clone(), profile: config.profile.clone(), settings: found }
}

/// The values of all settings that are hidden, as the environment and the file have them; of a database URL its password. For whoever must keep them out
/// of a text.
pub fn secrets(command: &Command, config: &Config, variable: impl Fn(&str) -> Option<OsString>) -> Vec<String> {
    let mut found = Vec::new();
    for setting in settings(command).into_values().flatten().filter(|setting| setting.is_secret) {
        let of_variable = variable(&setting.variable).map(|value| value.to_string_lossy().into_owned());
        let of_file = config.values.get(&setting.key).map(|chosen| chosen.value.to_owned());
        for value in of_variable.into_iter().chain(of_file) {
            if let Ok(url) = DatabaseUrl::parse(&value) {
                found.push(url.password().to_owned());
            }
            found.push(value);
        }
    }
    found.sort();
    found.dedup();
    found
}

fn resolved(
    setting: &Setting,
    config: &Config,
    matches: &ArgMatches,
    variable: impl Fn(&str) -> Option<OsString>,
) -> (Option<String>, String) {
    let id = setting.arg.get_id().as_str();
    if setting.command == "*" && matches.value_source(id) == Some(ValueSource::CommandLine) {
        let given = matches.get_raw(id).into_iter().flatten().next().map(|value| value.to_string_lossy().into_owned());
        return (given, "flag".to_owned());
    }
    if let Some(value) = variable(&setting.variable) {
        return (Some(value.to_string_lossy().into_owned()), format!("environment {}", setting.variable));
    }
    if let (Some(chosen), Some(file)) = (config.values.get(&setting.key), &config.file) {
        let profile = config.profile.as_ref().filter(|_| chosen.of_profile);
        let profile = profile.map_or_else(String::new, |profile| format!(" (profile {profile})"));
        return (Some(chosen.value.to_owned()), format!("{file}:{}{profile}", chosen.line));
    }
    match setting.default() {
        Some(value) => (Some(value), "default".to_owned()),
        None => (None, "not set".to_owned()),
    }
}

/// A database URL without its password; of any other secret only that there is one.
fn masked(value: &str) -> String {
    match DatabaseUrl::parse(value) {
        _ if value.is_empty() => String::new(),
        Ok(url) => format!("{url:?} (password hidden)"),
        Err(_) => HIDDEN.to_owned(),
    }
}

impl Report for Origins {
    fn header(&self) -> Vec<&'static str> {
        vec!["setting", "value", "origin", "commands"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |origin: &Origin| {
            vec![
                origin.setting.clone(),
                origin.value.clone().unwrap_or_default(),
                origin.origin.clone(),
                origin.commands.join(", "),
            ]
        };
        self.settings.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        let file =
            self.file.as_ref().map_or("no configuration file is read".to_owned(), |file| format!("read from {file}"));
        let profile = self.profile.as_ref().map_or_else(String::new, |profile| format!(", profile {profile}"));
        Some(format!("{file}{profile}; flag > environment > profile > top of the file > default"))
    }
}
