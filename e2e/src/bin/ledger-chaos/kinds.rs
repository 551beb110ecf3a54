//! The kinds of fault, each with its name in the report and about how long it takes. It must never know how one is
//! done; that is `faults`, and what it calls. Read `pace` for what follows from the times.

use std::collections::BTreeMap;
use std::time::Duration;

use xtask::servers::Server;

use crate::proxy::Cut;
use crate::system::PartName;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Kill(PartName),
    Crash(Server),
    /// A server and who writes to it, at once.
    Both(Server, PartName),
    Freeze,
    TwoProjectors,
    CutCommit(Cut),
    CutRelay,
    /// Of the projector, at each line.
    Deaths,
    Redrives,
    Import,
    Rebuilds,
}

impl Fault {
    /// How long it takes, about, with recovery and the calm before it: the load is spread over that.
    pub(crate) const fn about(self) -> Duration {
        Duration::from_secs(match self {
            Self::Deaths => 30,
            Self::Rebuilds => 25,
            _ => 5,
        })
    }
}

/// Every kind, with its name: what one round does.
pub(crate) const ALL: [(Fault, &str); 18] = [
    (Fault::Kill(PartName::Projector), "kill -9 of the projector"),
    (Fault::Kill(PartName::ServiceA), "kill -9 of service A"),
    (Fault::Kill(PartName::ServiceB), "kill -9 of service B"),
    (Fault::Kill(PartName::Gateway), "kill -9 of the gateway"),
    (Fault::Crash(Server::MariaDb), "kill -9 of MariaDB"),
    (Fault::Crash(Server::Kafka), "kill -9 of Kafka"),
    (Fault::Both(Server::MariaDb, PartName::Projector), "kill -9 of MariaDB and the projector at once"),
    (Fault::Both(Server::Kafka, PartName::ServiceA), "kill -9 of Kafka and service A at once"),
    (Fault::Freeze, "projector frozen beyond its session, then thawed"),
    (Fault::TwoProjectors, "second projector joined and left"),
    (Fault::CutCommit(Cut::BeforeTheServer), "COMMIT cut before the server got it"),
    (Fault::CutCommit(Cut::WhileTheServerWorks), "COMMIT cut while the server worked on it"),
    (Fault::CutCommit(Cut::AfterTheReply), "COMMIT cut after the server's reply"),
    (Fault::CutRelay, "relay's connection cut"),
    (Fault::Deaths, "projector dead at a line that writes"),
    (Fault::Redrives, "redrive killed at a line that writes, and run again"),
    (Fault::Import, "import killed at a line that writes, and run again"),
    (Fault::Rebuilds, "rebuilds killed and resumed, and a rollback"),
];

/// How often each kind was done, and each line was died at.
pub(crate) type FaultCounts = BTreeMap<String, u64>;
