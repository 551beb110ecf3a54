//! Connections that go silent, as when a firewall forgets them: bytes are lost, both ways or one, neither side is told, and
//! nothing is closed. A new connection is served as ever.
//!
//! It must never last for good: whoever notices closes its end, and what is left then goes after a time, as the keepalive of
//! the other machine would end it. Read `proxy` for who is silenced.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

/// Above the server's own limit for a transaction that nobody goes on with (10 s), so that it is the server that ends it.
const LEFT_ALONE: Duration = Duration::from_secs(20);
/// A client that does not notice at all: the run has failed by then.
const UNNOTICED: Duration = Duration::from_secs(120);

/// Whose bytes are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Both,
    /// The server gets what is sent; its replies are lost.
    FromServer,
    /// The server gets nothing, and goes on waiting.
    ToServer,
}

/// What silences the connections that are there.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    /// The last fall, if there was one.
    falls: watch::Sender<Option<Way>>,
    connection_count: AtomicU64,
}

impl Silence {
    /// All connections that are open now lose their bytes from now on; answers how many those are.
    pub(crate) fn fall(&self, way: Way) -> u64 {
        let count = self.connection_count.load(Ordering::SeqCst);
        self.falls.send_replace(Some(way));
        count
    }

    /// For one connection, which is open for as long as this lives. Only what falls from now on concerns it.
    pub(crate) fn listen(&self) -> Listener<'_> {
        self.connection_count.fetch_add(1, Ordering::SeqCst);
        Listener { falls: self.falls.subscribe(), connection_count: &self.connection_count }
    }
}

/// One connection's ear.
pub(crate) struct Listener<'a> {
    falls: watch::Receiver<Option<Way>>,
    connection_count: &'a AtomicU64,
}

impl Listener<'_> {
    /// Returns when this connection falls silent. It may be dropped and called again.
    pub(crate) async fn falls(&mut self) -> Way {
        loop {
            if self.falls.changed().await.is_err() {
                // Nobody is left who could silence it.
                std::future::pending::<()>().await;
            }
            if let Some(way) = *self.falls.borrow_and_update() {
                return way;
            }
        }
    }
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        self.connection_count.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Loses the bytes of `way` and passes on the others, until both sides have closed, or one has and time is over. A close is
/// lost like a byte. `read` is what was read from the client, and not passed on yet.
pub(crate) async fn keep(way: Way, client: TcpStream, read: &[u8], mut server: TcpStream) -> Result<()> {
    if way == Way::FromServer {
        server.write_all(read).await?;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // A half that is dropped is closed: those that nothing may come through are kept to the end.
    let (to_server, _server_kept) = part(to_server, way == Way::FromServer);
    let (to_client, _client_kept) = part(to_client, way == Way::ToServer);
    let (mut up, mut down) = (Box::pin(pump(from_client, to_server)), Box::pin(pump(from_server, to_client)));
    let up_is_over = timeout(UNNOTICED, async {
        tokio::select! {
            () = &mut up => true,
            () = &mut down => false,
        }
    });
    // Whether both have closed, or time is over, is the same to us: both sockets close now.
    let _both_have_closed = match up_is_over.await {
        Ok(true) => timeout(LEFT_ALONE, down).await.is_ok(),
        Ok(false) => timeout(UNNOTICED, up).await.is_ok(),
        Err(_) => false,
    };
    Ok(())
}

/// The half for the pump, where bytes pass, or for keeping.
fn part<T>(half: T, passes: bool) -> (Option<T>, Option<T>) {
    if passes { (Some(half), None) } else { (None, Some(half)) }
}

/// Reads to the end, and passes on what it reads where there is somebody to pass it on to.
async fn pump(mut from: impl AsyncRead + Unpin, mut to: Option<impl AsyncWrite + Unpin>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(size) = from.read(&mut bytes).await {
        if size == 0 {
            break;
        }
        if let Some(writer) = &mut to
            && writer.write_all(&bytes[..size]).await.is_err()
        {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    }

    /// Whether a byte written at `from` comes out at `to`; nothing else may, no end either.
    async fn passes(from: &mut TcpStream, to: &mut TcpStream) -> bool {
        from.write_all(b"x").await.unwrap();
        let mut byte = [0];
        match timeout(SHORT, to.read(&mut byte)).await {
            Ok(read) => {
                assert_eq!((read.unwrap(), byte), (1, *b"x"), "another byte, or an end");
                true
            }
            Err(_) => false,
        }
    }

    #[tokio::test]
    async fn bytes_are_lost_the_way_that_was_said_and_nobody_is_told() {
        for (way, up, down) in [(Way::Both, false, false), (Way::FromServer, true, false), (Way::ToServer, false, true)]
        {
            let ((mut client, near), (far, mut server)) = (pair().await, pair().await);
            tokio::spawn(async move { keep(way, near, b"", far).await });
            assert_eq!(passes(&mut client, &mut server).await, up, "{way:?}");
            assert_eq!(passes(&mut server, &mut client).await, down, "{way:?}");
            drop(client);
            let mut byte = [0];
            let told = timeout(SHORT, server.read(&mut byte)).await;
            // Where the server hears the client, it hears its end, too.
            assert_eq!(told.is_ok(), up, "{way:?}: {told:?}");
        }
    }

    #[tokio::test]
    async fn only_connections_that_are_open_fall_silent() {
        let silence = Silence::default();
        let mut before = silence.listen();
        assert_eq!(silence.fall(Way::ToServer), 1);
        let mut after = silence.listen();
        assert_eq!(timeout(SHORT, before.falls()).await, Ok(Way::ToServer));
        assert!(timeout(SHORT, after.falls()).await.is_err());
        drop(before);
        assert_eq!(silence.fall(Way::Both), 1);
        assert_eq!(timeout(SHORT, after.falls()).await, Ok(Way::Both));
    }
}
