//! The live page as it is served, and what it asks of the service. (What it does in a browser is looked at by hand.)

use std::collections::BTreeSet;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use ledger_schema::Position;

use crate::world::{Answer, PARTITIONS, World, call, get, post};

/// Everything that is reached from the first page by the addresses in it, by address.
async fn crawl(router: &Router) -> Vec<(String, Answer, String)> {
    let (mut known, mut open, mut found) = (BTreeSet::from(["/".to_owned()]), vec!["/".to_owned()], Vec::new());
    while let Some(address) = open.pop() {
        let answer = get(router, &address).await;
        let text = String::from_utf8(answer.bytes.clone()).expect("text");
        for quoted in text.split(['"', '\'']).skip(1).step_by(2).chain(text.split('\'').skip(1).step_by(2)) {
            let next = match quoted.strip_prefix("./") {
                Some(module) => format!("/page/{module}"),
                None => quoted.to_owned(),
            };
            if next.starts_with("/page/") && known.insert(next.clone()) {
                open.push(next);
            }
        }
        found.push((address, answer, text));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_and_all_of_its_parts_are_served_and_nothing_of_elsewhere() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let found = crawl(&router).await;
    let names: BTreeSet<&str> = found.iter().map(|(address, ..)| address.as_str()).collect();
    for name in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/page")).expect("the page's folder") {
        let name = name.expect("an entry").file_name().into_string().expect("a name");
        let address = if name == "index.html" { "/".to_owned() } else { format!("/page/{name}") };
        assert!(names.contains(address.as_str()), "{name} is served, and reached: {names:?}");
    }
    for (address, answer, text) in &found {
        assert_eq!(answer.status, 200, "{address}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';") && policy.contains("script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!((answer.header("x-content-type-options"), answer.header("cache-control")), ("nosniff", "no-cache"));
        let kind = match address.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(answer.header("content-type"), kind, "{address}");
        // The one address with a host is the name of SVG's vocabulary, from which nothing is loaded.
        let elsewhere = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!elsewhere.contains("//") || address.ends_with(".js"), "{address}");
        for never in ["http:", "https:", "ws:", "wss:", "@import", "url("] {
            assert!(!elsewhere.contains(never), "{address} has {never}");
        }
        for markup in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser"]
        {
            assert!(!text.contains(markup), "{address}: what users write is text, never {markup}");
        }
        let request = Request::get(address).header("if-none-match", answer.header("etag"));
        let again = call(&router, request.body(Body::empty()).expect("a request")).await;
        assert_eq!((again.status, again.bytes.len()), (304, 0), "{address}");
    }
    let first = &found[0].2;
    for inline in ["<style", " style=", " onclick=", " onload=", " onsubmit=", " onerror=", "javascript:"] {
        assert!(!first.contains(inline), "the policy forbids {inline}");
    }
    let scripts: Vec<&str> = first.split("<script").skip(1).collect();
    assert!(scripts.iter().all(|script| script.starts_with(" type=\"module\" src=\"/page/")), "{scripts:?}");
    for uri in ["/page/", "/page/x.js", "/page/..%2Findex.html", "/index.html", "/pages"] {
        let missing = get(&router, uri).await;
        assert_eq!((missing.status, missing.problem().as_str()), (404, "not-found"), "{uri}");
    }
    let answer = post(&router, "/", &[], "{}").await;
    assert_eq!(
        (answer.status, answer.problem().as_str(), answer.header("allow")),
        (405, "method-not-allowed", "GET,HEAD")
    );
    let head = call(&router, Request::head("/").body(Body::empty()).expect("a request")).await;
    assert_eq!((head.status, head.bytes.len()), (200, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_says_how_far_it_is_and_what_was_parked() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let empty = get(&router, "/status").await;
    assert_eq!(empty.status, 200, "{empty:?}");
    let partitions = empty.json()["partitions"].as_array().expect("partitions").len();
    assert_eq!((i32::try_from(partitions), &empty.json()["generations"]), (Ok(PARTITIONS), &serde_json::json!([])));
    assert_eq!(empty.json()["deadLetters"], serde_json::json!({"count": 0, "items": []}));

    world.fill(1, 5);
    world.pass(Position { partition: 1, offset: 2 }).await;
    world.park(Position { partition: 1, offset: 0 }, "wrong-key").await;
    world.park(Position { partition: 1, offset: 2 }, "wrong-partition").await;
    // Another service: this one repeats its answer for a second.
    let other = world.router(&[]).await;
    let status = get(&other, "/status").await.json();
    assert_eq!(
        status["partitions"][1],
        serde_json::json!({"partition": 1, "nextOffset": 3, "endOffset": 5, "left": 2})
    );
    assert_eq!(status["generations"], serde_json::json!([1]));
    let items = serde_json::json!([
        {"position": "1:2", "reason": "wrong-partition"},
        {"position": "1:0", "reason": "wrong-key"},
    ]);
    assert_eq!(status["deadLetters"], serde_json::json!({"count": 2, "items": items}));
    let refused = get(&router, "/status?x=1").await;
    assert_eq!((refused.status, refused.fields()), (400, vec!["x".to_owned()]));
}
