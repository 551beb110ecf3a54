//! A writer with the live store behind a proxy that cuts connections inside COMMIT: what the position decides.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ledger_database::DatabaseUrl;
use ledger_kafka::record::OwnedRecord;
use ledger_store::{LiveStore, MixedFolds};
use projector::intake::{Control, Intake, Limits};
use projector::shared::{Resync, Shared};
use projector::writer::{BatchSettings, Writer, WriterError, WriterParts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::setting::{LIMIT, PARTITIONS, PAUSE, Setting, order, partition_of, product_in, receipt};

const LIMITS: Limits = Limits { records: 100, bytes: 1 << 20 };

/// A writer of one partition, fed by hand.
pub(crate) struct Fed {
    intake: Arc<Intake>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) resyncs: Receiver<Resync>,
    pub(crate) running: JoinHandle<Result<(), WriterError>>,
    partition: i32,
    pub(crate) product: String,
    epoch: u64,
}

impl Fed {
    pub(crate) fn start(setting: &Setting, url: DatabaseUrl, partition: i32) -> Self {
        let shared = Arc::new(Shared::new(PARTITIONS));
        let intake = Arc::new(Intake::new(LIMITS));
        let (resync, resyncs) = channel();
        let writer = Writer::new(WriterParts {
            name: "writer".to_owned(),
            store: LiveStore::new(url, &setting.topic("orders"), MixedFolds::Refused),
            partition_count: PARTITIONS,
            intake: intake.clone(),
            shared: shared.clone(),
            resyncs: resync,
            settings: BatchSettings { limits: LIMITS, linger: Duration::ZERO },
            stop: CancellationToken::new(),
        });
        let running = tokio::spawn(writer.run());
        let product = product_in(partition, "bar");
        let mut fed = Self { intake, shared, resyncs, running, partition, product, epoch: 0 };
        fed.assign(0);
        fed
    }

    pub(crate) fn assign(&mut self, start_offset: i64) {
        self.epoch = self.shared.begin_epoch(self.partition);
        let (partition, epoch) = (self.partition, self.epoch);
        self.intake.tell(Control::Assigned { partition, epoch, start_offset, is_paused: false });
    }

    pub(crate) fn feed(&self, from: i64, values: &[String]) {
        assert_eq!(partition_of(&self.product), self.partition);
        let key = Some(self.product.as_bytes());
        for (offset, value) in (from..).zip(values) {
            let record = OwnedRecord::from_parts(self.partition, offset, self.epoch, key, Some(value.as_bytes()), &[]);
            self.intake.push_over(record);
        }
    }

    /// Waits until all that was fed is done or dropped.
    pub(crate) async fn settled(&self) {
        let (done, settled) = tokio::sync::oneshot::channel();
        self.intake.tell(Control::Barrier(done));
        tokio::time::timeout(LIMIT, settled).await.expect("in time").expect("settled");
    }

    pub(crate) async fn resynced(self) -> (Self, Resync) {
        tokio::task::spawn_blocking(move || {
            let resync = self.resyncs.recv_timeout(LIMIT).expect("a resync");
            (self, resync)
        })
        .await
        .expect("a thread")
    }

    pub(crate) async fn stop(self) {
        self.intake.tell(Control::Stop);
        self.running.await.expect("ended").expect("without an error");
    }
}

/// What the proxy does with the next COMMIT.
const PASS: u8 = 0;
/// The server never gets it.
pub(crate) const CUT_BEFORE: u8 = 1;
/// The server gets it and answers; the writer never hears.
const CUT_AFTER: u8 = 2;

#[derive(Default)]
pub(crate) struct Proxy {
    pub(crate) next_commit: AtomicU8,
    cuts: AtomicUsize,
    /// New connections are closed at once, as by a server that is away.
    pub(crate) refusing: AtomicBool,
    /// While held, no new connection is let through.
    gate: tokio::sync::Mutex<()>,
    address: Mutex<String>,
}

impl Proxy {
    /// A proxy in front of the setting's database server.
    pub(crate) async fn start(setting: &Setting) -> Arc<Self> {
        let url = setting.variable("LEDGER_PROJECTOR_DATABASE_URL");
        let server = url.split(['@', '/']).nth(3).expect("host:port").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = Arc::new(Self::default());
        *proxy.address.lock().expect("unshared") = listener.local_addr().expect("bound").to_string();
        tokio::spawn({
            let proxy = proxy.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    if proxy.refusing.load(Ordering::SeqCst) {
                        continue;
                    }
                    drop(proxy.gate.lock().await);
                    let upstream = TcpStream::connect(&server).await.expect("MariaDB");
                    tokio::spawn(proxy.clone().relay(client, upstream));
                }
            }
        });
        proxy
    }

    /// The projector's URL through the proxy.
    pub(crate) fn url(&self, setting: &Setting) -> String {
        let url = setting.variable("LEDGER_PROJECTOR_DATABASE_URL");
        let (login, rest) = url.split_once('@').expect("user@host");
        let (_, database) = rest.split_once('/').expect("host/database");
        let address = self.address.lock().expect("unshared").clone();
        format!("{login}@{address}/{database}")
    }

    async fn relay(self: Arc<Self>, mut client: TcpStream, mut upstream: TcpStream) {
        let (mut to_server, mut to_client) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        loop {
            tokio::select! {
                read = client.read(&mut to_server) => {
                    let Ok(length @ 1..) = read else { return };
                    // A command packet: three bytes of length, a number, COM_QUERY, the text.
                    let is_commit = to_server[..length].ends_with(b"\x03COMMIT");
                    match if is_commit { self.next_commit.swap(PASS, Ordering::SeqCst) } else { PASS } {
                        CUT_BEFORE => {
                            self.cuts.fetch_add(1, Ordering::SeqCst);
                            return;
                        }
                        CUT_AFTER => {
                            upstream.write_all(&to_server[..length]).await.expect("MariaDB");
                            // Its answer came, so the commit stands.
                            let answered = upstream.read(&mut to_client).await.expect("MariaDB");
                            assert!(answered > 0);
                            self.cuts.fetch_add(1, Ordering::SeqCst);
                            return;
                        }
                        _ => upstream.write_all(&to_server[..length]).await.expect("MariaDB"),
                    }
                }
                read = upstream.read(&mut to_client) => {
                    let Ok(length @ 1..) = read else { return };
                    if client.write_all(&to_client[..length]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

async fn behind_a_proxy(purpose: &str) -> (Setting, Arc<Proxy>, Fed) {
    let setting = Setting::with_positions(purpose).await;
    let proxy = Proxy::start(&setting).await;
    let url = DatabaseUrl::parse(&proxy.url(&setting)).expect("valid");
    let fed = Fed::start(&setting, url, 1);
    fed.feed(0, &[receipt(1, &fed.product, 10)]);
    fed.settled().await;
    assert_eq!(setting.number("SELECT available FROM stock").await, 10);
    (setting, proxy, fed)
}

#[tokio::test]
async fn inv_1_a_commit_that_never_arrived_is_done_again() {
    let (setting, proxy, fed) = behind_a_proxy("cutbefore").await;
    proxy.next_commit.store(CUT_BEFORE, Ordering::SeqCst);
    fed.feed(1, &[order(2, &fed.product, 3)]);
    fed.settled().await;
    fed.feed(2, &[order(3, &fed.product, 3)]);
    fed.settled().await;
    assert_eq!(proxy.cuts.load(Ordering::SeqCst), 1);
    assert_eq!(setting.number("SELECT available FROM stock").await, 4);
    assert_eq!(setting.number("SELECT next_offset FROM positions WHERE kafka_partition = 1").await, 3);
    assert!(fed.resyncs.try_recv().is_err(), "no resync was needed");
    fed.stop().await;
    setting.finish().await;
}

#[tokio::test]
async fn inv_1_a_commit_whose_answer_was_lost_is_not_done_twice() {
    let (setting, proxy, fed) = behind_a_proxy("cutafter").await;
    proxy.next_commit.store(CUT_AFTER, Ordering::SeqCst);
    fed.feed(1, &[order(2, &fed.product, 3)]);
    fed.settled().await;
    fed.feed(2, &[order(3, &fed.product, 3)]);
    fed.settled().await;
    assert_eq!(proxy.cuts.load(Ordering::SeqCst), 1);
    assert_eq!(setting.number("SELECT available FROM stock").await, 4);
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders").await, 2);
    assert!(fed.resyncs.try_recv().is_err(), "the position told that it stands");
    fed.stop().await;
    setting.finish().await;
}

#[tokio::test]
async fn inv_1_an_unknown_commit_that_was_overtaken_is_read_anew() {
    let (setting, proxy, mut fed) = behind_a_proxy("cutovertaken").await;
    let gate = proxy.gate.lock().await;
    proxy.next_commit.store(CUT_BEFORE, Ordering::SeqCst);
    fed.feed(1, &[order(2, &fed.product, 3)]);
    let began = std::time::Instant::now();
    while proxy.cuts.load(Ordering::SeqCst) == 0 {
        assert!(began.elapsed() < LIMIT);
        tokio::time::sleep(PAUSE).await;
    }
    // Somebody else folds further before the writer can look.
    setting.execute("UPDATE positions SET next_offset = 5 WHERE kafka_partition = 1").await;
    setting.execute("UPDATE stock SET available = 8").await;
    drop(gate);
    let (back, resync) = fed.resynced().await;
    fed = back;
    assert_eq!(resync, Resync { partition: 1, epoch: fed.epoch });
    fed.assign(5);
    fed.feed(5, &[order(9, &fed.product, 1)]);
    fed.settled().await;
    assert_eq!(setting.number("SELECT available FROM stock").await, 7);
    fed.stop().await;
    setting.finish().await;
}

#[tokio::test]
async fn inv_1_an_unknown_commit_is_superseded_by_other_tables_at_the_same_offset() {
    let (setting, proxy, mut fed) = behind_a_proxy("cutswapped").await;
    let gate = proxy.gate.lock().await;
    proxy.next_commit.store(CUT_AFTER, Ordering::SeqCst);
    fed.feed(1, &[order(2, &fed.product, 3)]);
    let began = std::time::Instant::now();
    while proxy.cuts.load(Ordering::SeqCst) == 0 {
        assert!(began.elapsed() < LIMIT);
        tokio::time::sleep(PAUSE).await;
    }
    // The batch stands, but what is live by now are other tables, whose stock was another.
    setting.execute("UPDATE positions SET generation = 2").await;
    setting.execute("UPDATE stock SET available = 2").await;
    drop(gate);
    let (back, resync) = fed.resynced().await;
    fed = back;
    assert_eq!(resync, Resync { partition: 1, epoch: fed.epoch });
    fed.assign(2);
    fed.feed(2, &[order(9, &fed.product, 3)]);
    fed.settled().await;
    assert_eq!(setting.texts("SELECT reason FROM orders WHERE kafka_offset = 2").await, ["out-of-stock"]);
    fed.stop().await;
    setting.finish().await;
}

#[tokio::test]
async fn a_start_that_is_not_the_stored_position_is_read_anew() {
    let setting = Setting::with_positions("wrongstart").await;
    let mut fed = Fed::start(&setting, setting.projector_url(), 1);
    fed.settled().await;
    fed.assign(3);
    fed.feed(3, &[receipt(1, &fed.product, 10)]);
    let (back, resync) = fed.resynced().await;
    fed = back;
    assert_eq!(resync, Resync { partition: 1, epoch: fed.epoch });
    fed.settled().await;
    assert_eq!(setting.number("SELECT next_offset FROM positions WHERE kafka_partition = 1").await, 0);
    fed.stop().await;
    setting.finish().await;
}

#[tokio::test]
async fn records_of_an_ended_epoch_are_dropped() {
    let setting = Setting::with_positions("stale").await;
    let mut fed = Fed::start(&setting, setting.projector_url(), 1);
    let old = fed.epoch;
    fed.assign(0);
    let new = std::mem::replace(&mut fed.epoch, old);
    fed.feed(0, &[receipt(1, &fed.product, 10)]);
    fed.epoch = new;
    fed.feed(0, &[receipt(2, &fed.product, 7)]);
    fed.settled().await;
    assert_eq!(setting.number("SELECT available FROM stock").await, 7);
    fed.stop().await;
    setting.finish().await;
}

#[tokio::test]
async fn inv_5_duplicates_and_conflicts_across_batches() {
    let setting = Setting::with_positions("acrossbatches").await;
    let fed = Fed::start(&setting, setting.projector_url(), 1);
    let most = 9_007_199_254_740_991_i64;
    let big = |id| receipt(id, &fed.product, 1_000_000_000);
    fed.feed(0, &[big(1)]);
    fed.settled().await;
    setting.execute(&format!("UPDATE stock SET available = {most}")).await;
    // The state is the writer's until it is read anew.
    setting.execute("UPDATE positions SET next_offset = next_offset + 1 WHERE kafka_partition = 1").await;
    fed.feed(1, &[order(2, &fed.product, 1)]);
    let (mut fed, _) = fed.resynced().await;
    fed.assign(2);
    fed.settled().await;
    // A repeated receipt is a duplicate even where it would overflow now; a new one is parked; a repeated order is a
    // duplicate, another under its id a conflict.
    let big = |id| receipt(id, &fed.product, 1_000_000_000);
    fed.feed(2, &[big(1)]);
    fed.settled().await;
    fed.feed(3, &[big(5)]);
    fed.settled().await;
    fed.feed(4, &[order(6, &fed.product, 1)]);
    fed.settled().await;
    fed.feed(5, &[order(6, &fed.product, 1), order(6, &fed.product, 2), order(7, &fed.product, 1)]);
    fed.settled().await;
    let parked = "SELECT CONCAT_WS(' ', kafka_offset, reason) FROM dead_letters ORDER BY kafka_offset";
    assert_eq!(setting.texts(parked).await, ["3 stock-overflow", "6 conflicting-duplicate"]);
    assert_eq!(setting.number("SELECT available FROM stock").await, most - 2);
    assert_eq!(setting.number("SELECT COUNT(*) FROM stock_movements").await, 1);
    assert_eq!(setting.number("SELECT next_offset FROM positions WHERE kafka_partition = 1").await, 8);
    fed.stop().await;
    setting.finish().await;
}

#[tokio::test]
async fn what_no_retry_would_mend_ends_the_writer() {
    let setting = Setting::with_positions("ends").await;
    let fed = Fed::start(&setting, setting.projector_url(), 1);
    fed.settled().await;
    setting.execute("DROP TABLE outbox").await;
    fed.feed(0, &[receipt(1, &fed.product, 10)]);
    let error = fed.running.await.expect("ended").expect_err("an error").to_string();
    assert!(error.starts_with("writing the outbox: ") && error.contains("1146"), "{error}");
    assert_eq!(setting.number("SELECT COUNT(*) FROM stock").await, 0, "rolled back");
    setting.finish().await;
}
