//! What a client knows in the end about a request, and which single answer says so. It must never make an acceptance of
//! an answer that lacks a part. Read `verdict` for how it is held against the tables.

use e2e::client::Answer;

use crate::request::Request;

/// Where an order or a movement was said to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Held,
    Confirmed,
    Rejected,
    Cancelled,
}

impl Status {
    /// `None`: it is not decided, or the word is none.
    pub(crate) fn of(word: &str) -> Option<Self> {
        match word {
            "held" => Some(Self::Held),
            "confirmed" => Some(Self::Confirmed),
            "rejected" => Some(Self::Rejected),
            "cancelled" => Some(Self::Cancelled),
            _ => None,
        }
    }

    /// Whether what stood so may stand otherwise later. Whatever stands may stay.
    pub(crate) fn may_become(self, later: Self) -> bool {
        self == later
            || matches!(
                (self, later),
                (Self::Held, Self::Confirmed | Self::Cancelled) | (Self::Confirmed, Self::Cancelled)
            )
    }
}

/// What a client knows in the end about one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// 201, 202 or 409, or appended by a command: it is in the log, at `position` where that was answered; so for
    /// `status`.
    Accepted { id: String, position: Option<String>, status: Option<Status> },
    /// Any other 4xx.
    Refused(String),
    /// Given up; the last answer.
    Unknown(String),
}

/// A request and what came of it.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    /// Nobody confirms or cancels it, and it is held.
    pub(crate) expires: bool,
    pub(crate) reply: Reply,
}

/// 408 decides nothing: the body did not arrive.
pub(crate) fn definite(answer: &Answer) -> Option<Reply> {
    let id = ["orderId", "movementId"].map(|name| answer.text(name)).concat();
    let position = Some(answer.text("position").to_owned());
    let accepted = |status| Some(Reply::Accepted { id: id.clone(), position: position.clone(), status });
    match (answer.status, answer.problem()) {
        (201, _) => match Status::of(answer.text("status")) {
            status @ Some(Status::Confirmed | Status::Held) => accepted(status),
            _ => Some(Reply::Refused(format!("201 with the status `{}`", answer.text("status")))),
        },
        (202, _) => match (answer.text("status"), Status::of(answer.text("status"))) {
            ("pending", _) => accepted(None),
            (_, status @ Some(_)) => accepted(status),
            (other, None) => Some(Reply::Refused(format!("202 with the status `{other}`"))),
        },
        (409, "out-of-stock" | "unknown-product" | "below-zero") => accepted(Some(Status::Rejected)),
        (409, "cancelled" | "expired") => accepted(Some(Status::Cancelled)),
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
        let accepted = |status| Some(Reply::Accepted { id: "i".to_owned(), position: Some("0:5".to_owned()), status });
        let with = |status: &str| json!({ "orderId": "i", "position": "0:5", "status": status });
        let problem = |word: &str| json!({ "type": format!("/problems/{word}"), "orderId": "i", "position": "0:5" });
        let refused = |why: &str| Some(Reply::Refused(why.to_owned()));
        for (status, body, expected) in [
            (201, with("confirmed"), accepted(Some(Status::Confirmed))),
            (201, with("held"), accepted(Some(Status::Held))),
            (201, with("pending"), refused("201 with the status `pending`")),
            (202, with("pending"), accepted(None)),
            (202, with("rejected"), accepted(Some(Status::Rejected))),
            (202, with("unheard-of"), refused("202 with the status `unheard-of`")),
            (409, problem("out-of-stock"), accepted(Some(Status::Rejected))),
            (409, problem("expired"), accepted(Some(Status::Cancelled))),
            (409, problem("odd"), refused("409 odd")),
            (422, problem("idempotency-conflict"), refused("422 idempotency-conflict")),
            (408, Value::Null, None),
            (503, problem("unknown-outcome"), None),
            (200, Value::Null, None),
        ] {
            let answer = Answer { status, service: None, location: None, retry_after: None, content_type: None, body };
            assert_eq!(definite(&answer), expected, "{answer:?}");
        }
    }

    #[test]
    fn an_order_goes_one_way() {
        use Status::{Cancelled, Confirmed, Held, Rejected};
        for (from, to, may) in [
            (Held, Confirmed, true),
            (Held, Cancelled, true),
            (Confirmed, Cancelled, true),
            (Rejected, Rejected, true),
            (Held, Rejected, false),
            (Confirmed, Held, false),
            (Cancelled, Confirmed, false),
            (Rejected, Cancelled, false),
        ] {
            assert_eq!(from.may_become(to), may, "{from:?} {to:?}");
        }
    }
}
