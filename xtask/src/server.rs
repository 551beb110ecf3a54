//! The servers that a set of them consists of: their names, and how many brokers it has.

use std::fmt;

use clap::ValueEnum;

use crate::kafka::Node;
use crate::mariadb;

/// How many brokers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BrokerCount {
    /// One node alone.
    #[value(name = "1")]
    One,
    /// Three, with a controller that is none of them.
    #[value(name = "3")]
    Three,
}

impl fmt::Display for BrokerCount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::One => "1",
            Self::Three => "3",
        })
    }
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// The database.
    MariaDb,
    /// A broker.
    Kafka(Node),
}

impl Server {
    /// Its name in `log/` and `run/`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MariaDb => mariadb::NAME,
            Self::Kafka(node) => node.name(),
        }
    }
}
