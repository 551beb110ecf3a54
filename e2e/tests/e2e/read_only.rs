//! The database server is read-only for a while, as the old end of a failover is: the projector waits, says why, and goes on; no
//! command changes anything.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::client::Client;
use e2e::ledger::{Ledger, Place, Servers};
use serde_json::Value;

use super::own_server::OwnServer;
use super::{audit_at_rest, order, run, until};

/// Longer than any pause between two attempts.
const READ_ONLY: Duration = Duration::from_secs(8);

#[test]
fn a_server_that_is_read_only_for_a_while_is_waited_for() -> Result<()> {
    run(async {
        let server = tokio::task::spawn_blocking(|| OwnServer::start("readonly", &[], None)).await??;
        let servers = Servers { admin_url: server.admin_url.clone(), ..Servers::from_environment() };
        let ledger = Ledger::start_in(Place { servers, folder: None, projector_database: None }, "readonly").await?;
        let (_, service, _) = ledger.clients()?;
        let projector = Client::new(ledger.projector.address)?;
        service.receive("quince", 100).await?;
        server.execute("SET GLOBAL read_only = 1").await?;
        let begun = Instant::now();
        let mut placed = Vec::new();
        for _ in 0..5 {
            let answer = service.post("/orders", &[], &order("ann", "quince", 1)).await?;
            assert_eq!(answer.status, 202, "{answer:?}");
            placed.push(answer.text("orderId").to_owned());
        }
        let told = until(&projector, "/readyz", |answer| answer.status == 503).await?;
        let told = told.body["reasons"].to_string();
        assert!(told.contains("1290") && told.contains("read-only"), "the server's own words: {told}");
        let (code, said) = ledger.run(&["rebuild", "--yes"]).await?;
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("read-only") && said.contains("untouched"), "{said}");
        let (code, said) = ledger.run(&["status", "--output", "json"]).await?;
        let status: Value = serde_json::from_str(&said)?;
        assert_eq!((code, &status["lag"], &status["databaseReadOnly"]), (0, &5.into(), &true.into()), "{said}");
        while begun.elapsed() < READ_ONLY {
            assert_eq!(service.get("/stock/quince").await?.status, 200, "reads go on");
            ensure!(ledger.projector.process.is_running(), "the projector ended");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let log = std::fs::read_to_string(ledger.projector.process.log().expect("it has a log"))?;
        let warnings: Vec<&str> =
            log.lines().filter(|line| line.contains("WARN") && line.contains("batches")).collect();
        assert_eq!(warnings.len(), 1, "one warning: {warnings:#?}");
        server.execute("SET GLOBAL read_only = 0").await?;
        for id in &placed {
            until(&service, &format!("/orders/{id}"), |answer| answer.text("status") == "confirmed").await?;
        }
        until(&projector, "/readyz", |answer| answer.status == 200).await?;
        assert_eq!(service.get("/stock/quince").await?.body["available"], 95);
        let (_, said) = ledger.run(&["status", "--output", "json"]).await?;
        assert_eq!(serde_json::from_str::<Value>(&said)?["databaseReadOnly"], false, "{said}");
        let report = audit_at_rest(&ledger).await?;
        assert_eq!(report.confirmed_count, 5, "each once");
        ledger.finish().await?;
        tokio::task::spawn_blocking(move || server.stop()).await?
    })
}

/// What `max_prepared_stmt_count` and `max_connections` refuse is an outage, too, and nobody's mistake.
#[test]
fn limits_of_the_server_that_are_reached_are_waited_for() -> Result<()> {
    run(async {
        let server = tokio::task::spawn_blocking(|| OwnServer::start("limits", &[], None)).await??;
        let servers = Servers { admin_url: server.admin_url.clone(), ..Servers::from_environment() };
        let ledger = Ledger::start_in(Place { servers, folder: None, projector_database: None }, "limits").await?;
        let (_, service, _) = ledger.clients()?;
        let projector = Client::new(ledger.projector.address)?;
        service.receive("quince", 100).await?;
        // Its connections are made anew, and none of them gets a statement prepared.
        server.execute("SET GLOBAL max_prepared_stmt_count = 0").await?;
        server.execute(format!("KILL USER `projector_{}`", ledger.name)).await?;
        let placed = service.post("/orders", &[], &order("ann", "quince", 1)).await?;
        assert_eq!(placed.status, 202);
        let told =
            until(&projector, "/readyz", |answer| answer.status == 503 && answer.body.to_string().contains("1461"));
        assert!(told.await?.body["reasons"].to_string().contains("max_prepared_stmt_count"));
        server.execute("SET GLOBAL max_prepared_stmt_count = 16382").await?;
        let path = format!("/orders/{}", placed.text("orderId"));
        until(&service, &path, |answer| answer.text("status") == "confirmed").await?;
        until(&projector, "/readyz", |answer| answer.status == 200).await?;
        ensure!(ledger.projector.process.is_running(), "the projector ended");
        audit_at_rest(&ledger).await?;
        ledger.finish().await?;
        tokio::task::spawn_blocking(move || server.stop()).await?
    })
}
