//! How a document is written: JSON, indented, its members in an order that is for reading and never changes by itself, and ASCII alone,
//! so that no character of a pattern is invisible.
//!
//! It must never depend on the order in which a map of `serde_json` happens to have its members: a feature of another crate decides
//! that. Next: [`crate::files`].

use std::fmt::Write;

use serde_json::{Map, Value};

/// These come first, in this order; then the others, by name.
const FIRST: &[&str] = &[
    "$schema",
    "$id",
    "asyncapi",
    "id",
    "info",
    "name",
    "address",
    "host",
    "protocol",
    "action",
    "title",
    "version",
    "summary",
    "description",
    "license",
    "type",
    "const",
    "enum",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "not",
    "minItems",
    "maxItems",
    "items",
    "required",
    "properties",
    "additionalProperties",
    "if",
    "then",
    "else",
    "defaultContentType",
    "servers",
    "channels",
    "operations",
    "components",
];

/// The text of a document, with a line end.
pub fn of(document: &Value) -> String {
    let mut text = String::new();
    write(document, &[], 0, &mut text);
    text.push('\n');
    text
}

/// `first`: names that come before all others, where the value is an object.
fn write(value: &Value, first: &[&str], depth: usize, text: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let names = ordered(members, first);
            // Members that must be there stand as in `required`, which is the order of the wire.
            let required = members.get("required").and_then(Value::as_array);
            let required: Vec<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
            block(text, depth, ['{', '}'], names.len(), |text, at| {
                string(names[at], text);
                text.push_str(": ");
                let first = if names[at] == "properties" { required.as_slice() } else { &[] };
                write(&members[names[at]], first, depth + 1, text);
            });
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            block(text, depth, ['[', ']'], items.len(), |text, at| write(&items[at], &[], depth + 1, text));
        }
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { ", " });
                write(item, &[], depth, text);
            }
            text.push(']');
        }
        Value::String(content) => string(content, text),
        other => write!(text, "{other}").expect("a text takes what is written to it"),
    }
}

fn block(
    text: &mut String,
    depth: usize,
    [open, close]: [char; 2],
    count: usize,
    mut one: impl FnMut(&mut String, usize),
) {
    text.push(open);
    for at in 0..count {
        text.push_str(if at == 0 { "\n" } else { ",\n" });
        text.push_str(&"  ".repeat(depth + 1));
        one(text, at);
    }
    text.push('\n');
    text.push_str(&"  ".repeat(depth));
    text.push(close);
}

/// By `first`, by [`FIRST`], then by name.
fn ordered<'a>(members: &'a Map<String, Value>, first: &[&str]) -> Vec<&'a str> {
    let mut names: Vec<&str> = members.keys().map(String::as_str).collect();
    names.sort_unstable();
    let place = |names: &[&str], wanted: &str| names.iter().position(|name| *name == wanted).unwrap_or(names.len());
    names.sort_by_key(|name| (place(first, name), place(FIRST, name)));
    names
}

fn string(content: &str, text: &mut String) {
    text.push('"');
    for character in content.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            ' '..='~' => text.push(character),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    write!(text, "\\u{unit:04x}").expect("a text takes what is written to it");
                }
            }
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_for_reading_and_means_the_same() {
        let value = json!({
            "b": [1, null, "é\u{10FFFF}\u{0}\"\\\n"], "title": "T", "a": {}, "$id": "x", "c": [{"d": []}, [-1]],
        });
        let expected = "{\n  \"$id\": \"x\",\n  \"title\": \"T\",\n  \"a\": {},\n  \"b\": [1, null, \"\\u00e9\\udbff\\udfff\\u0000\\\"\\\\\\u000a\"],\n  \"c\": [\n    {\n      \"d\": []\n    },\n    [-1]\n  ]\n}\n";
        assert_eq!(of(&value), expected);
        let object = json!({"required": ["b", "a"], "properties": {"a": 1, "aa": 2, "b": 3}});
        assert!(of(&object).ends_with("{\n    \"b\": 3,\n    \"a\": 1,\n    \"aa\": 2\n  }\n}\n"), "{}", of(&object));
        assert_eq!(serde_json::from_str::<Value>(expected).expect("JSON"), value);
    }
}
