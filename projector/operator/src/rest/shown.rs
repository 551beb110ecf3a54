//! How answers of the services look: a table for people, the server's own JSON for programs. It must never lose a member of that JSON.

use serde::Serialize;
use serde_json::{Value, json};

use crate::output::Report;

/// An order as `GET /orders/{orderId}` gives it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct OrderShown(pub Value);

/// What a write was answered with, and the key that it carried (`idempotencyKey`).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ChangeShown {
    answer: Value,
    #[serde(skip)]
    service: Option<String>,
}

/// Stock of one product, or of several.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum StockLevels {
    One(Value),
    #[serde(rename_all = "camelCase")]
    List {
        items: Vec<Value>,
        next_cursor: Option<String>,
    },
}

/// A member for a table: text as it is, nothing where there is none.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn cells(object: &Value, members: &[&str]) -> Vec<String> {
    members.iter().map(|member| cell(&object[*member])).collect()
}

impl OrderShown {
    pub fn status(&self) -> &str {
        self.0["status"].as_str().unwrap_or_default()
    }

    /// On one line: the status, why, and until when.
    pub fn standing(&self) -> String {
        standing(&self.0)
    }
}

fn standing(object: &Value) -> String {
    let reason = object["reason"].as_str().map_or_else(String::new, |reason| format!(" ({reason})"));
    let until = object["expiresAt"].as_str().filter(|_| object["status"] == "held");
    let until = until.map_or_else(String::new, |until| format!(" until {until}"));
    format!("{}{reason}{until}", cell(&object["status"]))
}

impl Report for OrderShown {
    fn header(&self) -> Vec<&'static str> {
        vec!["line", "product", "quantity", "unit price", "total price", "status", "reason"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let members = ["lineNo", "productId", "quantity", "unitPrice", "totalPrice", "status", "reason"];
        self.0["lines"].as_array().into_iter().flatten().map(|line| cells(line, &members)).collect()
    }

    fn summary(&self) -> Option<String> {
        let order = &self.0;
        let [id, user, total, currency, position] =
            ["orderId", "userId", "totalPrice", "currency", "position"].map(|member| cell(&order[member]));
        let currency = if currency.is_empty() { currency } else { format!(" {currency}") };
        let others = order["others"].as_array().into_iter().flatten();
        let others: String = others
            .map(|other| {
                format!(
                    "\na race left another order under this id: at {}, {}",
                    cell(&other["position"]),
                    standing(other)
                )
            })
            .collect();
        Some(format!(
            "order {id} of {user}: {}, {total}{currency} in minor units, at {position}{others}",
            self.standing()
        ))
    }
}

impl ChangeShown {
    pub(super) fn new(mut answer: Value, service: Option<String>, key: Option<&str>) -> Self {
        if let (Some(object), Some(key)) = (answer.as_object_mut(), key) {
            object.insert("idempotencyKey".to_owned(), json!(key));
        }
        Self { answer, service }
    }
}

impl Report for ChangeShown {
    fn header(&self) -> Vec<&'static str> {
        let what = if self.answer["movementId"].is_string() { "movement" } else { "order" };
        vec![what, "stands", "position", "answered by"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let id = if self.answer["movementId"].is_string() { "movementId" } else { "orderId" };
        let [id, position] = [id, "position"].map(|member| cell(&self.answer[member]));
        vec![vec![id, standing(&self.answer), position, self.service.clone().unwrap_or_default()]]
    }

    fn summary(&self) -> Option<String> {
        let mut said = Vec::new();
        if let Some(key) = self.answer["idempotencyKey"].as_str() {
            said.push(format!("key {key}: the same again is answered the same"));
        }
        if let (Some("pending"), Some(id)) = (self.answer["status"].as_str(), self.answer["orderId"].as_str()) {
            let position = cell(&self.answer["position"]);
            said.push(format!("not decided yet: `ledger order watch {id} --after {position}` waits for it"));
        }
        (!said.is_empty()).then(|| said.join("\n"))
    }
}

impl StockLevels {
    /// On one line, for a list that grows: members that are there, by name.
    pub fn line(&self) -> String {
        let level = match self {
            Self::One(level) => level,
            Self::List { items, .. } => return format!("{} products", items.len()),
        };
        let members = ["available", "held", "position"];
        let said = members
            .iter()
            .filter(|member| !level[**member].is_null())
            .map(|member| format!("{member} {}", cell(&level[*member])));
        format!("{}: {}", cell(&level["productId"]), said.collect::<Vec<_>>().join(", "))
    }
}

impl Report for StockLevels {
    fn header(&self) -> Vec<&'static str> {
        vec!["product", "available", "held", "position"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |level: &Value| cells(level, &["productId", "available", "held", "position"]);
        match self {
            Self::One(level) => vec![row(level)],
            Self::List { items, .. } => items.iter().map(row).collect(),
        }
    }

    fn summary(&self) -> Option<String> {
        match self {
            Self::One(_) => None,
            Self::List { items, next_cursor } => {
                let more = if next_cursor.is_some() { "; there are more: raise --limit" } else { "" };
                Some(format!("{} products{more}", items.len()))
            }
        }
    }
}
