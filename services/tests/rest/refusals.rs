//! What Kafka refuses for certain is answered as certain, what it may have written never is, and readiness follows both. The
//! broker is a real one where it has to decide, and librdkafka's mock cluster where it has to answer what no broker does on demand.

use std::time::Instant;

use ledger_kafka::faults::FIRST_ATTEMPT_WITHIN;
use rdkafka::bindings::rd_kafka_resp_err_t::{self as code, *};
use rdkafka::types::RDKafkaApiKey;

use crate::outages::mocked;
use crate::world::{ORDER, World, eventually, get, metric, post};

const REFUSED: &str = "order_service_refused_appends_total";
const UNKNOWN: &str = "order_service_unknown_acknowledgements_total";
const FAILING: &str = "order_service_appends_failing";

/// What `/readyz` says of Kafka, and with which status.
async fn readiness(router: &axum::Router) -> (u16, String) {
    let answer = get(router, "/readyz").await;
    let parts = answer.json()["parts"].clone();
    let part = parts.as_array().and_then(|parts| parts.iter().find(|part| part["name"] == "kafka").cloned());
    let detail = part.expect("a part").get("detail").and_then(|detail| detail.as_str()).unwrap_or_default().to_owned();
    (answer.status, detail)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_the_topic_does_not_take_is_a_refusal_and_not_ready() {
    let world = World::new().await;
    // A record waits in the queue for longer than the topic lets it be old.
    let own_clocks = ("message.timestamp.type", "CreateTime");
    world.configure(&[own_clocks, ("message.timestamp.before.max.ms", "1")]).await;
    let router = world.router(&["--linger-ms", "50"]).await;
    assert_eq!(readiness(&router).await.0, 200);
    let (mut refused, mut doubted) = (0, 0);
    eventually("three certain refusals", async || {
        let begun = Instant::now();
        let answer = post(&router, "/orders", &[("prefer", "wait=5")], ORDER).await;
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
        match (answer.status, answer.problem().as_str()) {
            (503, "unavailable") => refused += 1,
            // A broker that took its time: there might have been an attempt before.
            (503, "unknown-outcome") if begun.elapsed() >= FIRST_ATTEMPT_WITHIN => doubted += 1,
            _ => panic!("{answer:?} after {:?}", begun.elapsed()),
        }
        assert_eq!((metric(&router, REFUSED).await, metric(&router, UNKNOWN).await), (refused, doubted));
        (refused == 3).then_some(())
    })
    .await;
    assert_eq!(world.records(), 0);
    eventually("not ready, for the clock", async || {
        let (status, detail) = readiness(&router).await;
        let says = ["the clock of this service", "message.timestamp.after.max.ms", "Timestamp"];
        (status == 503 && says.iter().all(|word| detail.contains(word))).then_some(())
    })
    .await;
    eventually("the metric", async || (metric(&router, FAILING).await == 1).then_some(())).await;
    world.configure(&[own_clocks, ("message.timestamp.before.max.ms", "3600000")]).await;
    eventually("an append", async || (post(&router, "/orders", &[], ORDER).await.status == 202).then_some(())).await;
    eventually("ready", async || (readiness(&router).await.0 == 200).then_some(())).await;
    eventually("the metric", async || (metric(&router, FAILING).await == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_topic_does_not_take_is_too_large_and_the_service_is_ready() {
    let world = World::new().await;
    world.configure(&[("max.message.bytes", "200")]).await;
    let router = world.router(&[]).await;
    let (mut refused, mut doubted) = (0, 0);
    eventually("three certain refusals", async || {
        let begun = Instant::now();
        let answer = post(&router, "/orders", &[], ORDER).await;
        match (answer.status, answer.problem().as_str()) {
            (413, "body-too-large") => {
                assert!(!answer.headers.contains_key("retry-after"), "the same is refused again: {answer:?}");
                refused += 1;
            }
            // A broker that took its time: there might have been an attempt before.
            (503, "unknown-outcome") if begun.elapsed() >= FIRST_ATTEMPT_WITHIN => doubted += 1,
            _ => panic!("{answer:?} after {:?}", begun.elapsed()),
        }
        (refused == 3).then_some(())
    })
    .await;
    assert_eq!((world.records(), metric(&router, UNKNOWN).await), (0, doubted));
    assert_eq!(readiness(&router).await, (200, String::new()), "smaller ones are taken");
    world.configure(&[("max.message.bytes", "100000")]).await;
    eventually("an append", async || (post(&router, "/orders", &[], ORDER).await.status == 202).then_some(())).await;
}

/// (A real broker has to have more replicas for that: Kafka 4 asks for no more in-sync replicas than a partition has.)
#[tokio::test(flavor = "multi_thread")]
async fn too_few_replicas_are_in_doubt_and_not_ready() {
    let (world, mock) = mocked().await;
    let router = world.router(&["--delivery-timeout-ms", "2500"]).await;
    mock.request_errors(RDKafkaApiKey::Produce, &[RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 50]);
    // The client tries again until the time is over, and then knows no more than that.
    let answer = post(&router, "/orders", &[], ORDER).await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "unknown-outcome"), "{answer:?}");
    let (status, detail) = readiness(&router).await;
    assert!(status == 503 && detail.contains("no append") && detail.contains("timed out"), "{status} {detail}");
    mock.clear_request_errors(RDKafkaApiKey::Produce);
    // Without a request nothing is learned: it is ready for a trial after a while.
    eventually("a trial", async || (readiness(&router).await.0 == 200).then_some(())).await;
    eventually("an append", async || (post(&router, "/orders", &[], ORDER).await.status == 202).then_some(())).await;
}

/// The first answers to what is appended, and what a client is told.
async fn check(errors: &[code], status: u16, word: &str) {
    let (world, mock) = mocked().await;
    let router = world.router(&["--delivery-timeout-ms", "4000"]).await;
    assert_eq!(post(&router, "/orders", &[], ORDER).await.status, 202, "the connection is warm");
    mock.request_errors(RDKafkaApiKey::Produce, errors);
    let answer = post(&router, "/orders", &[], ORDER).await;
    assert_eq!((answer.status, answer.problem().as_str()), (status, word), "{errors:?}: {answer:?}");
    eventually("an append", async || (post(&router, "/orders", &[], ORDER).await.status == 202).then_some(())).await;
    eventually("ready", async || (readiness(&router).await.0 == 200).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_before_the_write_is_certain() {
    for error in [
        RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_INVALID_RECORD,
        RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
        RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
        RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS,
    ] {
        check(&[error], 503, "unavailable").await;
    }
    check(&[RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE], 413, "body-too-large").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_an_attempt_that_may_have_been_written_is_a_doubt() {
    for before in [
        // A leader that wrote it, and lost the partition before the replicas had it, answers the same as one that never was.
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    ] {
        check(&[before, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP], 503, "unknown-outcome").await;
    }
    check(&[RD_KAFKA_RESP_ERR_UNKNOWN], 503, "unknown-outcome").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_acknowledge_nothing_are_not_ready_before_the_first_time_out() {
    let (world, mock) = mocked().await;
    let router = world.router(&["--delivery-timeout-ms", "20000"]).await;
    assert_eq!(post(&router, "/orders", &[], ORDER).await.status, 202);
    mock.request_errors(RDKafkaApiKey::Produce, &[RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 9]);
    let asking = router.clone();
    let posted = tokio::spawn(async move { post(&asking, "/orders", &[], ORDER).await });
    let detail = eventually("not ready", async || {
        let (status, detail) = readiness(&router).await;
        (status == 503).then_some(detail)
    })
    .await;
    assert!(detail.contains("no append") && detail.contains("was acknowledged for"), "{detail}");
    assert!(!posted.is_finished(), "the client tries again");
    assert_eq!(posted.await.expect("no panic").status, 202, "tried again by the client until it stands");
    eventually("ready", async || (readiness(&router).await.0 == 200).then_some(())).await;
}
