//! Streams of events, read as a client reads them: the relay is played, Kafka is real.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use ledger_schema::Position;
use ledger_schema::wire::{Outcome, StockChanged, StockReleased};
use rdkafka::producer::Producer;
use serde_json::Value;
use tokio::time::timeout;
use tower::ServiceExt;
use uuid::Uuid;

use crate::world::{Answer, Basket, OrderLine, PARTITIONS, PATIENCE, World, call, eventually, get, metric, post, send};

/// One event, as a client dispatches it.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    event: String,
    data: Value,
}

impl Event {
    fn id(&self) -> &str {
        self.data["event_id"].as_str().or(self.data["eventId"].as_str()).unwrap_or_default()
    }
}

/// A client's side of a stream.
struct Stream {
    body: Body,
    text: String,
    last_id: String,
    comments: usize,
}

impl Stream {
    async fn try_open(router: &Router, uri: &str, last_id: Option<&str>) -> Result<Self, Answer> {
        let mut request = Request::get(uri).header("accept", "text/event-stream").header("accept-encoding", "gzip");
        if let Some(last_id) = last_id {
            request = request.header("last-event-id", last_id);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = router.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        if parts.status != 200 {
            let bytes = body.collect().await.expect("a body").to_bytes().to_vec();
            return Err(Answer { status: parts.status.as_u16(), headers: parts.headers, bytes });
        }
        assert_eq!(parts.headers["content-type"], "text/event-stream");
        assert_eq!(parts.headers["cache-control"], "no-store");
        assert_eq!(parts.headers["x-accel-buffering"], "no");
        assert!(parts.headers.contains_key("x-order-service"));
        assert!(!parts.headers.contains_key("content-encoding"), "what is compressed is held back");
        let last_id = last_id.unwrap_or_default().to_owned();
        Ok(Self { body, text: String::new(), last_id, comments: 0 })
    }

    async fn open(router: &Router, uri: &str, last_id: Option<&str>) -> Self {
        Self::try_open(router, uri, last_id).await.expect("a stream")
    }

    /// From now on: its place is known.
    async fn from_now(router: &Router, uri: &str) -> Self {
        let mut stream = Self::open(router, uri, None).await;
        assert_eq!(stream.block().await.expect("a beginning").lines().next(), Some("retry: 1000"));
        assert!(!stream.last_id.is_empty());
        stream
    }

    /// The lines up to the next empty one; what they say about the place is kept.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                for line in block.lines() {
                    if let Some(id) = line.strip_prefix("id: ") {
                        id.clone_into(&mut self.last_id);
                    }
                    self.comments += usize::from(line.starts_with(':'));
                }
                return Some(block);
            }
            let frame = timeout(PATIENCE, self.body.frame()).await.expect("in time")?.expect("no error");
            let bytes = frame.into_data().expect("data");
            self.text.push_str(std::str::from_utf8(&bytes).expect("whole characters"));
        }
    }

    /// The next event; none at the stream's end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
            if let (Some(event), Some(data)) = (line("event: "), line("data: ")) {
                return Some(Event { event: event.to_owned(), data: serde_json::from_str(data).expect("JSON") });
            }
        }
    }

    /// The ids of the next events.
    async fn ids(&mut self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.next().await.expect("an event").id().to_owned());
        }
        ids
    }
}

fn at(partition: i32, offset: i64) -> Position {
    Position { partition, offset }
}

/// A confirmed order of chocolate, decided by the record there.
fn confirmed(partition: i32, offset: i64) -> Outcome {
    OrderLine { order_id: Uuid::from_u128(7), position: at(partition, offset), ..Default::default() }.outcome()
}

/// Publishes confirmed orders, by partition in the order of their offsets.
fn publish(world: &World, partition: i32, offsets: std::ops::Range<i64>) {
    let values: Vec<_> = offsets.map(|offset| confirmed(partition, offset).encode()).collect();
    world.publish_values(partition, &values.iter().map(Vec::as_slice).collect::<Vec<_>>());
}

fn expected(partition: i32, offsets: std::ops::Range<i64>) -> Vec<String> {
    offsets.map(|offset| format!("{partition}-{offset}-0")).collect()
}

/// Ids by partition, each in its order.
fn by_partition(ids: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for id in ids {
        all.entry(id.split('-').next().unwrap_or_default().to_owned()).or_default().push(id.clone());
    }
    all
}

async fn open_streams(router: &Router) -> u64 {
    metric(router, "order_service_event_streams").await
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_come_as_they_are_decided_to_whom_they_concern() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let order_id = Uuid::from_u128(99);
    let streams = [
        ("/events", vec!["0-1-0", "0-2-0", "0-3-0", "0-4-0", "0-5-0"]),
        ("/events?product=milk", vec!["0-2-0", "0-4-0"]),
        ("/events?user=bob", vec!["0-2-0", "0-3-0"]),
        ("/events?user=bob&type=OrderRejected", vec!["0-3-0"]),
        ("/events?type=StockChanged,OrderRejected", vec!["0-3-0", "0-4-0", "0-5-0"]),
        ("/events?order=00000000-0000-0000-0000-000000000063&product=tea", vec!["0-2-0"]),
        ("/events?order=00000000-0000-0000-0000-000000000063&product=x", vec![]),
        ("/stock/events", vec!["0-1-0", "0-2-0", "0-2-0", "0-4-0", "0-5-0"]),
        ("/stock/events?product=milk", vec!["0-2-0", "0-4-0"]),
    ];
    let mut open = Vec::new();
    for (uri, ids) in streams {
        open.push((uri, Stream::from_now(&router, uri).await, ids));
    }
    assert_eq!(open_streams(&router).await, 9);
    let lines = [("tea", 1, 100, "reserved", None), ("milk", 2, 120, "reserved", None)];
    let basket = Basket { order_id, user_id: "bob", lines: &lines, position: at(0, 2), ..Default::default() };
    let rejected = OrderLine {
        order_id: Uuid::from_u128(8),
        user_id: "bob",
        reason: Some("out-of-stock"),
        position: at(0, 3),
        ..Default::default()
    };
    let (version, delta) = (Outcome::VERSION_OF_LINES, 2);
    let released = Outcome::StockReleased(StockReleased {
        version,
        event_id: "0-4-0".to_owned(),
        order_id: order_id.to_string(),
        line_no: 2,
        product_id: "milk".to_owned(),
        kind: StockReleased::KIND.to_owned(),
        delta,
        available: 9,
    });
    let received = Outcome::StockChanged(StockChanged {
        version: Outcome::VERSION,
        event_id: "0-5-0".to_owned(),
        movement_id: Uuid::from_u128(5).to_string(),
        product_id: "<b>&\"".to_owned(),
        kind: "receipt".to_owned(),
        delta: 5,
        available: 5,
    });
    let outcomes = [confirmed(0, 1), basket.outcome(at(0, 2)), rejected.outcome(), released, received];
    let values: Vec<_> = outcomes.iter().map(Outcome::encode).collect();
    world.publish_values(0, &[&values[0], &values[1], b"nonsense", &values[2], &values[3], &values[4]]);
    for (uri, stream, ids) in &mut open {
        assert_eq!(stream.ids(ids.len()).await, *ids, "{uri}");
    }
    world.publish_values(1, &[&values[0]]);
    let (_, all, _) = &mut open[0];
    let event = all.next().await.expect("an event");
    assert_eq!(event.event, "OrderConfirmed");
    assert_eq!(event.data, serde_json::from_slice::<Value>(&values[0]).expect("JSON"), "as the topic has it");
    assert_eq!(metric(&router, "order_service_undecodable_outcomes_total").await, 1);
    // Both of the basket's changes of stock go in one piece; the last event is for the two that ask for everything.
    let sent = (5 + 2 + 2 + 1 + 3 + 1) + (4 + 2) + 2;
    assert_eq!(metric(&router, "order_service_events_sent_total").await, sent, "nobody got more than that");
    drop(open);
    eventually("all are gone", async || (open_streams(&router).await == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_says_what_outcomes_say_and_no_more() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let mut stock = Stream::from_now(&router, "/stock/events").await;
    world.publish(&confirmed(2, 40));
    let lines = [("tea", 1, 100, "reserved", None), ("milk", 2, 120, "reserved", None)];
    world.publish(&Basket { lines: &lines, position: at(2, 41), ..Default::default() }.outcome(at(2, 41)));
    for data in [
        serde_json::json!({"productId": "chocolate", "available": 7, "position": "2:40", "eventId": "2-40-0", "outcome": "OrderConfirmed"}),
        serde_json::json!({"productId": "tea", "eventId": "2-41-0", "outcome": "OrderConfirmed"}),
        serde_json::json!({"productId": "milk", "eventId": "2-41-0", "outcome": "OrderConfirmed"}),
    ] {
        let event = stock.next().await.expect("an event");
        assert_eq!((event.event.as_str(), event.data), ("stock", data));
    }
}

/// What one service gave and what the next one gives is everything, each once, whatever lies between.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_at_another_service_with_neither_gap_nor_double() {
    let world = World::new().await;
    publish(&world, 0, 0..3);
    let first = world.router(&[]).await;
    let second = world.router(&[]).await;
    let mut stream = Stream::from_now(&first, "/events").await;
    let mut ids = Vec::new();
    for partition in 0..PARTITIONS {
        publish(&world, partition, 10..20);
    }
    ids.extend(stream.ids(25).await);
    let last_id = stream.last_id.clone();
    // The service dies with what was under way; a relay fails in between.
    drop((stream, first));
    let producer = world.producer(&[("transactional.id", &world.outcomes_topic)]);
    producer.init_transactions(PATIENCE).expect("a transactional producer");
    for (partition, aborts) in [(1, true), (1, false), (3, true)] {
        producer.begin_transaction().expect("begun");
        let offset = if aborts { 99 } else { 20 };
        send(&producer, &world.outcomes_topic, partition, &[&confirmed(partition, offset).encode()]);
        producer.flush(PATIENCE).expect("written");
        match aborts {
            true => producer.abort_transaction(PATIENCE).expect("aborted"),
            false => producer.commit_transaction(PATIENCE).expect("committed"),
        }
    }
    let all = || {
        let mut all: Vec<String> = (0..PARTITIONS).flat_map(|partition| expected(partition, 10..20)).collect();
        all.push("1-20-0".to_owned());
        by_partition(&all)
    };
    // From memory: it was there all the time.
    let mut stream = Stream::open(&second, "/events", Some(&last_id)).await;
    let mut from_memory = ids.clone();
    from_memory.extend(stream.ids(16).await);
    assert_eq!(by_partition(&from_memory), all());
    assert_eq!(metric(&second, "order_service_event_streams_catching_up").await, 0);
    // From the topic: it starts now.
    let third = world.router(&[]).await;
    let mut late = Stream::open(&third, "/events", Some(&last_id)).await;
    ids.extend(late.ids(16).await);
    assert_eq!(by_partition(&ids), all());
    // Both are fed live from here on, and either one's place is one for the other.
    for partition in 0..PARTITIONS {
        publish(&world, partition, 30..33);
    }
    let (live, late_live) = (stream.ids(12).await, late.ids(12).await);
    assert_eq!(by_partition(&live), by_partition(&late_live));
    publish(&world, 0, 40..41);
    for (router, last_id) in [(&third, &stream.last_id), (&second, &late.last_id)] {
        assert_eq!(Stream::open(router, "/events", Some(last_id)).await.ids(1).await, ["0-40-0"]);
    }
    eventually("none catches up", async || {
        (metric(&third, "order_service_event_streams_catching_up").await == 0).then_some(())
    })
    .await;
}

/// More than is kept in memory at once, with a queue that is far too small for it, while more comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_way_to_the_present_is_gone_at_the_readers_pace() {
    let world = World::new().await;
    let first = world.router(&[]).await;
    let mut stream = Stream::from_now(&first, "/events?product=chocolate").await;
    publish(&world, 0, 0..1);
    assert_eq!(stream.ids(1).await, ["0-0-0"]);
    let last_id = stream.last_id.clone();
    drop(stream);
    for partition in 0..PARTITIONS {
        publish(&world, partition, 1..3001);
    }
    eventually("all are read", async || {
        (metric(&first, "order_service_outcomes_seen_total").await == 12_001).then_some(())
    })
    .await;
    let late = world.router(&["--events-buffer", "16"]).await;
    let mut streams = [
        Stream::open(&first, "/events?product=chocolate", Some(&last_id)).await,
        Stream::open(&late, "/events?product=chocolate", Some(&last_id)).await,
    ];
    let mut seen = [const { Vec::new() }; 2];
    for (stream, seen) in streams.iter_mut().zip(&mut seen) {
        seen.extend(stream.ids(6_000).await);
    }
    for partition in 0..PARTITIONS {
        publish(&world, partition, 3001..3004);
    }
    for (stream, seen) in streams.iter_mut().zip(&mut seen) {
        seen.extend(stream.ids(6_012).await);
        let found = by_partition(seen);
        for partition in 0..PARTITIONS {
            assert_eq!(found[&partition.to_string()], expected(partition, 1..3004));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_told_and_the_stream_goes_on() {
    let world = World::new().await;
    let first = world.router(&[]).await;
    let mut stream = Stream::from_now(&first, "/events").await;
    publish(&world, 0, 0..5);
    assert_eq!(stream.ids(2).await.len(), 2);
    let last_id = stream.last_id.clone();
    world.delete_outcomes().await;
    // A service that has it in memory has no gap to tell of.
    assert_eq!(Stream::open(&first, "/events", Some(&last_id)).await.ids(3).await, expected(0, 2..5));
    let late = world.router(&[]).await;
    let mut stream = Stream::open(&late, "/events", Some(&last_id)).await;
    let reset = stream.next().await.expect("an event");
    assert_eq!((reset.event.as_str(), &reset.data["reason"]), ("reset", &"gone".into()), "{reset:?}");
    assert!(reset.data["detail"].as_str().expect("a text").contains("not kept any more"));
    publish(&world, 0, 5..6);
    assert_eq!(stream.ids(1).await, ["0-5-0"], "it goes on from the reset");
    assert_eq!(metric(&late, "order_service_event_stream_resets_total").await, 1);
    // An id that is ahead of the topic was not given by it.
    let ahead = Stream::open(&late, "/events", Some(&beyond(&stream.last_id))).await.next().await.expect("an event");
    assert_eq!((ahead.event.as_str(), &ahead.data["reason"]), ("reset", &"beyond-end".into()));
}

/// The same place, a thousand records on in partition 0. The form is `streams::token`'s.
fn beyond(id: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use sha2::{Digest, Sha256};
    let bytes = URL_SAFE_NO_PAD.decode(id).expect("base64");
    let mut place = bytes[..bytes.len() - 4].to_vec();
    assert!(place[9] < 0x80, "one byte holds the offset");
    place.splice(9..10, [0xe8, 0x07]);
    let check = Sha256::digest(&place);
    place.extend(&check[..4]);
    URL_SAFE_NO_PAD.encode(place)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_made_anew_is_told() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let mut stream = Stream::from_now(&router, "/events").await;
    publish(&world, 0, 0..2);
    assert_eq!(stream.ids(2).await, expected(0, 0..2));
    let last_id = stream.last_id.clone();
    world.recreate_topic(&world.outcomes_topic).await;
    let reset = stream.next().await.expect("an event");
    assert_eq!((reset.event.as_str(), &reset.data["reason"]), ("reset", &"other-topic".into()), "{reset:?}");
    publish(&world, 0, 2..3);
    assert_eq!(stream.ids(1).await, ["0-2-0"]);
    let old = Stream::open(&router, "/events", Some(&last_id)).await.next().await.expect("an event");
    assert_eq!((old.event.as_str(), &old.data["reason"]), ("reset", &"other-topic".into()));
    // It answers waits again, too: the follower is in its place.
    assert_eq!(get(&router, "/readyz").await.json()["stopping"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_told_and_dropped_and_can_go_on() {
    let world = World::new().await;
    let router = world.router(&["--events-buffer", "16"]).await;
    let mut slow = Stream::from_now(&router, "/events").await;
    let mut quick = Stream::from_now(&router, "/events?user=alice").await;
    for offset in 0..40 {
        publish(&world, 0, offset..offset + 1);
        assert_eq!(quick.ids(1).await, expected(0, offset..offset + 1));
    }
    assert_eq!(metric(&router, "order_service_slow_event_streams_total").await, 1);
    let mut ids = slow.ids(16).await;
    let last = slow.next().await.expect("last words");
    assert_eq!((last.event.as_str(), &last.data["reason"]), ("dropped", &"slow-reader".into()));
    assert_eq!(slow.next().await, None, "and that is the end");
    let mut again = Stream::open(&router, "/events", Some(&slow.last_id)).await;
    ids.extend(again.ids(24).await);
    assert_eq!(ids, expected(0, 0..40), "nothing is lost by it");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_broken_and_a_place_moves_on_without_events() {
    let world = World::new().await;
    let router = world.router(&["--events-heartbeat-ms", "100"]).await;
    let mut stream = Stream::from_now(&router, "/events?user=nobody").await;
    let first = stream.last_id.clone();
    assert_eq!(stream.block().await.expect("a heartbeat"), format!(":\nid: {first}"));
    publish(&world, 0, 0..1);
    eventually("the place moves", async || {
        stream.block().await.expect("a heartbeat");
        (stream.last_id != first).then_some(())
    })
    .await;
    assert!(stream.comments > 1);
    publish(&world, 0, 1..2);
    let ids = Stream::open(&router, "/events", Some(&stream.last_id)).await.ids(1).await;
    assert_eq!(ids, ["0-1-0"], "what was passed over is not read again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stream_does_not_take_is_named() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    for (uri, last_id, field) in [
        ("/events", "7", "Last-Event-ID"),
        ("/stock/events", "0-3-0", "Last-Event-ID"),
        ("/events", "AQAAAAAAAAAAAAAAAAAA", "Last-Event-ID"),
        ("/events?product=a%20b", "", "product"),
        ("/events?user=", "", "user"),
        ("/events?order=7", "", "order"),
        ("/events?type=OrderMelted", "", "type"),
        ("/events?type=OrderHeld&type=OrderHeld", "", "type"),
        ("/events?after=0:1", "", "after"),
        ("/stock/events?user=bob", "", "user"),
    ] {
        let refused = Stream::try_open(&router, uri, Some(last_id)).await.err().unwrap_or_else(|| panic!("{uri}"));
        assert_eq!((refused.status, refused.problem().as_str()), (400, "invalid-request"), "{uri} {last_id}");
        assert_eq!(refused.fields(), [field], "{uri}");
    }
    let empty = Stream::try_open(&router, "/events", Some("")).await;
    assert!(empty.is_ok(), "as the form of streams has it, an empty id is none");
    for uri in ["/events", "/stock/events"] {
        let answer = post(&router, uri, &[], "{}").await;
        assert_eq!(
            (answer.status, answer.problem().as_str(), answer.header("allow")),
            (405, "method-not-allowed", "GET,HEAD")
        );
        let head = call(&router, Request::head(uri).body(Body::empty()).expect("a request")).await;
        assert_eq!((head.status, head.header("content-type"), head.bytes.len()), (200, "text/event-stream", 0));
    }
    drop(empty);
    eventually("none is left", async || (open_streams(&router).await == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_limited() {
    let world = World::new().await;
    let first = world.router(&["--events-max-streams", "2"]).await;
    let mut stream = Stream::from_now(&first, "/events").await;
    let other = Stream::from_now(&first, "/stock/events").await;
    let full = Stream::try_open(&first, "/events", None).await.err().expect("no third");
    assert_eq!((full.status, full.problem().as_str(), full.header("retry-after")), (503, "too-many-streams", "1"));
    drop(other);
    Stream::from_now(&first, "/events").await;
    // Those that read from the topic wait for their readers.
    publish(&world, 0, 0..100);
    assert_eq!(stream.ids(1).await, ["0-0-0"]);
    let late = world.router(&["--events-buffer", "16", "--events-max-catch-ups", "1"]).await;
    let mut reading = Stream::open(&late, "/events", Some(&stream.last_id)).await;
    let full = Stream::try_open(&late, "/events", Some(&stream.last_id)).await.err().expect("no second");
    assert_eq!((full.status, full.problem().as_str()), (503, "too-many-streams"));
    assert_eq!(metric(&late, "order_service_refused_event_streams_total").await, 1);
    assert_eq!(reading.ids(99).await, expected(0, 1..100));
    eventually("there is room again", async || {
        Stream::try_open(&late, "/events", Some(&stream.last_id)).await.ok().map(drop)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_the_service_stops_and_not_before() {
    let world = World::new().await;
    let router = world.router(&["--drain-ms", "4000"]).await;
    let mut stream = Stream::from_now(&router, "/events").await;
    world.stop.cancel();
    publish(&world, 0, 0..1);
    assert_eq!(stream.ids(1).await, ["0-0-0"], "the drain ends no stream");
    assert_eq!(stream.block().await.as_deref(), Some(": this service stops"));
    assert_eq!(stream.next().await, None);
    let refused = Stream::try_open(&router, "/events", None).await.err().expect("it stops");
    assert_eq!((refused.status, refused.problem().as_str()), (503, "unavailable"));
}
