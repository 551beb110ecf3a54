//! What a client knows in the end about a request, and which single answer says so. It must never make an acceptance of
//! an answer that lacks a part. Read `verdict` for how it is held against the tables.

use e2e::client::Answer;

use crate::request::Request;

/// What a client knows in the end about one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// 201, 202 or 409, or appended by a command: it is in the log, at `position` where that was answered; so for
    /// `confirmed`.
    Accepted { id: String, position: Option<String>, confirmed: Option<bool> },
    /// Any other 4xx.
    Refused(String),
    /// Given up; the last answer.
    Unknown(String),
}

/// A request and what came of it.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    pub(crate) reply: Reply,
}

/// 408 decides nothing: the body did not arrive.
pub(crate) fn definite(answer: &Answer) -> Option<Reply> {
    let id = ["orderId", "movementId"].map(|name| answer.text(name)).concat();
    let position = Some(answer.text("position").to_owned());
    let accepted = |confirmed| Some(Reply::Accepted { id: id.clone(), position: position.clone(), confirmed });
    match (answer.status, answer.problem()) {
        (201, _) => accepted(Some(true)),
        (202, _) => match answer.text("status") {
            "pending" => accepted(None),
            "confirmed" => accepted(Some(true)),
            "rejected" => accepted(Some(false)),
            other => Some(Reply::Refused(format!("202 with the status `{other}`"))),
        },
        (409, "out-of-stock" | "unknown-product" | "below-zero") => accepted(Some(false)),
        (408, _) => None,
        (status @ 400..500, problem) => Some(Reply::Refused(format!("{status} {problem}"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_a_definite_answer_ends_the_retries() {
        let accepted =
            |confirmed| Some(Reply::Accepted { id: "i".to_owned(), position: Some("0:5".to_owned()), confirmed });
        let with = |status: &str| json!({ "orderId": "i", "position": "0:5", "status": status });
        let problem = |word: &str| json!({ "type": format!("/problems/{word}"), "orderId": "i", "position": "0:5" });
        for (status, body, expected) in [
            (201, with("confirmed"), accepted(Some(true))),
            (202, with("pending"), accepted(None)),
            (202, with("rejected"), accepted(Some(false))),
            (202, with("unheard-of"), Some(Reply::Refused("202 with the status `unheard-of`".to_owned()))),
            (409, problem("out-of-stock"), accepted(Some(false))),
            (409, problem("odd"), Some(Reply::Refused("409 odd".to_owned()))),
            (422, problem("idempotency-conflict"), Some(Reply::Refused("422 idempotency-conflict".to_owned()))),
            (408, Value::Null, None),
            (503, problem("unknown-outcome"), None),
            (200, Value::Null, None),
        ] {
            let answer = Answer { status, service: None, location: None, retry_after: None, content_type: None, body };
            assert_eq!(definite(&answer), expected, "{answer:?}");
        }
    }
}
