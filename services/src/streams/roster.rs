//! Who reads what: each stream stands in one group, by the narrowest thing that it asks for, so that an event is compared with
//! those alone that may want it. Two thousand streams of two thousand users cost an event two look-ups.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::event::StreamEvent;
use super::filter::Filter;

/// Why a stream's queue was closed, for its last words.
#[derive(Debug, Default)]
pub(super) struct Ending(AtomicU8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nobody said why: what it was read from ended.
    Silently,
    TooSlow,
    Stopping,
}

impl Ending {
    pub(super) fn set(&self, ended: Ended) {
        self.0.store(ended as u8, Ordering::Release);
    }

    pub(super) fn get(&self) -> Ended {
        match self.0.load(Ordering::Acquire) {
            1 => Ended::TooSlow,
            2 => Ended::Stopping,
            _ => Ended::Silently,
        }
    }
}

/// A stream, from the side of who feeds it.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) filter: Arc<Filter>,
    pub(super) queue: mpsc::Sender<Bytes>,
    pub(super) ending: Arc<Ending>,
    /// What it has had already, as far as this service has not read it yet: it came from one that was ahead.
    pub(super) floor: Option<Vec<i64>>,
}

type Group = BTreeMap<u64, Member>;

/// The streams that are fed live.
#[derive(Debug, Default)]
pub(super) struct Roster {
    everything: Group,
    by_order: HashMap<String, Group>,
    by_user: HashMap<String, Group>,
    by_product: HashMap<String, Group>,
    count: usize,
}

impl Roster {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The groups that a filter stands in, and in which of them; none for everything.
    fn groups<'f>(&mut self, filter: &'f Filter) -> Option<(&mut HashMap<String, Group>, &'f String)> {
        match (&filter.order, &filter.user, &filter.product) {
            (Some(order), _, _) => Some((&mut self.by_order, order)),
            (None, Some(user), _) => Some((&mut self.by_user, user)),
            (None, None, Some(product)) => Some((&mut self.by_product, product)),
            (None, None, None) => None,
        }
    }

    pub(super) fn add(&mut self, number: u64, member: Member) {
        let filter = member.filter.clone();
        match self.groups(&filter) {
            Some((groups, key)) => groups.entry(key.clone()).or_default().insert(number, member),
            None => self.everything.insert(number, member),
        };
        self.count += 1;
    }

    pub(super) fn get(&mut self, number: u64, filter: &Filter) -> Option<Member> {
        let group = match self.groups(filter) {
            Some((groups, key)) => groups.get_mut(key)?,
            None => &mut self.everything,
        };
        group.get(&number).cloned()
    }

    pub(super) fn remove(&mut self, number: u64, filter: &Filter) {
        let gone = match self.groups(filter) {
            Some((groups, key)) => {
                let Some(group) = groups.get_mut(key) else { return };
                let gone = group.remove(&number).is_some();
                if group.is_empty() {
                    groups.remove(key);
                }
                gone
            }
            None => self.everything.remove(&number).is_some(),
        };
        self.count -= usize::from(gone);
    }

    /// Asks `keep` of each that may want the event, and takes out whom it refuses.
    pub(super) fn visit(&mut self, event: &StreamEvent, mut keep: impl FnMut(&mut Member) -> bool) {
        let mut gone = retain(&mut self.everything, &mut keep);
        gone += event.order_id.as_ref().map_or(0, |key| retain_in(&mut self.by_order, key, &mut keep));
        gone += event.user_id.as_ref().map_or(0, |key| retain_in(&mut self.by_user, key, &mut keep));
        for product in &event.products {
            gone += retain_in(&mut self.by_product, product, &mut keep);
        }
        self.count -= gone;
    }

    /// Asks `keep` of all.
    pub(super) fn visit_all(&mut self, mut keep: impl FnMut(&mut Member) -> bool) {
        let mut gone = retain(&mut self.everything, &mut keep);
        for groups in [&mut self.by_order, &mut self.by_user, &mut self.by_product] {
            gone += groups.values_mut().map(|group| retain(group, &mut keep)).sum::<usize>();
            groups.retain(|_, group| !group.is_empty());
        }
        self.count -= gone;
    }
}

/// How many were taken out.
fn retain(group: &mut Group, keep: &mut impl FnMut(&mut Member) -> bool) -> usize {
    let before = group.len();
    group.retain(|_, member| keep(member));
    before - group.len()
}

fn retain_in(groups: &mut HashMap<String, Group>, key: &str, keep: &mut impl FnMut(&mut Member) -> bool) -> usize {
    let Some(group) = groups.get_mut(key) else { return 0 };
    let gone = retain(group, keep);
    if group.is_empty() {
        groups.remove(key);
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::super::filter::Shown;
    use super::*;

    fn member(order: Option<&str>, user: Option<&str>, product: Option<&str>) -> Member {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let shown = Shown::Outcomes { types: vec![] };
        let filter = Filter { shown, product: text(product), user: text(user), order: text(order) };
        let (queue, _) = mpsc::channel(1);
        Member { filter: Arc::new(filter), queue, ending: Arc::default(), floor: None }
    }

    #[test]
    fn an_event_is_compared_with_those_that_may_want_it() {
        let mut roster = Roster::default();
        let members = [
            member(None, None, None),
            member(Some("o"), Some("u"), None),
            member(Some("other"), Some("u"), None),
            member(None, Some("u"), Some("q")),
            member(None, None, Some("p")),
            member(None, None, Some("q")),
            member(None, None, Some("r")),
        ];
        for (number, member) in (0..).zip(&members) {
            roster.add(number, member.clone());
        }
        let json = r#"{"type":"OrderHeld","event_id":"0-3-0","order_id":"o","user_id":"u","lines":[{"product_id":"p"},{"product_id":"q"}]}"#;
        let event = StreamEvent::decode(Some(json.as_bytes())).expect("an outcome");
        let mut visited = 0;
        roster.visit(&event, |_| {
            visited += 1;
            true
        });
        assert_eq!(visited, 5, "all but those of another order and another product");
        roster.visit(&event, |member| member.filter.user.is_none());
        assert!(roster.get(1, &members[1].filter).is_none() && roster.get(2, &members[2].filter).is_some());
        for (number, member) in (0..).zip(&members) {
            roster.remove(number, &member.filter);
            roster.remove(number, &member.filter);
        }
        assert!(roster.is_empty());
        assert!(roster.by_order.is_empty() && roster.by_user.is_empty() && roster.by_product.is_empty());
    }
}
