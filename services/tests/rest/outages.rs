//! Kafka or MariaDB goes away while the service runs: 503 with Retry-After, true in what it says, and over when they
//! are back. Kafka is librdkafka's mock cluster here, whose brokers can be taken down.

use std::time::{Duration, Instant};

use ledger_schema::Position;
use ledger_schema::partitioner::partition_of;
use ledger_schema::topics;
use rdkafka::bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaApiKey;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::proxy::{Line, Proxy};
use crate::world::{ORDER, OrderLine, PARTITIONS, World, eventually, get, metric, post, variable};

pub(crate) const BROKER: i32 = 1;
const KEY: [(&str, &str); 1] = [("idempotency-key", "k")];

pub(crate) async fn mocked() -> (World, MockCluster<'static, DefaultProducerContext>) {
    let mock = MockCluster::new(1).expect("a mock cluster");
    for topic in [topics::ORDERS, topics::OUTCOMES] {
        mock.create_topic(topic, PARTITIONS, 1).expect("a topic");
    }
    (World::with_mock(mock.bootstrap_servers(), topics::ORDERS.to_owned()).await, mock)
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_away_and_back() {
    let (world, mock) = mocked().await;
    let router = world.router(&["--delivery-timeout-ms", "1000"]).await;
    assert_eq!(post(&router, "/orders", &[], ORDER).await.status, 202);
    mock.broker_down(BROKER).expect("down");
    eventually("a quick refusal", async || {
        let started = Instant::now();
        let answer = post(&router, "/orders", &KEY, ORDER).await;
        assert_eq!(answer.status, 503);
        let word = answer.problem();
        assert!(word == "unknown-outcome" || word == "unavailable", "{word}");
        (word == "unavailable" && started.elapsed() < Duration::from_millis(500)).then_some(())
    })
    .await;
    eventually("not ready", async || (get(&router, "/readyz").await.status == 503).then_some(())).await;
    assert_eq!(get(&router, "/stock").await.status, 200, "reads go on");
    mock.broker_up(BROKER).expect("up");
    eventually("ready", async || (get(&router, "/readyz").await.status == 200).then_some(())).await;
    let answer = post(&router, "/orders", &KEY, ORDER).await;
    assert_eq!(answer.status, 202, "ready is said of what appends, not of a connection beside it: {answer:?}");

    // The outcomes are followed again, too.
    let (order_id, records) = (Uuid::now_v7(), world.records());
    let body = ORDER.replace("250", &format!("250,\"orderId\":\"{order_id}\""));
    let asking = router.clone();
    let waiting = tokio::spawn(async move { post(&asking, "/orders", &[("prefer", "wait=20")], &body).await });
    eventually("the append", async || (world.records() > records).then_some(())).await;
    let position = Position { partition: partition_of(b"chocolate", PARTITIONS), offset: records };
    world.publish(&OrderLine { order_id, position, ..OrderLine::default() }.outcome());
    let answer = waiting.await.expect("no panic");
    assert_eq!((answer.status, answer.position()), (201, position), "{answer:?}");
    assert_eq!(metric(&router, r#"order_service_waits_total{ended_by="outcome"}"#).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_refused_at_once() {
    let (world, mock) = mocked().await;
    let router = world.router(&["--delivery-timeout-ms", "5000", "--queue-max-messages", "5"]).await;
    mock.broker_round_trip_time(BROKER, Duration::from_secs(60)).expect("slow");
    let started = Instant::now();
    let mut posts = JoinSet::new();
    for _ in 0..200 {
        let router = router.clone();
        posts.spawn(async move { post(&router, "/orders", &[("prefer", "wait=5")], ORDER).await.problem() });
    }
    // What has a place in the queue waits for its acknowledgement; all others are answered before that can be over.
    for _ in 0..195 {
        let word = posts.join_next().await.expect("an answer").expect("no panic");
        assert_eq!(word, "unavailable");
    }
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    for word in posts.join_all().await {
        assert_eq!(word, "unknown-outcome");
    }
    assert_eq!(metric(&router, "order_service_refused_appends_total").await, 195);
    assert_eq!(metric(&router, "order_service_waiters").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledgement_is_an_unknown_outcome() {
    let (world, mock) = mocked().await;
    let flags = ["--delivery-timeout-ms", "300", "--queue-max-messages", "1"];
    let router = world.router(&flags).await;
    mock.broker_round_trip_time(BROKER, Duration::from_secs(3)).expect("slow");
    // The queue has room for one: the other is refused at once, and certainly not appended.
    let (one, other) = tokio::join!(post(&router, "/orders", &[], ORDER), post(&router, "/orders", &[], ORDER));
    let mut words = [one.problem(), other.problem()];
    words.sort();
    assert_eq!(words, ["unavailable", "unknown-outcome"]);
    let unknown = if one.problem() == "unknown-outcome" { one } else { other };
    assert!(unknown.json()["orderId"].is_string(), "a retry with this id takes effect at most once");
    let metrics = String::from_utf8(get(&router, "/metrics").await.bytes).expect("text");
    let unknown = metrics.lines().find_map(|line| line.strip_prefix("order_service_unknown_acknowledgements_total "));
    assert!(unknown.is_some_and(|count| count != "0"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_with_a_fatal_error_is_replaced() {
    let (world, mock) = mocked().await;
    let router = world.router(&["--delivery-timeout-ms", "1000"]).await;
    assert_eq!(post(&router, "/orders", &[], ORDER).await.status, 202);
    mock.request_errors(RDKafkaApiKey::Produce, &[RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER]);
    let answer = post(&router, "/orders", &[], ORDER).await;
    assert_eq!(answer.status, 503);
    eventually("an append", async || (post(&router, "/orders", &[], ORDER).await.status == 202).then_some(())).await;
    let metrics = String::from_utf8(get(&router, "/metrics").await.bytes).expect("text");
    assert!(metrics.contains("order_service_producer_restarts_total 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_away_and_back() {
    let world = World::new().await;
    let admin = variable("LEDGER_TEST_ADMIN_DATABASE_URL");
    let (login, host) = admin.trim_end_matches('/').rsplit_once('@').expect("a login");
    let proxy = Proxy::to(host.to_owned()).await;
    let url = format!("{login}@{}/{}", proxy.address, world.database);
    let flags = ["--reader-database-url", &url, "--database-timeout-ms", "300", "--max-wait-seconds", "1"];
    let router = world.router(&flags).await;
    assert_eq!(get(&router, "/stock").await.status, 200);
    let mut records = 0;
    for line in [Line::Cut, Line::Silent] {
        proxy.set(line);
        for uri in ["/stock", "/stock/tea", "/users/alice/orders", "/orders/77a436fd-64f9-4d35-999b-a957195f5d23"] {
            let answer = get(&router, uri).await;
            assert_eq!((answer.status, answer.problem().as_str()), (503, "unavailable"), "{line:?} {uri}");
        }
        let answer = post(&router, "/orders", &KEY, ORDER).await;
        assert_eq!((answer.status, answer.problem().as_str()), (503, "unavailable"));
        assert_eq!(world.records(), records, "not looked up, so not appended");
        let answer = post(&router, "/orders", &[("prefer", "wait=1")], ORDER).await;
        assert_eq!(answer.status, 202, "it is in the log, whatever the database does");
        records += 1;
        eventually("not ready", async || (get(&router, "/readyz").await.status == 503).then_some(())).await;
        proxy.set(Line::Open);
        eventually("reads", async || (get(&router, "/stock").await.status == 200).then_some(())).await;
        eventually("ready", async || (get(&router, "/readyz").await.status == 200).then_some(())).await;
    }
    assert_eq!(world.records(), records);
}

/// A server that was started anew, a KILL, an idle limit of somebody between, a firewall that forgot: however many kept connections
/// are dead, or silent, no read fails that a new one answers.
#[tokio::test(flavor = "multi_thread")]
async fn dead_and_silent_kept_connections_fail_no_read() {
    let world = World::new().await;
    let admin = variable("LEDGER_TEST_ADMIN_DATABASE_URL");
    let (login, host) = admin.trim_end_matches('/').rsplit_once('@').expect("a login");
    let proxy = Proxy::to(host.to_owned()).await;
    let url = format!("{login}@{}/{}", proxy.address, world.database);
    let router = world.router(&["--reader-database-url", &url, "--database-timeout-ms", "2000"]).await;
    for line in [Line::Cut, Line::Forgotten] {
        let mut reads = JoinSet::new();
        for _ in 0..200 {
            let router = router.clone();
            reads.spawn(async move { get(&router, "/stock").await.status });
        }
        assert!(reads.join_all().await.iter().all(|status| *status == 200));
        let kept = proxy.open_count();
        assert!(kept >= 3, "{kept} kept connections, which are needed to tell");
        proxy.set(line);
        if line == Line::Cut {
            eventually("all are closed", async || (proxy.open_count() == 0).then_some(())).await;
            proxy.set(Line::Open);
        }
        let started = Instant::now();
        for nth in 0..2 * kept {
            for uri in ["/stock", "/users/alice/orders"] {
                let answer = get(&router, uri).await;
                assert_eq!(answer.status, 200, "{line:?}, {nth}: {answer:?}");
            }
        }
        // One statement finds out, after half its time; what else was idle is not tried.
        assert!(started.elapsed() < Duration::from_secs(3), "{line:?}: {:?}", started.elapsed());
        assert_eq!(get(&router, "/readyz").await.status, 200);
    }
    // The service's own looks at the tables may find a dead one, too.
    assert!(metric(&router, "order_service_dead_connections_total").await >= 2);
}
