//! Confirming and cancelling: what is asked of an order's home, what is answered by where the order stands, and that the log decides
//! every race. The fold is played by SQL and by outcomes.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use ledger_schema::Position;
use ledger_schema::partitioner::partition_of;
use ledger_schema::wire::{Event, decode};
use ledger_schema::{OrderRequest, RequestKind};
use rdkafka::Message;
use tokio::task::JoinHandle;

use crate::waits::ID;
use crate::world::{Answer, Basket, Line, PARTITIONS, World, call, eventually, get, metric, post};

const PATIENT: [&str; 2] = ["--max-wait-seconds", "30"];
const RESERVED: [Line<'_>; 2] = [("chocolate", 3, 250, "reserved", None), ("tea", 2, 40, "reserved", None)];
const UNDECIDED: [Line<'_>; 2] = [("chocolate", 3, 250, "reserved", None), ("tea", 2, 40, "pending", None)];
const REFUSED: [Line<'_>; 2] =
    [("chocolate", 3, 250, "released", Some("line-rejected")), ("tea", 2, 40, "rejected", Some("out-of-stock"))];
const CANCELLED: [Line<'_>; 2] =
    [("chocolate", 3, 250, "released", Some("cancelled")), ("tea", 2, 40, "released", Some("cancelled"))];
const EXPIRED: [Line<'_>; 2] =
    [("chocolate", 3, 250, "released", Some("expired")), ("tea", 2, 40, "released", Some("expired"))];

/// Records of the log before the tests' own: the order stands at the third.
const BEFORE: usize = 4;

fn home(offset: i64) -> Position {
    Position { partition: partition_of(b"chocolate", PARTITIONS), offset }
}

/// Where the first request lies that is appended.
fn asked() -> Position {
    home(i64::try_from(BEFORE).expect("small"))
}

fn order<'a>(status: &'a str, lines: &'a [Line<'a>]) -> Basket<'a> {
    Basket { order_id: ID, position: home(2), status, lines, hold_seconds: Some(60), ..Basket::default() }
}

fn held() -> Basket<'static> {
    order("held", &RESERVED)
}

/// A ledger in which the order stands so, folded to its end.
async fn standing(order: &Basket<'_>) -> World {
    let world = World::new().await;
    world.fill(home(0).partition, BEFORE);
    world.write(order).await;
    world.pass(home(3)).await;
    world
}

fn address(what: &str) -> String {
    format!("/orders/{ID}/{what}")
}

/// What stands in the log at a position.
fn request_at(world: &World, position: Position) -> OrderRequest {
    let record = world.record(position);
    assert_eq!(record.key(), Some(b"chocolate".as_slice()), "the key of the order's own record");
    match decode(record.payload()) {
        Ok(Event::OrderRequested(request)) => request,
        other => panic!("a request, found {other:?}"),
    }
}

/// Asks with a long wait, and returns once that lies in the log.
async fn waiting(world: &World, router: &Router, what: &str) -> JoinHandle<Answer> {
    let (router, address) = (router.clone(), address(what));
    let before = world.records();
    let answer = tokio::spawn(async move { post(&router, &address, &[("prefer", "wait=20")], "{}").await });
    eventually("the append", async || (world.records() == before + 1).then_some(())).await;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_lies_in_the_log_when_it_is_answered() {
    let world = standing(&held()).await;
    let router = world.router(&[]).await;
    let confirm = post(&router, &address("confirm"), &[], "").await;
    assert_eq!((confirm.status, confirm.position()), (202, asked()), "{confirm:?}");
    let json = confirm.json();
    assert_eq!((&json["orderId"], &json["status"]), (&ID.to_string().into(), &"held".into()), "as it stood");
    assert_eq!(json["expiresAt"], "2026-11-23T10:01:00.123456Z");
    assert_eq!(confirm.header("location"), format!("/orders/{ID}?after={}", asked()));
    assert_eq!(request_at(&world, asked()).kind(), &RequestKind::Confirm);
    assert_eq!(request_at(&world, asked()).order_id().as_uuid(), ID);

    let cancel = post(&router, &address("cancel"), &[], r#"{"note":"changed my mind"}"#).await;
    assert_eq!(cancel.status, 202);
    match request_at(&world, cancel.position()).kind() {
        RequestKind::Cancel { note } => {
            assert_eq!(note.as_ref().map(ToString::to_string).as_deref(), Some("changed my mind"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.records(), 6);
}

/// Where the order stands decides whether anything is appended at all.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_by_where_it_stands() {
    let world = standing(&held()).await;
    let router = world.router(&[]).await;
    let mut records = world.records();
    for (status, lines, hold_seconds, confirm, cancel) in [
        ("pending", &UNDECIDED, Some(60), (409, "pending"), (202, "pending")),
        ("pending", &UNDECIDED, None, (409, "pending"), (202, "pending")),
        ("held", &RESERVED, Some(60), (202, "held"), (202, "held")),
        ("confirmed", &RESERVED, Some(60), (200, "confirmed"), (202, "confirmed")),
        ("confirmed", &RESERVED, None, (409, "confirmed"), (202, "confirmed")),
        ("rejected", &REFUSED, Some(60), (409, "rejected"), (409, "rejected")),
        ("cancelled", &CANCELLED, Some(60), (409, "cancelled"), (200, "cancelled")),
        ("cancelled", &EXPIRED, Some(60), (409, "cancelled"), (200, "cancelled")),
    ] {
        world.write(&Basket { hold_seconds, ..order(status, lines) }).await;
        for (what, (code, shown), word) in [("confirm", confirm, "not-held"), ("cancel", cancel, "not-cancellable")] {
            let answer = post(&router, &address(what), &[], "{}").await;
            let json = answer.json();
            assert_eq!(answer.status, code, "{what} {status}: {answer:?}");
            let reason = lines.iter().find(|line| line.3 == "rejected").unwrap_or(&lines[0]).4;
            assert_eq!(
                (json["reason"].as_str(), &json["orderId"]),
                (reason, &ID.to_string().into()),
                "{what} {status}"
            );
            match code {
                409 => {
                    assert_eq!((answer.problem().as_str(), json["orderStatus"].as_str()), (word, Some(shown)));
                    assert_eq!(answer.position(), home(2), "of the order");
                }
                200 => assert_eq!((json["status"].as_str(), answer.position()), (Some(shown), home(2))),
                _ => {
                    records += 1;
                    assert_eq!(json["status"], shown);
                    let at = Position { offset: world.end_of(home(0).partition) - 1, ..home(0) };
                    assert_eq!(answer.position(), at);
                }
            }
            assert_eq!(world.records(), records, "{what} {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_is_the_answer() {
    for (what, began, status, lines, code, word) in [
        ("confirm", held(), "confirmed", &RESERVED, 200, ""),
        ("confirm", held(), "cancelled", &EXPIRED, 409, "not-held"),
        ("confirm", held(), "cancelled", &CANCELLED, 409, "not-held"),
        ("cancel", held(), "cancelled", &CANCELLED, 200, ""),
        ("cancel", held(), "cancelled", &EXPIRED, 200, ""),
        ("cancel", order("confirmed", &RESERVED), "cancelled", &CANCELLED, 200, ""),
        ("cancel", order("pending", &UNDECIDED), "cancelled", &CANCELLED, 200, ""),
        ("cancel", order("pending", &UNDECIDED), "rejected", &REFUSED, 409, "not-cancellable"),
    ] {
        let world = standing(&began).await;
        let router = world.router(&PATIENT).await;
        let answer = waiting(&world, &router, what).await;
        // What happened before, published late, is no answer; nor is what happened elsewhere under the id.
        if began.status != "pending" {
            world.publish(&held().outcome(home(3)));
        }
        let elsewhere = Position { partition: (home(0).partition + 1) % PARTITIONS, offset: 0 };
        world.publish(&order(status, lines).outcome(elsewhere));
        eventually("they are seen", async || {
            let expected = if began.status == "pending" { 1 } else { 2 };
            (metric(&router, "order_service_outcomes_seen_total").await == expected).then_some(())
        })
        .await;
        assert!(!answer.is_finished(), "{what} {status}");
        let now = order(status, lines);
        world.publish(&now.outcome(asked()));
        let answer = answer.await.expect("no panic");
        assert_eq!(answer.status, code, "{what} {status}: {answer:?}");
        let json = answer.json();
        if word.is_empty() {
            assert_eq!((json["status"].as_str(), answer.position()), (Some(status), asked()));
            assert_eq!((answer.header("preference-applied"), answer.header("location")), ("wait=20", ""));
        } else {
            assert_eq!((answer.problem().as_str(), json["orderStatus"].as_str()), (word, Some(status)));
            assert_eq!(json["reason"].as_str(), lines.iter().find(|line| line.3 == "rejected").unwrap_or(&lines[0]).4);
        }
        assert_eq!(metric(&router, r#"order_service_waits_total{ended_by="outcome"}"#).await, 1);
        // Whoever was answered sees no less.
        let asking = router.clone();
        let reading = tokio::spawn(async move { get(&asking, &format!("/orders/{ID}")).await });
        eventually("it waits", async || (metric(&router, "order_service_held_reads_total").await == 1).then_some(()))
            .await;
        world.write(&now).await;
        world.pass(asked()).await;
        assert_eq!(reading.await.expect("no panic").json()["status"], status);
    }
}

/// The relay lags, or the request came too late and has no outcome: the rows say what became of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_rows_are_the_answer_once_the_request_is_folded() {
    for (what, status, lines, code, word) in [
        ("confirm", "confirmed", &RESERVED, 200, ""),
        ("confirm", "cancelled", &EXPIRED, 409, "not-held"),
        ("cancel", "cancelled", &CANCELLED, 200, ""),
        ("cancel", "cancelled", &EXPIRED, 200, ""),
    ] {
        let world = standing(&held()).await;
        let router = world.router(&PATIENT).await;
        let answer = waiting(&world, &router, what).await;
        world.write(&order(status, lines)).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert!(!answer.is_finished(), "what the rows say counts when they stand behind the request");
        world.pass(asked()).await;
        let answer = answer.await.expect("no panic");
        assert_eq!(answer.status, code, "{what} {status}: {answer:?}");
        if word.is_empty() {
            assert_eq!(answer.json()["status"], status);
        } else {
            assert_eq!((answer.problem().as_str(), &answer.json()["orderStatus"]), (word, &status.into()));
        }
        assert_eq!(metric(&router, r#"order_service_waits_total{ended_by="projection"}"#).await, 1);
        // Asked again, the same.
        let again = post(&router, &address(what), &[("prefer", "wait=1")], "").await;
        assert_eq!(again.status, code);
        assert_eq!(world.records(), 5);
    }
}

/// Confirmed, and then cancelled by somebody else before the rows were looked at: they say only how it ended. Whoever has just taken a payment
/// must not be told that the confirmation did not count.
#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_that_was_undone_is_answered_by_its_own_outcome() {
    for (outcome, lines, code) in [("confirmed", &RESERVED, 200), ("cancelled", &CANCELLED, 409)] {
        let world = standing(&held()).await;
        let router = world.router(&PATIENT).await;
        let answer = waiting(&world, &router, "confirm").await;
        world.write(&order("cancelled", &CANCELLED)).await;
        world.pass(Position { offset: asked().offset + 1, ..asked() }).await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert!(!answer.is_finished(), "the rows do not say what the confirmation did");
        world.publish(&order(outcome, lines).outcome(asked()));
        let answer = answer.await.expect("no panic");
        assert_eq!(answer.status, code, "{outcome}: {answer:?}");
        let shown = if code == 200 { "status" } else { "orderStatus" };
        assert_eq!(answer.json()[shown], outcome);
    }
    // Nobody says so in time: it stands in the log, and that is all that is known.
    let world = standing(&held()).await;
    let router = world.router(&PATIENT).await;
    let asking = router.clone();
    let answer = tokio::spawn(async move { post(&asking, &address("confirm"), &[("prefer", "wait=2")], "").await });
    eventually("the append", async || (world.records() == 5).then_some(())).await;
    world.write(&order("cancelled", &CANCELLED)).await;
    world.pass(asked()).await;
    let answer = answer.await.expect("no panic");
    assert_eq!((answer.status, answer.position()), (202, asked()), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_parked_says_why_and_what_is_not_folded_is_not_claimed() {
    let world = standing(&held()).await;
    let router = world.router(&PATIENT).await;
    let over = post(&router, &address("cancel"), &[("prefer", "wait=1")], "{}").await;
    assert_eq!((over.status, &over.json()["status"], over.position()), (202, &"held".into(), asked()));
    assert_eq!(over.header("preference-applied"), "wait=1");
    let answer = waiting(&world, &router, "cancel").await;
    let second = Position { offset: asked().offset + 1, ..asked() };
    world.park(second, "stock-overflow").await;
    world.pass(second).await;
    let answer = answer.await.expect("no panic");
    assert_eq!((answer.status, answer.problem().as_str(), answer.position()), (409, "stock-overflow", second));
    assert_eq!(answer.json()["orderId"], ID.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nobody_knows_is_404() {
    let world = World::new().await;
    let router = world.router(&["--max-wait-seconds", "1"]).await;
    world.fill(home(0).partition, BEFORE);
    world.pass(home(2)).await;
    for what in ["confirm", "cancel"] {
        let unknown = post(&router, &address(what), &[("prefer", "wait=1")], "{}").await;
        assert_eq!((unknown.status, unknown.problem().as_str()), (404, "not-found"), "{what}");
        // It may be on its way.
        let early = post(&router, &format!("{}?after={}", address(what), home(3)), &[], "{}").await;
        assert_eq!((early.status, early.problem().as_str(), early.position()), (503, "not-yet-projected", home(3)));
        let beyond = post(&router, &format!("{}?after={}", address(what), home(4)), &[], "{}").await;
        assert_eq!((beyond.status, beyond.fields()), (400, vec!["after".to_owned()]));
    }
    let patient = world.router(&PATIENT).await;
    let asking =
        tokio::spawn(async move { post(&patient, &format!("{}?after={}", address("cancel"), home(3)), &[], "").await });
    world.write(&Basket { position: home(3), ..held() }).await;
    world.pass(home(3)).await;
    assert_eq!(asking.await.expect("no panic").status, 202);
    assert_eq!(world.records(), 5);
}

/// A confirmation that may wait does so until the order is held; nothing is appended that would be overruled.
#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_waits_until_the_order_is_held() {
    let world = standing(&order("pending", &UNDECIDED)).await;
    let router = world.router(&PATIENT).await;
    let over = post(&router, &address("confirm"), &[("prefer", "wait=1")], "").await;
    assert_eq!(
        (over.status, over.problem().as_str(), &over.json()["orderStatus"]),
        (409, "not-held", &"pending".into())
    );
    assert_eq!(world.records(), 4);
    let asking = router.clone();
    let answer = tokio::spawn(async move { post(&asking, &address("confirm"), &[("prefer", "wait=20")], "").await });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(world.records(), 4, "it is not held yet");
    world.write(&held()).await;
    eventually("the append", async || (world.records() == 5).then_some(())).await;
    world.publish(&order("confirmed", &RESERVED).outcome(asked()));
    let answer = answer.await.expect("no panic");
    assert_eq!((answer.status, &answer.json()["status"]), (200, &"confirmed".into()), "{answer:?}");
}

/// A race left two orders under one id: the one is meant that GET shows, and `after` names the other.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_orders_under_one_id_the_named_one_is_meant() {
    let world = standing(&held()).await;
    let milk = Position { partition: partition_of(b"milk", PARTITIONS), offset: 0 };
    assert_ne!(milk.partition, home(0).partition);
    world.fill(milk.partition, 1);
    world.write(&Basket { position: milk, lines: &[("milk", 1, 9, "reserved", None)], ..held() }).await;
    world.pass(milk).await;
    let router = world.router(&[]).await;
    for (query, partition) in [
        (String::new(), milk.partition.min(home(0).partition)),
        (format!("?after={milk}"), milk.partition),
        (format!("?after={}", home(3)), home(0).partition),
    ] {
        let answer = post(&router, &format!("{}{query}", address("cancel")), &[], "").await;
        assert_eq!((answer.status, answer.position().partition), (202, partition), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_append_nothing() {
    let world = standing(&held()).await;
    let router = world.router(&[]).await;
    let long = format!(r#"{{"note":"{}"}}"#, "x".repeat(201));
    let too_large = " ".repeat(65_537);
    for (what, body, status, word, fields) in [
        ("cancel", "[]", 400, "invalid-request", vec!["body"]),
        ("cancel", "{", 400, "invalid-request", vec!["body"]),
        ("cancel", r#"{"note":7}"#, 422, "invalid-field", vec!["note"]),
        ("cancel", r#"{"note":""}"#, 422, "invalid-field", vec!["note"]),
        ("cancel", r#"{"note":" "}"#, 422, "invalid-field", vec!["note"]),
        ("cancel", r#"{"note":null}"#, 422, "invalid-field", vec!["note"]),
        ("cancel", &long, 422, "invalid-field", vec!["note"]),
        ("cancel", r#"{"note":"x","note":"x"}"#, 400, "invalid-request", vec!["note"]),
        ("cancel", r#"{"reason":"x"}"#, 422, "invalid-field", vec!["reason"]),
        ("confirm", r#"{"note":"x"}"#, 422, "invalid-field", vec!["note"]),
        ("confirm", "null", 400, "invalid-request", vec!["body"]),
        ("confirm", &too_large, 413, "body-too-large", vec![]),
        ("confirm?wait=1", "", 400, "invalid-request", vec!["wait"]),
        ("confirm?after=x", "", 400, "invalid-request", vec!["after"]),
        ("cancel?after=9:0", "", 400, "invalid-request", vec!["after"]),
    ] {
        let answer = post(&router, &address(what), &[("prefer", "wait=1")], body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, word), "{what} {body}: {answer:?}");
        assert_eq!(answer.fields(), fields, "{what} {body}");
    }
    let bad_id = post(&router, "/orders/7/cancel", &[], "").await;
    assert_eq!((bad_id.status, bad_id.fields()), (400, vec!["orderId".to_owned()]));
    let plain = Request::post(address("cancel")).header("content-type", "text/plain").body(Body::from("{}"));
    let plain = call(&router, plain.expect("a request")).await;
    assert_eq!((plain.status, plain.problem().as_str()), (415, "unsupported-media-type"));
    let got = get(&router, &address("confirm")).await;
    assert_eq!((got.status, got.problem().as_str(), got.header("allow")), (405, "method-not-allowed", "POST"));
    assert_eq!(world.records(), 4);
    // Nothing to say needs no media type.
    let empty = Request::post(address("cancel")).body(Body::empty()).expect("a request");
    assert_eq!(call(&router, empty).await.status, 202);
}
