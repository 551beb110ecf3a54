//! The last look before a text leaves: what is known to be a secret is taken out of it, however it is written there. It is the second guard, not
//! the first: nothing that is gathered should hold one.

use ledger_schema::printable::printable_json;
use reqwest::Url;
use serde_json::Value;

use crate::doctor;

/// Said in place of a secret.
const HIDDEN: &str = "(hidden)";
/// Shorter ones are no secrets worth the name, and would be found in every other word.
const SHORTEST: usize = 5;

/// Knows the secrets.
#[derive(Debug)]
pub(super) struct Scrubber {
    /// The longest first: one may be a part of another.
    secrets: Vec<String>,
}

impl Scrubber {
    pub(super) fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut all = Vec::new();
        for secret in secrets.into_iter().filter(|secret| secret.len() >= SHORTEST) {
            let quoted = Value::String(secret.clone()).to_string();
            let in_json = quoted.trim_matches('"').to_owned();
            let printed = printable_json(&in_json).into_owned();
            // As a URL writes it that keeps what it may, and as one that escapes all it can.
            let in_url = Url::parse("http://h/").map(|mut url| {
                let _ = url.set_password(Some(&secret));
                url.password().unwrap_or_default().to_owned()
            });
            let escaped = escaped(&secret);
            all.extend(
                [secret, in_json, printed, in_url.unwrap_or_default(), escaped]
                    .into_iter()
                    .filter(|text| text.len() >= SHORTEST),
            );
        }
        all.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        all.dedup();
        Self { secrets: all }
    }

    pub(super) fn scrubbed(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }
}

fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// Those that a look is made with.
pub(super) fn secrets_of(look: &doctor::Options) -> Vec<String> {
    let passwords = look.logins.iter().map(|login| login.url.password().to_owned());
    let bearers = look.parts.iter().filter_map(|part| part.client.secret().map(str::to_owned));
    passwords.chain(look.kafka.secrets().map(str::to_owned)).chain(bearers).collect()
}

/// The same JSON, with no password and no query in any address that stands in it.
pub(super) fn without_secrets_of_addresses(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(bare_address(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(without_secrets_of_addresses).collect()),
        Value::Object(members) => {
            let bare = members.into_iter().map(|(name, value)| (name, without_secrets_of_addresses(value)));
            Value::Object(bare.collect())
        }
        other => other,
    }
}

/// A text that is one address, or several with commas between.
fn bare_address(text: String) -> String {
    if !text.contains("://") {
        return text;
    }
    text.split(',').map(bare_one).collect::<Vec<_>>().join(",")
}

fn bare_one(text: &str) -> String {
    let Ok(mut url) = Url::parse(text.trim()) else {
        return if text.contains('@') { HIDDEN.to_owned() } else { text.to_owned() };
    };
    if url.password().is_none() && url.query().is_none() && url.fragment().is_none() {
        return text.to_owned();
    }
    // An address that can hold none has none.
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    format!("{url} {HIDDEN}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_taken_out_however_they_are_written() {
        let scrubber = Scrubber::new([
            "a'b\\ c/d@e".to_owned(),
            "hunter22".to_owned(),
            "hunter22-long".to_owned(),
            "x".to_owned(),
        ]);
        for (text, expected) in [
            ("password=hunter22;", "password=(hidden);"),
            ("hunter22-long", "(hidden)"),
            (r"raw a'b\ c/d@e", "raw (hidden)"),
            (r#"{"p":"a'b\\ c/d@e"}"#, r#"{"p":"(hidden)"}"#),
            ("mysql://u:a%27b%5C%20c%2Fd%40e@h", "mysql://u:(hidden)@h"),
            ("x is no secret", "x is no secret"),
        ] {
            assert_eq!(scrubber.scrubbed(text), expected);
        }
    }

    #[test]
    fn addresses_keep_no_password_and_no_query() {
        let bare = without_secrets_of_addresses(json!({
            "jwks": "https://u:pw@idp.example/keys?token=t#f", "plain": "https://idp.example/keys", "list": ["mysql://u:pw@h/d", "text"],
            "broken": "https://u:p w@[", "number": 1
        }));
        assert_eq!(bare["list"], json!(["mysql://u@h/d (hidden)", "text"]));
        assert_eq!(bare["jwks"], "https://u@idp.example/keys (hidden)");
        assert_eq!(bare["plain"], "https://idp.example/keys");
        assert_eq!((&bare["broken"], &bare["number"]), (&json!("(hidden)"), &json!(1)));
    }
}
