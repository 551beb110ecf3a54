//! A configuration file as lines: keys at the top, and tables `[profile.NAME]`. It must never know what a key means.

use std::collections::BTreeMap;
use std::ops::Range;

use toml_edit::{Document, Item, Table, Value};

use super::error::ConfigError;

/// The table that holds the profiles.
const PROFILES: &str = "profile";

/// A key, its value as a flag would be given it, and its line, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) line: usize,
    pub(super) entries: Vec<Entry>,
}

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfigFile {
    /// As it was named.
    pub(super) file: String,
    pub(super) top: Vec<Entry>,
    pub(super) profiles: BTreeMap<String, Profile>,
}

impl ConfigFile {
    /// # Errors
    /// [`ConfigError`], with the line. Of what does not parse nothing is quoted: it may be a secret.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        let line_of = |span: Option<Range<usize>>| {
            let until = span.map_or(0, |span| span.start.min(text.len()));
            text.as_bytes()[..until].iter().filter(|byte| **byte == b'\n').count() + 1
        };
        let document = Document::parse(text).map_err(|error| ConfigError::Syntax {
            file: file.to_owned(),
            line: line_of(error.span()),
            problem: error.message().to_owned(),
        })?;
        let reader = Reader { file, line_of: &line_of };
        let mut found = Self { file: file.to_owned(), top: Vec::new(), profiles: BTreeMap::new() };
        let root = document.as_table();
        for (key, item) in root {
            match item {
                Item::Table(profiles) if key == PROFILES => {
                    for (name, item) in profiles {
                        let line = reader.line(profiles, name);
                        let Item::Table(profile) = item else {
                            return Err(reader.unknown(
                                line,
                                &format!("{PROFILES}.{name}"),
                                "a profile is a table, [profile.NAME]",
                            ));
                        };
                        found.profiles.insert(name.to_owned(), Profile { line, entries: reader.entries(profile)? });
                    }
                }
                Item::Table(_) | Item::ArrayOfTables(_) => {
                    return Err(reader.unknown(
                        reader.line(root, key),
                        key,
                        "the tables of a file are profiles, [profile.NAME]",
                    ));
                }
                _ => found.top.push(reader.entry(root, key, item)?),
            }
        }
        Ok(found)
    }
}

struct Reader<'a> {
    file: &'a str,
    line_of: &'a dyn Fn(Option<Range<usize>>) -> usize,
}

impl Reader<'_> {
    fn line(&self, table: &Table, key: &str) -> usize {
        let spans = table.get_key_value(key).map(|(key, item)| key.span().or_else(|| item.span()));
        (self.line_of)(spans.flatten())
    }

    fn unknown(&self, line: usize, key: &str, hint: &str) -> ConfigError {
        ConfigError::UnknownKey { file: self.file.to_owned(), line, key: key.to_owned(), hint: format!(" ({hint})") }
    }

    fn entries(&self, table: &Table) -> Result<Vec<Entry>, ConfigError> {
        table.iter().map(|(key, item)| self.entry(table, key, item)).collect()
    }

    fn entry(&self, table: &Table, key: &str, item: &Item) -> Result<Entry, ConfigError> {
        let line = self.line(table, key);
        let value = match item.as_value() {
            Some(Value::String(text)) => text.value().clone(),
            Some(Value::Integer(number)) => number.value().to_string(),
            Some(Value::Boolean(flag)) => flag.value().to_string(),
            _ => {
                let (file, key) = (self.file.to_owned(), key.to_owned());
                return Err(ConfigError::Kind { file, line, key, found: item.type_name() });
            }
        };
        Ok(Entry { key: key.to_owned(), value, line })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# where\nurl = \"http://h\"\n\nwriters = 4\naccept-mixed = true\n\n[profile.prod]\nurl = 'http://p'\n[profile.\"a b\"]\n";

    #[test]
    fn every_entry_has_its_line() {
        let found = ConfigFile::parse("f", FILE).expect("valid");
        let entry = |key: &str, value: &str, line| Entry { key: key.to_owned(), value: value.to_owned(), line };
        assert_eq!(
            found.top,
            [entry("url", "http://h", 2), entry("writers", "4", 4), entry("accept-mixed", "true", 5)]
        );
        let profiles: Vec<(&str, usize)> =
            found.profiles.iter().map(|(name, profile)| (name.as_str(), profile.line)).collect();
        assert_eq!(profiles, [("a b", 9), ("prod", 7)]);
        assert_eq!(found.profiles["prod"].entries, [entry("url", "http://p", 8)]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_without_a_value() {
        for (text, says) in [
            ("url = 1\nurl = 2", "f, line 2: "),
            ("a = \"secret", "f, line 1: "),
            ("\nwriters = 1.5", "f, line 2: `writers` must be a text, an integer or true or false, found float"),
            ("x = [1]", "found array"),
            ("a.b = 1", "f, line 1: `a`"),
            ("\n[prod]\n", "f, line 2: `prod` is no setting (the tables of a file are profiles"),
            ("[profile]\nprod = 1", "f, line 2: `profile.prod`"),
        ] {
            let error = ConfigFile::parse("f", text).expect_err(text).to_string();
            assert!(error.contains(says) && !error.contains("secret"), "{text}: {error}");
        }
    }
}
