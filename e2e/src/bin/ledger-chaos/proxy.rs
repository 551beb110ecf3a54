//! A TCP proxy between the projectors and MariaDB that knows just enough of its protocol to see a COMMIT, and cuts the
//! connection there: before the server got it, while the server works on it, or after the server's reply.
//!
//! It must never change a byte. Packets are three bytes of length, one of sequence, then the body; a command has
//! sequence 0, and a query's body begins with 3.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const HEADER_SIZE: usize = 4;
const COMMIT_BODY: &[u8] = b"\x03COMMIT";
const REPLY_LIMIT: Duration = Duration::from_secs(10);

/// Where the connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    BeforeTheServer,
    WhileTheServerWorks,
    AfterTheReply,
}

/// What the proxy and who orders the cuts share.
#[derive(Debug, Default)]
pub(crate) struct Scissors {
    next: Mutex<Option<Cut>>,
    cut_count: AtomicU64,
}

impl Scissors {
    /// The next COMMIT of any connection is cut.
    pub(crate) fn arm(&self, cut: Cut) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(cut);
    }

    pub(crate) fn disarm(&self) {
        self.take();
    }

    pub(crate) fn cut_count(&self) -> u64 {
        self.cut_count.load(Ordering::SeqCst)
    }

    fn take(&self) -> Option<Cut> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Listens on a port of its own, for as long as the runtime lives.
pub(crate) async fn start(server: SocketAddr, scissors: Arc<Scissors>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let scissors = Arc::clone(&scissors);
            // A connection that breaks is the server's or the projector's end, or a cut: nothing to tell.
            tokio::spawn(async move { relay(client, server, &scissors).await });
        }
    });
    Ok(address)
}

/// Both sockets close when it returns.
async fn relay(mut client: TcpStream, address: SocketAddr, scissors: &Scissors) -> Result<()> {
    let mut server = TcpStream::connect(address).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut up, mut down) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            read = client.read_buf(&mut up) => {
                ensure!(read? > 0, "the client is gone");
                while let Some(size) = first_packet(&up) {
                    let packet: Vec<u8> = up.drain(..size).collect();
                    let cut = if is_commit(&packet) { scissors.take() } else { None };
                    if let Some(cut) = cut {
                        return break_off(cut, &packet, client, server, scissors).await;
                    }
                    server.write_all(&packet).await?;
                }
            }
            read = server.read(&mut down) => {
                let size = read?;
                ensure!(size > 0, "the server is gone");
                client.write_all(&down[..size]).await?;
            }
        }
    }
}

async fn break_off(
    cut: Cut,
    packet: &[u8],
    client: TcpStream,
    mut server: TcpStream,
    scissors: &Scissors,
) -> Result<()> {
    let mut client = Some(client);
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

fn is_commit(packet: &[u8]) -> bool {
    packet.get(3) == Some(&0) && packet.get(HEADER_SIZE..).is_some_and(|body| body.eq_ignore_ascii_case(COMMIT_BODY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_told_apart() {
        let stream = b"\x07\x00\x00\x00\x03COMMIT\x01\x00\x00\x00\x0e\x02\x00";
        assert_eq!(first_packet(stream), Some(11));
        assert!(is_commit(&stream[..11]));
        assert_eq!(first_packet(&stream[11..16]), Some(5));
        assert!(!is_commit(&stream[11..16]));
        assert_eq!(first_packet(&stream[16..]), None);
    }
}
