//! A TCP proxy in front of MariaDB that swallows bytes and closes nothing, as a firewall that forgot a connection does, or a
//! host that is gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::setting::Setting;

/// Which bytes are swallowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swallow {
    Nothing,
    ToServer,
    ToClient,
    Both,
}

impl Swallow {
    fn to_server(self) -> bool {
        matches!(self, Self::ToServer | Self::Both)
    }

    fn to_client(self) -> bool {
        matches!(self, Self::ToClient | Self::Both)
    }
}

pub(crate) struct SilentProxy {
    address: String,
    /// What happens on the connections that are open when it changes; the number tells changes apart.
    open: watch::Sender<Swallow>,
    /// New connections, too.
    new: watch::Sender<Swallow>,
    /// From the next COMMIT on, on its connection alone.
    at_commit: Mutex<Option<Swallow>>,
    /// Connections that went silent.
    pub(crate) silenced: AtomicUsize,
}

impl SilentProxy {
    pub(crate) async fn start(setting: &Setting) -> Arc<Self> {
        let url = setting.variable("LEDGER_PROJECTOR_DATABASE_URL");
        let server = url.split(['@', '/']).nth(3).expect("host:port").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = Arc::new(Self {
            address: listener.local_addr().expect("bound").to_string(),
            open: watch::Sender::new(Swallow::Nothing),
            new: watch::Sender::new(Swallow::Nothing),
            at_commit: Mutex::new(None),
            silenced: AtomicUsize::new(0),
        });
        tokio::spawn({
            let proxy = proxy.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let upstream = TcpStream::connect(&server).await.expect("MariaDB");
                    tokio::spawn(proxy.clone().relay(client, upstream));
                }
            }
        });
        proxy
    }

    pub(crate) fn url(&self, setting: &Setting) -> String {
        let url = setting.variable("LEDGER_PROJECTOR_DATABASE_URL");
        let (login, rest) = url.split_once('@').expect("user@host");
        let (_, database) = rest.split_once('/').expect("host/database");
        format!("{login}@{}/{database}", self.address)
    }

    /// Connections that are open now go silent for good; new ones pass.
    pub(crate) fn forget(&self, swallow: Swallow) {
        self.open.send_replace(swallow);
    }

    /// From the next COMMIT on, itself included where it goes to the server.
    pub(crate) fn forget_at_commit(&self, swallow: Swallow) {
        *self.at_commit.lock().expect("unshared") = Some(swallow);
    }

    /// All connections, new ones too, until it is taken back for new ones.
    pub(crate) fn silence(&self, swallow: Swallow) {
        self.new.send_replace(swallow);
        self.forget(swallow);
    }

    fn goes_silent(&self, now: &mut Swallow, swallow: Swallow) {
        if *now == Swallow::Nothing && swallow != Swallow::Nothing {
            *now = swallow;
            self.silenced.fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn relay(self: Arc<Self>, mut client: TcpStream, mut upstream: TcpStream) {
        let (mut to_server, mut to_client) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let mut open = self.open.subscribe();
        let mut now = Swallow::Nothing;
        self.goes_silent(&mut now, *self.new.borrow());
        loop {
            tokio::select! {
                biased;
                changed = open.changed() => {
                    changed.expect("the proxy outlives its connections");
                    let swallow = *open.borrow_and_update();
                    self.goes_silent(&mut now, swallow);
                }
                read = client.read(&mut to_server) => {
                    let Ok(length @ 1..) = read else {
                        // Our leave is swallowed as well, so the server keeps what the connection holds.
                        if now.to_server() {
                            std::future::pending::<()>().await;
                        }
                        return;
                    };
                    if to_server[..length].ends_with(b"\x03COMMIT")
                        && let Some(swallow) = self.at_commit.lock().expect("unshared").take()
                    {
                        self.goes_silent(&mut now, swallow);
                    }
                    if !now.to_server() && upstream.write_all(&to_server[..length]).await.is_err() {
                        return;
                    }
                }
                read = upstream.read(&mut to_client) => {
                    let Ok(length @ 1..) = read else {
                        // The server's leave is swallowed as well.
                        if now.to_client() {
                            std::future::pending::<()>().await;
                        }
                        return;
                    };
                    if !now.to_client() && client.write_all(&to_client[..length]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
