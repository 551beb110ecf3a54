//! The REST interface held against its own OpenAPI document by a program that knows nothing of it: schemathesis calls every
//! operation with what the document allows and what it forbids, and looks for 500s and for answers that the document does not
//! have.
//!
//! It must never be skipped: without schemathesis the test fails. The document is `services/src/openapi.rs`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::ledger::Ledger;
use xtask::process::{OwnedProcess, ProcessCommand};
use xtask::pypi::SCHEMATHESIS;

use super::run;

/// Examples per operation and phase. With two cores and everything else running, one target takes about half a minute.
const EXAMPLES: u32 = 15;
const TIME_LIMIT: Duration = Duration::from_secs(180);

/// Runs it against one address and fails with what it found.
fn hold_against_its_document(program: &Path, name: &str, base: &str, folder: &Path) -> Result<()> {
    let log = folder.join(format!("schemathesis-{name}.log"));
    let configuration = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis.toml");
    let command = ProcessCommand::new(program)
        .arg("--config-file")
        .arg(configuration)
        .args(["run", &format!("{base}/openapi.json"), "--url", base])
        .args(["--phases", "examples,coverage,fuzzing,stateful", "--checks", "all", "--mode", "all"])
        .args(["--max-examples", &EXAMPLES.to_string(), "--workers", "1", "--seed", "1", "--continue-on-failure"])
        // One worker: Python 3.11 counts the depth of a syntax tree for all threads at once (its issue 106905), and two that read one at the
        // same time fail now and then.
        // A stream does not end by itself: `services/tests/rest/events.rs` holds both to their document.
        .args(["--exclude-path-regex", "/events$"])
        // Times are the machine's: a slow answer is no violation.
        .args(["--request-timeout", "20", "--suppress-health-check", "all", "--no-color"])
        .current_dir(folder);
    let status = OwnedProcess::spawn("schemathesis", &command, &log)?.wait(TIME_LIMIT)?;
    let output = fs::read_to_string(&log)?;
    ensure!(status.success(), "{name} is not what its document says ({status}):\n{output}");
    // `692 generated, 692 passed`: that it ended well is not yet that it checked something.
    let counted =
        output.lines().find_map(|line| line.trim().split_once(" generated, ")).and_then(|(generated, rest)| {
            let passed = rest.strip_suffix(" passed")?;
            Some((generated.parse::<u32>().ok()?, passed.parse::<u32>().ok()?))
        });
    ensure!(
        counted.is_some_and(|(generated, passed)| generated == passed && generated > 200),
        "{name} was hardly checked, {counted:?}:\n{output}"
    );
    Ok(())
}

#[test]
fn a_service_and_the_gateway_are_what_their_document_says() -> Result<()> {
    run(async {
        let program = SCHEMATHESIS.program()?;
        let ledger = Ledger::start("contract").await?;
        let (gateway, a, _) = ledger.clients()?;
        // What the examples of the document are about.
        a.receive("chocolate", 1_000_000).await?;
        let folder = xtask::state_dir::temporary_folder("contract")?;
        for (name, part) in [("the service", &ledger.service_a), ("the gateway", &ledger.gateway)] {
            hold_against_its_document(
                &program,
                &name.replace(' ', "-"),
                &format!("http://{}", part.address),
                folder.path(),
            )?;
        }
        // It is still there, and so is the other one.
        assert_eq!(gateway.get("/stock/chocolate").await?.status, 200);
        ledger.finish().await
    })
}
