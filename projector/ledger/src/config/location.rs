//! Which file and which profile, from the arguments and the environment, before the command line is read as a whole. It must never be stricter or
//! laxer than that reading: no flag of `ledger` takes a value that begins with `--`, so `--config` is found wherever it stands.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// In the working directory.
const DEFAULT_FILE: &str = "ledger.toml";

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) file: File,
    pub(super) profile: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum File {
    /// Somebody named it: it has to be there.
    Named(PathBuf),
    /// Read where it is there.
    Default(PathBuf),
    /// `LEDGER_CONFIG` is empty.
    None,
}

impl Location {
    pub(super) fn of(arguments: &[OsString], variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let file = match flag(arguments, "--config").or_else(|| variable("LEDGER_CONFIG")) {
            Some(empty) if empty.is_empty() => File::None,
            Some(path) => File::Named(path.into()),
            None => File::Default(DEFAULT_FILE.into()),
        };
        let profile = flag(arguments, "--profile").or_else(|| variable("LEDGER_PROFILE"));
        let profile = profile.map(|name| name.to_string_lossy().into_owned()).filter(|name| !name.is_empty());
        Self { file, profile }
    }
}

/// The value of `--name VALUE` or `--name=VALUE`, of the first there is; a second one is refused later.
fn flag(arguments: &[OsString], name: &str) -> Option<OsString> {
    let mut arguments = arguments.iter().skip(1).take_while(|argument| *argument != "--");
    while let Some(argument) = arguments.next() {
        if argument == name {
            return arguments.next().cloned();
        }
        let value = argument.to_str().and_then(|text| text.strip_prefix(name)?.strip_prefix('='));
        if let Some(value) = value {
            return Some(OsStr::new(value).to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &str, variables: &[(&str, &str)], file: File, profile: Option<&str>) {
        let arguments: Vec<OsString> = arguments.split(' ').map(OsString::from).collect();
        let variable =
            |name: &str| variables.iter().find(|(found, _)| *found == name).map(|(_, value)| OsString::from(value));
        let expected = Location { file, profile: profile.map(str::to_owned) };
        assert_eq!(Location::of(&arguments, variable), expected, "{arguments:?} {variables:?}");
    }

    #[test]
    fn flags_come_before_variables_and_those_before_the_default() {
        let named = |path: &str| File::Named(path.into());
        check("ledger status", &[], File::Default(DEFAULT_FILE.into()), None);
        check("ledger --config a.toml status", &[("LEDGER_CONFIG", "b.toml")], named("a.toml"), None);
        check("ledger status --config=a.toml --profile p", &[("LEDGER_PROFILE", "q")], named("a.toml"), Some("p"));
        check("ledger status", &[("LEDGER_CONFIG", "b.toml"), ("LEDGER_PROFILE", "q")], named("b.toml"), Some("q"));
        check("ledger status", &[("LEDGER_CONFIG", ""), ("LEDGER_PROFILE", "")], File::None, None);
        check("ledger stock get -- --config a.toml", &[], File::Default(DEFAULT_FILE.into()), None);
    }
}
