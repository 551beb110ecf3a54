//! Further properties of Kafka's clients as operators write them: a list in a flag or a variable, or a file.
//!
//! It must never repeat what was written in an error: a value may be a secret, and where the form is wrong, so may be what
//! looks like a key. An error says where it stands, and names only properties that it knows.

use std::fs;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Properties that decide correctness; nobody may set them.
/// Aliases are among them: of two names of one property, which is applied last is a matter of chance.
const PINNED: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "group.id",
    "group.protocol",
    "isolation.level",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "partitioner",
    "request.required.acks",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "transactional.id",
];

/// A property and its value.
pub(crate) type Property = (String, String);

/// Properties that are not taken. It never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PropertiesError {
    #[error(
        "--kafka-properties: property {number} is not key=value (they are comma separated; a value with a comma stands in double quotes)"
    )]
    Form { number: usize },
    #[error(
        "--kafka-properties: property {number}: after its quoted value a comma is expected (a quote within it is doubled)"
    )]
    AfterQuote { number: usize },
    #[error("--kafka-properties: property {number}: its quoted value has no end")]
    OpenQuote { number: usize },
    #[error("--kafka-properties: {name} is set by the ledger itself")]
    Pinned { name: &'static str },
    #[error("--kafka-properties-file: {file}, line {line}: {name} is set by the ledger itself")]
    PinnedInFile { file: String, line: usize, name: &'static str },
    #[error("--kafka-properties-file: {file}, line {line} is not key=value")]
    Line { file: String, line: usize },
    #[error("--kafka-properties-file: {file} cannot be read: {problem}")]
    File { file: String, problem: String },
    /// It holds a secret, and others may read it.
    #[error("--kafka-properties-file: {file} {problem}")]
    OpenFile { file: String, problem: String },
    /// librdkafka's own ways to a token need an HTTP client, which is not built in.
    #[error(
        "OAUTHBEARER of the Kafka properties: expected sasl.oauthbearer.config=token-file=FILE, a file with the token, which somebody renews"
    )]
    NoTokenFile,
    /// A file that a property names.
    #[error("{property} of the Kafka properties: {file} {problem}")]
    Named { property: &'static str, file: String, problem: String },
}

fn pinned(key: &str) -> Option<&'static str> {
    PINNED.iter().find(|name| **name == key).copied()
}

/// `key=value`, comma separated. A value that begins with a double quote ends with one and may hold commas; a double quote
/// within is written twice. Spaces around keys and values do not count, and an empty item is none.
///
/// # Errors
/// [`PropertiesError`], by the number of the property, counted from 1.
pub(crate) fn of_list(text: &str) -> Result<Vec<Property>, PropertiesError> {
    let mut properties = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if rest.is_empty() {
            return Ok(properties);
        }
        let number = properties.len() + 1;
        let item_end = rest.find(',').unwrap_or(rest.len());
        let (key, after_key) = match rest.find('=') {
            Some(equals) if equals < item_end => (rest[..equals].trim(), &rest[equals + 1..]),
            _ => return Err(PropertiesError::Form { number }),
        };
        if key.is_empty() {
            return Err(PropertiesError::Form { number });
        }
        if let Some(name) = pinned(key) {
            return Err(PropertiesError::Pinned { name });
        }
        let (value, after_value) = match after_key.trim_start().strip_prefix('"') {
            Some(quoted) => quoted_value(quoted, number)?,
            None => {
                let end = after_key.find(',').unwrap_or(after_key.len());
                (after_key[..end].trim().to_owned(), &after_key[end..])
            }
        };
        properties.push((key.to_owned(), value));
        rest = after_value;
    }
}

/// What stands before the closing quote, and what follows it.
fn quoted_value(quoted: &str, number: usize) -> Result<(String, &str), PropertiesError> {
    let mut value = String::new();
    let mut rest = quoted;
    loop {
        let Some(quote) = rest.find('"') else { return Err(PropertiesError::OpenQuote { number }) };
        value.push_str(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                value.push('"');
                rest = after;
            }
            None => break,
        }
    }
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with(',') {
        Ok((value, rest))
    } else {
        Err(PropertiesError::AfterQuote { number })
    }
}

/// A line each, `key=value`; the value is all that follows, but for spaces around it. Empty lines, and those that begin with
/// `#`, say nothing.
///
/// # Errors
/// [`PropertiesError`], by the file and the number of the line.
pub(crate) fn of_file(path: &Path) -> Result<Vec<Property>, PropertiesError> {
    let file = PathBuf::from(path).display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| PropertiesError::File { file: file.clone(), problem: error.to_string() })?;
    let lines = text.strip_prefix('\u{feff}').unwrap_or(&text).lines().zip(1..);
    let said = lines
        .map(|(line, number)| (line.trim(), number))
        .filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    said.map(|(text, line)| match text.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
        Some((key, value)) if !key.is_empty() => match pinned(key) {
            Some(name) => Err(PropertiesError::PinnedInFile { file: file.clone(), line, name }),
            None => Ok((key.to_owned(), value.to_owned())),
        },
        _ => Err(PropertiesError::Line { file: file.clone(), line }),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<(String, String)> {
        of_list(text).expect(text)
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn a_list_is_read() {
        assert_eq!(list(""), []);
        assert_eq!(list(" , ,"), []);
        assert_eq!(
            list("sasl.password=p=1, security.protocol = SASL_SSL ,"),
            [pair("sasl.password", "p=1"), pair("security.protocol", "SASL_SSL")]
        );
        assert_eq!(
            list(r#"sasl.password="a,b=""c"" \d ", x.y=, debug="broker,security""#),
            [pair("sasl.password", r#"a,b="c" \d "#), pair("x.y", ""), pair("debug", "broker,security")]
        );
        assert_eq!(list(r#"a=b"c"#), [pair("a", r#"b"c"#)], "a quote within a value is one");
    }

    #[test]
    fn an_error_says_where_and_repeats_nothing() {
        for (bad, says) in [
            ("hunter2", "property 1 is not key=value"),
            ("=hunter2", "property 1 is not key=value"),
            ("sasl.password=hunter,2", "property 2 is not key=value"),
            ("sasl.password=hunter,2,a=b", "property 2 is not key=value"),
            (r#"a=b, sasl.password="hunter,2"#, "property 2: its quoted value has no end"),
            (r#"sasl.password="hunter"2,a=b"#, "property 1: after its quoted value a comma is expected"),
            ("auto.offset.reset=hunter2", "auto.offset.reset is set by the ledger itself"),
            ("acks=1", "acks is set by the ledger itself"),
            ("retry.backoff.ms=1", "retry.backoff.ms is set by the ledger itself"),
        ] {
            let error = of_list(bad).expect_err(bad);
            assert!(error.to_string().starts_with(&format!("--kafka-properties: {says}")), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter"), "{error:?}");
        }
    }

    #[test]
    fn a_file_is_read_line_by_line() {
        let path = std::env::temp_dir().join(format!("ledger-kafka-properties-{}", std::process::id()));
        let read = |text: &str| {
            fs::write(&path, text).expect("a file");
            of_file(&path)
        };
        assert_eq!(
            read("\u{feff}# who we are\r\n\r\n sasl.username = ledger\r\nsasl.password=a,b=\"c\"\nx.y=\n")
                .expect("valid"),
            [pair("sasl.username", "ledger"), pair("sasl.password", r#"a,b="c""#), pair("x.y", "")]
        );
        for (bad, says) in [
            ("a=b\n\nhunter2\n", ", line 3 is not key=value"),
            ("=hunter2", ", line 1 is not key=value"),
            ("# \nacks=hunter2\n", ", line 2: acks is set by the ledger itself"),
        ] {
            let error = read(bad).expect_err(bad);
            assert!(error.to_string().ends_with(says), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter"), "{error:?}");
        }
        fs::remove_file(&path).expect("it was there");
        let missing = of_file(&path).expect_err("it is gone").to_string();
        assert!(missing.contains("ledger-kafka-properties") && missing.contains("cannot be read"), "{missing}");
    }
}
