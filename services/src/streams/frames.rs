//! Events as the bytes of a stream. Whoever gets an event as it comes gets the same bytes; only for a stream that stands ahead of
//! this service in some partition they are made apart.
//!
//! It must never give an id that covers what was not given: of several frames of one outcome the last has the place behind it,
//! the others the one before it. An id is the last field of its event: some clients keep it as soon as they read it, and where a stream breaks off in the
//! middle of an event they would go on behind one that they never had (`findings/readers-sse.sh`).

use std::cell::OnceCell;
use std::fmt::Write;

use bytes::Bytes;
use ledger_schema::Position;
use serde::Serialize;

use super::event::{StockChange, StreamEvent};
use super::filter::{Filter, Shown};
use super::token::{Token, TopicMark};

/// How soon a client that was cut off comes back, in milliseconds.
const RETRY_MS: u32 = 1000;

/// `data:` of a stream of stock.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StockData<'a> {
    product_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<i64>,
    /// Of the record that changed it; not there where `available` is not, whose record lies elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<String>,
    event_id: String,
    outcome: &'a str,
}

/// `data:` of what a stream says about itself.
#[derive(Serialize)]
struct Told<'a> {
    reason: &'a str,
    detail: &'a str,
}

/// The first bytes: when to come back, and for a stream that begins here, where that is.
pub(super) fn head(id: Option<&str>) -> Bytes {
    match id {
        Some(id) => format!("retry: {RETRY_MS}\nid: {id}\n\n").into(),
        None => format!("retry: {RETRY_MS}\n\n").into(),
    }
}

/// A comment; with an id, a place up to which there was nothing to give.
pub(super) fn heartbeat(id: Option<&str>) -> Bytes {
    match id {
        Some(id) => format!(":\nid: {id}\n\n").into(),
        None => Bytes::from_static(b":\n\n"),
    }
}

/// What a stream says about itself: `reset` with the place from which it goes on, `dropped` without one.
pub(super) fn told(event: &str, reason: &str, detail: &str, id: Option<&str>) -> Bytes {
    let data = serde_json::to_string(&Told { reason, detail }).expect("texts serialize");
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("event: {event}\ndata: {data}\n{id}\n").into()
}

/// One event on its way to many.
pub(super) struct Frames<'a> {
    event: &'a StreamEvent,
    topic: TopicMark,
    /// Where the record lies, and the place behind it.
    record: Position,
    after: &'a [i64],
    outcome: OnceCell<Bytes>,
    stock: OnceCell<Bytes>,
}

impl<'a> Frames<'a> {
    pub(super) fn new(event: &'a StreamEvent, topic: TopicMark, record: Position, after: &'a [i64]) -> Self {
        Self { event, topic, record, after, outcome: OnceCell::new(), stock: OnceCell::new() }
    }

    /// What a stream gets of it. `floor` is a place that it has reached already.
    pub(super) fn of(&self, filter: &Filter, floor: Option<&[i64]>) -> Option<Bytes> {
        if !filter.matches(self.event) {
            return None;
        }
        Some(match (&filter.shown, &filter.product, floor) {
            (Shown::Outcomes { .. }, _, None) => self.outcome.get_or_init(|| self.outcome(None)).clone(),
            (Shown::Outcomes { .. }, _, floor) => self.outcome(floor),
            (Shown::Stock, None, None) => self.stock.get_or_init(|| self.stock(None, None)).clone(),
            (Shown::Stock, product, floor) => self.stock(product.as_deref(), floor),
        })
    }

    fn id(&self, floor: Option<&[i64]>, is_behind: bool) -> String {
        let partition = usize::try_from(self.record.partition).ok();
        let offsets = self.after.iter().enumerate().map(|(at, after)| {
            let offset = if !is_behind && partition == Some(at) { self.record.offset } else { *after };
            floor.and_then(|floor| floor.get(at)).map_or(offset, |floor| offset.max(*floor))
        });
        Token::encode(self.topic, offsets)
    }

    fn outcome(&self, floor: Option<&[i64]>) -> Bytes {
        let StreamEvent { event_type, json, .. } = self.event;
        format!("event: {event_type}\ndata: {json}\nid: {}\n\n", self.id(floor, true)).into()
    }

    fn stock(&self, product: Option<&str>, floor: Option<&[i64]>) -> Bytes {
        let is_wanted = |change: &&StockChange| product.is_none_or(|product| change.product_id == product);
        let wanted: Vec<&StockChange> = self.event.stock.iter().filter(is_wanted).collect();
        let mut text = String::new();
        for (number, change) in (1..).zip(&wanted) {
            let id = self.id(floor, number == wanted.len());
            let data = StockData {
                product_id: &change.product_id,
                available: change.available,
                position: change.available.map(|_| self.event.event_id.cause.to_string()),
                event_id: self.event.event_id.to_string(),
                outcome: &self.event.event_type,
            };
            let data = serde_json::to_string(&data).expect("texts and integers serialize");
            write!(text, "event: stock\ndata: {data}\nid: {id}\n\n").expect("a string takes everything");
        }
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_schema::log::LogIdentity;

    fn mark() -> TopicMark {
        let (cluster_id, topic_id) = ("c".to_owned(), "t".to_owned());
        TopicMark::of(&LogIdentity { cluster_id, topic_id, partition_count: 2 })
    }

    fn stock() -> Filter {
        Filter { shown: Shown::Stock, product: None, user: None, order: None }
    }

    fn places(bytes: &Bytes) -> Vec<Vec<i64>> {
        let text = std::str::from_utf8(bytes).expect("text");
        let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
        ids.map(|id| Token::decode(id).expect("a place").next_offsets).collect()
    }

    const HELD: &str = r#"{"type":"OrderHeld","version":2,"event_id":"1-40-0","order_id":"o","user_id":"u","lines":[{"product_id":"p"},{"product_id":"q"}]}"#;

    #[test]
    fn an_id_covers_what_was_given_and_no_more() {
        let event = StreamEvent::decode(Some(HELD.as_bytes())).expect("an outcome");
        let frames = Frames::new(&event, mark(), Position { partition: 1, offset: 9 }, &[5, 10]);
        let outcomes = Filter { shown: Shown::Outcomes { types: vec![] }, ..stock() };
        let given = frames.of(&outcomes, None).expect("it matches");
        assert_eq!(places(&given), [[5, 10]]);
        let text = std::str::from_utf8(&given).expect("text");
        let fields = format!("event: OrderHeld\ndata: {HELD}\nid: ");
        assert!(
            text.starts_with(&fields) && text[fields.len()..].trim_end_matches('\n').lines().count() == 1,
            "{text}"
        );
        assert_eq!(given.as_ptr(), frames.of(&outcomes, None).expect("it matches").as_ptr(), "encoded once");
        // Two frames: whoever is cut off between them gets both again rather than only the first.
        assert_eq!(places(&frames.of(&stock(), None).expect("it matches")), [[5, 9], [5, 10]]);
        let of_one = Filter { product: Some("p".to_owned()), ..stock() };
        let given = frames.of(&of_one, None).expect("it matches");
        assert_eq!(places(&given), [[5, 10]]);
        let text = std::str::from_utf8(&given).expect("text");
        assert!(
            text.starts_with(
                "event: stock\ndata: {\"productId\":\"p\",\"eventId\":\"1-40-0\",\"outcome\":\"OrderHeld\"}\nid: "
            ),
            "what the outcome does not say is not made up: {text}"
        );
        // Ahead of this service in partition 0.
        assert_eq!(places(&frames.of(&stock(), Some(&[7, 3])).expect("it matches")), [[7, 9], [7, 10]]);
    }

    #[test]
    fn what_is_left_is_told_with_its_position() {
        let json = r#"{"type":"StockChanged","version":1,"event_id":"1-40-0","product_id":"a\"b","kind":"receipt","delta":5,"available":5}"#;
        let event = StreamEvent::decode(Some(json.as_bytes())).expect("an outcome");
        let frames = Frames::new(&event, mark(), Position { partition: 1, offset: 9 }, &[5, 10]);
        let given = frames.of(&stock(), None).expect("it matches");
        let text = std::str::from_utf8(&given).expect("text");
        let data =
            r#"{"productId":"a\"b","available":5,"position":"1:40","eventId":"1-40-0","outcome":"StockChanged"}"#;
        assert!(text.starts_with(&format!("event: stock\ndata: {data}\nid: ")), "{text}");
    }
}
