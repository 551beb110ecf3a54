//! Bad input over REST and on the topic: named, refused or parked, and what comes after it is folded.
//!
//! It must never list what is good. Read `chocolate` for that.

use std::time::Duration;

use anyhow::Result;
use e2e::auditor::topic::read_all;
use e2e::client::Client;
use e2e::ledger::Ledger;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use reqwest::Method;

use super::{audit_at_rest, order, run};

/// Status, problem word, and a text that the answer must contain.
type Refusal = (u16, &'static str, &'static str);

async fn check(
    client: &Client,
    path: &str,
    content_type: &str,
    key: Option<&str>,
    body: &str,
    expected: Refusal,
) -> Result<()> {
    let mut headers = vec![("content-type", content_type)];
    if let Some(key) = key {
        headers.push(("idempotency-key", key));
    }
    let answer = client.send(Method::POST, path, &headers, Some(body.as_bytes().to_vec())).await?;
    let (status, word, says) = expected;
    let case = format!("{path} {body:.80}");
    assert_eq!((answer.status, answer.problem()), (status, word), "{case}: {answer:?}");
    assert_eq!(answer.content_type.as_deref(), Some("application/problem+json"), "{case}");
    assert!(answer.body.to_string().contains(says), "{case}: {} does not say {says}", answer.body);
    Ok(())
}

#[test]
fn bad_requests_are_named_and_append_nothing() -> Result<()> {
    run(async {
        let ledger = Ledger::start("badinput").await?;
        let (gateway, _, _) = ledger.clients()?;
        let json = "application/json";
        let with = |from: &str, to: &str| {
            let good = r#"{"userId":"u","productId":"p","quantity":1,"unitPrice":2}"#;
            assert!(good.contains(from), "{from}");
            good.replace(from, to)
        };
        for (body, expected) in [
            (String::new(), (400, "invalid-request", "")),
            ("{".to_owned(), (400, "invalid-request", "")),
            ("[]".to_owned(), (400, "invalid-request", "")),
            (with("}", ",\"quantity\":1}"), (400, "invalid-request", "quantity")),
            (with("}", ",\"colour\":1}"), (422, "invalid-field", "colour")),
            (with("\"quantity\":1,", ""), (422, "invalid-field", "quantity")),
            (with("\"quantity\":1", "\"quantity\":0"), (422, "invalid-field", "quantity")),
            (with("\"quantity\":1", "\"quantity\":-1"), (422, "invalid-field", "quantity")),
            (with("\"quantity\":1", "\"quantity\":1.5"), (422, "invalid-field", "quantity")),
            (with("\"quantity\":1", "\"quantity\":\"1\""), (422, "invalid-field", "quantity")),
            (with("\"quantity\":1", "\"quantity\":99999999999999999999999"), (422, "invalid-field", "quantity")),
            (with("\"unitPrice\":2", "\"unitPrice\":0"), (422, "invalid-field", "unitPrice")),
            (with("\"unitPrice\":2", "\"unitPrice\":9007199254740992"), (422, "invalid-field", "unitPrice")),
            (
                with("1,\"unitPrice\":2", "1000000000,\"unitPrice\":9007199254740991"),
                (422, "invalid-field", "totalPrice"),
            ),
            (with("}", ",\"totalPrice\":3}"), (422, "invalid-field", "totalPrice")),
            (with("\"p\"", "\"\""), (422, "invalid-field", "productId")),
            (with("\"p\"", &format!("\"{}\"", "x".repeat(65))), (422, "invalid-field", "productId")),
            (with("\"u\"", "\"a\\u0000b\""), (422, "invalid-field", "userId")),
            (with("}", ",\"orderId\":\"7\"}"), (422, "invalid-field", "orderId")),
        ] {
            check(&gateway, "/orders", json, None, &body, expected).await?;
        }
        let good = with("\"u\"", "\"u\"");
        check(&gateway, "/orders", "text/plain", None, &good, (415, "unsupported-media-type", "application/json"))
            .await?;
        check(&gateway, "/orders", json, Some(&"k".repeat(256)), &good, (400, "invalid-request", "Idempotency-Key"))
            .await?;
        check(&gateway, "/users/u/orders", json, None, &good, (422, "invalid-field", "userId")).await?;
        check(&gateway, "/stock/p/receipts", json, None, r#"{"quantity":0}"#, (422, "invalid-field", "quantity"))
            .await?;
        check(&gateway, "/stock/p/adjustments", json, None, r#"{"delta":1}"#, (422, "invalid-field", "reason")).await?;
        for (path, status, says) in [
            ("/stock?cursor=nonsense", 400, "cursor"),
            ("/stock?limit=0", 400, "limit"),
            ("/users/u/orders?cursor=nonsense", 400, "cursor"),
            ("/stock/p?after=nonsense", 400, "after"),
            ("/stock/p?after=99:0", 400, "after"),
            ("/nowhere", 404, ""),
        ] {
            let answer = gateway.get(path).await?;
            assert_eq!(answer.status, status, "{path}: {answer:?}");
            assert!(answer.body.to_string().contains(says), "{path}: {}", answer.body);
        }
        let (brokers, topic) = (ledger.servers.brokers.clone(), ledger.topic("orders"));
        let log = tokio::task::spawn_blocking(move || read_all(&brokers, &topic)).await??;
        assert_eq!(log.record_count(), 0, "nothing was appended");
        ledger.finish().await
    })
}

/// Appends raw records, as another writer might.
pub(crate) async fn append(ledger: &Ledger, key: Option<&[u8]>, value: Option<&[u8]>, partition: i32) -> Result<()> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &ledger.servers.brokers)
        .set("message.max.bytes", "10000000")
        .create()?;
    let topic = ledger.topic("orders");
    let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&topic).partition(partition);
    record.key = key;
    record.payload = value;
    producer.send(record, Duration::from_secs(10)).await.map_err(|(error, _)| error)?;
    Ok(())
}

#[test]
fn bad_records_are_parked_and_the_next_is_folded() -> Result<()> {
    run(async {
        let ledger = Ledger::start("badrecords").await?;
        let (_, a, b) = ledger.clients()?;
        let home = a.receive("p", 10).await?;
        let partition: i32 = home.text("position").split(':').next().unwrap_or_default().parse()?;
        let placed = |product: &str, id: u32| {
            format!(
                r#"{{"type":"OrderPlaced","version":1,"order_id":"00000000-0000-4000-8000-{id:012}","user_id":"u","product_id":"{product}","quantity":1,"unit_price":1,"total_price":1,"placed_at":"2026-11-23T10:00:00Z"}}"#
            )
        };
        let large = vec![b'x'; 3_000_000];
        let (wrong_key, elsewhere) = (placed("q", 1), placed("p", 2));
        let newer = placed("p", 3).replace("\"version\":1", "\"version\":9");
        for (key, value, partition) in [
            (Some(&b"p"[..]), Some(&b"\xff\x00 garbage"[..]), partition),
            (Some(b"p"), Some(b""), partition),
            (Some(b"p"), None, partition),
            (None, Some(b"{}"), partition),
            (Some(b"p"), Some(br#"{"type":"Unheard","version":1}"#), partition),
            (Some(b"p"), Some(newer.as_bytes()), partition),
            (Some(b"p"), Some(wrong_key.as_bytes()), partition),
            (Some(b"p"), Some(elsewhere.as_bytes()), (partition + 1) % 8),
            (Some(b"p"), Some(&large), partition),
        ] {
            append(&ledger, key, value, partition).await?;
        }
        let after = b.post("/orders", &[("prefer", "wait=20")], &order("u", "p", 4)).await?;
        assert_eq!(after.status, 201, "{after:?}");
        assert_eq!(a.get("/stock/p").await?.body["available"], 6);
        let report = audit_at_rest(&ledger).await?;
        assert_eq!((report.parked_count, report.confirmed_count), (9, 1));
        let reasons: Vec<String> =
            sqlx::query_scalar("SELECT reason FROM dead_letters WHERE kafka_partition = ? ORDER BY kafka_offset")
                .bind(partition)
                .fetch_all(&ledger.database().await?)
                .await?;
        assert_eq!(
            reasons,
            [
                "undecodable",
                "empty-value",
                "empty-value",
                "undecodable",
                "unknown-type",
                "unknown-version",
                "wrong-key",
                "too-large"
            ]
        );
        ledger.finish().await
    })
}
