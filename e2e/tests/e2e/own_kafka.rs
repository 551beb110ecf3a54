//! A Kafka of a test's own that speaks TLS: a listener for each way of being right or wrong. It must never outlive the test.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ledger_test_certificates::{Authority, Folder, Identity};
use xtask::jars::KafkaRelease;
use xtask::kafka::{self, ClusterId, KafkaSettings, Node};
use xtask::process::{OwnedProcess, ProcessCommand};
use xtask::state_dir::{StateDir, TemporaryFolder, temporary_folder};
use xtask::{install, ports};

const START_LIMIT: Duration = Duration::from_secs(150);
const HEAP_MIB: u32 = 256;

/// Who logs in, by SCRAM and by PLAIN.
pub(crate) const USER: &str = "ledger";
pub(crate) const SCRAM_PASSWORD: &str = "of-scram";
pub(crate) const PLAIN_PASSWORD: &str = "of-plain";

/// What listens, and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    Good,
    /// Asks clients for a certificate.
    Mutual,
    /// Asks for a user and a password.
    Sasl,
    Expired,
    /// Shows the certificate of another host.
    Elsewhere,
}

const LISTENERS: [(Listener, &str, &str); 5] = [
    (Listener::Good, "GOOD", "SSL"),
    (Listener::Mutual, "MUTUAL", "SSL"),
    (Listener::Sasl, "SASL", "SASL_SSL"),
    (Listener::Expired, "EXPIRED", "SSL"),
    (Listener::Elsewhere, "ELSEWHERE", "SSL"),
];

/// A broker that runs, and ends when it is dropped.
pub(crate) struct OwnKafka {
    addresses: Vec<(Listener, SocketAddr)>,
    _process: OwnedProcess,
    _state: TemporaryFolder,
}

impl OwnKafka {
    /// Starts one whose certificates are of `authority`; their files lie in `files`.
    pub(crate) fn start(authority: &Authority, files: &Folder) -> Result<Self> {
        let folder = temporary_folder("kafka-tls")?;
        let state = StateDir::at(folder.path());
        state.create()?;
        let (address, controller_address) = (ports::free_address()?, ports::free_address()?);
        let settings = KafkaSettings { node: Node::Whole, address, controller_address, heap_mib: HEAP_MIB };
        let mut addresses = Vec::new();
        for (listener, ..) in LISTENERS {
            addresses.push((listener, ports::free_address()?));
        }
        let lib = KafkaRelease::default().fetch()?;
        format_with_user(&state, controller_address, &lib)?;
        let command = kafka::prepare(&state, settings, &ClusterId::random()?, &lib)?;
        let text = properties(settings, &addresses, authority, files);
        let path = state.run().join(format!("{}.properties", kafka::NAME));
        // Of two lines of a name the later one holds.
        OpenOptions::new().append(true).open(path)?.write_all(text.as_bytes())?;
        let log = state.log(kafka::NAME);
        let process = OwnedProcess::spawn(kafka::NAME, &command, &log)?;
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        settings.probe().wait(START_LIMIT, || Ok(())).with_context(said)?;
        Ok(Self { addresses, _process: process, _state: folder })
    }

    pub(crate) fn address(&self, wanted: Listener) -> String {
        let found = self.addresses.iter().find(|(listener, _)| *listener == wanted);
        found.map(|(_, address)| address.to_string()).expect("each has one")
    }
}

fn properties(
    settings: KafkaSettings,
    addresses: &[(Listener, SocketAddr)],
    authority: &Authority,
    files: &Folder,
) -> String {
    let keystore = |name: &str, Identity { certificate, key }: Identity| {
        files.write(name, &format!("{key}{certificate}")).display().to_string()
    };
    let here = ["localhost", "127.0.0.1"];
    let good = keystore("kafka-good.pem", authority.identity(&here));
    let expired = keystore("kafka-expired.pem", authority.expired(&here));
    let elsewhere = keystore("kafka-elsewhere.pem", authority.identity(&["elsewhere.example"]));
    let trusted = files.write("kafka-trusted.pem", &authority.certificate);
    let named =
        |(_, name, _): (Listener, &str, &str), (_, address): &(Listener, SocketAddr)| format!(",{name}://{address}");
    let listeners: String =
        LISTENERS.into_iter().zip(addresses).map(|(listener, address)| named(listener, address)).collect();
    let protocols: String = LISTENERS.iter().map(|(_, name, protocol)| format!(",{name}:{protocol}")).collect();
    let KafkaSettings { address, controller_address, .. } = settings;
    let login = "org.apache.kafka.common.security";
    format!(
        "listeners=PLAINTEXT://{address},CONTROLLER://{controller_address}{listeners}\n\
         advertised.listeners=PLAINTEXT://{address}{listeners}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT{protocols}\n\
         ssl.keystore.type=PEM\n\
         ssl.keystore.location={good}\n\
         ssl.truststore.type=PEM\n\
         ssl.truststore.location={}\n\
         listener.name.mutual.ssl.client.auth=required\n\
         listener.name.expired.ssl.keystore.location={expired}\n\
         listener.name.elsewhere.ssl.keystore.location={elsewhere}\n\
         sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512,OAUTHBEARER\n\
         listener.name.sasl.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;\n\
         listener.name.sasl.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_{USER}=\"{PLAIN_PASSWORD}\";\n\
         listener.name.sasl.oauthbearer.sasl.jaas.config={login}.oauthbearer.OAuthBearerLoginModule required;\n",
        trusted.display()
    )
}

/// Formats the storage with a user that logs in by SCRAM, before anything else does it without.
fn format_with_user(state: &StateDir, controller: SocketAddr, lib: &std::path::Path) -> Result<()> {
    let text = format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:1,CONTROLLER://{controller}\ncontroller.listener.names=CONTROLLER\n\
         log.dirs=data/{}\n",
        kafka::NAME
    );
    std::fs::write(state.run().join("format.properties"), text)?;
    let scram = format!("SCRAM-SHA-512=[name={USER},password={SCRAM_PASSWORD}]");
    let command = ProcessCommand::new(install::program("java")?)
        .current_dir(state.root())
        .arg("-cp")
        .arg(lib.join("*"))
        .args(["-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA"])
        .args(["-c", "run/format.properties", "--add-scram", &scram]);
    let output = command.to_std().stdin(Stdio::null()).output()?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "Kafka's storage cannot be formatted: {}", String::from_utf8_lossy(&said));
    Ok(())
}
