//! W3C Trace Context travels with the event.

use rdkafka::Message;
use rdkafka::message::Headers;

use crate::world::{ORDER, World, post};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_travels_with_the_event() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    for (headers, parent, state) in [
        (vec![("traceparent", PARENT)], Some(PARENT), None),
        (vec![("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")], Some(PARENT), Some("a=1,b=2")),
        (vec![("traceparent", PARENT), ("tracestate", "nonsense")], Some(PARENT), None),
        (vec![("traceparent", PARENT), ("traceparent", PARENT), ("tracestate", "a=1")], None, None),
        (vec![("traceparent", "nonsense"), ("tracestate", "a=1")], None, None),
        (vec![("tracestate", "a=1")], None, None),
    ] {
        let answer = post(&router, "/orders", &headers, ORDER).await;
        assert_eq!(answer.status, 202);
        let record = world.record(answer.position());
        let value = |name: &str| {
            let mut found = record.headers().expect("headers").iter().filter(|header| header.key == name);
            let value =
                found.next().and_then(|header| header.value).map(|value| String::from_utf8_lossy(value).into_owned());
            assert!(found.next().is_none(), "once at most");
            value
        };
        assert_eq!((value("traceparent").as_deref(), value("tracestate").as_deref()), (parent, state), "{headers:?}");
    }
}
