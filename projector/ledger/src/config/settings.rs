//! What there is to set: the flags that are also environment variables, found in the program's own definition, so that none can be forgotten.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, Command};

/// Flags that say which file is read cannot stand in it.
const NOT_IN_A_FILE: [&str; 2] = ["config", "profile"];

/// A flag of a command that is a setting.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// The flag's name, and the key in a file.
    pub(super) key: String,
    /// `order place`; `*` for one that every command has.
    pub(super) command: String,
    pub(super) variable: String,
    pub(super) is_secret: bool,
    pub(super) arg: Arg,
}

impl Setting {
    fn of(arg: &Arg, command: &str) -> Option<Self> {
        let key = arg.get_long()?.to_owned();
        let variable = arg.get_env()?.to_string_lossy().into_owned();
        Some(Self { key, command: command.to_owned(), variable, is_secret: is_secret(arg), arg: arg.clone() })
    }

    pub(super) fn is_of_a_file(&self) -> bool {
        !NOT_IN_A_FILE.contains(&self.key.as_str())
    }

    /// The built-in default; `None` where there is none.
    pub(super) fn default(&self) -> Option<String> {
        let values: Vec<_> = self.arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if values.is_empty() {
            return matches!(self.arg.get_action(), ArgAction::SetTrue).then(|| "false".to_owned());
        }
        Some(values.join(","))
    }

    /// Whether the flag would take the value; else why not.
    pub(super) fn check(&self, value: &'static str) -> Result<(), String> {
        let alone = self.arg.clone().env(clap::builder::Resettable::Reset).required(false).default_value(value);
        let command = Command::new("ledger").no_binary_name(true).disable_help_flag(true).arg(alone);
        let Err(error) = command.try_get_matches_from(std::iter::empty::<&str>()) else { return Ok(()) };
        let said = error.to_string();
        let said = said.lines().take_while(|line| !line.trim().is_empty()).collect::<Vec<_>>().join(" ");
        Err(said.trim_start_matches("error: ").to_owned())
    }
}

/// A flag whose value is hidden wherever it is shown.
pub(super) fn is_secret(arg: &Arg) -> bool {
    arg.is_hide_env_values_set()
}

/// All settings, by key; a key that several commands have stands there once for each.
pub(super) fn settings(command: &Command) -> BTreeMap<String, Vec<Setting>> {
    let mut found = BTreeMap::<String, Vec<Setting>>::new();
    collect(command, "", &mut |arg, path| {
        if let Some(setting) = Setting::of(arg, path) {
            found.entry(setting.key.clone()).or_default().push(setting);
        }
    });
    found
}

/// A command that has a flag of that name, whether it is a setting or not.
pub(super) fn command_with(command: &Command, flag: &str) -> Option<String> {
    let mut found = None;
    collect(command, "", &mut |arg, path| {
        if arg.get_long() == Some(flag) && found.is_none() {
            found = Some(path.to_owned());
        }
    });
    found
}

fn collect(command: &Command, path: &str, each: &mut dyn FnMut(&Arg, &str)) {
    let shown = if path.is_empty() { "*" } else { path };
    command.get_arguments().for_each(|arg| each(arg, shown));
    for subcommand in command.get_subcommands() {
        let path = if path.is_empty() {
            subcommand.get_name().to_owned()
        } else {
            format!("{path} {}", subcommand.get_name())
        };
        collect(subcommand, &path, each);
    }
}
