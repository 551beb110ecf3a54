//! A TCP proxy in front of MariaDB that can be cut, and can swallow what it is given.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Open,
    /// Connections are closed at once.
    Cut,
    /// Nothing passes, and nothing is closed.
    Silent,
    /// As silent for connections that are open; new ones pass.
    Forgotten,
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    line: Arc<watch::Sender<Line>>,
    open: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let line = Arc::new(watch::Sender::new(Line::Open));
        let open = Arc::new(AtomicUsize::new(0));
        let (state, count) = (line.clone(), open.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, state, count) = (target.clone(), state.subscribe(), count.clone());
                tokio::spawn(async move {
                    count.fetch_add(1, Ordering::SeqCst);
                    pass(client, target, state).await;
                    count.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, line, open }
    }

    /// How many connections are open.
    pub(crate) fn open_count(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(crate) fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

async fn pass(mut client: TcpStream, target: String, mut line: watch::Receiver<Line>) {
    if matches!(*line.borrow_and_update(), Line::Open | Line::Forgotten) {
        let Ok(mut server) = TcpStream::connect(target).await else { return };
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = line.changed() => {}
        }
    }
    // Silent holds the connection until the line changes again; cut drops it here.
    let now = *line.borrow_and_update();
    match now {
        Line::Silent => drop(line.changed().await),
        Line::Forgotten => drop(line.wait_for(|line| *line == Line::Cut).await),
        Line::Open | Line::Cut => {}
    }
}
