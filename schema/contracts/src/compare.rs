//! Whether one schema may follow another of the same type and version, and by which member it may not.
//!
//! The question is asked of the keywords that `members` uses. It must never guess: of a keyword that it does not know, any difference
//! is both narrower and wider. Next: [`crate::released`].

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

/// What a released schema promises; `Transitive` as it is held against every release, not the last alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compatibility {
    /// What was ever written is read, and what is written is read by every reader there ever was.
    FullTransitive,
    /// What was ever written is read by the newest reader.
    BackwardTransitive,
}

impl Compatibility {
    /// Its name in schema registries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FullTransitive => "FULL_TRANSITIVE",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
        }
    }

    const fn forbids(self, kind: Kind) -> bool {
        match (self, kind) {
            (_, Kind::Narrower) | (Self::FullTransitive, Kind::Wider) => true,
            (Self::BackwardTransitive, Kind::Wider) => false,
        }
    }
}

/// What follows from a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The newer one refuses what the older one takes: what was written may not be read any more.
    Narrower,
    /// The newer one takes what the older one refuses: what is written now may not be read by those who have the older one.
    Wider,
}

/// One difference between two schemas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `lines[].quantity`; empty for the value as a whole.
    pub member: String,
    pub kind: Kind,
    pub detail: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = if self.member.is_empty() { "the value" } else { &self.member };
        let effect = match self.kind {
            Kind::Narrower => "what was written is refused",
            Kind::Wider => "older readers refuse what is written now",
        };
        write!(f, "{member}: {} ({effect})", self.detail)
    }
}

/// Those differences that the compatibility forbids.
pub fn forbidden(older: &Value, newer: &Value, compatibility: Compatibility) -> Vec<Difference> {
    let all = differences(older, newer);
    all.into_iter().filter(|difference| compatibility.forbids(difference.kind)).collect()
}

/// All differences that change what is taken. A new member that may be left out is none: nobody has written it yet, and older readers
/// ignore it.
pub fn differences(older: &Value, newer: &Value) -> Vec<Difference> {
    let mut found = Found { member: String::new(), differences: Vec::new() };
    found.compare(older, newer);
    found.differences
}

/// Keywords that say nothing of what is taken.
pub const ANNOTATIONS: [&str; 7] = ["$schema", "$id", "$comment", "title", "description", "examples", "format"];

struct Found {
    member: String,
    differences: Vec<Difference>,
}

impl Found {
    fn add(&mut self, kind: Kind, detail: impl Into<String>) {
        self.differences.push(Difference { member: self.member.clone(), kind, detail: detail.into() });
    }

    fn both(&mut self, detail: &str) {
        self.add(Kind::Narrower, detail);
        self.add(Kind::Wider, detail);
    }

    fn of_member(&mut self, name: &str, compare: impl FnOnce(&mut Self)) {
        let before = self.member.len();
        if !self.member.is_empty() && name != "[]" {
            self.member.push('.');
        }
        self.member.push_str(name);
        compare(self);
        self.member.truncate(before);
    }

    fn compare(&mut self, older: &Value, newer: &Value) {
        let (Value::Object(older), Value::Object(newer)) = (older, newer) else {
            if older != newer {
                self.both("is another schema");
            }
            return;
        };
        self.sets("type", types(older), types(newer));
        self.sets("const", constant(older), constant(newer));
        self.sets("enum", words(older), words(newer));
        for (keyword, more_is_narrower) in [
            ("minimum", true),
            ("minLength", true),
            ("minItems", true),
            ("maximum", false),
            ("maxLength", false),
            ("maxItems", false),
        ] {
            self.bound(keyword, more_is_narrower, older, newer);
        }
        self.members(older, newer);
        if let (Some(older), Some(newer)) = (older.get("items"), newer.get("items")) {
            self.of_member("[]", |found| found.compare(older, newer));
        } else if older.get("items") != newer.get("items") {
            self.both("items are described in one of them alone");
        }
        const KNOWN: [&str; 13] = [
            "type",
            "const",
            "enum",
            "minimum",
            "minLength",
            "minItems",
            "maximum",
            "maxLength",
            "maxItems",
            "items",
            "properties",
            "required",
            "additionalProperties",
        ];
        let others: BTreeSet<&String> = older.keys().chain(newer.keys()).collect();
        for keyword in others {
            let compared = KNOWN.contains(&keyword.as_str()) || ANNOTATIONS.contains(&keyword.as_str());
            if !compared && without_annotations(older.get(keyword)) != without_annotations(newer.get(keyword)) {
                self.both(&format!("`{keyword}` differs"));
            }
        }
        if older.get("additionalProperties") != newer.get("additionalProperties") {
            self.both("`additionalProperties` differs");
        }
    }

    /// `None` is everything.
    fn sets(&mut self, keyword: &str, older: Option<BTreeSet<String>>, newer: Option<BTreeSet<String>>) {
        let listed = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
        match (older, newer) {
            (None, None) => {}
            (Some(_), None) => self.add(Kind::Wider, format!("`{keyword}` is gone")),
            (None, Some(_)) => self.add(Kind::Narrower, format!("`{keyword}` is new")),
            (Some(older), Some(newer)) => {
                let gone: BTreeSet<String> = older.difference(&newer).cloned().collect();
                let added: BTreeSet<String> = newer.difference(&older).cloned().collect();
                if !gone.is_empty() {
                    self.add(Kind::Narrower, format!("`{keyword}` lost {}", listed(&gone)));
                }
                if !added.is_empty() {
                    self.add(Kind::Wider, format!("`{keyword}` got {}", listed(&added)));
                }
            }
        }
    }

    fn bound(&mut self, keyword: &str, more_is_narrower: bool, older: &Map<String, Value>, newer: &Map<String, Value>) {
        let number = |schema: &Map<String, Value>| schema.get(keyword).and_then(Value::as_i64);
        let (older, newer) = (number(older), number(newer));
        let narrower = match (older, newer) {
            (None, None) => return,
            (None, Some(_)) => true,
            (Some(_), None) => false,
            (Some(older), Some(newer)) if older == newer => return,
            (Some(older), Some(newer)) => (newer > older) == more_is_narrower,
        };
        let shown = |number: Option<i64>| number.map_or("none".to_owned(), |number| number.to_string());
        let kind = if narrower { Kind::Narrower } else { Kind::Wider };
        self.add(kind, format!("`{keyword}` was {}, is {}", shown(older), shown(newer)));
    }

    fn members(&mut self, older: &Map<String, Value>, newer: &Map<String, Value>) {
        let nothing = Map::new();
        let properties = |schema: &Map<String, Value>| schema.get("properties").and_then(Value::as_object).cloned();
        let older_properties = properties(older).unwrap_or_else(|| nothing.clone());
        let newer_properties = properties(newer).unwrap_or(nothing);
        let (older_required, newer_required) = (required(older), required(newer));
        let names: BTreeSet<&String> = older_properties.keys().chain(newer_properties.keys()).collect();
        for name in names {
            let (was, is) = (older_required.contains(name), newer_required.contains(name));
            self.of_member(name, |found| match (older_properties.get(name), newer_properties.get(name)) {
                (Some(older), Some(newer)) => {
                    match (was, is) {
                        (false, true) => found.add(Kind::Narrower, "could be left out, must be there"),
                        (true, false) => found.add(Kind::Wider, "had to be there, may be left out"),
                        _ => {}
                    }
                    found.compare(older, newer);
                }
                (Some(_), None) => found.add(Kind::Wider, "is gone"),
                (None, Some(_)) if is => found.add(Kind::Narrower, "is new, and must be there"),
                _ => {}
            });
        }
    }
}

fn texts<'a>(values: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    values.into_iter().map(Value::to_string).collect()
}

fn types(schema: &Map<String, Value>) -> Option<BTreeSet<String>> {
    match schema.get("type")? {
        Value::Array(kinds) => Some(texts(kinds)),
        kind => Some(texts([kind])),
    }
}

fn constant(schema: &Map<String, Value>) -> Option<BTreeSet<String>> {
    schema.get("const").map(|value| texts([value]))
}

fn words(schema: &Map<String, Value>) -> Option<BTreeSet<String>> {
    schema.get("enum").and_then(Value::as_array).map(texts)
}

fn required(schema: &Map<String, Value>) -> BTreeSet<String> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What a schema takes, and nothing that is for people.
pub fn without_annotations(schema: Option<&Value>) -> Option<Value> {
    fn stripped(value: &Value, names_are_members: bool) -> Value {
        match value {
            Value::Object(members) => {
                let kept = members
                    .iter()
                    .filter(|(name, _)| names_are_members || !ANNOTATIONS.contains(&name.as_str()))
                    .map(|(name, value)| (name.clone(), stripped(value, !names_are_members && name == "properties")));
                Value::Object(kept.collect())
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| stripped(item, false)).collect()),
            other => other.clone(),
        }
    }
    schema.map(|schema| stripped(schema, false))
}

#[cfg(test)]
mod tests;
