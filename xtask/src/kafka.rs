//! One Kafka node that is broker and controller (KRaft), run from the jars.
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

/// How it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KafkaSettings {
    /// Where clients connect.
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
        let Self { address, controller_address, .. } = self;
        let common: String = COMMON_PROPERTIES.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        format!(
            "# Written at every start.\n\
             process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.voters=1@{controller_address}\n\
             listeners=PLAINTEXT://{address},CONTROLLER://{controller_address}\n\
             advertised.listeners=PLAINTEXT://{address}\n\
             controller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
             log.dirs={log_dirs}\n{common}"
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

/// Formats the storage unless that was done, writes the settings, and answers the command that runs
/// the node.
///
/// # Errors
/// When the storage cannot be formatted; the message holds what Kafka said.
pub fn prepare(state: &StateDir, settings: KafkaSettings, jars: &Path) -> Result<ProcessCommand> {
    let log4j = state.run().join("log4j2.properties");
    atomic_file::write(&log4j, LOG4J.as_bytes(), Readers::Everyone)?;
    let data = state.data().join(NAME);
    if !data.is_dir() {
        format_storage(state, settings, jars)?;
    }
    let properties = state.run().join("kafka.properties");
    atomic_file::write(&properties, settings.properties("data/kafka").as_bytes(), Readers::Everyone)?;
    let heap = settings.heap_mib;
    Ok(java(state, jars)?
        .arg(format!("-Xmx{heap}m"))
        .arg(format!("-Xms{}m", heap.min(256)))
        .args(["kafka.Kafka", "run/kafka.properties"]))
}

fn java(state: &StateDir, jars: &Path) -> Result<ProcessCommand> {
    let class_path = jars.join("*");
    Ok(ProcessCommand::new(install::program("java")?)
        .current_dir(state.root())
        .arg("-Dlog4j2.configurationFile=run/log4j2.properties")
        .arg("-cp")
        .arg(class_path))
}

/// Formatted under another name and renamed: a folder that is there is complete.
fn format_storage(state: &StateDir, settings: KafkaSettings, jars: &Path) -> Result<()> {
    let (data, new) = (state.data().join(NAME), state.data().join("kafka.new"));
    atomic_file::remove_folder(&new)?;
    let properties = settings.properties("data/kafka.new");
    fs::write(state.run().join("kafka-format.properties"), properties)?;
    let command = java(state, jars)?
        .args(["-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format", "-t"])
        .arg(cluster_id(credentials::random_bytes()?))
        .args(["-c", "run/kafka-format.properties"]);
    let output = command.to_std().stdin(Stdio::null()).output().context("cannot run java")?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(output.status.success(), "Kafka's storage cannot be formatted: {}", said.trim());
    fs::rename(&new, &data)?;
    Ok(atomic_file::sync_folder_of(&data)?)
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

    #[test]
    fn the_addresses_stand_where_kafka_looks_for_them() {
        let settings = KafkaSettings {
            address: SocketAddr::from(([127, 0, 0, 1], 29092)),
            controller_address: SocketAddr::from(([127, 0, 0, 1], 29093)),
            heap_mib: 512,
        };
        let text = settings.properties("data/kafka");
        assert!(text.contains("\nlisteners=PLAINTEXT://127.0.0.1:29092,CONTROLLER://127.0.0.1:29093\n"));
        assert!(text.contains("\ncontroller.quorum.voters=1@127.0.0.1:29093\n"));
        assert!(text.contains("\nlog.dirs=data/kafka\n"));
    }
}
