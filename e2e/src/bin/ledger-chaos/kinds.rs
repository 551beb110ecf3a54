//! The kinds of fault, each with its name in the report and about how long it takes. It must never know how one is
//! done; that is `faults`, and what it calls. Read `pace` for what follows from the times.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use xtask::kafka::Node;
use xtask::server::{BrokerCount, Server};

use crate::Arguments;
use crate::proxy::Cut;
use crate::silence::Way;
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
    Silence(Way),
    /// Stands still for a time, with its sockets open.
    StandStill(Who),
    SlowDatabase,
    /// Of a part: hours ahead, and then, while it runs, hours behind.
    WrongClock(PartName),
    /// The database dies with what it had not yet written to its disk.
    LostCommits,
    /// A stranger's, on the log.
    OpenTransaction,
    ReadOnly,
    /// Two of three, for a minute; the projector may die in it.
    TwoBrokers {
        projector_dies: bool,
    },
    /// Of the projector, at each line.
    Deaths,
    Redrives,
    Import,
    Rebuilds,
}

/// A part of ours, or a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Part(PartName),
    Server(Server),
}

impl Fault {
    /// How long it takes, about, with recovery and the calm before it: the load is spread over that.
    pub(crate) const fn about(self) -> Duration {
        Duration::from_secs(match self {
            Self::Deaths => 60,
            Self::Rebuilds => 50,
            Self::TwoBrokers { .. } => 90,
            Self::StandStill(Who::Part(PartName::Projector) | Who::Server(Server::Kafka(_))) => 70,
            Self::StandStill(_) => 30,
            Self::SlowDatabase | Self::WrongClock(_) => 40,
            Self::Crash(Server::Kafka(_)) | Self::Both(Server::Kafka(_), _) | Self::OpenTransaction => 16,
            Self::LostCommits => 14,
            Self::Freeze | Self::TwoProjectors | Self::Silence(_) | Self::CutCommit(Cut::Silent) => 12,
            _ => 5,
        })
    }

    /// Whether every part must live through it: what it needs is away or silent for a time, and comes back.
    pub(crate) const fn is_an_outage(self) -> bool {
        matches!(
            self,
            Self::Silence(_)
                | Self::StandStill(_)
                | Self::SlowDatabase
                | Self::WrongClock(_)
                | Self::CutCommit(Cut::Silent | Cut::Late)
                | Self::OpenTransaction
                | Self::ReadOnly
                | Self::TwoBrokers { .. }
        )
    }
}

/// Below so many orders a run is one that somebody waits for.
const BRIEF_BELOW: usize = 10_000;

/// What one round does: every kind once. A brief run leaves out two of the three silences, which take ten seconds each and
/// end alike (the one at a COMMIT is in it, too), and all that only lasts. Clocks are wrong only with what makes them wrong.
///
/// # Errors
/// When no name has `only` in it.
pub(crate) fn round(arguments: &Arguments) -> Result<Vec<(Fault, &'static str)>> {
    let Arguments { brokers, orders, only, wrong_clocks_by, .. } = arguments;
    let is_long = |fault: Fault| {
        matches!(fault, Fault::Silence(Way::FromServer | Way::ToServer) | Fault::StandStill(_) | Fault::SlowDatabase)
    };
    let is_wanted = |(fault, name): &(Fault, &str)| match only.as_deref() {
        _ if matches!(fault, Fault::WrongClock(_)) && wrong_clocks_by.is_none() => false,
        Some(only) => name.contains(only),
        None => *orders >= BRIEF_BELOW || !is_long(*fault),
    };
    let all = match brokers {
        BrokerCount::One => &ALL[..],
        BrokerCount::Three => &OF_THREE_BROKERS,
    };
    let round: Vec<_> = all.iter().copied().filter(is_wanted).collect();
    ensure!(!round.is_empty(), "no fault's name has `{}` in it", only.as_deref().unwrap_or_default());
    Ok(round)
}

/// Every kind on one broker, with its name.
const ALL: [(Fault, &str); 35] = [
    (Fault::Kill(PartName::Projector), "kill -9 of the projector"),
    (Fault::Kill(PartName::ServiceA), "kill -9 of service A"),
    (Fault::Kill(PartName::ServiceB), "kill -9 of service B"),
    (Fault::Kill(PartName::Gateway), "kill -9 of the gateway"),
    (Fault::Crash(Server::MariaDb), "kill -9 of MariaDB"),
    (Fault::Crash(Server::Kafka(Node::Whole)), "kill -9 of Kafka"),
    (Fault::Both(Server::MariaDb, PartName::Projector), "kill -9 of MariaDB and the projector at once"),
    (Fault::Both(Server::Kafka(Node::Whole), PartName::ServiceA), "kill -9 of Kafka and service A at once"),
    (Fault::Freeze, "projector frozen beyond its session, then thawed"),
    (Fault::TwoProjectors, "second projector joined and left"),
    (Fault::CutCommit(Cut::BeforeTheServer), "COMMIT cut before the server got it"),
    (Fault::CutCommit(Cut::WhileTheServerWorks), "COMMIT cut while the server worked on it"),
    (Fault::CutCommit(Cut::AfterTheReply), "COMMIT cut after the server's reply"),
    (Fault::CutCommit(Cut::Silent), "COMMIT whose reply is lost in silence"),
    (Fault::CutCommit(Cut::Late), "COMMIT held back, and delivered when its client had begun anew"),
    (Fault::CutRelay, "relay's connection cut"),
    (Fault::Silence(Way::Both), "database connections silent both ways"),
    (Fault::Silence(Way::FromServer), "database connections silent from the server"),
    (Fault::Silence(Way::ToServer), "database connections silent to the server"),
    (Fault::StandStill(Who::Part(PartName::Projector)), "projector standing still beyond its transactions' time"),
    (Fault::StandStill(Who::Part(PartName::ServiceA)), "service A standing still"),
    (Fault::StandStill(Who::Part(PartName::ServiceB)), "service B standing still"),
    (Fault::StandStill(Who::Part(PartName::Gateway)), "gateway standing still"),
    (Fault::StandStill(Who::Server(Server::MariaDb)), "MariaDB standing still"),
    (Fault::StandStill(Who::Server(Server::Kafka(Node::Whole))), "Kafka standing still beyond all transactions' time"),
    (Fault::SlowDatabase, "database a second away"),
    (Fault::WrongClock(PartName::Projector), "projector's clock two hours ahead, then behind"),
    (Fault::WrongClock(PartName::ServiceA), "service A's clock two hours ahead, then behind"),
    (Fault::LostCommits, "MariaDB dead with commits that it had not written to its disk"),
    (Fault::ReadOnly, "database read-only"),
    (Fault::OpenTransaction, "a stranger's transaction left open on the log"),
    (Fault::Deaths, "projector dead at a line that writes"),
    (Fault::Redrives, "redrive killed at a line that writes, and run again"),
    (Fault::Import, "import killed at a line that writes, and run again"),
    (Fault::Rebuilds, "rebuilds killed and resumed, and a rollback"),
];

/// What three brokers are for, and what must hold on them as on one.
const OF_THREE_BROKERS: [(Fault, &str); 8] = [
    (Fault::TwoBrokers { projector_dies: false }, "two of three brokers dead for 60 s"),
    (Fault::TwoBrokers { projector_dies: true }, "two of three brokers dead for 60 s, and kill -9 of the projector"),
    (Fault::Crash(Server::Kafka(Node::Broker(1))), "kill -9 of one broker"),
    (Fault::Kill(PartName::Projector), "kill -9 of the projector"),
    (Fault::Kill(PartName::ServiceA), "kill -9 of service A"),
    (Fault::Freeze, "projector frozen beyond its session, then thawed"),
    (Fault::CutCommit(Cut::AfterTheReply), "COMMIT cut after the server's reply"),
    (Fault::OpenTransaction, "a stranger's transaction left open on the log"),
];

/// How often each kind was done, and each line was died at.
pub(crate) type FaultCounts = BTreeMap<String, u64>;
