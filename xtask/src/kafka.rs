//! Kafka (KRaft), run from the jars: one node that is broker and controller, or one of several brokers beside a
//! controller of its own, so that no death of brokers takes the quorum with it.
//!
//! Its storage is formatted once; all settings are in the file that is written at every start.
//!
//! It must never start it: what runs is the returned command. Read [`crate::parts`] and [`crate::servers`] for who runs
//! it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use crate::atomic_file::{self, Readers};
use crate::credentials;
use crate::install;
use crate::probe::Probe;
use crate::process::ProcessCommand;
use crate::state_dir::StateDir;

/// Its name in `log/` and `run/`.
pub const NAME: &str = "kafka";

/// The settings that do not depend on where it runs: one node alone holds every topic, topics are
/// made by `ledger migrate` only, and nothing expires unless its topic says so. A broker that was
/// killed may register again only when its old session is over, so a session is short.
pub const COMMON_PROPERTIES: [(&str, &str); 13] = [
    ("auto.create.topics.enable", "false"),
    ("log.retention.ms", "-1"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("offsets.topic.replication.factor", "1"),
    ("offsets.topic.num.partitions", "4"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("transaction.state.log.num.partitions", "4"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("log.cleaner.dedupe.buffer.size", "33554432"),
    ("broker.session.timeout.ms", "2000"),
    ("broker.heartbeat.interval.ms", "400"),
];

/// What else one of several brokers has: every topic lies on three, two of which must have what is acknowledged, and one
/// that has not is never its leader. A session is as long as where nobody has set it.
const CLUSTER_PROPERTIES: [(&str, &str); 10] = [
    ("default.replication.factor", "3"),
    ("min.insync.replicas", "2"),
    ("unclean.leader.election.enable", "false"),
    ("offsets.topic.replication.factor", "3"),
    ("transaction.state.log.replication.factor", "3"),
    ("transaction.state.log.min.isr", "2"),
    ("share.coordinator.state.topic.replication.factor", "3"),
    ("share.coordinator.state.topic.min.isr", "2"),
    ("broker.session.timeout.ms", "9000"),
    ("broker.heartbeat.interval.ms", "2000"),
];

/// What one process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// Broker and controller, and there is no other.
    Whole,
    /// The controller of several brokers.
    Controller,
    /// One of several brokers, counted from 1.
    Broker(u8),
}

impl Node {
    /// Its name in `log/`, `run/` and `data/`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whole => NAME,
            Self::Controller => "kafka-controller",
            Self::Broker(1) => "kafka-1",
            Self::Broker(2) => "kafka-2",
            Self::Broker(_) => "kafka-3",
        }
    }

    const fn id(self) -> u8 {
        match self {
            Self::Whole => 1,
            Self::Controller => 100,
            Self::Broker(number) => number,
        }
    }
}

/// How it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KafkaSettings {
    /// Which process.
    pub node: Node,
    /// Where clients connect; a controller alone does not listen there.
    pub address: SocketAddr,
    /// Where the controller listens; nobody else connects there.
    pub controller_address: SocketAddr,
    /// The Java heap, in MiB.
    pub heap_mib: u32,
}

impl KafkaSettings {
    /// How its readiness is checked.
    #[must_use]
    pub fn probe(&self) -> Probe {
        Probe::Kafka(self.address)
    }

    /// Paths are relative to the state folder, which is Kafka's working folder: `log.dirs` would take
    /// a comma in a path for a second one.
    fn properties(&self, log_dirs: &str) -> String {
        let Self { node, address, controller_address, .. } = self;
        let (client, control) = (format!("PLAINTEXT://{address}"), format!("CONTROLLER://{controller_address}"));
        let (roles, listeners, controller) = match node {
            Node::Whole => ("broker,controller", format!("{client},{control}"), Node::Whole),
            Node::Controller => ("controller", control, Node::Controller),
            Node::Broker(_) => ("broker", client.clone(), Node::Controller),
        };
        let advertised = match node {
            Node::Controller => String::new(),
            Node::Whole | Node::Broker(_) => format!("advertised.listeners={client}\n"),
        };
        // Of two lines of one name the later one holds.
        let cluster = if *node == Node::Whole { &[][..] } else { &CLUSTER_PROPERTIES };
        let common: String =
            COMMON_PROPERTIES.iter().chain(cluster).map(|(name, value)| format!("{name}={value}\n")).collect();
        format!(
            "# Written at every start.\n\
             process.roles={roles}\n\
             node.id={}\n\
             controller.quorum.voters={}@{controller_address}\n\
             listeners={listeners}\n{advertised}\
             controller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
             log.dirs={log_dirs}\n{common}",
            node.id(),
            controller.id(),
        )
    }
}

/// Log lines go to stdout, which is the part's log file.
const LOG4J: &str = "status=error\n\
    appender.stdout.type=Console\n\
    appender.stdout.name=stdout\n\
    appender.stdout.layout.type=PatternLayout\n\
    appender.stdout.layout.pattern=%d{ISO8601} %-5p %m (%c{1})%n%throwable\n\
    rootLogger.level=info\n\
    rootLogger.appenderRef.stdout.ref=stdout\n";

/// Formats the storage as `cluster`'s unless that was done, writes the settings, and answers the command that runs
/// the node.
///
/// # Errors
/// When the storage cannot be formatted; the message holds what Kafka said.
pub fn prepare(state: &StateDir, settings: KafkaSettings, cluster: &ClusterId, jars: &Path) -> Result<ProcessCommand> {
    let name = settings.node.name();
    // One file of each node: several are prepared at the same time.
    let log4j = state.run().join(log4j_of(name));
    atomic_file::write(&log4j, LOG4J.as_bytes(), Readers::Everyone)?;
    if !state.data().join(name).is_dir() {
        format_storage(state, settings, cluster, jars)?;
    }
    let properties = state.run().join(format!("{name}.properties"));
    atomic_file::write(&properties, settings.properties(&format!("data/{name}")).as_bytes(), Readers::Everyone)?;
    let heap = settings.heap_mib;
    Ok(java(state, name, jars)?
        .arg(format!("-Xmx{heap}m"))
        .arg(format!("-Xms{}m", heap.min(256)))
        .args(["kafka.Kafka".to_owned(), format!("run/{name}.properties")]))
}

fn log4j_of(name: &str) -> String {
    format!("{name}-log4j2.properties")
}

fn java(state: &StateDir, name: &str, jars: &Path) -> Result<ProcessCommand> {
    let class_path = jars.join("*");
    Ok(ProcessCommand::new(install::program("java")?)
        .current_dir(state.root())
        .arg(format!("-Dlog4j2.configurationFile=run/{}", log4j_of(name)))
        .arg("-cp")
        .arg(class_path))
}

/// Formatted under another name and renamed: a folder that is there is complete.
fn format_storage(state: &StateDir, settings: KafkaSettings, cluster: &ClusterId, jars: &Path) -> Result<()> {
    let name = settings.node.name();
    let (data, new) = (state.data().join(name), state.data().join(format!("{name}.new")));
    atomic_file::remove_folder(&new)?;
    let properties = settings.properties(&format!("data/{name}.new"));
    fs::write(state.run().join(format!("{name}-format.properties")), properties)?;
    let command = java(state, name, jars)?
        .args(["-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format", "-t"])
        .arg(&cluster.0)
        .args(["-c".to_owned(), format!("run/{name}-format.properties")]);
    let output = command.to_std().stdin(Stdio::null()).output().context("cannot run java")?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(output.status.success(), "Kafka's storage cannot be formatted: {}", said.trim());
    fs::rename(&new, &data)?;
    Ok(atomic_file::sync_folder_of(&data)?)
}

/// What the nodes of one cluster have in common; only a format asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterId(String);

impl ClusterId {
    /// One that no other cluster has.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random() -> Result<Self> {
        Ok(Self(cluster_id(credentials::random_bytes()?)))
    }
}

/// Sixteen bytes in base64 for addresses, without padding. The first bits are cleared: an id that
/// begins with a dash would be taken for an option.
fn cluster_id(mut bytes: [u8; 16]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    bytes[0] &= 0x7F;
    let value = u128::from_be_bytes(bytes);
    // 128 bits are 21 digits of six bits and one of two, which stand at the top of the last digit.
    let digit = |index: u32| {
        let bits = if index == 21 { (value & 0b11) << 4 } else { (value >> (122 - 6 * index)) & 0x3F };
        usize::try_from(bits).ok().and_then(|bits| ALPHABET.get(bits)).copied().map_or('A', char::from)
    };
    (0..22).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_ids_are_base64_of_sixteen_bytes() {
        assert_eq!(cluster_id([0; 16]), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(cluster_id([0xFF; 16]), "f____________________w");
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
        assert_eq!(cluster_id(bytes), "AQIDBAUGBwgJCgsMDQ4PEA");
    }

    fn settings(node: Node) -> KafkaSettings {
        KafkaSettings {
            node,
            address: SocketAddr::from(([127, 0, 0, 1], 29092)),
            controller_address: SocketAddr::from(([127, 0, 0, 1], 29093)),
            heap_mib: 512,
        }
    }

    /// As Kafka reads it: the last line of a name holds.
    fn value<'a>(properties: &'a str, name: &str) -> Option<&'a str> {
        let pairs = properties.lines().filter_map(|line| line.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next_back()
    }

    #[test]
    fn one_of_three_brokers_needs_a_second_for_what_it_acknowledges_and_votes_for_nothing() {
        let broker = settings(Node::Broker(2)).properties("data/kafka-2");
        let controller = settings(Node::Controller).properties("data/kafka-controller");
        for (name, of_broker, of_controller) in [
            ("process.roles", Some("broker"), Some("controller")),
            ("node.id", Some("2"), Some("100")),
            ("controller.quorum.voters", Some("100@127.0.0.1:29093"), Some("100@127.0.0.1:29093")),
            ("listeners", Some("PLAINTEXT://127.0.0.1:29092"), Some("CONTROLLER://127.0.0.1:29093")),
            ("advertised.listeners", Some("PLAINTEXT://127.0.0.1:29092"), None),
            ("offsets.topic.replication.factor", Some("3"), Some("3")),
            ("transaction.state.log.min.isr", Some("2"), Some("2")),
            ("min.insync.replicas", Some("2"), Some("2")),
            ("unclean.leader.election.enable", Some("false"), Some("false")),
        ] {
            assert_eq!(value(&broker, name), of_broker, "{name}");
            assert_eq!(value(&controller, name), of_controller, "{name}");
        }
        assert_eq!(value(&settings(Node::Whole).properties("x"), "offsets.topic.replication.factor"), Some("1"));
    }

    #[test]
    fn the_addresses_stand_where_kafka_looks_for_them() {
        let text = settings(Node::Whole).properties("data/kafka");
        assert!(text.contains("\nnode.id=1\n"));
        assert!(text.contains("\nlisteners=PLAINTEXT://127.0.0.1:29092,CONTROLLER://127.0.0.1:29093\n"));
        assert!(text.contains("\ncontroller.quorum.voters=1@127.0.0.1:29093\n"));
        assert!(text.contains("\nlog.dirs=data/kafka\n"));
    }
}
