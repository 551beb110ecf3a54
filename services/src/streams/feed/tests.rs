//! Streams that join, are fed, fall behind and are reset, without Kafka.

use std::sync::Arc;

use bytes::Bytes;
use ledger_schema::log::LogIdentity;
use tokio::sync::mpsc;

use super::super::filter::Shown;
use super::super::roster::{Ended, Member};
use super::*;

fn mark(topic_id: &str) -> TopicMark {
    let (cluster_id, topic_id) = ("c".to_owned(), topic_id.to_owned());
    TopicMark::of(&LogIdentity { cluster_id, topic_id, partition_count: 2 })
}

fn feed() -> Feed {
    Feed::new(mark("t"), vec![10, 20], Arc::new(Metrics::new(&[])))
}

fn push(feed: &Feed, partition: i32, offset: i64) {
    let json = format!(r#"{{"type":"OrderConfirmed","version":1,"event_id":"{partition}-{offset}-0","user_id":"u"}}"#);
    feed.push(Position { partition, offset }, Some(json.as_bytes())).expect("an outcome");
}

struct Reader {
    number: u64,
    member: Member,
    queue: mpsc::Receiver<Bytes>,
}

impl Reader {
    fn new(feed: &Feed, room: usize) -> Self {
        let (sender, queue) = mpsc::channel(room);
        let shown = Shown::Outcomes { types: vec![] };
        let filter = Arc::new(Filter { shown, product: None, user: None, order: None });
        let member = Member { filter, queue: sender, ending: Arc::default(), floor: None };
        Self { number: feed.next_number(), member, queue }
    }

    fn join(&self, feed: &Feed, from: &From<'_>) -> Joined {
        feed.join(self.number, self.member.clone(), from)
    }

    fn at(place: &[i64]) -> Token {
        Token { topic: mark("t"), next_offsets: place.to_vec() }
    }

    /// Event ids (or what else an event is), each with its place.
    fn read(&mut self) -> Vec<(String, Vec<i64>)> {
        let mut read = Vec::new();
        while let Ok(bytes) = self.queue.try_recv() {
            let text = String::from_utf8(bytes.to_vec()).expect("text");
            let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            let place = line("id: ").and_then(|id| Token::decode(&id)).expect("a place").next_offsets;
            let id = line("data: ").and_then(|data| {
                let json: serde_json::Value = serde_json::from_str(&data).expect("JSON");
                json["event_id"].as_str().map(str::to_owned)
            });
            read.push((id.or_else(|| line("event: ")).unwrap_or_else(|| "head".to_owned()), place));
        }
        read
    }
}

#[track_caller]
fn check(found: &[(String, Vec<i64>)], expected: &[(&str, [i64; 2])]) {
    let found: Vec<_> = found.iter().map(|(id, place)| (id.as_str(), [place[0], place[1]])).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_stream_without_a_place_begins_with_now() {
    let feed = feed();
    push(&feed, 0, 10);
    let mut reader = Reader::new(&feed, 16);
    assert!(matches!(reader.join(&feed, &From::Now), Joined::Live));
    push(&feed, 1, 25);
    push(&feed, 0, 11);
    check(&reader.read(), &[("head", [11, 20]), ("1-25-0", [11, 26]), ("0-11-0", [12, 26])]);
}

#[test]
fn a_stream_goes_on_where_it_was_with_neither_gap_nor_double() {
    let feed = feed();
    for (partition, offset) in [(0, 10), (1, 20), (0, 11), (1, 21)] {
        push(&feed, partition, offset);
    }
    // It is behind in one partition, and comes from a service that is ahead in the other.
    let mut reader = Reader::new(&feed, 16);
    assert!(matches!(reader.join(&feed, &From::Place(&Reader::at(&[11, 24]))), Joined::Live));
    for (partition, offset) in [(1, 22), (1, 23), (0, 12), (1, 24), (0, 13)] {
        push(&feed, partition, offset);
    }
    check(&reader.read(), &[("0-11-0", [12, 24]), ("0-12-0", [13, 24]), ("1-24-0", [13, 25]), ("0-13-0", [14, 25])]);
    assert_eq!(feed.place_of(reader.number, &reader.member.filter, || false), None, "something waits for it");
    let place = feed.place_of(reader.number, &reader.member.filter, || true).expect("it is fed");
    assert_eq!(Token::decode(&place).expect("a place").next_offsets, [14, 25]);
}

#[test]
fn what_is_not_at_hand_is_read_first() {
    let feed = feed();
    for offset in 0..600 {
        push(&feed, 0, 10 + offset);
    }
    let reader = Reader::new(&feed, 1024);
    let Joined::Behind(to) = reader.join(&feed, &From::Place(&Reader::at(&[9, 20]))) else { panic!("it is older") };
    assert_eq!(to, [610, 20]);
    let Joined::Recent(records) = reader.join(&feed, &From::Place(&Reader::at(&[10, 20]))) else { panic!("too many") };
    assert_eq!((records.len(), records[599].1.as_slice()), (600, &[610, 20][..]));
    assert!(feed.place_of(reader.number, &reader.member.filter, || true).is_none(), "it is not fed");
    let narrow = Reader::new(&feed, 16);
    let place = Reader::at(&[590, 20]);
    assert!(matches!(narrow.join(&feed, &From::Place(&place)), Joined::Recent(_)), "no room for 20");
    assert!(matches!(reader.join(&feed, &From::Place(&place)), Joined::Live));
}

#[test]
fn who_is_too_slow_is_dropped_and_told() {
    let feed = feed();
    let mut slow = Reader::new(&feed, 4);
    let mut quick = Reader::new(&feed, 16);
    for reader in [&slow, &quick] {
        assert!(matches!(reader.join(&feed, &From::Now), Joined::Live));
    }
    for offset in 10..14 {
        push(&feed, 0, offset);
    }
    assert_eq!(slow.member.ending.get(), Ended::TooSlow);
    assert_eq!((slow.read().len(), quick.read().len()), (4, 5), "what was given stays");
    push(&feed, 0, 14);
    assert_eq!((slow.read().len(), quick.read().len()), (0, 1));
    let metrics = feed.metrics.render();
    assert!(metrics.contains("order_service_slow_event_streams_total 1"), "{metrics}");
}

#[test]
fn another_topic_and_a_lost_place_are_told() {
    let feed = feed();
    let mut there = Reader::new(&feed, 16);
    assert!(matches!(there.join(&feed, &From::Now), Joined::Live));
    for bad in [Token { topic: mark("u"), next_offsets: vec![10, 20] }, Reader::at(&[10, 20, 30])] {
        let mut reader = Reader::new(&feed, 16);
        assert!(matches!(reader.join(&feed, &From::Place(&bad)), Joined::Live));
        check(&reader.read(), &[("reset", [10, 20])]);
    }
    assert!(!feed.take_doubt());
    push(&feed, 0, 12);
    push(&feed, 0, 11);
    assert!(feed.take_doubt() && !feed.take_doubt(), "offsets do not go back in one topic");
    feed.begin_anew(mark("u"), vec![1, 2]);
    push(&feed, 0, 1);
    check(&there.read(), &[("head", [10, 20]), ("0-12-0", [13, 20]), ("reset", [1, 2]), ("0-1-0", [2, 2])]);
    feed.suspend("no topic".to_owned());
    let reader = Reader::new(&feed, 16);
    assert!(matches!(reader.join(&feed, &From::Now), Joined::Away(cause) if cause == "no topic"));
    feed.begin_anew(mark("u"), vec![2, 2]);
    check(&there.read(), &[("reset", [2, 2])]);
    assert!(matches!(reader.join(&feed, &From::Now), Joined::Live));
}

#[test]
fn a_stream_that_is_gone_and_a_stop_leave_nothing() {
    let feed = feed();
    let reader = Reader::new(&feed, 16);
    assert!(matches!(reader.join(&feed, &From::Now), Joined::Live));
    feed.leave(reader.number, &reader.member.filter);
    assert!(feed.state().roster.is_empty());
    let Reader { number, member, queue } = Reader::new(&feed, 16);
    drop(queue);
    assert!(matches!(feed.join(number, member, &From::Now), Joined::Closed));
    let mut reader = Reader::new(&feed, 16);
    assert!(matches!(reader.join(&feed, &From::Now), Joined::Live));
    feed.close();
    assert_eq!((reader.member.ending.get(), reader.read().len()), (Ended::Stopping, 1));
    assert!(feed.state().roster.is_empty());
    assert!(matches!(Reader::new(&feed, 16).join(&feed, &From::Now), Joined::Closed));
}
