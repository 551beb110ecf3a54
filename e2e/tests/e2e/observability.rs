//! Alert rules and dashboard, as they are committed: every metric that they name is exported by a system that runs, every alert says what to do, and
//! promtool finds that rules are rules, and fire when their tests say.
//!
//! It must never be skipped: a rule on a metric that nobody exports is an alert that never comes.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::client::Client;
use e2e::ledger::Ledger;
use serde_json::{Value, json};
use xtask::{promtool, repository};

use super::{order, run};

/// What the metrics of this system begin with.
const OURS: [&str; 2] = ["ledger_", "order_service_"];

fn folder() -> PathBuf {
    repository::root().join("deploy/observability")
}

/// The expressions of the rules: each stands on a line of its own.
fn expressions_of_rules() -> Result<Vec<String>> {
    let rules = fs::read_to_string(folder().join("alerts.yml"))?;
    Ok(rules.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).map(str::to_owned).collect())
}

fn expressions_of_dashboard() -> Result<Vec<String>> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match (name.as_str(), member) {
                        ("expr", Value::String(text)) => found.push(text.clone()),
                        _ => collect(member, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(folder().join("dashboard.json"))?)?;
    let mut found = Vec::new();
    collect(&dashboard, &mut found);
    Ok(found)
}

/// The metrics of ours that an expression names: words outside of quotes, which only values of labels stand in.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let outside = expression.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let words = outside.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    words.filter(|word| OURS.iter().any(|begin| word.starts_with(begin))).map(str::to_owned).collect()
}

/// The names of the lines that a part shows, those of a histogram's parts among them.
fn names_in(shown: &str) -> BTreeSet<String> {
    let lines = shown.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split(['{', ' ']).next()).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn metrics_of_an_expression_are_found() {
    let found = metrics_in(
        "sum by (reason) (increase(ledger_parked_total{reason=~\"ledger_x|y\"}[10m])) / on (le) order_service_waiters > up",
    );
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["ledger_parked_total", "order_service_waiters"]);
}

#[test]
fn every_metric_that_rules_and_dashboard_name_is_exported() -> Result<()> {
    let (rules, panels) = (expressions_of_rules()?, expressions_of_dashboard()?);
    ensure!(rules.len() > 20 && panels.len() > 30, "{} rules, {} panels", rules.len(), panels.len());
    let named: BTreeSet<String> = rules.iter().chain(&panels).flat_map(|expression| metrics_in(expression)).collect();
    ensure!(named.len() > 40, "{named:?}");
    run(async {
        let ledger = Ledger::start("observed").await?;
        let (gateway, a, b) = ledger.clients()?;
        let projector = Client::new(ledger.projector.address)?;
        // Both services see an order, and the relay publishes: a histogram is shown from its first event on.
        for client in [&a, &b] {
            client.receive("observed", 10).await?;
            let placed = client.post("/orders", &[("prefer", "wait=20")], &order("ann", "observed", 1)).await?;
            ensure!(placed.status == 201, "{placed:?}");
        }
        let lines = json!([{ "productId": "observed", "quantity": 1, "unitPrice": 150 }]);
        let held = json!({ "userId": "ann", "lines": lines, "hold": { "expiresInSeconds": 3600 } });
        let held = a.post("/orders", &[("prefer", "wait=20")], &held).await?;
        ensure!(held.status == 201, "{held:?}");
        let begun = Instant::now();
        loop {
            let mut exported = BTreeSet::new();
            for client in [&gateway, &a, &b, &projector] {
                exported.extend(names_in(&client.text("/metrics").await?));
            }
            let missing: Vec<&String> = named.difference(&exported).collect();
            if missing.is_empty() {
                break;
            }
            // Figures of partitions come with the projector's next look.
            ensure!(begun.elapsed() < Duration::from_secs(30), "nobody exports {missing:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        ledger.finish().await
    })
}

#[test]
fn every_alert_says_what_to_do() -> Result<()> {
    let text = fs::read_to_string(folder().join("alerts.yml"))?;
    let alerts: Vec<(&str, &str)> =
        text.split("- alert: ").skip(1).filter_map(|rule| Some((rule.lines().next()?, rule))).collect();
    ensure!(alerts.len() > 20, "{}", alerts.len());
    let tests = fs::read_to_string(folder().join("alerts.test.yml"))?;
    for (name, rule) in alerts {
        let anchor = format!("runbook: docs/operations.md#{}", name.to_lowercase());
        for part in ["summary: ", "description: ", "severity: ", anchor.as_str()] {
            ensure!(rule.contains(part), "{name} has no `{part}`");
        }
        // Once where it must not fire, once where it must.
        let tested = tests.matches(&format!("alertname: {name}\n")).count()
            + tests.matches(&format!("alertname: {name}}}")).count();
        ensure!(tested >= 2, "{name} is tested {tested} times");
    }
    Ok(())
}

#[test]
fn promtool_takes_the_rules_and_their_tests_pass() -> Result<()> {
    let program = promtool::program()?;
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]] {
        let output = Command::new(&program).args(arguments).current_dir(folder()).output().context("promtool runs")?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(output.status.success() && said.contains("SUCCESS"), "promtool {arguments:?}: {said}");
    }
    Ok(())
}
