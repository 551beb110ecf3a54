//! Clients that insist: the same request once more, another one under the same key, and bad ones. It must never accept two answers that contradict
//! each other. Read `shop` for the good ones.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use crate::random::Random;
use crate::reply::Reply;
use crate::request::{self, Request};
use crate::shop::Shop;

impl Shop {
    /// The same request once more, at one of the services: the same order, and no other decision.
    pub(crate) async fn repeat(&self, request: &Request, first: &Reply, random: &mut Random) {
        let turn = if random.percent(50) { 1 } else { 3 };
        let memory = self.memory();
        let again = self.send(request, random, turn).await;
        let agree = match (first, &again) {
            (Reply::Accepted { id, status, .. }, Reply::Accepted { id: id_again, status: later, .. }) => {
                // An order goes on meanwhile, and never back.
                id == id_again && status.zip(*later).is_none_or(|(earlier, later)| earlier.may_become(later))
            }
            (Reply::Unknown(_), _) | (_, Reply::Unknown(_)) => true,
            _ => false,
        };
        if !self.counts(memory) {
            return;
        }
        self.count("repeated after the answer");
        if !agree {
            self.complain(format!("{}: first {first:?}, then {again:?}", request.contents));
        }
    }

    /// Another body under the same key or id, once the first is decided: refused.
    pub(crate) async fn contradict(&self, request: &Request, first: &Reply, random: &mut Random) {
        if !matches!(first, Reply::Accepted { status: Some(_), .. }) {
            return;
        }
        let mut other = request.clone();
        if request.key.is_some() && random.percent(30) {
            // One key is one order: it decides the id, whatever the body says.
            other.body["orderId"] = json!(Uuid::from_u64_pair(random.below(u64::MAX) | 1, random.below(u64::MAX)));
            other.contents = format!("{} under another id", request.contents);
        } else {
            let line = if request.body["lines"].is_array() { &mut other.body["lines"][0] } else { &mut other.body };
            line["quantity"] = json!(4);
            if let Some(body) = other.body.as_object_mut() {
                body.remove("totalPrice");
            }
            other.contents = format!("{} with 4 pieces", request.contents);
        }
        let memory = self.memory();
        let reply = self.send(&other, random, 0).await;
        if !self.counts(memory) {
            return;
        }
        self.count("contradicted");
        // Also just after a rollback: until the older tables know the first order, services answer 503.
        if !matches!(&reply, Reply::Refused(what) if what == "422 idempotency-conflict")
            && !matches!(reply, Reply::Unknown(_))
        {
            self.complain(format!("{}: {reply:?} after {first:?}", other.contents));
        }
    }

    pub(crate) async fn send_badly(&self, random: &mut Random) {
        let count = u64::try_from(request::BAD.len()).unwrap_or(1);
        let (path, body, status) = request::BAD[usize::try_from(random.below(count)).unwrap_or(0)];
        for _ in 0..40 {
            let headers = [("content-type", "application/json")];
            let answer = self.gateway.send(Method::POST, path, &headers, Some(body.as_bytes().to_vec())).await;
            match answer {
                Ok(answer) if answer.status < 500 => {
                    self.count("bad requests refused");
                    if answer.status != status {
                        self.complain(format!("{path} {body}: {answer:?}, expected {status}"));
                    }
                    return;
                }
                Ok(answer) if answer.status == 500 => self.complain(format!("{path} {body}: {answer:?}")),
                _ => sleep(Duration::from_millis(200)).await,
            }
        }
        self.count("bad requests given up");
    }
}
