//! What the gateway answers by itself.
//!
//! It must never need a part to be slow: `xtask/tests/gateway/` has services that misbehave.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use e2e::ledger::Ledger;
use reqwest::Method;
use serde_json::Value;
use xtask::repository;

use super::{order, run};

const HEADERS: [(&str, &str); 1] = [("content-type", "application/json")];

/// The problems that the gateway's configuration answers with by itself.
fn own_problems() -> Result<Vec<Value>> {
    let template = fs::read_to_string(repository::root().join("deploy/nginx/ledger.conf.template"))?;
    let texts = template.lines().filter_map(|line| line.trim().strip_prefix("return ")?.split_once(" '{\"type\":"));
    texts
        .map(|(status, rest)| {
            let text = format!("{{\"type\":{}", rest.strip_suffix("';").context("a problem ends its line")?);
            let problem: Value = serde_json::from_str(&text).context(text)?;
            assert_eq!(problem["status"].to_string(), status);
            Ok(problem)
        })
        .collect()
}

#[test]
fn each_of_the_gateways_types_is_explained_by_the_services_under_one_title() -> Result<()> {
    run(async {
        let ledger = Ledger::start("gatewaytypes").await?;
        let (gateway, ..) = ledger.clients()?;
        let problems = own_problems()?;
        assert!(problems.len() > 10, "{problems:?}");
        for problem in problems {
            let path = problem["type"].as_str().context("a type is a text")?;
            let page = gateway.get(path).await?;
            assert_eq!(page.status, 200, "{path}: {page:?}");
            for member in ["type", "title", "status"] {
                assert_eq!(page.body[member], problem[member], "{path}: {member}");
            }
        }
        ledger.finish().await
    })
}

#[test]
fn the_gateways_own_errors_are_problems() -> Result<()> {
    run(async {
        let mut ledger = Ledger::start("gateway").await?;
        let (gateway, a, _) = ledger.clients()?;
        a.receive("p", 10).await?;

        // 64 KiB exactly pass (and are refused for what is in them, not for their size); one byte more does not.
        let padded = |size: usize| {
            let body = order("u", "p", 1).to_string();
            format!("{}{body}", " ".repeat(size - body.len())).into_bytes()
        };
        let exact = gateway.send(Method::POST, "/orders", &HEADERS, Some(padded(65_536))).await?;
        assert_eq!(exact.status, 202, "{exact:?}");
        for client in [&gateway, &a] {
            let over = client.send(Method::POST, "/orders", &HEADERS, Some(padded(65_537))).await?;
            assert_eq!((over.status, over.problem()), (413, "body-too-large"), "{over:?}");
            assert_eq!(over.content_type.as_deref(), Some("application/problem+json"));
        }

        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(gateway.get(path).await?.status, 200, "{path}");
        }

        // One service gone: the other serves everything.
        ledger.service_a.process.kill()?;
        for _ in 0..6 {
            let answer = gateway.post("/orders", &[], &order("u", "p", 1)).await?;
            assert_eq!((answer.status, answer.service.as_deref()), (202, Some("b")), "{answer:?}");
        }
        // Both gone: 503 and when to come back.
        ledger.service_b.process.kill()?;
        for path in ["/stock/p", "/readyz"] {
            let answer = gateway.get(path).await?;
            assert_eq!((answer.status, answer.problem()), (503, "unavailable"), "{answer:?}");
            assert!(answer.retry_after.is_some());
        }
        assert_eq!(gateway.get("/healthz").await?.status, 200);

        // Back again: served within moments.
        ledger.service_a.restart()?;
        ledger.service_a.wait_ready()?;
        let begin = std::time::Instant::now();
        while gateway.get("/stock/p").await?.status != 200 {
            assert!(begin.elapsed() < Duration::from_secs(10), "the gateway does not come back");
        }
        ledger.service_b.restart()?;
        ledger.finish().await
    })
}
