//! What the clients were answered, against what stands in the log and the tables. The auditor has already compared log,
//! tables and outcomes; here every answer must be true, stock must never have been below zero, and both services must
//! agree.
//!
//! It must never decide what a record does; that is `e2e::auditor`'s. Read `reply` for what a client knows.

use std::collections::BTreeMap;

use anyhow::Result;
use e2e::auditor::effect::{Effect, effects};
use e2e::auditor::{Evidence, Rows};
use e2e::client::Client;
use serde_json::Value;

use crate::reply::{Exchange, Reply};

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
pub(crate) fn of(evidence: &Evidence, exchanges: &[Exchange]) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let of_log = by_contents([&evidence.expected.orders, &evidence.expected.movements])?;
    let of_tables = by_contents([&evidence.tables.orders, &evidence.tables.movements])?;
    for exchange in exchanges {
        for (place, effects) in [("log", &of_log), ("tables", &of_tables)] {
            let found = effects.get(&exchange.request.contents).map_or(&[][..], Vec::as_slice);
            if let Some(wrong) = compare(&exchange.reply, found) {
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
    strangers(&of_tables, exchanges, &mut verdict);
    running_stock(evidence, &of_tables, &mut verdict);
    Ok(verdict)
}

/// What is wrong with the rows of one request, given its answer.
fn compare(reply: &Reply, found: &[Effect]) -> Option<String> {
    match (reply, found) {
        (Reply::Accepted { id, confirmed, .. }, [effect]) => {
            if effect.id != *id {
                return Some(format!("answered as {id}, but {}", effect.id));
            }
            let agrees = confirmed.is_none_or(|confirmed| confirmed == effect.confirmed);
            (!agrees).then(|| format!("answered confirmed={confirmed:?}, but confirmed={}", effect.confirmed))
        }
        (Reply::Accepted { id, .. }, []) => Some(format!("LOST: acknowledged as {id}, but not")),
        (Reply::Refused(why), _) => Some(format!("a good request was refused with {why}; {} rows", found.len())),
        (Reply::Unknown(_), [] | [_]) => None,
        (_, several) => Some(format!("DOUBLED: {several:?}")),
    }
}

/// Nothing may be there that nobody sent.
fn strangers(effects: &Effects, exchanges: &[Exchange], verdict: &mut Verdict) {
    let requested: std::collections::BTreeSet<&str> =
        exchanges.iter().map(|exchange| exchange.request.contents.as_str()).collect();
    for (contents, found) in effects {
        // Garbage that lies in its right partition by chance is a good order of a product without stock.
        let is_harmless = contents.contains("user=garbage") && found.iter().all(|effect| !effect.confirmed);
        if !requested.contains(contents.as_str()) && !is_harmless {
            verdict.differences.push(format!("{contents}: nobody sent it: {found:?}"));
        }
    }
}

/// Stock after each row, in the log's order, from the tables alone.
fn running_stock(evidence: &Evidence, effects: &Effects, verdict: &mut Verdict) {
    let mut by_product: BTreeMap<&str, Vec<&Effect>> = BTreeMap::new();
    for effect in effects.values().flatten().filter(|effect| effect.confirmed) {
        by_product.entry(&effect.product).or_default().push(effect);
    }
    for (product, mut changes) in by_product {
        changes.sort_by_key(|effect| effect.offset);
        let mut available = 0;
        for effect in changes {
            available += effect.change;
            verdict.count("steps of stock, none below zero");
            if available < 0 {
                let place = format!("{}:{}", effect.partition, effect.offset);
                verdict.differences.push(format!("OVERSOLD: {product} is at {available} after {place}"));
            }
        }
        let row = evidence.tables.stock.get(product);
        if !row.is_some_and(|row| row.starts_with(&format!("available={available} "))) {
            verdict.differences.push(format!("stock of {product}: {row:?}, but its rows add up to {available}"));
        }
    }
    for outcome in evidence.expected.outcomes.values().flatten().filter(|outcome| outcome.contains("available=-")) {
        verdict.differences.push(format!("an outcome below zero: {outcome}"));
    }
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

fn by_contents(tables: [&Rows; 2]) -> Result<Effects> {
    let mut by_contents = Effects::new();
    for effect in effects(tables)? {
        by_contents.entry(effect.contents.clone()).or_default().push(effect);
    }
    Ok(by_contents)
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

    fn reply(confirmed: Option<bool>) -> Reply {
        Reply::Accepted { id: "i".to_owned(), position: Some("0:5".to_owned()), confirmed }
    }

    fn effect() -> Effect {
        Effect {
            id: "i".to_owned(),
            is_order: true,
            contents: "user=u product=p 2x3=6".to_owned(),
            confirmed: true,
            reason: None,
            partition: 0,
            offset: 5,
            product: "p".to_owned(),
            change: -2,
        }
    }

    #[test]
    fn lost_doubled_and_untrue_are_named() {
        let effect = effect();
        let one = std::slice::from_ref(&effect);
        let two = [effect.clone(), effect.clone()];
        let other = [Effect { id: "j".to_owned(), ..effect.clone() }];
        let unknown = Reply::Unknown("503".to_owned());
        let refused = Reply::Refused("422".to_owned());
        for (reply, found, says) in [
            (reply(None), one, None),
            (reply(Some(true)), one, None),
            (reply(Some(false)), one, Some("answered confirmed")),
            (reply(None), &other[..], Some("answered as i")),
            (reply(None), &[][..], Some("LOST")),
            (reply(None), &two[..], Some("DOUBLED")),
            (unknown.clone(), &[][..], None),
            (unknown.clone(), one, None),
            (unknown, &two[..], Some("DOUBLED")),
            (refused, &[][..], Some("refused")),
        ] {
            let wrong = compare(&reply, found);
            assert_eq!(wrong.is_some(), says.is_some(), "{reply:?} {found:?}: {wrong:?}");
            assert!(wrong.is_none_or(|wrong| wrong.contains(says.unwrap())));
        }
    }
}
