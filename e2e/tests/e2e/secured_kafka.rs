//! Kafka by TLS and SASL, as the properties of its clients ask for it: what is let in, what is refused, and how that is said.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ledger_kafka::{KafkaSettings, KafkaUseError, LogInspector};
use ledger_test_certificates::{Authority, Folder};
use serde_json::json;

use crate::own_kafka::{Listener, OwnKafka, PLAIN_PASSWORD, SCRAM_PASSWORD, USER};

/// A handshake of two busy processors, and the client's own pauses.
const PATIENCE: Duration = Duration::from_secs(20);
/// A question of who is not let in lasts for all of it.
const SHORT_PATIENCE: Duration = Duration::from_secs(8);

/// How many brokers there are, as a client with these properties finds it.
fn asked(brokers: &str, properties: &str, patience: Duration) -> Result<usize, KafkaUseError> {
    let settings = KafkaSettings::new(brokers, properties).expect("good properties");
    LogInspector::new(&settings)?.with_timeout(patience).broker_count()
}

#[test]
fn kafka_is_spoken_to_as_the_properties_say() -> Result<()> {
    let (files, ours) = (Folder::new("kafka-client"), Authority::new("ours"));
    let ca = files.write("ca.pem", &ours.certificate).display().to_string();
    let theirs = files.write("theirs.pem", &Authority::new("another").certificate).display().to_string();
    let (certificate, key) = files.write_identity("client", &ours.identity(&["client"]));
    let kafka = OwnKafka::start(&ours, &files)?;

    let ssl = format!("security.protocol=SSL,ssl.ca.location={ca}");
    let mutual = format!("{ssl},ssl.certificate.location={},ssl.key.location={}", certificate.display(), key.display());
    let sasl = |mechanism: &str, password: &str| {
        format!(
            "security.protocol=SASL_SSL,ssl.ca.location={ca},sasl.mechanism={mechanism},sasl.username={USER},sasl.password={password}"
        )
    };
    for (listener, properties) in [
        (Listener::Good, ssl.clone()),
        (Listener::Mutual, mutual),
        (Listener::Sasl, sasl("SCRAM-SHA-512", SCRAM_PASSWORD)),
        (Listener::Sasl, sasl("PLAIN", PLAIN_PASSWORD)),
    ] {
        let found = asked(&kafka.address(listener), &properties, PATIENCE);
        assert!(matches!(found, Ok(1)), "{listener:?}: {found:?}");
    }

    let by_theirs = format!("security.protocol=SSL,ssl.ca.location={theirs}");
    let refused = [
        (Listener::Good, by_theirs, "certificate verify failed"),
        (Listener::Expired, ssl.clone(), "certificate verify failed"),
        (Listener::Elsewhere, ssl.clone(), "certificate verify failed"),
        (Listener::Mutual, ssl, " alert "),
        (Listener::Sasl, sasl("SCRAM-SHA-512", "not-the-password"), "Authentication failed"),
        (Listener::Sasl, sasl("PLAIN", "not-the-password"), "Authentication failed"),
    ];
    // Side by side: each takes its whole time.
    std::thread::scope(|scope| {
        for (listener, properties, why) in &refused {
            let brokers = kafka.address(*listener);
            scope.spawn(move || {
                let error = asked(&brokers, properties, SHORT_PATIENCE).expect_err(why);
                let said = error.to_string();
                assert!(error.is_not_admitted() && said.contains(why), "{listener:?}, expected {why}: {said}");
                assert!(!said.contains("not-the-password"), "{said}");
            });
        }
    });
    by_token(&kafka.address(Listener::Sasl), &ca, &files);
    // In the clear to a listener with TLS: no broker answers.
    let error = asked(&kafka.address(Listener::Good), "", SHORT_PATIENCE).expect_err("it speaks TLS");
    assert!(error.is_unreachable() || error.is_not_admitted(), "{error}");
    Ok(())
}

/// A token that nobody signed, as a broker without an identity provider takes it (RFC 7519, section 6).
fn token(lives_for: Duration) -> String {
    let encode = |json: String| URL_SAFE_NO_PAD.encode(json);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let claims = json!({ "sub": USER, "iat": now - 100, "exp": now - 50 + lives_for.as_secs() });
    format!("{}.{}.", encode(json!({ "alg": "none" }).to_string()), encode(claims.to_string()))
}

fn by_token(brokers: &str, ca: &str, files: &Folder) {
    let file = files.write("token", &token(Duration::from_secs(3600)));
    let properties = format!(
        "security.protocol=SASL_SSL,ssl.ca.location={ca},sasl.mechanism=OAUTHBEARER,sasl.oauthbearer.config=token-file={}",
        file.display()
    );
    let found = asked(brokers, &properties, PATIENCE);
    assert!(matches!(found, Ok(1)), "{found:?}");
    for bad in [token(Duration::ZERO), "not-a-token".to_owned()] {
        files.write("token", &bad);
        let error = asked(brokers, &properties, SHORT_PATIENCE).expect_err("no token of anybody");
        assert!(!error.to_string().contains(&bad), "{error}");
        assert!(error.is_not_admitted(), "{error}");
    }
    // Renewed while the client lives: what it was refused with is not what it shows for ever.
    let settings = KafkaSettings::new(brokers, &properties).expect("good properties");
    let inspector = LogInspector::new(&settings).expect("good settings").with_timeout(SHORT_PATIENCE);
    inspector.broker_count().expect_err("no token of anybody yet");
    files.write("token", &token(Duration::from_secs(3600)));
    let begun = Instant::now();
    while let Err(error) = inspector.broker_count() {
        assert!(begun.elapsed() < Duration::from_secs(90), "{error}");
    }
}
