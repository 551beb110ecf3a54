//! Health, metrics, and the documents that describe the service.

use serde_json::Value;

use crate::world::{ORDER, World, get, post};

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_metrics() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    assert_eq!(get(&router, "/healthz").await.status, 200);
    let ready = get(&router, "/readyz").await;
    assert_eq!((ready.status, &ready.json()["ready"]), (200, &true.into()), "{ready:?}");
    let names: Vec<_> =
        ready.json()["parts"].as_array().expect("parts").iter().map(|part| part["name"].clone()).collect();
    assert_eq!(names, ["kafka", "database", "reader"]);
    assert_eq!(post(&router, "/orders", &[], ORDER).await.status, 202);
    assert_eq!(post(&router, "/orders", &[], "{}").await.status, 422);
    assert_eq!(get(&router, "/nowhere").await.status, 404);
    let metrics = String::from_utf8(get(&router, "/metrics").await.bytes).expect("text");
    for line in [
        "order_service_http_requests_total{route=\"/orders\",status=\"202\"} 1",
        "order_service_http_requests_total{route=\"/orders\",status=\"422\"} 1",
        "order_service_http_requests_total{route=\"none\",status=\"404\"} 1",
        "order_service_http_request_duration_seconds_count{route=\"/orders\"} 2",
        "order_service_appends_total 1",
        "order_service_unknown_acknowledgements_total 0",
        "order_service_wrong_partitions_total 0",
        "order_service_waiters 0",
        "order_service_waits_total{ended_by=\"outcome\"} 0",
        "order_service_waits_total{ended_by=\"projection\"} 0",
        "order_service_waits_total{ended_by=\"time-over\"} 0",
        "order_service_outcomes_seen_total 0",
        "order_service_undecodable_outcomes_total 0",
        "order_service_projection_polls_total 0",
        "order_service_held_reads_total 0",
        "order_service_shared_ids_total 0",
        "order_service_dead_connections_total 0",
        "order_service_reader_lag_records 0",
        "order_service_reader_lag_seconds 0",
        "order_service_event_streams 0",
        "order_service_event_streams_catching_up 0",
        "order_service_refused_event_streams_total 0",
        "order_service_events_sent_total 0",
        "order_service_slow_event_streams_total 0",
        "order_service_event_stream_resets_total 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
    }
    world.stop.cancel();
    let stopping = get(&router, "/readyz").await;
    assert_eq!((stopping.status, &stopping.json()["stopping"]), (503, &true.into()));
    assert_eq!(get(&router, "/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_describes_itself() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let api = get(&router, "/openapi.json").await.json();
    let operations: Vec<(String, String, Value)> = api["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, item)| {
            let item = item.as_object().expect("methods");
            item.iter().map(move |(method, operation)| (method.clone(), path.clone(), operation.clone()))
        })
        .collect();
    for (method, path, statuses) in [
        ("post", "/orders", &[201, 202, 400, 408, 409, 413, 415, 422, 503][..]),
        ("post", "/users/{userId}/orders", &[201, 202, 400, 408, 409, 413, 415, 422, 503]),
        ("get", "/users/{userId}/orders", &[200, 400, 503]),
        ("get", "/orders/{orderId}", &[200, 400, 404, 503]),
        ("post", "/orders/{orderId}/confirm", &[200, 202, 400, 404, 409, 413, 415, 422, 503]),
        ("post", "/orders/{orderId}/cancel", &[200, 202, 400, 404, 409, 413, 415, 422, 503]),
        ("get", "/events", &[200, 400, 503]),
        ("get", "/stock/events", &[200, 400, 503]),
        ("get", "/stock", &[200, 400, 503]),
        ("get", "/stock/{productId}", &[200, 400, 404, 503]),
        ("post", "/stock/{productId}/receipts", &[201, 202, 409, 422, 503]),
        ("post", "/stock/{productId}/adjustments", &[201, 202, 409, 422, 503]),
        ("get", "/stock/{productId}/movements/{movementId}", &[200, 400, 404, 503]),
        ("get", "/problems/{word}", &[200, 404]),
        ("get", "/status", &[200, 503]),
        ("get", "/healthz", &[200]),
        ("get", "/readyz", &[200, 503]),
        ("get", "/metrics", &[200]),
        ("get", "/openapi.json", &[200]),
        ("get", "/docs", &[200]),
    ] {
        let operation = operations.iter().find(|(m, p, _)| m == method && p == path);
        let (_, _, operation) = operation.unwrap_or_else(|| panic!("{method} {path}"));
        for status in statuses {
            let response = &operation["responses"][status.to_string()];
            assert!(response["description"].is_string(), "{method} {path} {status}");
            assert!(response["headers"]["X-Order-Service"].is_object(), "{method} {path} {status}");
        }
    }
    assert_eq!(operations.len(), 20);
    for path in ["/events", "/stock/events"] {
        let content = &api["paths"][path]["get"]["responses"]["200"]["content"];
        assert!(content["text/event-stream"].is_object(), "{path}: {content}");
    }
    for (path, schema) in [("confirm", "ConfirmBody"), ("cancel", "CancelBody")] {
        let body = &api["paths"][format!("/orders/{{orderId}}/{path}")]["post"]["requestBody"];
        assert_eq!(body["required"], false, "{path}: may be left out");
        let reference = format!("#/components/schemas/{schema}");
        assert_eq!(body["content"]["application/json"]["schema"]["$ref"], reference, "{path}: may not be null");
        assert_eq!(api["components"]["schemas"][schema]["additionalProperties"], false);
    }
    let order = &api["components"]["schemas"]["OrderBody"];
    assert_eq!(order["oneOf"].as_array().map(Vec::len), Some(2), "one product, or lines: {order}");
    let lines = &api["components"]["schemas"]["OrderOfLines"];
    assert_eq!(
        (&lines["additionalProperties"], &lines["properties"]["lines"]["maxItems"]),
        (&false.into(), &100.into())
    );
    assert_eq!(lines["required"], serde_json::json!(["userId", "lines"]));
    assert_eq!(api["components"]["schemas"]["HoldBody"]["properties"]["expiresInSeconds"]["maximum"], 86_400);
    let order = &api["components"]["schemas"]["OrderOfOneLine"];
    assert_eq!(order["additionalProperties"], false);
    assert_eq!(order["properties"]["totalPrice"]["type"], "integer", "may be left out, may not be null");
    assert_eq!(order["properties"]["unitPrice"]["maximum"], 9_007_199_254_740_991_i64);
    assert!(api["components"]["schemas"]["ProblemDocument"]["properties"]["errors"].is_object());
    assert!(api["components"]["schemas"]["FieldError"].is_object());

    let page = get(&router, "/docs/").await;
    assert_eq!(page.status, 200);
    assert!(!String::from_utf8_lossy(&page.bytes).contains("://"), "nothing is loaded from elsewhere");
    assert_eq!(get(&router, "/docs").await.status, 303);
    let initializer = get(&router, "/docs/swagger-initializer.js").await;
    let initializer = String::from_utf8(initializer.bytes).expect("text");
    assert!(initializer.contains("\"validatorUrl\": \"none\""), "nobody is asked to validate: {initializer}");
    assert!(!initializer.contains("://"), "{initializer}");
    for body in ["OrderBody", "OrderOfUserBody"] {
        let example = &api["components"]["schemas"][body]["example"];
        assert_eq!((&example["quantity"], example.get("orderId")), (&3.into(), None), "tried twice, it is two orders");
    }
    let explained = get(&router, "/problems/out-of-stock").await.json();
    assert_eq!(explained["type"], "/problems/out-of-stock");
    assert_eq!(explained["status"], 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_type_has_its_page() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    for word in [
        "bad-request",
        "invalid-request",
        "unauthenticated",
        "forbidden",
        "too-many-requests",
        "not-found",
        "method-not-allowed",
        "request-timeout",
        "length-required",
        "body-too-large",
        "uri-too-long",
        "unsupported-media-type",
        "headers-too-large",
        "not-implemented",
        "unavailable",
        "unknown-outcome",
        "too-many-streams",
        "line-rejected",
        "cancelled",
        "expired",
        "not-held",
        "not-cancellable",
        "hold-not-over",
    ] {
        let page = get(&router, &format!("/problems/{word}")).await;
        assert_eq!((page.status, &page.json()["type"]), (200, &format!("/problems/{word}").into()));
    }
    // What an answer says is what its page says.
    let answer = get(&router, "/nowhere").await.json();
    let page = get(&router, answer["type"].as_str().expect("a type")).await.json();
    assert_eq!((&answer["title"], &answer["status"]), (&page["title"], &page["status"]));
}
