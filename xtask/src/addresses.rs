//! Where the parts of `up` listen. Each address is a flag and an environment variable, and is kept in
//! the state folder, so that later commands know those of the running `up`.
//!
//! It must never pick an address by itself. Read [`crate::parts`] for who listens there.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::atomic_file::{self, Readers};
use crate::state_dir::StateDir;

/// The addresses of one `up`.
#[derive(Debug, Clone, PartialEq, Eq, Args, Serialize, Deserialize)]
pub struct Addresses {
    /// Where the gateway listens
    #[arg(long = "gateway-address", value_name = "ADDRESS")]
    #[arg(env = "LEDGER_GATEWAY_ADDRESS", default_value = "127.0.0.1:8080")]
    pub gateway: SocketAddr,
    /// Where order service A listens
    #[arg(long = "service-a-address", value_name = "ADDRESS")]
    #[arg(env = "LEDGER_SERVICE_A_ADDRESS", default_value = "127.0.0.1:8081")]
    pub service_a: SocketAddr,
    /// Where order service B listens
    #[arg(long = "service-b-address", value_name = "ADDRESS")]
    #[arg(env = "LEDGER_SERVICE_B_ADDRESS", default_value = "127.0.0.1:8082")]
    pub service_b: SocketAddr,
    /// Where the projector answers about itself
    #[arg(long = "projector-address", value_name = "ADDRESS")]
    #[arg(env = "LEDGER_PROJECTOR_ADDRESS", default_value = "127.0.0.1:8090")]
    pub projector: SocketAddr,
    /// Where Kafka listens
    #[arg(long = "kafka-address", value_name = "ADDRESS")]
    #[arg(env = "LEDGER_KAFKA_ADDRESS", default_value = "127.0.0.1:29092")]
    pub kafka: SocketAddr,
    /// Where Kafka's controller listens
    #[arg(long = "kafka-controller-address", value_name = "ADDRESS")]
    #[arg(env = "LEDGER_KAFKA_CONTROLLER_ADDRESS", default_value = "127.0.0.1:29093")]
    pub kafka_controller: SocketAddr,
    /// Where MariaDB listens
    #[arg(long = "mariadb-address", value_name = "ADDRESS")]
    #[arg(env = "LEDGER_MARIADB_ADDRESS", default_value = "127.0.0.1:23306")]
    pub mariadb: SocketAddr,
}

impl Addresses {
    /// Each address with what it is for.
    #[must_use]
    pub fn named(&self) -> [(&'static str, SocketAddr); 7] {
        [
            ("MariaDB", self.mariadb),
            ("Kafka", self.kafka),
            ("Kafka's controller", self.kafka_controller),
            ("order service A", self.service_a),
            ("order service B", self.service_b),
            ("the projector", self.projector),
            ("the gateway", self.gateway),
        ]
    }

    /// Keeps them for later commands.
    ///
    /// # Errors
    /// Any fault of the file system.
    pub fn save(&self, state: &StateDir) -> Result<()> {
        let json = serde_json::to_vec_pretty(self)?;
        Ok(atomic_file::write(&file(state), &json, Readers::Everyone)?)
    }

    /// Those of the last `up`.
    ///
    /// # Errors
    /// When there was none.
    pub fn load(state: &StateDir) -> Result<Self> {
        let path = file(state);
        let json = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&json).with_context(|| format!("cannot understand {}", path.display()))
    }
}

fn file(state: &StateDir) -> PathBuf {
    state.run().join("addresses.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        addresses: Addresses,
    }

    #[test]
    fn the_defaults_are_those_that_others_rely_on() {
        let addresses = Command::parse_from(["up"]).addresses;
        let ports: Vec<u16> = addresses.named().iter().map(|(_, address)| address.port()).collect();
        assert_eq!(ports, [23306, 29092, 29093, 8081, 8082, 8090, 8080]);
    }
}
