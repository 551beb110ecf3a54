//! Orders of several lines: one record, decided as a whole. The home partition's fold is played by SQL, its outcomes by the relay's
//! topic.

use axum::Router;
use ledger_schema::Position;
use ledger_schema::partitioner::partition_of;
use ledger_schema::wire::{Event, decode};
use rdkafka::Message;
use serde_json::json;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::waits::ID;
use crate::world::{Answer, Basket, Line, PARTITIONS, World, eventually, get, metric, post};

const PATIENT: [&str; 2] = ["--max-wait-seconds", "30"];
/// Chocolate is the first line, so its partition is the home.
const BASKET: &str = r#"{"userId":"alice","lines":[{"productId":"chocolate","quantity":3,"unitPrice":250},{"productId":"tea","quantity":2,"unitPrice":40}]}"#;
const RESERVED: [Line<'_>; 2] = [("chocolate", 3, 250, "reserved", None), ("tea", 2, 40, "reserved", None)];
const UNDECIDED: [Line<'_>; 2] = [("chocolate", 3, 250, "reserved", None), ("tea", 2, 40, "pending", None)];
const REFUSED: [Line<'_>; 2] =
    [("chocolate", 3, 250, "released", Some("line-rejected")), ("tea", 2, 40, "rejected", Some("out-of-stock"))];

fn home(offset: i64) -> Position {
    Position { partition: partition_of(b"chocolate", PARTITIONS), offset }
}

fn basket_with(more: &str) -> String {
    BASKET.replace("}]}", &format!("}}],{more}}}"))
}

/// Sends it under the known id with a long wait, and returns once it lies in the log.
async fn waiting(world: &World, router: &Router, records: i64, more: &str) -> JoinHandle<Answer> {
    let (router, body) = (router.clone(), basket_with(&format!(r#""orderId":"{ID}"{more}"#)));
    let answer = tokio::spawn(async move { post(&router, "/orders", &[("prefer", "wait=20")], &body).await });
    eventually("the append", async || (world.records() == records).then_some(())).await;
    answer
}

fn order<'a>(status: &'a str, lines: &'a [Line<'a>]) -> Basket<'a> {
    Basket { order_id: ID, position: home(0), status, lines, ..Basket::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_one_record_at_the_home_of_its_first_line() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let terms = r#""totalPrice":830,"currency":"EUR","hold":{"expiresInSeconds":60}"#;
    let answer = post(&router, "/orders", &[], &basket_with(terms)).await;
    assert_eq!((answer.status, &answer.json()["status"]), (202, &"pending".into()), "{answer:?}");
    assert_eq!((answer.position(), world.records()), (home(0), 1));
    let id = answer.json()["orderId"].as_str().expect("an id").to_owned();
    assert_eq!(answer.header("location"), format!("/orders/{id}?after={}", home(0)));
    let record = world.record(home(0));
    assert_eq!(record.key(), Some(b"chocolate".as_slice()));
    let Ok(Event::OrderPlaced(order)) = decode(record.payload()) else { panic!("an order") };
    let lines: Vec<_> = order.lines().map(|(no, line)| (no.get(), line.product_id().as_str().to_owned())).collect();
    assert_eq!(lines, [(1, "chocolate".to_owned()), (2, "tea".to_owned())]);
    assert_eq!((order.total_price().get(), order.order_id().to_string()), (830, id));
    assert_eq!(order.terms().currency.map(|currency| currency.to_string()).as_deref(), Some("EUR"));
    assert_eq!(order.expires_at().map(|end| (end - order.placed_at()).num_seconds()), Some(60));

    // One line is an order as ever, however it is written.
    let one = r#"{"lines":[{"productId":"tea","quantity":2,"unitPrice":40}]}"#;
    let answer = post(&router, "/users/alice/orders", &[], one).await;
    let record = world.record(answer.position());
    let value: serde_json::Value = serde_json::from_slice(record.payload().expect("a value")).expect("JSON");
    assert_eq!((&value["version"], &value["product_id"]), (&1.into(), &"tea".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_is_shown_with_its_lines() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    world.pass(home(9)).await;
    let address = format!("/orders/{ID}");
    let line = |line_no: i64, product_id: &str, quantity: i64, unit_price: i64, status: &str| {
        json!({
            "lineNo": line_no, "productId": product_id, "quantity": quantity, "unitPrice": unit_price,
            "totalPrice": quantity * unit_price, "status": status,
        })
    };
    let held = Basket { currency: Some("EUR"), hold_seconds: Some(60), ..order("held", &RESERVED) };
    world.write(&held).await;
    let expected = json!({
        "orderId": ID.to_string(), "userId": "alice", "currency": "EUR", "totalPrice": 830, "status": "held",
        "expiresAt": "2026-11-23T10:01:00.123456Z", "position": home(0).to_string(),
        "placedAt": "2026-11-23T10:00:00.123456Z",
        "lines": [line(1, "chocolate", 3, 250, "reserved"), line(2, "tea", 2, 40, "reserved")],
    });
    assert_eq!(get(&router, &address).await.json(), expected);

    let released = |reason| [("chocolate", 3, 250, "released", Some(reason)), ("tea", 2, 40, "released", Some(reason))];
    let (expired, cancelled) = (released("expired"), released("cancelled"));
    for (status, lines, reason, line_reasons, shows_end) in [
        ("pending", &UNDECIDED, None, [None, None], true),
        ("confirmed", &RESERVED, None, [None, None], false),
        ("rejected", &REFUSED, Some("out-of-stock"), [Some("line-rejected"), Some("out-of-stock")], false),
        ("cancelled", &cancelled, Some("cancelled"), [Some("cancelled"); 2], false),
        ("cancelled", &expired, Some("expired"), [Some("expired"); 2], true),
    ] {
        world.write(&Basket { status, lines, ..held }).await;
        let shown = get(&router, &address).await.json();
        assert_eq!((shown["status"].as_str(), shown["reason"].as_str()), (Some(status), reason));
        assert_eq!(shown["expiresAt"].is_string(), shows_end, "{status} {reason:?}");
        for (at, (line, line_reason)) in lines.iter().zip(line_reasons).enumerate() {
            let shown = &shown["lines"][at];
            assert_eq!((shown["status"].as_str(), shown["reason"].as_str()), (Some(line.3), line_reason), "{status}");
        }
        let listed = get(&router, "/users/alice/orders").await.json();
        assert_eq!(listed["items"], json!([shown]), "a list shows the same");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_is_the_answer() {
    let hold = r#","hold":{"expiresInSeconds":60}"#;
    for (status, lines, more, expected) in [
        ("confirmed", &RESERVED, "", json!({"status": "confirmed"})),
        ("held", &RESERVED, hold, json!({"status": "held", "expiresAt": "2026-11-23T10:01:00.123456Z"})),
    ] {
        let world = World::new().await;
        let router = world.router(&PATIENT).await;
        let (asking, body) = (router.clone(), BASKET.replace("]}", &format!("]{more}}}")));
        let answer = tokio::spawn(async move { post(&asking, "/orders", &[("prefer", "wait=20")], &body).await });
        eventually("the append", async || (world.records() == 1).then_some(())).await;
        let record = world.record(home(0));
        let Ok(Event::OrderPlaced(placed)) = decode(record.payload()) else { panic!("an order") };
        // By the last line's answer, later in the partition. The service made the id, so nothing has to be looked up: no row is there.
        let hold_seconds = (!more.is_empty()).then_some(60);
        let order_id = placed.order_id().as_uuid();
        world.publish(&Basket { order_id, hold_seconds, ..order(status, lines) }.outcome(home(5)));
        let answer = answer.await.expect("no panic");
        assert_eq!((answer.status, answer.position()), (201, home(0)), "{answer:?}");
        for (member, value) in expected.as_object().expect("members") {
            assert_eq!(&answer.json()[member], value);
        }
        assert_eq!(metric(&router, r#"order_service_waits_total{ended_by="outcome"}"#).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_names_the_lines_and_why() {
    let world = World::new().await;
    let router = world.router(&PATIENT).await;
    let tea = Position { partition: partition_of(b"tea", PARTITIONS), offset: 3 };
    assert_ne!(tea.partition, home(0).partition, "the example is about two partitions");
    world.stock("tea", 1, tea).await;
    world.pass(tea).await;
    let answer = waiting(&world, &router, 1, "").await;
    let rejected = order("rejected", &REFUSED);
    world.write(&rejected).await;
    world.pass(home(5)).await;
    world.publish(&rejected.outcome(home(5)));
    let by_outcome = answer.await.expect("no panic");
    // The rows say the same to a retry.
    let body = basket_with(&format!(r#""orderId":"{ID}""#));
    let by_rows = post(&router, "/orders", &[("prefer", "wait=5")], &body).await;
    for answer in [by_outcome, by_rows] {
        assert_eq!((answer.status, answer.problem().as_str(), answer.position()), (409, "out-of-stock", home(0)));
        let json = answer.json();
        let line = json!({"lineNo": 2, "productId": "tea", "quantity": 2, "reason": "out-of-stock"});
        assert_eq!(
            (&json["lines"], &json["productId"], &json["available"]),
            (&json!([line]), &"tea".into(), &1.into())
        );
        assert!(json["detail"].as_str().expect("a detail").contains("line 2 (tea): out-of-stock"), "{json}");
    }
    let retry = post(&router, "/orders", &[], &body).await;
    assert_eq!(
        (retry.status, &retry.json()["status"], &retry.json()["reason"]),
        (202, &"rejected".into(), &"out-of-stock".into())
    );
    assert_eq!(world.records(), 1, "a retry of what was decided appends nothing");
}

/// The relay lags: the order's rows are looked at until it is decided.
#[tokio::test(flavor = "multi_thread")]
async fn without_an_outcome_the_rows_are_the_answer() {
    let world = World::new().await;
    let router = world.router(&PATIENT).await;
    let answer = waiting(&world, &router, 1, "").await;
    world.write(&order("pending", &UNDECIDED)).await;
    world.pass(home(0)).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!answer.is_finished(), "pending is no decision");
    world.write(&order("confirmed", &RESERVED)).await;
    let answer = answer.await.expect("no panic");
    assert_eq!((answer.status, &answer.json()["status"], answer.position()), (201, &"confirmed".into(), home(0)));
    assert_eq!(metric(&router, r#"order_service_waits_total{ended_by="projection"}"#).await, 1);
    assert_eq!(metric(&router, r#"order_service_waits_total{ended_by="outcome"}"#).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_while_lines_are_undecided_waits_and_appends_nothing() {
    let world = World::new().await;
    let router = world.router(&PATIENT).await;
    world.pass(home(7)).await;
    let first = Basket { position: home(4), ..order("pending", &UNDECIDED) };
    world.write(&first).await;
    let body = basket_with(&format!(r#""orderId":"{ID}""#));
    let at_once = post(&router, "/orders", &[], &body).await;
    assert_eq!((at_once.status, &at_once.json()["status"], at_once.position()), (202, &"pending".into(), home(4)));
    let over = post(&router, "/orders", &[("prefer", "wait=1")], &body).await;
    assert_eq!((over.status, &over.json()["status"], over.position()), (202, &"pending".into(), home(4)));
    let (asking, again) = (router.clone(), body.clone());
    let retry = tokio::spawn(async move { post(&asking, "/orders", &[("prefer", "wait=20")], &again).await });
    eventually("it waits", async || (metric(&router, "order_service_waiters").await == 1).then_some(())).await;
    let confirmed = Basket { status: "confirmed", lines: &RESERVED, ..first };
    world.write(&confirmed).await;
    world.pass(home(8)).await;
    world.publish(&confirmed.outcome(home(8)));
    let retry = retry.await.expect("no panic");
    assert_eq!((retry.status, retry.position()), (201, home(4)), "the first record's, {retry:?}");
    for other in [body.replace("\"quantity\":2", "\"quantity\":1"), body.replace("}]", r#"}],"currency":"EUR""#)] {
        let conflict = post(&router, "/orders", &[("prefer", "wait=1")], &other).await;
        assert_eq!((conflict.status, conflict.problem().as_str()), (422, "idempotency-conflict"), "{other}");
    }
    assert_eq!(world.records(), 0);
}

/// Two requests in a race under one id: both records lie in the log, and the answer to each names the first.
#[tokio::test(flavor = "multi_thread")]
async fn retries_in_a_race_are_answered_alike() {
    let world = World::new().await;
    let router = world.router(&PATIENT).await;
    let first = waiting(&world, &router, 1, "").await;
    let second = waiting(&world, &router, 2, "").await;
    let confirmed = order("confirmed", &RESERVED);
    world.write(&confirmed).await;
    world.pass(home(5)).await;
    world.publish(&confirmed.outcome(home(5)));
    for answer in [first, second] {
        let answer = answer.await.expect("no panic");
        assert_eq!((answer.status, answer.position()), (201, home(0)), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_of_what_was_given_up_says_so() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    world.pass(home(9)).await;
    let body = basket_with(&format!(r#""orderId":"{ID}""#));
    for reason in ["cancelled", "expired"] {
        let lines = [("chocolate", 3, 250, "released", Some(reason)), ("tea", 2, 40, "released", Some(reason))];
        world.write(&order("cancelled", &lines)).await;
        let answer = post(&router, "/orders", &[("prefer", "wait=1")], &body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (409, reason));
        let status = post(&router, "/orders", &[], &body).await;
        assert_eq!((status.status, &status.json()["status"]), (202, &"cancelled".into()));
        assert_eq!(status.json()["reason"], reason);
    }
    assert_eq!(world.records(), 0);
}

/// One id over two home partitions: what a race leaves is visible, counted, and each request is answered by its own.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_race_leaves_is_shown_as_others() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let one = order("confirmed", &RESERVED);
    let elsewhere = Position { partition: (home(0).partition + 1) % PARTITIONS, offset: 7 };
    let other = Basket {
        position: elsewhere,
        lines: &[("milk", 1, 9, "rejected", Some("unknown-product"))],
        status: "rejected",
        ..one
    };
    world.write(&one).await;
    world.write(&other).await;
    world.pass(home(0)).await;
    world.pass(elsewhere).await;
    let shared = "order_service_shared_ids_total";
    assert_eq!(metric(&router, shared).await, 0);
    let first = get(&router, &format!("/orders/{ID}?after={}", home(0))).await.json();
    assert_eq!((&first["status"], first["lines"].as_array().map(Vec::len)), (&"confirmed".into(), Some(2)));
    let others = first["others"].as_array().expect("others");
    assert_eq!((others.len(), &others[0]["status"], &others[0]["productId"]), (1, &"rejected".into(), &"milk".into()));
    assert_eq!(others[0].get("others"), None);
    let named = get(&router, &format!("/orders/{ID}?after={elsewhere}")).await.json();
    assert_eq!((&named["productId"], named["others"][0]["totalPrice"].as_i64()), (&"milk".into(), Some(830)));
    assert_eq!(metric(&router, shared).await, 2);
    let id = format!(r#","orderId":"{ID}"}}"#);
    for (body, status) in [
        (BASKET.replace("]}", &format!("]{id}")), "confirmed"),
        (format!(r#"{{"userId":"alice","productId":"milk","quantity":1,"unitPrice":9{id}"#), "rejected"),
    ] {
        let answer = post(&router, "/orders", &[], &body).await;
        assert_eq!((answer.status, &answer.json()["status"]), (202, &status.into()), "{answer:?}");
    }
    assert_eq!(world.records(), 0);
}

/// Pages hold whole orders, whatever stands between.
#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_whole_orders() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let products: Vec<String> = (0..100).map(|n| format!("p{n}")).collect();
    let many: Vec<Line<'_>> = products.iter().map(|product| (product.as_str(), 1, 1, "reserved", None)).collect();
    let mut expected = Vec::new();
    for (offset, lines) in [(0, 1), (1, 100), (2, 3), (3, 2), (4, 100)] {
        let (order_id, position) =
            (Uuid::from_u128(9 - u128::try_from(offset).expect("small")), Position { partition: 0, offset });
        world.write(&Basket { order_id, position, lines: &many[..lines], ..Basket::default() }).await;
        expected.insert(0, (order_id.to_string(), lines));
    }
    world.pass(Position { partition: 0, offset: 4 }).await;
    for limit in [1, 2, 5, 200] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(&router, &format!("/users/alice/orders?limit={limit}{cursor}")).await.json();
            let items = page["items"].as_array().expect("items");
            assert!(items.len() <= limit);
            found.extend(items.iter().map(|item| {
                (item["orderId"].as_str().expect("an id").to_owned(), item["lines"].as_array().expect("lines").len())
            }));
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(found, expected, "limit {limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_says_what_is_held() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    world.stock_with_held("chocolate", 7, 3, home(4)).await;
    world.pass(home(4)).await;
    let expected = json!({"productId": "chocolate", "available": 7, "held": 3, "position": home(4).to_string()});
    assert_eq!(get(&router, "/stock/chocolate").await.json(), expected);
    assert_eq!(get(&router, "/stock").await.json()["items"], json!([expected]));
}
