//! Clients that two common generators make of `/openapi.json` (openapi-python-client; openapi-typescript with openapi-fetch) use a running
//! ledger: they place, read, confirm and cancel orders, list stock, and see refusals, each word of an answer as one of their own types. What
//! they do: `e2e/tests/clients/`.
//!
//! It must never be skipped: without Python or Node.js the test fails. What each has to know of the API stands in the API's document
//! alone: nothing is mended by hand between the generator and the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::ledger::Ledger;
use xtask::npm;
use xtask::process::{OwnedProcess, ProcessCommand};
use xtask::pypi::OPENAPI_PYTHON_CLIENT;

use super::run;

const TIME_LIMIT: Duration = Duration::from_secs(120);

/// Runs a program to its end, and gives what it said.
fn said(name: &str, command: ProcessCommand, folder: &Path) -> Result<String> {
    let log = folder.join(format!("{name}.log"));
    let status = OwnedProcess::spawn(name, &command.current_dir(folder), &log)?.wait(TIME_LIMIT)?;
    let output = fs::read_to_string(&log)?;
    ensure!(status.success(), "{name} failed ({status}):\n{output}");
    Ok(output)
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

fn in_python(document: &Path, base: &str, folder: &Path) -> Result<()> {
    let configuration = folder.join("generator.yaml");
    fs::write(
        &configuration,
        "project_name_override: ledger-client\npackage_name_override: ledger_client\npost_hooks: []\n",
    )?;
    let generate = ProcessCommand::new(OPENAPI_PYTHON_CLIENT.program()?)
        .args(["generate", "--meta", "none", "--output-path", "ledger_client", "--path"])
        .arg(document)
        .arg("--config")
        .arg(configuration);
    let words = said("openapi-python-client", generate, folder)?;
    // It leaves out what it cannot make, and says so.
    ensure!(!words.contains("Warning") && !words.contains("Unable"), "not all could be generated:\n{words}");
    fs::copy(source("client.py"), folder.join("client.py"))?;
    let program = ProcessCommand::new(OPENAPI_PYTHON_CLIENT.python()?).args(["client.py", base]);
    ensure!(said("client.py", program, folder)?.ends_with("done\n"), "the client did not come to its end");
    Ok(())
}

fn in_typescript(document: &Path, base: &str, folder: &Path) -> Result<()> {
    let (packages, node) = (npm::folder()?.join("node_modules"), npm::node()?);
    std::os::unix::fs::symlink(&packages, folder.join("node_modules"))?;
    let script = |name: &str| ProcessCommand::new(&node).arg(packages.join(name));
    let generate = script("openapi-typescript/bin/cli.js").arg(document).args(["--output", "ledger.d.ts"]);
    said("openapi-typescript", generate, folder)?;
    fs::write(folder.join("package.json"), r#"{"type": "module"}"#)?;
    for name in ["client.ts", "tsconfig.json"] {
        fs::copy(source(name), folder.join(name))?;
    }
    said("tsc", script("typescript/bin/tsc").args(["--project", "tsconfig.json"]), folder)?;
    let program = ProcessCommand::new(&node).args(["built/client.js", base]);
    ensure!(said("client.ts", program, folder)?.ends_with("done\n"), "the client did not come to its end");
    Ok(())
}

#[test]
fn generated_clients_place_confirm_and_cancel_orders() -> Result<()> {
    run(async {
        // Got before the ledger, so that it does not wait for what is installed.
        OPENAPI_PYTHON_CLIENT.program()?;
        npm::folder()?;
        let ledger = Ledger::start("clients").await?;
        let (gateway, ..) = ledger.clients()?;
        let folder = xtask::state_dir::temporary_folder("clients")?;
        let document = folder.path().join("openapi.json");
        let answer = gateway.get("/openapi.json").await?;
        fs::write(&document, serde_json::to_vec(&answer.body)?)?;
        let base = format!("http://{}", ledger.gateway.address);
        for (name, use_it) in
            [("python", in_python as fn(&Path, &str, &Path) -> Result<()>), ("typescript", in_typescript)]
        {
            let own = folder.path().join(name);
            fs::create_dir(&own)?;
            use_it(&document, &base, &own).with_context(|| format!("the client in {name}"))?;
        }
        super::audit_at_rest(&ledger).await?;
        ledger.finish().await
    })
}
