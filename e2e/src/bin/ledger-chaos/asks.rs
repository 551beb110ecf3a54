//! Confirming and cancelling orders that were placed: asked until the answer is definite, by one client or by two at once. It must never decide
//! what is right; that is `verdict`'s. Read `orders` for which order is confirmed or cancelled.

use std::time::{Duration, Instant};

use e2e::client::Answer;
use reqwest::Method;
use tokio::time::sleep;

use crate::orders::Then;
use crate::random::Random;
use crate::reply::{Reply, Status};
use crate::shop::{RETRY_LIMIT, Shop};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Confirm,
    Cancel,
}

/// What somebody wanted of an order, and what came of it.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) order_id: String,
    pub(crate) wish: Wish,
    pub(crate) said: Said,
}

/// What a client knows in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// 202: it stands on the log.
    Taken { position: String },
    /// 200: it is done.
    Done(Status),
    /// 409, because the order stands so.
    NotPossible(Status),
    /// Any other 4xx.
    Refused(String),
    /// Given up; the last answer.
    Unknown(String),
}

impl Shop {
    /// What its client does with an order that was placed.
    pub(crate) async fn follow(&self, then: Then, reply: &Reply, random: &mut Random) {
        let Reply::Accepted { id, position: Some(position), .. } = reply else { return };
        let wish = match then {
            Then::Nothing | Then::Expire => return,
            Then::Confirm => Wish::Confirm,
            Then::Cancel | Then::CancelTwice => Wish::Cancel,
        };
        let mut other = Random::of(random.below(u64::MAX), 1);
        if then == Then::CancelTwice {
            tokio::join!(self.ask(id, position, wish, random), self.ask(id, position, wish, &mut other));
        } else {
            self.ask(id, position, wish, random).await;
        }
    }

    async fn ask(&self, order_id: &str, position: &str, wish: Wish, random: &mut Random) {
        let word = if wish == Wish::Confirm { "confirm" } else { "cancel" };
        let path = format!("/orders/{order_id}/{word}?after={position}");
        let body = if wish == Wish::Cancel && random.percent(30) { r#"{"note":"changed my mind"}"# } else { "{}" };
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(random.percent(50).then_some(("prefer", "wait=5")));
        let (begin, mut last) = (Instant::now(), String::new());
        let mut said = None;
        while said.is_none() && begin.elapsed() <= RETRY_LIMIT {
            self.count(format!("asked to {word}"));
            let client = self.any_service(random);
            match client.send(Method::POST, &path, &headers, Some(body.as_bytes().to_vec())).await {
                Ok(answer) => {
                    self.count(format!("{word} answered {}", answer.status));
                    said = definite(&answer);
                    if answer.status == 500 {
                        self.complain(format!("{path} was answered {answer:?}"));
                    }
                    last = format!("{} {}", answer.status, answer.body);
                }
                Err(error) => last = format!("{error:#}"),
            }
            if said.is_none() {
                sleep(Duration::from_millis(50 + random.below(250))).await;
            }
        }
        let said = said.unwrap_or(Said::Unknown(last));
        self.keep_ask(Ask { order_id: order_id.to_owned(), wish, said });
    }
}

/// An order that is not decided yet is asked again: 409 with `pending` decides nothing. Nor does 404: the tables may not have the order yet.
fn definite(answer: &Answer) -> Option<Said> {
    let position = answer.text("position");
    match (answer.status, answer.problem()) {
        (200, _) => Status::of(answer.text("status")).map(Said::Done),
        (202, _) if position.contains(':') => Some(Said::Taken { position: position.to_owned() }),
        (202, _) => Some(Said::Refused("202 without a position".to_owned())),
        (409, "not-held" | "not-cancellable") => match answer.text("orderStatus") {
            "pending" => None,
            word => Some(match Status::of(word) {
                Some(status) => Said::NotPossible(status),
                None => Said::Refused(format!("409 with the status `{word}`")),
            }),
        },
        (404 | 408, _) => None,
        (status @ 400..500, problem) => Some(Said::Refused(format!("{status} {problem}"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_a_definite_answer_ends_the_asking() {
        let problem = |word: &str, status: &str| json!({ "type": format!("/problems/{word}"), "orderStatus": status });
        for (status, body, expected) in [
            (200, json!({ "status": "confirmed" }), Some(Said::Done(Status::Confirmed))),
            (200, json!({ "status": "pending" }), None),
            (202, json!({ "position": "3:7" }), Some(Said::Taken { position: "3:7".to_owned() })),
            (202, json!({}), Some(Said::Refused("202 without a position".to_owned()))),
            (409, problem("not-held", "cancelled"), Some(Said::NotPossible(Status::Cancelled))),
            (409, problem("not-held", "pending"), None),
            (409, problem("not-cancellable", "rejected"), Some(Said::NotPossible(Status::Rejected))),
            (404, Value::Null, None),
            (503, Value::Null, None),
            (422, problem("odd", ""), Some(Said::Refused("422 odd".to_owned()))),
        ] {
            let answer = Answer { status, service: None, location: None, retry_after: None, content_type: None, body };
            assert_eq!(definite(&answer), expected, "{answer:?}");
        }
    }
}
