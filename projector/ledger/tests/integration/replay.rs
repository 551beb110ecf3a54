//! The reader of the log's ranges on a real Kafka: every record once, in order, to the end of each range and no further.

use std::collections::BTreeMap;
use std::time::Duration;

use ledger_kafka::KafkaSettings;
use ledger_kafka::record::OwnedRecord;
use ledger_kafka::replay::{LogRange, LogReader, ReplayError};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::setting::{Append, LIMIT, Setting};

/// Reads all; offsets and values by partition.
fn read(setting: &Setting, ranges: &[(i32, i64, i64)]) -> Result<BTreeMap<i32, Vec<(i64, String)>>, ReplayError> {
    let ranges: Vec<_> =
        ranges.iter().map(|(partition, from, to)| LogRange { partition: *partition, from: *from, to: *to }).collect();
    let kafka = KafkaSettings::new(&setting.variable("LEDGER_KAFKA_BROKERS"), "").expect("valid");
    let mut reader = LogReader::open(&kafka, &setting.topic("orders"), &ranges)?.with_patience(Duration::from_secs(5));
    let mut found: BTreeMap<i32, Vec<(i64, String)>> = BTreeMap::new();
    while let Some(record) = reader.next()? {
        let OwnedRecord { partition, offset, .. } = record;
        let value = String::from_utf8(record.value().expect("a value").to_vec()).expect("text");
        found.entry(partition).or_default().push((offset, value));
    }
    Ok(found)
}

async fn append(setting: &Setting, partition: i32, count: i64) {
    for number in 0..count {
        let value = format!("{partition}-{number}");
        let append = Append { partition, key: Some(b"k"), value: Some(value.as_bytes()), headers: &[("h", None)] };
        assert_eq!(setting.append(append).await, number);
    }
}

fn values(partition: i32, from: i64, to: i64) -> Vec<(i64, String)> {
    (from..to).map(|offset| (offset, format!("{partition}-{offset}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_read_to_their_ends_and_no_further() {
    let setting = Setting::migrated("replay");
    append(&setting, 0, 50).await;
    append(&setting, 1, 30).await;
    append(&setting, 2, 5).await;
    let found = read(&setting, &[(0, 0, 50), (1, 7, 11), (2, 3, 3), (3, 0, 0)]).expect("read");
    assert_eq!(found, BTreeMap::from([(0, values(0, 0, 50)), (1, values(1, 7, 11))]));
    assert_eq!(read(&setting, &[]).expect("nothing"), BTreeMap::new());
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_of_transactions_at_the_end_of_a_range_are_passed() {
    let setting = Setting::migrated("replay_tx");
    append(&setting, 0, 3).await;
    let topic = setting.topic("orders");
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", setting.variable("LEDGER_KAFKA_BROKERS"))
        .set("transactional.id", &setting.name)
        .create()
        .expect("a producer");
    producer.init_transactions(LIMIT).expect("begun");
    for (value, stands) in [("committed", true), ("aborted", false)] {
        producer.begin_transaction().expect("begun");
        producer
            .send(BaseRecord::<[u8], str>::to(&topic).partition(0).payload(value))
            .map_err(|(error, _)| error)
            .expect("sent");
        producer.flush(LIMIT).expect("delivered");
        if stands { producer.commit_transaction(LIMIT) } else { producer.abort_transaction(LIMIT) }.expect("ended");
    }
    // Offsets: 0 to 2, 3 committed, 4 its mark, 5 aborted, 6 its mark.
    let mut expected = values(0, 0, 3);
    expected.push((3, "committed".to_owned()));
    for to in [4, 5, 6, 7] {
        assert_eq!(read(&setting, &[(0, 0, to)]).expect("read"), BTreeMap::from([(0, expected.clone())]), "to {to}");
    }
    assert_eq!(read(&setting, &[(0, 4, 7)]).expect("read"), BTreeMap::new());
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_an_error_and_never_skipped() {
    let setting = Setting::migrated("replay_gone");
    append(&setting, 0, 10).await;
    let error = read(&setting, &[(0, 4, 12)]).expect_err("the log ends before");
    let name = setting.topic("orders");
    assert_eq!(
        error.to_string(),
        format!("topic {name} partition 0: expected records up to offset 12, and nothing came for 5 s after offset 10")
    );
    setting.delete_records(0, 4).await;
    let error = read(&setting, &[(0, 0, 10)]).expect_err("the beginning is gone");
    assert!(matches!(error, ReplayError::OffsetGone { .. }), "{error}");
    assert_eq!(read(&setting, &[(0, 4, 10)]).expect("read"), BTreeMap::from([(0, values(0, 4, 10))]));
    setting.finish().await;
}
