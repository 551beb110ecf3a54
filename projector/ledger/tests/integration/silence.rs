//! A connection to MariaDB that goes silent, without a FIN or a RST: it is noticed within seconds, given up, and the batch in flight is
//! decided right, once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ledger_database::DatabaseUrl;
use sqlx::Executor;

use crate::setting::{LIMIT, Setting, code, last_line, order, product_in, receipt};
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

/// What the server works on is not given up, however slow it is: the second connection asks, and it says so. Nor is a connection on
/// which nobody waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_statement_is_no_silence() {
    let setting = Setting::with_positions("slow").await;
    let mut connection = ledger_database::connect(&setting.projector_url()).await.expect("connected");
    connection.set_patience(Duration::from_secs(1));
    let began = Instant::now();
    connection.execute("DO SLEEP(8)").await.expect("an answer");
    assert!(began.elapsed() >= Duration::from_secs(8));
    assert!(connection.is_sound());
    let numbers = "SELECT 1 AS number UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4";
    let slow = format!("SELECT CAST(SLEEP(2) + number AS SIGNED) FROM ({numbers}) numbers");
    let rows: Vec<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(slow)).fetch_all(&mut connection).await.expect("rows");
    assert_eq!(rows, [1, 2, 3, 4]);
    // But for a connection that has a limit.
    connection.set_limit(Duration::from_secs(4));
    let silence = connection.execute("DO SLEEP(30)").await.expect_err("given up").to_string();
    assert!(silence.contains("given up: the server says: "), "{silence}");
    assert!(!connection.is_sound());
    drop(connection);
    setting.finish().await;
}

/// Behind a proxy that passes a statement on only when it has all of it, the server waits for us for longer.
#[tokio::test(flavor = "multi_thread")]
async fn patience_decides_how_long_the_server_may_wait_for_us() {
    let setting = Setting::with_positions("patience").await;
    let proxy = SilentProxy::start(&setting).await;
    let url = DatabaseUrl::parse(&proxy.url(&setting)).expect("valid");
    for (patience, least, most) in [(1, 3, 6), (7, 7, 14)] {
        let mut connection = ledger_database::connect(&url).await.expect("connected");
        connection.set_patience(Duration::from_secs(patience));
        proxy.forget(Swallow::ToServer);
        let began = Instant::now();
        let error = connection.execute("DO 1").await.expect_err("given up").to_string();
        let took = began.elapsed();
        assert!(error.contains("the server has waited for us for"), "{error}");
        let (least, most) = (Duration::from_secs(least), Duration::from_secs(most));
        assert!(least <= took && took < most, "patience of {patience} s: {took:?}");
        assert!(!connection.is_sound());
        let again = connection.execute("DO 1").await.expect_err("never used again").to_string();
        assert!(again.contains("its last work was given up, too"), "{again}");
    }
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_server_ended_is_given_up() {
    let setting = Setting::with_positions("ended").await;
    let proxy = SilentProxy::start(&setting).await;
    let url = DatabaseUrl::parse(&proxy.url(&setting)).expect("valid");
    let mut connection = ledger_database::connect(&url).await.expect("connected");
    proxy.forget(Swallow::ToClient);
    let began = Instant::now();
    let silence = connection.execute("KILL CONNECTION_ID()").await.expect_err("given up").to_string();
    assert!(silence.contains("no such connection"), "{silence}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    setting.finish().await;
}

/// A large row over a slow way: what still leaves is no silence. Nothing is asked, and nothing is sent twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_row_over_a_slow_way_is_waited_for() {
    let (setting, proxy, fed) = behind_a_proxy("slowway").await;
    let opened = proxy.opened.load(Ordering::SeqCst);
    proxy.slow_down(500_000);
    let began = Instant::now();
    fed.feed(1, &["no event ".repeat(350_000), order(2, &fed.product, 1)]);
    fed.settled().await;
    assert!(began.elapsed() > Duration::from_secs(5), "slower than what is suspicious: {:?}", began.elapsed());
    assert_eq!(setting.number("SELECT CAST(value_bytes AS SIGNED) FROM dead_letters").await, 3_150_000);
    assert_eq!(setting.number("SELECT available FROM stock").await, 99);
    assert_eq!(proxy.opened.load(Ordering::SeqCst), opened, "no other connection was needed");
    fed.stop().await;
    setting.finish().await;
}

/// A proxy that has all of a statement for longer than we wait for the server at first, and the server for us: the next attempts wait
/// longer, and so does the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_row_that_is_passed_on_late_gets_through_in_the_end() {
    let (setting, proxy, fed) = behind_a_proxy("lateway").await;
    let opened = proxy.opened.load(Ordering::SeqCst);
    proxy.delay(Duration::from_secs(12));
    fed.feed(1, &["no event ".repeat(5_000), order(2, &fed.product, 1)]);
    fed.settled().await;
    assert_eq!(setting.number("SELECT CAST(value_bytes AS SIGNED) FROM dead_letters").await, 45_000);
    assert_eq!(setting.number("SELECT available FROM stock").await, 99);
    assert!(proxy.opened.load(Ordering::SeqCst) > opened, "the first attempt was given up");
    fed.stop().await;
    setting.finish().await;
}

/// Commands, each at a statement of its own, and the start of a projector at its two: they end by themselves, and say what happened.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_and_a_start_whose_connections_go_silent_end_with_exit_code_3() {
    const OWNER: &str = "LEDGER_OWNER_DATABASE_URL";
    const READER: &str = "LEDGER_READER_DATABASE_URL";
    const PROJECTOR: &str = "LEDGER_PROJECTOR_DATABASE_URL";
    let setting = Setting::with_positions("silentcommand").await;
    let cases: [(&[&str], _, _); 12] = [
        (&["verify"], READER, "CONSISTENT SNAPSHOT"),
        (&["verify"], READER, "SELECT 1 FROM dead_letters LIMIT 1"),
        (&["generations", "list"], OWNER, "_sqlx_migrations"),
        (&["rebuild", "--dry-run"], OWNER, "GET_LOCK"),
        (&["rollback", "--yes"], OWNER, "_sqlx_migrations"),
        (&["migrate"], "LEDGER_ADMIN_DATABASE_URL", "_sqlx_migrations"),
        (&["dead-letters", "list"], READER, "FROM dead_letters"),
        (&["pause", "1", "--as", "ann"], OWNER, "UPDATE furthest_positions SET is_paused = TRUE"),
        (&["resume", "1", "--as", "ann"], OWNER, "UPDATE furthest_positions SET is_paused = FALSE"),
        (&["pause", "2", "--as", "ann"], OWNER, "FROM generation_guard"),
        (&["project", "--listen", "127.0.0.1:0"], PROJECTOR, "_sqlx_migrations"),
        (&["project", "--listen", "127.0.0.1:0"], PROJECTOR, "p.next_offset, p.cluster_id"),
    ];
    for swallow in [Swallow::ToServer, Swallow::ToClient] {
        let mut proxies = Vec::new();
        for (_, _, words) in cases {
            let proxy = SilentProxy::start(&setting).await;
            proxy.forget_at(words, swallow);
            proxies.push(proxy);
        }
        tokio::task::block_in_place(|| {
            std::thread::scope(|scope| {
                for (&(args, variable, words), proxy) in cases.iter().zip(&proxies) {
                    let setting = &setting;
                    scope.spawn(move || {
                        let began = Instant::now();
                        let output = setting.ledger_with(args, &[(variable, &proxy.url_of(setting, variable))]);
                        let (took, said) = (began.elapsed(), last_line(&output));
                        let case = format!("{args:?} at {words}, {swallow:?}, after {took:?}: {said}");
                        assert_eq!(proxy.silenced.load(Ordering::SeqCst), 1, "{case}");
                        assert_eq!(code(&output), 3, "{case}");
                        assert!(said.contains("no answer for ") && said.contains("given up"), "{case}");
                        assert!(took < BOUND, "{case}");
                    });
                }
            });
        });
    }
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
