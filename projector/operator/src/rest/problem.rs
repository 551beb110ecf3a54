//! A problem (RFC 9457) as it is told: its words, and the fields and lines that it names. It must never be wordier than the server, nor
//! leave out a field that the server named. Its text is a stranger's until it is printed.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// Statuses that say "later": the server, or one behind it, is away, too slow or too busy.
const PASSING: [u16; 6] = [408, 425, 429, 502, 503, 504];

/// What a server answered in place of success.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Problem {
    #[serde(skip)]
    pub status: u16,
    pub document: Value,
}

impl Problem {
    /// `None` where the body is no problem.
    pub(super) fn of(status: u16, document: &Value) -> Option<Self> {
        let is_problem = document["type"].is_string() && document["title"].is_string();
        is_problem.then(|| Self { status, document: document.clone() })
    }

    /// The last segment of its `type`: the word that is stable.
    pub fn word(&self) -> &str {
        self.text("type").rsplit('/').next().unwrap_or_default()
    }

    /// Whether trying later may help.
    pub fn passes(&self) -> bool {
        is_passing(self.status)
    }

    /// Whether it says that the request may have been accepted.
    pub(super) fn is_doubt(&self) -> bool {
        self.word() == "unknown-outcome"
    }

    fn text(&self, member: &str) -> &str {
        self.document[member].as_str().unwrap_or_default()
    }
}

pub(super) fn is_passing(status: u16) -> bool {
    PASSING.contains(&status)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.text("title"), self.status, self.word())?;
        if !self.text("detail").is_empty() {
            write!(f, ": {}", self.text("detail"))?;
        }
        for error in self.document["errors"].as_array().into_iter().flatten() {
            let line = error["lineNo"].as_i64().map_or_else(String::new, |line| format!(" (line {line})"));
            let text = |member: &str| error[member].as_str().unwrap_or_default().to_owned();
            write!(f, "\n  {}{line}: {}", text("field"), text("message"))?;
        }
        for line in self.document["lines"].as_array().into_iter().flatten() {
            let text = |member: &str| line[member].as_str().unwrap_or_default().to_owned();
            let (number, quantity) = (&line["lineNo"], &line["quantity"]);
            write!(f, "\n  line {number}, {quantity} of {}: {}", text("productId"), text("reason"))?;
        }
        if let Some(available) = self.document["available"].as_i64() {
            write!(f, "\n  available now: {available} of {}", self.text("productId"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_that_the_server_names_is_said() {
        let document = json!({ "type": "/problems/invalid-field", "title": "A field is wrong", "status": 422, "detail": "two fields",
            "errors": [{ "field": "userId", "message": "is missing" },
                       { "field": "lines[1].quantity", "lineNo": 2, "message": "must be an integer" }] });
        let problem = Problem::of(422, &document).expect("a problem");
        assert_eq!(
            problem.to_string(),
            "A field is wrong (422, invalid-field): two fields\n  userId: is missing\n  lines[1].quantity (line 2): must be an integer"
        );
        assert!(!problem.passes() && !problem.is_doubt());
        let document = json!({ "type": "/problems/out-of-stock", "title": "Out of stock", "detail": "rejected", "productId": "bar",
            "lines": [{ "lineNo": 1, "productId": "bar", "quantity": 9, "reason": "out-of-stock" }], "available": 4 });
        assert_eq!(
            Problem::of(409, &document).expect("a problem").to_string(),
            "Out of stock (409, out-of-stock): rejected\n  line 1, 9 of bar: out-of-stock\n  available now: 4 of bar"
        );
        assert_eq!(Problem::of(500, &json!({ "error": "no problem" })), None);
    }
}
