//! Services that read a real replica, which stands for a while: nobody is told a number that is older than the decision beside it, a
//! used key is not taken for a new one, and the lag is told.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::client::{Answer, Client};
use e2e::ledger::{Ledger, Place, Servers};
use serde_json::json;

use super::own_server::OwnServer;
use super::{audit_at_rest, order, run, until};

async fn metric(client: &Client, name: &str) -> Result<f64> {
    // The client reads JSON; metrics are text.
    let text = client.text("/metrics").await?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("{name} in {text}"))?;
    Ok(line.trim().parse()?)
}

#[test]
fn a_replica_that_stands_shows_nothing_older_than_what_was_decided() -> Result<()> {
    run(async {
        let (primary, replica) = tokio::task::spawn_blocking(|| -> Result<(OwnServer, OwnServer)> {
            let primary = OwnServer::start("primary", &["--log-bin=binlog", "--server-id=1"], None)?;
            let replica = OwnServer::start("replica", &["--server-id=2"], Some(&primary))?;
            Ok((primary, replica))
        })
        .await??;
        replica.follow(&primary).await?;
        let servers = Servers { admin_url: primary.admin_url.clone(), ..Servers::from_environment() };
        let binary = servers.binaries.join("order-service");
        let place = Place { servers, folder: None, projector_database: None };
        let mut ledger = Ledger::start_in(place, "replica").await?;
        let url = format!("mysql://reader_{0}:e2e@{1}/{0}", ledger.name, replica.address);
        let (_, a, b) = ledger.clients()?;
        a.receive("quince", 10).await?;
        for part in [&mut ledger.service_a, &mut ledger.service_b] {
            part.process.kill()?;
        }
        // What was made on the primary is made on the replica.
        let pool =
            sqlx::mysql::MySqlPoolOptions::new().connect_lazy(&format!("{}{}", replica.admin_url, ledger.name))?;
        let begun = Instant::now();
        loop {
            let found = sqlx::query_scalar::<_, i64>("SELECT available FROM stock WHERE product_id = 'quince'");
            let found = found.fetch_optional(&pool).await;
            if matches!(found, Ok(Some(10))) {
                break;
            }
            ensure!(begun.elapsed() < Duration::from_secs(30), "the replica has not what the primary has: {found:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for part in [&mut ledger.service_a, &mut ledger.service_b] {
            part.restart_as(
                binary.clone(),
                &[("LEDGER_READER_DATABASE_URL", url.as_str()), ("LEDGER_MAX_WAIT_SECONDS", "2")],
            )?;
            part.wait_ready()?;
        }
        let wait = [("prefer", "wait=2")];
        for service in [&a, &b] {
            assert_eq!(service.get("/stock/quince").await?.body["available"], 10);
        }
        replica.execute("STOP SLAVE SQL_THREAD").await?;

        let sold = a.post("/orders", &[wait[0], ("idempotency-key", "k")], &order("ann", "quince", 3)).await?;
        assert_eq!((sold.status, sold.text("status")), (201, "confirmed"), "an outcome needs no table: {sold:?}");
        let refused = b.post("/orders", &wait, &order("bob", "quince", 8)).await?;
        assert_eq!((refused.status, refused.problem()), (409, "out-of-stock"), "{refused:?}");
        assert!(refused.body["available"].is_null(), "no number that is older than the decision: {refused:?}");

        // Not the service that was answered alone: whichever follows the outcomes knows.
        let is_catching_up = |answer: &Answer| (answer.status, answer.problem()) == (503, "projection-catching-up");
        for service in [&a, &b] {
            let stock = service.get("/stock/quince").await?;
            assert!(is_catching_up(&stock), "10 was true before: {stock:?}");
            let key = [wait[0], ("idempotency-key", "k")];
            let other = service.post("/orders", &key, &order("ann", "quince", 4)).await?;
            assert!(is_catching_up(&other), "a used key is no new one: {other:?}");
            assert!(metric(service, "order_service_reader_lag_records ").await? >= 1.0);
        }
        let told = until(&b, "/readyz", |answer| answer.status == 503).await?.body.to_string();
        assert!(told.contains("has lagged for") && told.contains("a replica"), "{told}");
        assert!(metric(&b, "order_service_reader_lag_seconds ").await? >= 4.0);

        replica.execute("START SLAVE SQL_THREAD").await?;
        for service in [&a, &b] {
            until(service, "/readyz", |answer| answer.status == 200).await?;
            assert_eq!(service.get("/stock/quince").await?.body["available"], 7);
            let key = [wait[0], ("idempotency-key", "k")];
            let other = service.post("/orders", &key, &order("ann", "quince", 4)).await?;
            assert_eq!((other.status, other.problem()), (422, "idempotency-conflict"), "{other:?}");
            let again = service.post("/orders", &key, &order("ann", "quince", 3)).await?;
            assert_eq!((again.status, again.text("orderId")), (201, sold.text("orderId")), "{again:?}");
        }
        let counted = a.post("/stock/quince/adjustments", &wait, &json!({ "delta": -9, "reason": "gone" })).await?;
        assert_eq!((counted.status, &counted.body["available"]), (409, &7.into()), "told again: {counted:?}");
        audit_at_rest(&ledger).await?;
        ledger.finish().await?;
        tokio::task::spawn_blocking(move || replica.stop().and_then(|()| primary.stop())).await?
    })
}
