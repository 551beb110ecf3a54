//! Every way by TLS: Kafka with a user by SCRAM, a MariaDB that takes nothing else, services and projector by HTTPS with certificates of
//! clients. An order is placed and confirmed, and nothing that was said holds a secret.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::client::Client;
use e2e::ledger::Servers;
use ledger_test_certificates::{Authority, Folder};
use ledger_tls::ClientFiles;
use serde_json::json;
use xtask::ports;
use xtask::process::{OwnedProcess, ProcessCommand};

use crate::own_kafka::{Listener, OwnKafka, SCRAM_PASSWORD, USER};
use crate::own_server::OwnServer;
use crate::{order, run};

const READY_LIMIT: Duration = Duration::from_secs(60);
const COMMAND_LIMIT: Duration = Duration::from_secs(60);
const STOP_GRACE: Duration = Duration::from_secs(15);
const DATABASE_PASSWORD: &str = "of-the-database";

/// The programs of one ledger.
struct Programs {
    binaries: PathBuf,
    environment: Vec<(String, String)>,
    folder: Folder,
}

impl Programs {
    fn command(&self, program: &str, args: &[&str]) -> ProcessCommand {
        let command = ProcessCommand::new(self.binaries.join(program)).args(args.iter().copied());
        self.environment.iter().fold(command, |command, (name, value)| command.env(name, value))
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.log"))
    }

    fn said(&self, name: &str) -> Result<String> {
        Ok(std::fs::read_to_string(self.log(name))?)
    }

    /// Runs `ledger ARGS..` to its end; answers exit code and all that it said.
    fn ledger(&self, name: &str, args: &[&str], variables: &[(&str, &str)]) -> Result<(i32, String)> {
        let command =
            variables.iter().fold(self.command("ledger", args), |command, (name, value)| command.env(name, *value));
        let process = OwnedProcess::spawn("ledger", &command, &self.log(name))?;
        let status = process.wait(COMMAND_LIMIT)?;
        Ok((status.code().context("it was killed")?, self.said(name)?))
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn an_order_is_confirmed_with_tls_on_every_way() -> Result<()> {
    run(async {
        let ours = Authority::new("ours");
        let files = Folder::new("all-tls");
        let ca = files.write("ca.pem", &ours.certificate);
        let (certificate, key) = files.write_identity("server", &ours.identity(&["localhost", "127.0.0.1"]));
        let (client_certificate, client_key) = files.write_identity("client", &ours.identity(&["client"]));

        let kafka = OwnKafka::start(&ours, &files)?;
        let options = [
            format!("--ssl-ca={}", ca.display()),
            format!("--ssl-cert={}", certificate.display()),
            format!("--ssl-key={}", key.display()),
            "--require-secure-transport=ON".to_owned(),
        ];
        let database = OwnServer::start("secured", &options.each_ref().map(String::as_str), None)?;
        let login = format!(
            "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nsasl.username={USER}\nsasl.password={SCRAM_PASSWORD}\n\
             ssl.ca.location={}\n",
            ca.display()
        );
        let properties = files.write("kafka.properties", &login);
        let url = |role: &str| {
            let address = &database.address;
            format!(
                "mysql://{role}:{DATABASE_PASSWORD}@{address}/ledger?ssl-mode=VERIFY_IDENTITY&ssl-ca={}",
                ca.display()
            )
        };
        let admin = format!("{}ledger?ssl-mode=VERIFY_IDENTITY&ssl-ca={}", database.admin_url, ca.display());
        let environment = [
            ("LEDGER_KAFKA_BROKERS", kafka.address(Listener::Sasl)),
            ("LEDGER_KAFKA_PROPERTIES_FILE", shown(&properties)),
            ("LEDGER_ADMIN_DATABASE_URL", admin),
            ("LEDGER_OWNER_DATABASE_URL", url("owner")),
            ("LEDGER_PROJECTOR_DATABASE_URL", url("projector")),
            ("LEDGER_READER_DATABASE_URL", url("reader")),
            ("LEDGER_TLS_CERT", shown(&certificate)),
            ("LEDGER_TLS_KEY", shown(&key)),
            ("LEDGER_TLS_CLIENT_CA", shown(&ca)),
            ("LEDGER_LOG", "debug".to_owned()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let binaries = Servers::from_environment().binaries;
        let programs = Programs { binaries, environment, folder: Folder::new("all-tls-logs") };
        let (code, said) = programs.ledger("migrate", &["migrate"], &[])?;
        ensure!(code == 0, "migrate: {code}: {said}");

        let (service_address, projector_address) = (ports::free_address()?, ports::free_address()?);
        let service = programs.command("order-service", &[]).env("LEDGER_SERVICE_LISTEN", service_address.to_string());
        let service = OwnedProcess::spawn("order-service", &service, &programs.log("order-service"))?;
        let projector =
            programs.command("ledger", &["project"]).env("LEDGER_PROJECTOR_LISTEN", projector_address.to_string());
        let projector = OwnedProcess::spawn("projector", &projector, &programs.log("projector"))?;

        let client = ClientFiles::of(Some(ca.clone()), Some(client_certificate.clone()), Some(client_key.clone()))?;
        for (part, address) in [("order-service", service_address), ("projector", projector_address)] {
            wait_ready(&Client::secured(address, &client)?)
                .await
                .with_context(|| programs.said(part).unwrap_or_default())?;
        }
        let rest = Client::secured(service_address, &client)?;
        let wait = [("prefer", "wait=10")];
        let received = rest.post("/stock/tea/receipts", &wait, &json!({ "quantity": 5 })).await?;
        ensure!(received.status == 201, "{received:?}");
        let placed = rest.post("/orders", &wait, &order("ann", "tea", 2)).await?;
        ensure!(placed.status == 201 && placed.text("status") == "confirmed", "{placed:?}");

        // By the command line, which has to show a certificate, too.
        let address = format!("https://localhost:{}", service_address.port());
        let (ca, cert, key) = (shown(&ca), shown(&client_certificate), shown(&client_key));
        let by = [("LEDGER_CA", ca.as_str()), ("LEDGER_CLIENT_CERT", &cert), ("LEDGER_CLIENT_KEY", &key)];
        let place = ["order", "place", "--url", &address, "--user", "ann", "--line", "tea:1:150", "--output", "json"];
        let (code, said) = programs.ledger("place", &place, &by)?;
        ensure!(code == 0 && said.contains("\"confirmed\""), "{code}: {said}");
        let other = shown(&files.write("other.pem", &Authority::new("another").certificate));
        for (name, variables, why) in [
            ("other-ca", vec![("LEDGER_CA", other.as_str())], "UnknownIssuer"),
            ("system-ca", vec![], "UnknownIssuer"),
            ("no-certificate", vec![("LEDGER_CA", ca.as_str())], "it refuses this client"),
        ] {
            let begun = Instant::now();
            let (code, said) = programs.ledger(name, &place, &variables)?;
            ensure!(
                code == 1 && said.contains(&format!("no TLS with {address}")) && said.contains(why),
                "{name}: {code}: {said}"
            );
            ensure!(begun.elapsed() < Duration::from_secs(10), "{name}: it is not tried again: {:?}", begun.elapsed());
        }
        let (code, said) = programs.ledger("status", &["status", "--output", "json"], &[])?;
        ensure!(code == 0 && said.contains("nextOffset"), "{code}: {said}");
        // More than once: what is left of clients at its end must not take the exit code with it.
        for _ in 0..5 {
            let (code, said) = programs.ledger("verify", &["verify"], &[])?;
            ensure!(code == 0, "{code}: {said}");
        }
        let (_, said) = programs.ledger("config", &["config", "show"], &[])?;
        ensure!(said.contains("kafka-properties-file"), "{said}");

        projector.terminate(STOP_GRACE)?;
        service.terminate(STOP_GRACE)?;
        no_secret_was_said(&programs)
    })
}

async fn wait_ready(client: &Client) -> Result<()> {
    let begun = Instant::now();
    loop {
        let answer = client.get("/readyz").await;
        match &answer {
            Ok(answer) if answer.status == 200 => return Ok(()),
            _ => ensure!(begun.elapsed() < READY_LIMIT, "not ready: {answer:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// In no log, at the level at which everything is said.
fn no_secret_was_said(programs: &Programs) -> Result<()> {
    for entry in std::fs::read_dir(programs.folder.path())? {
        let path = entry?.path();
        let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
        for secret in [SCRAM_PASSWORD, DATABASE_PASSWORD, "BEGIN PRIVATE KEY"] {
            ensure!(!text.contains(secret), "{} has {secret}", path.display());
        }
    }
    Ok(())
}
