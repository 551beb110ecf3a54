//! What the clients were answered, against what stands in the log and the tables. The auditor has already compared log,
//! tables and outcomes, and walked through the stock; here every answer must be true, also about what was wanted of an order afterwards, and
//! both services must agree.
//!
//! It must never decide what a record does; that is `e2e::auditor`'s. Read `reply` and `asks` for what a client knows.

use std::collections::BTreeMap;

use anyhow::Result;
use e2e::auditor::Evidence;
use e2e::auditor::effect::{Effect, effects};
use e2e::client::Client;
use serde_json::Value;

use crate::asks::{Ask, Said, Wish};
use crate::garbage;
use crate::reply::{Exchange, Reply, Status};
use crate::shop::Ledgerbook;

/// By their contents.
type Effects = BTreeMap<String, Vec<Effect>>;

/// Counts of what was checked, and what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) checked: BTreeMap<&'static str, u64>,
    pub(crate) differences: Vec<String>,
}

impl Verdict {
    fn count(&mut self, what: &'static str) {
        *self.checked.entry(what).or_default() += 1;
    }
}

/// Every answer against the log's effects and the tables.
///
/// # Errors
/// When a row cannot be understood.
pub(crate) fn of(evidence: &Evidence, book: &Ledgerbook) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let (of_log, of_tables) = (&evidence.expected, &evidence.tables);
    let of_log = by_contents(effects(&of_log.orders, &of_log.movements)?);
    let of_tables = by_contents(effects(&of_tables.orders, &of_tables.movements)?);
    for exchange in &book.exchanges {
        for (place, effects) in [("log", &of_log), ("tables", &of_tables)] {
            let found = effects.get(&exchange.request.contents).map_or(&[][..], Vec::as_slice);
            if let Some(wrong) = compare(exchange, found) {
                verdict.differences.push(format!("{}: {wrong} in the {place}", exchange.request.contents));
            }
        }
        if let Reply::Accepted { id, position: Some(position), .. } = &exchange.reply
            && !lies_at(evidence, position, id)
        {
            verdict.differences.push(format!("{}: the record at {position} is not {id}", exchange.request.contents));
        }
        verdict.count(match (&exchange.reply, exchange.request.is_order) {
            (Reply::Accepted { .. }, true) => "acknowledged orders, each there once",
            (Reply::Accepted { .. }, false) => "acknowledged movements, each there once",
            (Reply::Refused(_), _) => "good requests refused",
            (Reply::Unknown(_), _) => "requests given up, each there at most once",
        });
    }
    strangers(&of_tables, &book.exchanges, &mut verdict);
    asks(evidence, &of_tables, &book.asks, &mut verdict);
    for groundless in evidence.report.groundless.iter().filter(|text| !text.contains(garbage::IDS)) {
        verdict.differences.push(format!("told {groundless}"));
    }
    Ok(verdict)
}

/// What is wrong with the rows of one request, given its answer.
fn compare(exchange: &Exchange, found: &[Effect]) -> Option<String> {
    match (&exchange.reply, found) {
        (Reply::Accepted { id, status, .. }, [effect]) => {
            if effect.id != *id {
                return Some(format!("answered as {id}, but {}", effect.id));
            }
            let Some(now) = Status::of(&effect.status) else { return Some(format!("UNDECIDED: {effect:?}")) };
            if exchange.expires && !is_over(effect) {
                return Some(format!("nobody confirmed or cancelled it, but {effect:?}"));
            }
            let agrees = status.is_none_or(|status| status.may_become(now));
            (!agrees).then(|| format!("answered {status:?}, but {now:?}"))
        }
        (Reply::Accepted { id, .. }, []) => Some(format!("LOST: acknowledged as {id}, but not")),
        (Reply::Refused(why), _) => Some(format!("a good request was refused with {why}; {} rows", found.len())),
        (Reply::Unknown(_), [] | [_]) => None,
        (_, several) => Some(format!("DOUBLED: {several:?}")),
    }
}

/// Of a held order that was left alone: its hold expired, or it was never held.
fn is_over(effect: &Effect) -> bool {
    match effect.status.as_str() {
        "cancelled" => effect.reason.as_deref() == Some("expired"),
        status => status == "rejected",
    }
}

/// Nothing may be there that nobody sent.
fn strangers(effects: &Effects, exchanges: &[Exchange], verdict: &mut Verdict) {
    let requested: std::collections::BTreeSet<&str> =
        exchanges.iter().map(|exchange| exchange.request.contents.as_str()).collect();
    for (contents, found) in effects {
        // Garbage that lies in its right partition by chance is a good order of a product without stock.
        let is_harmless = contents.contains("user=garbage") && found.iter().all(|effect| effect.status == "rejected");
        if !requested.contains(contents.as_str()) && !is_harmless {
            verdict.differences.push(format!("{contents}: nobody sent it: {found:?}"));
        }
    }
}

/// What was wanted of orders: each that was acknowledged stands on the log, and has its effect, or the log decided otherwise before.
fn asks(evidence: &Evidence, effects: &Effects, asks: &[Ask], verdict: &mut Verdict) {
    let by_id: BTreeMap<&str, &Effect> = effects
        .values()
        .flatten()
        .filter(|effect| effect.is_order)
        .map(|effect| (effect.id.as_str(), effect))
        .collect();
    for ask in asks {
        let found = by_id.get(ask.order_id.as_str()).copied();
        if let Some(wrong) = untrue(ask, found) {
            verdict.differences.push(format!("{ask:?}: {wrong}: {found:?}"));
        }
        if let Said::Taken { position } = &ask.said
            && !lies_at(evidence, position, &ask.order_id)
        {
            verdict.differences.push(format!("{ask:?}: the record at {position} is not about it"));
        }
        verdict.count(match (&ask.said, ask.wish) {
            (Said::Taken { .. } | Said::Done(_), Wish::Confirm) => {
                "acknowledged confirmations, each decided by the log"
            }
            (Said::Taken { .. } | Said::Done(_), Wish::Cancel) => "acknowledged cancels, each decided by the log",
            (Said::NotPossible(_), _) => "confirmations and cancels that came too late",
            (Said::Refused(_), _) => "good confirmations and cancels refused",
            (Said::Unknown(_), _) => "confirmations and cancels given up",
        });
    }
}

/// What is wrong with where the order stands, given the answer.
fn untrue(ask: &Ask, found: Option<&Effect>) -> Option<&'static str> {
    let Some(now) = found.and_then(|effect| Status::of(&effect.status)) else {
        return Some("the order is not decided");
    };
    let is_true = match (&ask.said, ask.wish) {
        (Said::Done(status), Wish::Confirm) => *status == Status::Confirmed && status.may_become(now),
        (Said::Done(status), Wish::Cancel) => *status == Status::Cancelled && status.may_become(now),
        // Whatever happened before it on the log: it is not held any more.
        (Said::Taken { .. }, Wish::Confirm) => now != Status::Held,
        (Said::Taken { .. }, Wish::Cancel) => matches!(now, Status::Cancelled | Status::Rejected),
        (Said::NotPossible(status), Wish::Confirm) => *status != Status::Held && status.may_become(now),
        (Said::NotPossible(status), Wish::Cancel) => *status == Status::Rejected && now == Status::Rejected,
        (Said::Refused(_), _) => false,
        (Said::Unknown(_), _) => true,
    };
    (!is_true).then_some("the answer is not true")
}

/// Whether the record there can be read and has this id.
fn lies_at(evidence: &Evidence, position: &str, id: &str) -> bool {
    let found = position.split_once(':').and_then(|(partition, offset)| {
        let (partition, offset): (i32, i64) = (partition.parse().ok()?, offset.parse().ok()?);
        let records = evidence.log.partitions.get(&partition)?;
        let record = records.get(records.binary_search_by_key(&offset, |record| record.offset).ok()?)?;
        let value: Value = serde_json::from_slice(record.value.as_deref()?).ok()?;
        Some(value["order_id"].as_str().or(value["movement_id"].as_str())? == id)
    });
    found == Some(true)
}

fn by_contents(all: Vec<Effect>) -> Effects {
    let mut by_contents = Effects::new();
    for effect in all {
        by_contents.entry(effect.contents.clone()).or_default().push(effect);
    }
    by_contents
}

/// Both services, about a sample of orders and about all stock.
///
/// # Errors
/// When a service does not answer.
pub(crate) async fn compare_services(
    services: [&Client; 2],
    exchanges: &[Exchange],
    verdict: &mut Verdict,
) -> Result<()> {
    const SAMPLE: usize = 300;
    let ids =
        exchanges.iter().filter(|exchange| exchange.request.is_order).filter_map(|exchange| match &exchange.reply {
            Reply::Accepted { id, .. } => Some(format!("/orders/{id}")),
            _ => None,
        });
    let ids: Vec<String> = ids.collect();
    let mut paths: Vec<String> = ids.iter().step_by((ids.len() / SAMPLE).max(1)).cloned().collect();
    let mut next = Some("/stock?limit=100".to_owned());
    while let Some(path) = next.take() {
        let page = services[0].get(&path).await?;
        next = page.body["nextCursor"].as_str().map(|cursor| format!("/stock?limit=100&cursor={cursor}"));
        paths.push(path);
    }
    for path in paths {
        let (a, b) = (services[0].get(&path).await?, services[1].get(&path).await?);
        verdict.count("questions that both services answer alike");
        if a.status != 200 || (a.status, &a.body) != (b.status, &b.body) {
            verdict.differences.push(format!("{path}: A answers {a:?}, B {b:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request;

    fn effect(status: &str, reason: Option<&str>) -> Effect {
        Effect {
            id: "i".to_owned(),
            is_order: true,
            contents: "user=u product=p 2x3=6".to_owned(),
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            partition: 0,
            offset: 5,
        }
    }

    fn exchange(reply: Reply, expires: bool) -> Exchange {
        Exchange { request: request::probe(1), expires, reply }
    }

    fn reply(status: Option<Status>) -> Reply {
        Reply::Accepted { id: "i".to_owned(), position: Some("0:5".to_owned()), status }
    }

    #[test]
    fn lost_doubled_and_untrue_are_named() {
        let confirmed = effect("confirmed", None);
        let one = std::slice::from_ref(&confirmed);
        let two = [confirmed.clone(), confirmed.clone()];
        let other = [Effect { id: "j".to_owned(), ..confirmed.clone() }];
        let pending = [effect("pending", None)];
        let unknown = Reply::Unknown("503".to_owned());
        let refused = Reply::Refused("422".to_owned());
        for (reply, found, says) in [
            (reply(None), one, None),
            (reply(Some(Status::Confirmed)), one, None),
            (reply(Some(Status::Held)), one, None),
            (reply(Some(Status::Rejected)), one, Some("answered Some(Rejected)")),
            (reply(None), &other[..], Some("answered as i")),
            (reply(None), &pending[..], Some("UNDECIDED")),
            (reply(None), &[][..], Some("LOST")),
            (reply(None), &two[..], Some("DOUBLED")),
            (unknown.clone(), &[][..], None),
            (unknown.clone(), one, None),
            (unknown, &two[..], Some("DOUBLED")),
            (refused, &[][..], Some("refused")),
        ] {
            let wrong = compare(&exchange(reply.clone(), false), found);
            assert_eq!(wrong.is_some(), says.is_some(), "{reply:?} {found:?}: {wrong:?}");
            assert!(wrong.is_none_or(|wrong| wrong.contains(says.unwrap())));
        }
    }

    #[test]
    fn a_hold_that_is_left_alone_expires() {
        for (found, is_right) in [
            (effect("cancelled", Some("expired")), true),
            (effect("rejected", Some("out-of-stock")), true),
            (effect("cancelled", Some("cancelled")), false),
            (effect("held", None), false),
            (effect("confirmed", None), false),
        ] {
            let wrong = compare(&exchange(reply(None), true), std::slice::from_ref(&found));
            assert_eq!(wrong.is_none(), is_right, "{found:?}: {wrong:?}");
        }
    }

    #[test]
    fn what_was_wanted_of_an_order_is_held_against_where_it_stands() {
        let taken = || Said::Taken { position: "0:9".to_owned() };
        for (wish, said, status, is_true) in [
            (Wish::Confirm, Said::Done(Status::Confirmed), "confirmed", true),
            (Wish::Confirm, Said::Done(Status::Confirmed), "cancelled", true),
            (Wish::Confirm, Said::Done(Status::Confirmed), "held", false),
            (Wish::Confirm, taken(), "cancelled", true),
            (Wish::Confirm, taken(), "held", false),
            (Wish::Confirm, Said::NotPossible(Status::Cancelled), "cancelled", true),
            (Wish::Confirm, Said::NotPossible(Status::Cancelled), "confirmed", false),
            (Wish::Cancel, Said::Done(Status::Cancelled), "cancelled", true),
            (Wish::Cancel, Said::Done(Status::Cancelled), "confirmed", false),
            (Wish::Cancel, taken(), "rejected", true),
            (Wish::Cancel, taken(), "confirmed", false),
            (Wish::Cancel, Said::NotPossible(Status::Rejected), "rejected", true),
            (Wish::Cancel, Said::NotPossible(Status::Cancelled), "cancelled", false),
            (Wish::Cancel, Said::Refused("422".to_owned()), "cancelled", false),
            (Wish::Cancel, Said::Unknown("503".to_owned()), "confirmed", true),
            (Wish::Cancel, Said::Unknown("503".to_owned()), "pending", false),
        ] {
            let ask = Ask { order_id: "i".to_owned(), wish, said };
            assert_eq!(untrue(&ask, Some(&effect(status, None))).is_none(), is_true, "{ask:?} {status}");
        }
    }
}
