//! The configuration that counts: of a file, its top level and one profile, each value checked as its flag would check it, and made the flag's default.
//! Every key of the file is checked, also in profiles that are not chosen: a mistake is told before the night on which it matters.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::Command;

use super::access::Opened;
use super::error::ConfigError;
use super::file::{ConfigFile, Entry};
use super::location::{File, Location};
use super::settings::{self, Setting, is_secret};

/// Values that count, by key.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// As it was named; none was read where there is none.
    pub file: Option<String>,
    pub profile: Option<String>,
    pub(super) values: BTreeMap<String, Chosen>,
}

/// A value of the file, and where it stands. clap keeps defaults for as long as the program runs, so they live as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) value: &'static str,
    pub(super) line: usize,
    pub(super) of_profile: bool,
}

impl Config {
    /// Reads the file that arguments and environment name.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn load(command: &Command, arguments: &[OsString]) -> Result<Self, ConfigError> {
        let location = Location::of(arguments, |name| std::env::var_os(name));
        let (path, is_named) = match location.file {
            File::Named(path) => (path, true),
            File::Default(path) => (path, false),
            File::None => return Self::without_file(location.profile),
        };
        let name = path.display().to_string();
        let Some(opened) = Opened::read(&path)? else {
            let unreadable = ConfigError::Unreadable { file: name, problem: "there is no such file".to_owned() };
            return if is_named { Err(unreadable) } else { Self::without_file(location.profile) };
        };
        let file = ConfigFile::parse(&name, &opened.text)?;
        Self::of(command, &file, opened.exposed(), location.profile)
    }

    fn without_file(profile: Option<String>) -> Result<Self, ConfigError> {
        match profile {
            Some(profile) => Err(ConfigError::NoFile { profile }),
            None => Ok(Self::default()),
        }
    }

    fn of(
        command: &Command,
        file: &ConfigFile,
        exposed: Option<u32>,
        profile: Option<String>,
    ) -> Result<Self, ConfigError> {
        let known = settings::settings(command);
        let name = || file.file.clone();
        for entry in file.top.iter().chain(file.profiles.values().flat_map(|profile| &profile.entries)) {
            let settings = known.get(&entry.key).filter(|settings| settings.iter().all(Setting::is_of_a_file));
            let Some(settings) = settings else { return Err(unknown(command, &known, name(), entry)) };
            let is_secret = settings.iter().any(|setting| setting.is_secret) && !entry.value.is_empty();
            if let Some(mode) = exposed.filter(|_| is_secret) {
                return Err(ConfigError::Exposed { file: name(), line: entry.line, key: entry.key.clone(), mode });
            }
            let value = leaked(&entry.value);
            if let Some(problem) = settings.iter().find_map(|setting| setting.check(value).err()) {
                return Err(ConfigError::Value { file: name(), line: entry.line, key: entry.key.clone(), problem });
            }
        }
        let mut config = Self { file: Some(name()), profile: profile.clone(), values: BTreeMap::new() };
        config.choose(&file.top, false);
        if let Some(profile) = profile {
            let Some(found) = file.profiles.get(&profile) else { return Err(no_profile(file, profile)) };
            config.choose(&found.entries, true);
        }
        Ok(config)
    }

    fn choose(&mut self, entries: &[Entry], of_profile: bool) {
        let chosen = |entry: &Entry| Chosen { value: leaked(&entry.value), line: entry.line, of_profile };
        self.values.extend(entries.iter().map(|entry| (entry.key.clone(), chosen(entry))));
    }

    /// The command line with the file's values as defaults.
    #[must_use]
    pub fn apply(&self, command: Command) -> Command {
        if self.values.is_empty() {
            return command;
        }
        let command = command.mut_args(|arg| {
            let chosen =
                arg.get_long().filter(|_| arg.get_env().is_some()).and_then(|key| self.values.get(key)).copied();
            match chosen {
                // A help text shows defaults, and must not show this one.
                Some(Chosen { value, .. }) if is_secret(&arg) => arg.default_value(value).hide_default_value(true),
                Some(Chosen { value, .. }) => arg.default_value(value),
                None => arg,
            }
        });
        command.mut_subcommands(|subcommand| self.apply(subcommand))
    }
}

fn leaked(text: &str) -> &'static str {
    text.to_owned().leak()
}

fn unknown(command: &Command, known: &BTreeMap<String, Vec<Setting>>, file: String, entry: &Entry) -> ConfigError {
    let dashed = entry.key.replace('_', "-");
    let of_variable = || known.values().flatten().find(|setting| setting.variable.eq_ignore_ascii_case(&entry.key));
    let hint = if known.get(&entry.key).is_some() {
        " of a file: it says which one is read".to_owned()
    } else if known.contains_key(&dashed) {
        format!(" (did you mean `{dashed}`?)")
    } else if let Some(setting) = of_variable() {
        format!(" (did you mean `{}`?)", setting.key)
    } else if let Some(path) = settings::command_with(command, &entry.key) {
        format!(" (--{} of `ledger {path}` says what one run does)", entry.key)
    } else {
        String::new()
    };
    ConfigError::UnknownKey { file, line: entry.line, key: entry.key.clone(), hint }
}

fn no_profile(file: &ConfigFile, profile: String) -> ConfigError {
    let known: Vec<String> =
        file.profiles.iter().map(|(name, profile)| format!("`{name}` (line {})", profile.line)).collect();
    let known = if known.is_empty() {
        "it has none ([profile.NAME])".to_owned()
    } else {
        format!("it has {}", known.join(", "))
    };
    ConfigError::NoProfile { file: file.file.clone(), profile, known }
}
