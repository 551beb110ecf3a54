//! Records and batches that are large for a topic or for the database, on a real Kafka and a real MariaDB: nothing is lost or
//! held back but what is refused, and what is refused is named. All of it is ordinary: some kilobytes, some headers.

use std::time::{Duration, Instant};

use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaErrorCode;
use serde_json::Value;

use crate::published::{all_published, client, event_ids, published};
use crate::setting::{
    Append, LIMIT, Projector, Setting, code, get, last_line, noise, order, product_in, receipt, stderr,
};

const HERE: i32 = 1;
/// As `ledger migrate` makes the topics.
const AS_MADE: (&str, &str) = ("max.message.bytes", "10485760");

fn restarts(projector: &Projector) -> u32 {
    let (_, metrics) = get(projector.address, "/metrics").expect("an answer");
    let count = metrics.lines().find_map(|line| line.strip_prefix("ledger_relay_restarts_total "));
    count.map_or(0, |count| count.parse().expect("a number"))
}

/// What `/readyz` gives as reasons, once it is not ready.
fn reasons(projector: &Projector) -> Vec<String> {
    projector.until("/readyz", |status, _| status == 503);
    let (_, body) = get(projector.address, "/readyz").expect("an answer");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    body["reasons"].as_array().expect("a list").iter().map(|reason| reason.as_str().expect("text").to_owned()).collect()
}

#[tokio::test]
async fn an_outcome_that_its_topic_does_not_take_is_named_and_waited_with() {
    let setting = Setting::migrated("outcomesize");
    let projector = setting.project();
    let product = product_in(HERE, "bar");
    setting.append_event(&product, &receipt(1, &product, 100)).await;
    assert_eq!(event_ids(&setting, HERE, 1), ["1-0-0"]);
    let topic = setting.topic("outcomes");
    setting.alter_topic(&topic, &[("max.message.bytes", "200")]).await;
    let before = restarts(&projector);
    setting.append_event(&product, &order(2, &product, 1)).await;
    let (value, header) = (noise(100_000), noise(3000));
    let headers: &[(&str, Option<&[u8]>)] = &[("h", Some(&header))];
    setting.append(Append { partition: HERE, key: Some(b"k"), value: Some(&value), headers }).await;
    setting.append_event(&product, &order(3, &product, 1)).await;
    setting.folded_to(HERE, 4).await;

    let said = reasons(&projector);
    let named = format!("cannot be published: topic {topic} does not take outcome 1-1-0 of ");
    assert!(said.len() == 1 && said[0].contains(&named), "{said:?}");
    assert!(said[0].contains(" bytes: raise its max.message.bytes"), "{said:?}");
    assert!(projector.log().contains(&format!("topic {topic} does not take outcome 1-1-0 of ")), "{}", projector.log());
    // It is tried again, but not all the time.
    let (began, at) = (Instant::now(), restarts(&projector));
    tokio::time::sleep(Duration::from_secs(8)).await;
    let grown = restarts(&projector) - at;
    assert!((1..=10).contains(&grown), "{grown} in {:?}", began.elapsed());
    assert!(at > before);
    assert_eq!(event_ids(&setting, HERE, 1), ["1-0-0"], "nothing overtakes it");

    setting.alter_topic(&topic, &[AS_MADE]).await;
    assert_eq!(event_ids(&setting, HERE, 3), ["1-0-0", "1-1-0", "1-3-0"]);
    let letters = published(&setting, "dead-letters", HERE, 1);
    assert_eq!((letters.len(), letters[0].value.as_deref()), (1, Some(&value[..])), "its own topic takes it");
    assert_eq!(letters[0].headers[0], ("h".to_owned(), Some(header)));
    projector.until_ready();
    all_published(&setting).await;
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

/// A topic limits whole batches. Records that fit by themselves are not held up by the company that they are sent in.
#[tokio::test]
async fn what_fits_by_itself_is_published_where_its_batch_does_not_fit() {
    let setting = Setting::migrated("batchsize");
    let topic = setting.topic("dead-letters");
    let product = product_in(HERE, "bar");
    setting.alter_topic(&topic, &[("max.message.bytes", "12000")]).await;
    let values: Vec<_> = (0..40).map(|n| noise(8000 + n)).collect();
    for value in &values {
        setting.append(Append { partition: HERE, key: Some(b"k"), value: Some(value), headers: &[] }).await;
    }
    setting.append_event(&product, &receipt(1, &product, 100)).await;
    let projector = setting.project();
    let letters = published(&setting, "dead-letters", HERE, values.len());
    let whole: Vec<_> = letters.iter().map(|letter| letter.value.clone().expect("its value")).collect();
    assert!(whole == values, "each whole, once, in order");
    assert_eq!(event_ids(&setting, HERE, 1), ["1-40-0"]);
    let count = restarts(&projector);
    assert!((1..=6).contains(&count), "{count}");
    projector.until_ready();
    all_published(&setting).await;
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

/// Headers count in a statement as much as values do, and in it they are text.
#[tokio::test]
async fn large_headers_are_parked_published_and_shown() {
    let setting = Setting::migrated("headersize");
    let value = noise(9_000_000);
    let header = noise(900_000);
    let large: &[(&str, Option<&[u8]>)] = &[("h", Some(&header))];
    // The client gives no headers at all where a record has more than 100,000.
    let many: Vec<(&str, Option<&[u8]>)> = vec![("n", None); 90_000];
    for headers in [large, &many, large, large, large] {
        setting.append(Append { partition: HERE, key: Some(b"k"), value: Some(b"no JSON"), headers }).await;
    }
    setting.append(Append { partition: HERE, key: Some(b"k"), value: Some(&value), headers: large }).await;
    let projector = setting.project();
    setting.folded_to(HERE, 6).await;
    let kept = setting
        .texts("SELECT CONCAT_WS(' ', kafka_offset, LENGTH(message_value), LENGTH(message_headers)) FROM dead_letters ORDER BY 1")
        .await;
    // In base64 with name, quotes, commas and brackets; a header without a value is `["n",null]`.
    let (text, many) = (900_000 / 3 * 4 + 10, 90_000 * 11 + 1);
    let small = |offset: u32| format!("{offset} 7 {text}");
    let expected = [small(0), format!("1 7 {many}"), small(2), small(3), small(4), format!("5 9000000 {text}")];
    assert_eq!(kept, expected);
    let letters = published(&setting, "dead-letters", HERE, 6);
    assert_eq!(letters.len(), 6);
    for letter in [&letters[0], &letters[5]] {
        assert!(letter.headers[0] == ("h".to_owned(), Some(header.clone())), "the header is published");
    }
    assert_eq!(letters[5].value.as_deref().map(<[u8]>::len), Some(9_000_000), "what the log takes its topic takes");
    let shown = setting.ledger(&["dead-letters", "show", "1:5", "--output", "json"]);
    assert_eq!(code(&shown), 0, "{}", stderr(&shown));
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    let base64_bytes = |value: &Value| value["base64"].as_str().map(str::len);
    assert_eq!(base64_bytes(&shown["headers"][0]["value"]), Some(900_000 / 3 * 4));
    assert_eq!(base64_bytes(&shown["value"]), Some(9_000_000 / 3 * 4));
    let verified = setting.ledger(&["verify"]);
    assert_eq!(code(&verified), 0, "{}", stderr(&verified));
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

/// The broker unpacks what a writer packed, so that the log's limit is one of what its readers hold in memory. A log whose broker
/// does not is refused by name, with what mends it, and nothing is changed.
#[tokio::test]
async fn a_log_that_its_broker_keeps_compressed_is_refused() {
    let setting = Setting::migrated("compression");
    let topic = setting.topic("orders");
    let kept = [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1"), AS_MADE];
    let refused = async |found: &'static str| {
        let settings = [&kept[..], &[("compression.type", found)]].concat();
        setting.alter_topic(&topic, &settings).await;
        let remedy = format!("--entity-name {topic} --add-config compression.type=uncompressed");
        let says = format!("topic {topic} has the wrong compression.type: expected uncompressed, found {found}; ");
        for args in [&["migrate"][..], &["project"], &["rebuild", "--yes"], &["verify"]] {
            let output = setting.ledger(args);
            let said = last_line(&output);
            assert!(code(&output) == 1 && said.contains(&says) && said.contains(&remedy), "{args:?}: {said}");
        }
    };
    let projector = setting.project();
    let product = product_in(HERE, "bar");
    setting.append_event(&product, &receipt(1, &product, 100)).await;
    setting.folded_to(HERE, 1).await;
    assert_eq!(projector.stop().0, 0);
    for found in ["producer", "lz4"] {
        refused(found).await;
    }
    assert_eq!(setting.number("SELECT COUNT(*) FROM generations WHERE generation > 1").await, 0, "no rebuild began");
    setting.alter_topic(&topic, &[&kept[..], &[("compression.type", "uncompressed")]].concat()).await;
    assert_eq!(setting.project().stop().0, 0);
    setting.finish().await;
}

/// An ordinary record that compresses well: what its writer compressed is counted by what it is.
#[tokio::test]
async fn the_logs_limit_is_one_of_what_its_readers_hold() {
    let setting = Setting::migrated("plain");
    let topic = setting.topic("orders");
    let kept = [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")];
    let limit = ("max.message.bytes", "20000");
    setting.alter_topic(&topic, &[&kept[..], &[("compression.type", "uncompressed"), limit]].concat()).await;
    let producer: FutureProducer = client(&setting).set("compression.type", "lz4").create().expect("a producer");
    let send = async |length: usize| {
        let value = vec![b' '; length];
        let record = FutureRecord::<str, [u8]>::to(&topic).partition(HERE).payload(&value);
        producer.send(record, LIMIT).await.map_err(|(error, _)| error.rdkafka_error_code())
    };
    assert!(send(15_000).await.is_ok());
    assert_eq!(send(25_000).await.expect_err("too large").expect("a code"), RDKafkaErrorCode::MessageSizeTooLarge);
    setting.alter_topic(&topic, &[&kept[..], &[("compression.type", "producer"), limit]].concat()).await;
    assert!(send(25_000).await.is_ok(), "the same record, where its broker keeps it compressed");
    setting.finish().await;
}
