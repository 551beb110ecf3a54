//! Whoever is not let in hears of it, in the broker's words, and never that nobody is there.

mod refusing_broker;

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use ledger_kafka::{KafkaSettings, KafkaUseError, LogInspector};
use refusing_broker::{PROPERTIES, RefusingBroker, SAID};

const TIMEOUT: Duration = Duration::from_secs(2);

/// Every question that an inspector can be asked.
fn answers(brokers: &str, properties: &str) -> Vec<KafkaUseError> {
    let kafka = KafkaSettings::new(brokers, properties).expect("valid");
    let asked = LogInspector::new(&kafka).expect("valid").with_timeout(TIMEOUT);
    let partitions = [0];
    vec![
        asked.partition_count("orders").expect_err("no answer"),
        asked.identity("orders").expect_err("no answer"),
        asked.settings("orders").expect_err("no answer"),
        asked.cluster_id().expect_err("no answer"),
        asked.broker_count().expect_err("no answer"),
        asked.ask_leaders("orders", &partitions).expect_err("no answer"),
        asked.watermarks("orders", 0).expect_err("no answer"),
        asked.offsets_from("orders", &partitions, 0).expect_err("no answer"),
    ]
}

#[test]
fn a_refused_password_is_no_broker_that_is_away() {
    let broker = RefusingBroker::start();
    let brokers = broker.address.to_string();
    // Nobody listens there any more.
    let nobody =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").to_string();
    // Each question waits for its answer as long as it may.
    let (refused, unanswered) = thread::scope(|scope| {
        let refused = scope.spawn(|| answers(&brokers, PROPERTIES));
        let unanswered = scope.spawn(|| answers(&nobody, PROPERTIES));
        (refused.join().expect("no panic"), unanswered.join().expect("no panic"))
    });
    for error in refused {
        assert!(error.is_not_admitted() && !error.is_unreachable() && !error.passes(), "{error:?}");
        let said = error.to_string();
        for words in [brokers.as_str(), SAID, "LEDGER_KAFKA_PROPERTIES", "LEDGER_KAFKA_PROPERTIES_FILE"] {
            assert!(said.contains(words), "`{words}` in: {said}");
        }
        assert!(!said.contains("wr0ng"), "no password in: {said}");
    }
    for error in unanswered {
        assert!(error.is_unreachable() && error.passes() && !error.is_not_admitted(), "{error:?}");
    }
}
