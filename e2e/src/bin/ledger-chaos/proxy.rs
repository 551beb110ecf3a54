//! A TCP proxy between the projectors and MariaDB that knows just enough of its protocol to know whose connection it is
//! and to see a COMMIT, and cuts the connection there: before the server got it, while the server works on it, or after
//! the server's reply. Or the packet is held back, and the server gets it when its client has long begun anew. Or the connection goes
//! silent: bytes are lost, and nobody is told. Read `silence` for that. Or every packet takes its time, each way.
//!
//! It must never change a byte. Packets are three bytes of length, one of sequence, then the body; a command has
//! sequence 0, and its body begins with 3 for a query, 22 to prepare a statement, and 23 to execute one.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::silence::{self, Silence, Way};

const HEADER_SIZE: usize = 4;
const QUERY: u8 = 3;
const PREPARE: u8 = 22;
const EXECUTE: u8 = 23;
/// Only a writer moves positions, and only a relay removes from the outbox.
const BATCH: &str = "START TRANSACTION; UPDATE positions";
const PRUNES: [&str; 2] = ["DELETE outbox FROM", "DELETE FROM outbox"];
const REPLY_LIMIT: Duration = Duration::from_secs(10);
/// How long a packet is held back: below the server's own limit for a transaction that nobody goes on with (10 s), which would end it.
const LATE: Duration = Duration::from_secs(4);

/// Whose connection breaks, and at what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// COMMIT of a transaction that wrote a batch; not that of a partition's loading.
    WritersCommit,
    /// Any statement, once it has removed a row.
    RelaysStatement,
}

/// Where the connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    BeforeTheServer,
    WhileTheServerWorks,
    AfterTheReply,
    /// Not closed: the server gets it, and its reply and all that follows are lost.
    Silent,
    /// Closed at once for the client, and four seconds later the server gets it all the same.
    Late,
}

/// What the proxy and who orders the cuts share.
#[derive(Debug, Default)]
pub(crate) struct Scissors {
    next: Mutex<Option<(Target, Cut)>>,
    cut_count: AtomicU64,
    /// What each packet takes each way, in milliseconds.
    latency: AtomicU64,
    pub(crate) silence: Silence,
}

impl Scissors {
    /// The next such packet of any connection is cut.
    pub(crate) fn arm(&self, target: Target, cut: Cut) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some((target, cut));
    }

    pub(crate) fn disarm(&self) {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(crate) fn cut_count(&self) -> u64 {
        self.cut_count.load(Ordering::SeqCst)
    }

    /// Each packet of every connection takes so long from now on, each way.
    pub(crate) fn slow_down(&self, latency: Duration) {
        self.latency.store(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    async fn delay(&self) {
        let latency = self.latency.load(Ordering::Relaxed);
        if latency > 0 {
            sleep(Duration::from_millis(latency)).await;
        }
    }

    /// The cut that is armed for `target`, which is then done.
    fn take(&self, target: Target) -> Option<Cut> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.take_if(|(armed, _)| *armed == target).map(|(_, cut)| cut)
    }
}

/// Listens on a port of its own, for as long as the runtime lives.
pub(crate) async fn start(server: SocketAddr, scissors: Arc<Scissors>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let scissors = Arc::clone(&scissors);
            // A connection that breaks is the server's or the projector's end, or a cut: nothing to report.
            tokio::spawn(async move { relay(client, server, &scissors).await });
        }
    });
    Ok(address)
}

/// What a connection has shown itself to be.
#[derive(Debug, Default)]
struct Client {
    moves_positions: bool,
    prunes: bool,
    /// Its transaction was begun to write.
    is_writing: bool,
}

impl Client {
    /// Learns from a packet; answers what it is, if it may be cut.
    fn see(&mut self, packet: &[u8]) -> Option<Target> {
        let (0, [command, text @ ..]) = (*packet.get(3)?, packet.get(HEADER_SIZE..)?) else { return None };
        let says =
            |words: &str| text.get(..words.len()).is_some_and(|text| text.eq_ignore_ascii_case(words.as_bytes()));
        match *command {
            PREPARE => {
                self.prunes |= PRUNES.into_iter().any(says);
                None
            }
            QUERY if says("START TRANSACTION") => {
                self.is_writing = says(BATCH);
                self.moves_positions |= self.is_writing;
                None
            }
            QUERY if says("COMMIT") && self.is_writing => Some(Target::WritersCommit),
            EXECUTE if self.prunes && !self.moves_positions => Some(Target::RelaysStatement),
            _ => None,
        }
    }
}

/// Both sockets close when it returns.
async fn relay(mut client: TcpStream, address: SocketAddr, scissors: &Scissors) -> Result<()> {
    let mut server = TcpStream::connect(address).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut up, mut down, mut seen) = (Vec::new(), vec![0; 64 * 1024], Client::default());
    let mut listener = scissors.silence.listen();
    loop {
        tokio::select! {
            way = listener.falls() => return silence::keep(way, client, &up, server).await,
            read = client.read_buf(&mut up) => {
                ensure!(read? > 0, "the client is gone");
                while let Some(size) = first_packet(&up) {
                    let packet: Vec<u8> = up.drain(..size).collect();
                    if let Some(cut) = seen.see(&packet).and_then(|target| scissors.take(target)) {
                        return break_off(cut, &packet, (client, &up), server, scissors).await;
                    }
                    scissors.delay().await;
                    server.write_all(&packet).await?;
                }
            }
            read = server.read(&mut down) => {
                let size = read?;
                ensure!(size > 0, "the server is gone");
                scissors.delay().await;
                client.write_all(&down[..size]).await?;
            }
        }
    }
}

async fn break_off(
    cut: Cut,
    packet: &[u8],
    (client, read): (TcpStream, &[u8]),
    mut server: TcpStream,
    scissors: &Scissors,
) -> Result<()> {
    if cut == Cut::Silent {
        server.write_all(packet).await?;
        scissors.cut_count.fetch_add(1, Ordering::SeqCst);
        return silence::keep(Way::FromServer, client, read, server).await;
    }
    let mut client = Some(client);
    if cut == Cut::Late {
        client = None;
        sleep(LATE).await;
    }
    if cut != Cut::BeforeTheServer {
        server.write_all(packet).await?;
        if cut == Cut::WhileTheServerWorks {
            client = None;
        }
        let mut reply = [0; 64];
        ensure!(timeout(REPLY_LIMIT, server.read(&mut reply)).await?? > 0, "the server gave no reply");
    }
    drop(client);
    scissors.cut_count.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

/// The size of the first packet, header included, once all of it is there.
fn first_packet(bytes: &[u8]) -> Option<usize> {
    let [a, b, c, _, ..] = *bytes else { return None };
    let size = HEADER_SIZE + usize::try_from(u32::from_le_bytes([a, b, c, 0])).ok()?;
    (bytes.len() >= size).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_distinguished() {
        let stream = b"\x07\x00\x00\x00\x03COMMIT\x01\x00\x00\x00\x0e\x02\x00";
        assert_eq!(first_packet(stream), Some(11));
        assert_eq!(first_packet(&stream[11..16]), Some(5));
        assert_eq!(first_packet(&stream[16..]), None);
    }

    fn packet(command: u8, text: &str) -> Vec<u8> {
        [&[0, 0, 0, 0, command], text.as_bytes()].concat()
    }

    #[test]
    fn only_a_writers_commit_and_a_relays_statement_are_cut() {
        let (begin, commit) = (packet(QUERY, "START TRANSACTION; UPDATE positions p SET"), packet(QUERY, "COMMIT"));
        let load = packet(QUERY, "START TRANSACTION READ ONLY");
        let prunes = packet(PREPARE, "DELETE outbox FROM (SELECT ?");
        let execute = packet(EXECUTE, "\u{1}");
        for (packets, expected) in [
            (vec![&begin, &commit], Some(Target::WritersCommit)),
            (vec![&begin, &commit, &load, &commit], None),
            (vec![&load, &commit], None),
            (vec![&prunes, &execute], Some(Target::RelaysStatement)),
            (vec![&prunes, &commit], None),
            (vec![&prunes, &begin, &execute], None),
            (vec![&execute], None),
        ] {
            let mut client = Client::default();
            assert_eq!(packets.iter().fold(None, |_, packet| client.see(packet)), expected, "{packets:?}");
        }
    }
}
