//! A TCP proxy in front of MariaDB that swallows bytes and closes nothing, as a firewall that forgot a connection does, or a
//! host that is gone; or passes them slowly, or late.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
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
    /// From the next statement that has these words on, on its connection alone.
    at_words: Mutex<Option<(&'static str, Swallow)>>,
    /// Bytes a second that go to the server; 0: as they come.
    pace: AtomicU64,
    /// How long a statement of more than [`SHORT`] stays here before it goes on, in milliseconds.
    delay_ms: AtomicU64,
    /// Connections that were opened.
    pub(crate) opened: AtomicUsize,
    /// Connections that went silent.
    pub(crate) silenced: AtomicUsize,
}

/// What comes at once, in bytes.
const SHORT: usize = 4096;
/// What the kernel takes for the proxy, in bytes: the rest waits at the sender's.
const RECEIVED: u32 = 1 << 16;

impl SilentProxy {
    pub(crate) async fn start(setting: &Setting) -> Arc<Self> {
        let url = setting.variable("LEDGER_PROJECTOR_DATABASE_URL");
        Self::before(url.split(['@', '/']).nth(3).expect("host:port").to_owned()).await
    }

    /// In front of `server`, `host:port`.
    pub(crate) async fn before(server: String) -> Arc<Self> {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(RECEIVED).expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let listener = socket.listen(64).expect("a port");
        let proxy = Arc::new(Self {
            address: listener.local_addr().expect("bound").to_string(),
            open: watch::Sender::new(Swallow::Nothing),
            new: watch::Sender::new(Swallow::Nothing),
            at_words: Mutex::new(None),
            pace: AtomicU64::new(0),
            delay_ms: AtomicU64::new(0),
            opened: AtomicUsize::new(0),
            silenced: AtomicUsize::new(0),
        });
        tokio::spawn({
            let proxy = proxy.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let upstream = TcpStream::connect(&server).await.expect("MariaDB");
                    proxy.opened.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(proxy.clone().relay(client, upstream));
                }
            }
        });
        proxy
    }

    /// `host:port` of its own.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self, setting: &Setting) -> String {
        self.url_of(setting, "LEDGER_PROJECTOR_DATABASE_URL")
    }

    /// The URL of a role, through the proxy.
    pub(crate) fn url_of(&self, setting: &Setting, variable: &str) -> String {
        let url = setting.variable(variable);
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
        self.forget_at("\x03COMMIT", swallow);
    }

    /// As [`Self::forget_at_commit`], from the next statement on that has these words.
    pub(crate) fn forget_at(&self, words: &'static str, swallow: Swallow) {
        *self.at_words.lock().expect("unshared") = Some((words, swallow));
    }

    /// From now on so many bytes a second go to the server.
    pub(crate) fn slow_down(&self, pace: u64) {
        self.pace.store(pace, Ordering::SeqCst);
    }

    /// From now on a large statement is passed on late.
    pub(crate) fn delay(&self, delay: Duration) {
        self.delay_ms.store(u64::try_from(delay.as_millis()).expect("short"), Ordering::SeqCst);
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

    /// What is done with what goes to the server, before it does.
    async fn take_time(&self, length: usize, is_delayed: &mut bool) {
        if length <= SHORT {
            return;
        }
        let pace = self.pace.load(Ordering::SeqCst);
        let length = u64::try_from(length).expect("a buffer's");
        if let Some(micros) = (length * 1_000_000).checked_div(pace) {
            tokio::time::sleep(Duration::from_micros(micros)).await;
        }
        if !std::mem::replace(is_delayed, true) {
            tokio::time::sleep(Duration::from_millis(self.delay_ms.load(Ordering::SeqCst))).await;
        }
    }

    async fn relay(self: Arc<Self>, mut client: TcpStream, mut upstream: TcpStream) {
        let (mut to_server, mut to_client) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let mut open = self.open.subscribe();
        let mut now = Swallow::Nothing;
        let mut is_delayed = false;
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
                    let has = |words: &str| to_server[..length].windows(words.len()).any(|found| found == words.as_bytes());
                    if let Some((_, swallow)) = self.at_words.lock().expect("unshared").take_if(|(words, _)| has(words)) {
                        self.goes_silent(&mut now, swallow);
                    }
                    self.take_time(length, &mut is_delayed).await;
                    if !now.to_server() && upstream.write_all(&to_server[..length]).await.is_err() {
                        return;
                    }
                }
                read = upstream.read(&mut to_client) => {
                    is_delayed = false;
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
