//! A connection to MariaDB that goes silent, without a FIN or a RST: it is noticed within seconds, given up, and the batch in flight is
//! decided right, once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ledger_database::{DatabaseUrl, Limit, Watched};
use sqlx::Executor;

use crate::setting::{LIMIT, Setting, order, product_in, receipt};
use crate::silent_proxy::{SilentProxy, Swallow};
use crate::writer::Fed;

/// Three seconds until it is suspicious, a question of three at most, and then the server keeps the lock of a transaction that
/// nobody continues for ten: far below the minutes that TCP takes.
const BOUND: Duration = Duration::from_secs(25);

async fn behind_a_proxy(purpose: &str) -> (Setting, Arc<SilentProxy>, Fed) {
    let setting = Setting::with_positions(purpose).await;
    let proxy = SilentProxy::start(&setting).await;
    let url = DatabaseUrl::parse(&proxy.url(&setting)).expect("valid");
    let fed = Fed::start(&setting, url, 1);
    fed.shared.health.joined();
    fed.feed(0, &[receipt(1, &fed.product, 100)]);
    fed.settled().await;
    assert_eq!(setting.number("SELECT available FROM stock").await, 100);
    (setting, proxy, fed)
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_1_a_connection_that_goes_silent_is_given_up_and_the_batch_is_decided_once() {
    let (setting, proxy, fed) = behind_a_proxy("silent").await;
    let mut next = 1_u32;
    for (at_commit, swallow) in [
        (false, Swallow::ToServer),
        (false, Swallow::ToClient),
        (false, Swallow::Both),
        // The server never gets the COMMIT; or it commits, and nobody hears of it.
        (true, Swallow::ToServer),
        (true, Swallow::ToClient),
    ] {
        match at_commit {
            true => proxy.forget_at_commit(swallow),
            false => proxy.forget(swallow),
        }
        let began = Instant::now();
        fed.feed(i64::from(next), &[order(u128::from(next) + 100, &fed.product, 1)]);
        let watched = async {
            loop {
                let reasons = fed.shared.readiness().reasons;
                if !reasons.is_empty() {
                    return (began.elapsed(), reasons);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let noticed = tokio::time::timeout(LIMIT, async {
            tokio::select! {
                biased;
                found = watched => Some(found),
                () = fed.settled() => None,
            }
        });
        match noticed.await.unwrap_or_else(|_| panic!("{at_commit} {swallow:?}: nobody noticed")) {
            Some((noticed, reasons)) => {
                // Where it was given up between two looks of this test, the next attempt waits, for the lost one's row.
                assert!(noticed < Duration::from_secs(10), "{noticed:?}");
                let (waits, gave_up) = ("has waited for an answer of the database for 3 s", "no answer for 3.");
                assert!(reasons[0].contains(waits) || reasons[0].contains(gave_up), "{reasons:?}");
            }
            // Committed, and the position told so as soon as it was asked: between two looks of this test.
            None => assert!(at_commit && swallow == Swallow::ToClient, "{at_commit} {swallow:?}"),
        }
        fed.settled().await;
        let took = began.elapsed();
        assert!(took < BOUND, "{at_commit} {swallow:?}: {took:?}");
        next += 1;
        let case = format!("at COMMIT: {at_commit}, {swallow:?}, after {took:?}");
        assert_eq!(setting.number("SELECT available FROM stock").await, 101 - i64::from(next), "{case}");
        assert_eq!(setting.number("SELECT COUNT(*) FROM orders").await, i64::from(next) - 1, "{case}");
        assert!(fed.shared.readiness().ready, "{case}: {:?}", fed.shared.readiness().reasons);
    }
    assert!(proxy.silenced.load(Ordering::SeqCst) >= 5);
    assert!(fed.resyncs.try_recv().is_err(), "the position told each time");
    fed.stop().await;
    setting.finish().await;
}

/// The whole way is silent for a while, for new connections as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_is_waited_for() {
    let (setting, proxy, fed) = behind_a_proxy("allsilent").await;
    proxy.silence(Swallow::Both);
    fed.feed(1, &[order(2, &fed.product, 1)]);
    let began = Instant::now();
    while !fed.shared.readiness().reasons.iter().any(|reason| reason.contains("the database does not answer")) {
        assert!(began.elapsed() < BOUND, "{:?}", fed.shared.readiness().reasons);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(setting.number("SELECT available FROM stock").await, 100);
    proxy.silence(Swallow::Nothing);
    fed.settled().await;
    assert_eq!(setting.number("SELECT available FROM stock").await, 99);
    assert!(fed.shared.readiness().ready);
    fed.stop().await;
    setting.finish().await;
}

/// What the server works on is not given up, however slow it is: the second connection asks, and it says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_statement_is_no_silence() {
    let setting = Setting::with_positions("slow").await;
    let mut connection = Watched::open(&setting.projector_url()).await.expect("connected");
    let began = Instant::now();
    let limit = Limit::WhileWorkedOn;
    let slept = connection.run(limit, |connection| sqlx::query("DO SLEEP(8)").execute(connection)).await;
    slept.expect("no silence").expect("no error");
    assert!(began.elapsed() >= Duration::from_secs(8));
    assert!(connection.is_sound());
    // But for work that has a limit.
    let limit = Limit::Of(Duration::from_secs(4));
    let slept = connection.run(limit, |connection| sqlx::query("DO SLEEP(30)").execute(connection)).await;
    let silence = slept.expect_err("given up").to_string();
    assert!(silence.contains("given up") && silence.contains("the server says: "), "{silence}");
    assert!(!connection.is_sound());
    let again = connection.run(limit, |connection| sqlx::query("DO 1").execute(connection)).await;
    assert!(again.expect_err("never used again").to_string().contains("given up, too"));
    drop(connection);
    setting.finish().await;
}

/// Between statements the server is not suspicious of a client that takes its time, nor are we.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_server_ended_is_given_up() {
    let setting = Setting::with_positions("ended").await;
    let proxy = SilentProxy::start(&setting).await;
    let url = DatabaseUrl::parse(&proxy.url(&setting)).expect("valid");
    let mut connection = Watched::open(&url).await.expect("connected");
    proxy.forget(Swallow::ToClient);
    let began = Instant::now();
    let work = connection.run(Limit::WhileWorkedOn, |connection| connection.execute("KILL CONNECTION_ID()"));
    let silence = work.await.expect_err("given up").to_string();
    assert!(silence.contains("no such connection"), "{silence}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    setting.finish().await;
}

/// A whole projector: relays too, and it stays the same process.
#[tokio::test(flavor = "multi_thread")]
async fn a_projector_whose_connections_go_silent_goes_on() {
    let setting = Setting::migrated("silentproject");
    let proxy = SilentProxy::start(&setting).await;
    let url = proxy.url(&setting);
    let projector = setting.project_with(&[("LEDGER_PROJECTOR_DATABASE_URL", &url)]);
    tokio::task::block_in_place(|| projector.until_ready());
    let product = product_in(1, "bar");
    setting.append_event(&product, &receipt(1, &product, 100)).await;
    setting.folded_to(1, 1).await;
    for (number, swallow) in (1..).zip([Swallow::Both, Swallow::ToClient]) {
        proxy.forget(swallow);
        let began = Instant::now();
        let last = setting.append_event(&product, &order(100 + number, &product, 1)).await;
        tokio::task::block_in_place(|| {
            projector.until("/readyz", |status, body| status == 503 && body.contains("for an answer of the database"));
        });
        assert!(began.elapsed() < Duration::from_secs(10), "told after {:?}", began.elapsed());
        setting.folded_to(1, last + 1).await;
        setting.until("SELECT COUNT(*) FROM outbox", |rows| rows == 0).await;
        assert!(began.elapsed() < BOUND * 2, "published after {:?}", began.elapsed());
        tokio::task::block_in_place(|| projector.until_ready());
    }
    assert_eq!(setting.number("SELECT available FROM stock").await, 98);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}
