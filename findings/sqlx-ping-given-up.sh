#!/usr/bin/env bash
# Crate sqlx 0.9.0 (MySQL driver): a `ping` that is given up leaves the connection one answer behind.
#
# A connection counts the answers that it still has to read, so that a query whose future was dropped does no harm: the next one reads them
# away. `ping` sends its packet and waits, without being counted. When its future is dropped while it waits (a time limit around a health
# check, a `select!`), the next statement takes the ping's OK for its own answer: a SELECT yields no row and no error, and the one after it is given that
# SELECT's row, and so on for as long as the connection lives. In a pool the first statement after it gets the wrong answer; then the pool's
# own check notices and replaces the connection. A prepared statement notices at once, with a protocol error.
# So: no time limit around `ping`; run it in a task of its own, or close the connection that it was given up on.
#
# Source: sqlx-mysql/src/connection/mod.rs, `ping` (`send_packet`, `recv_ok`) and connection/stream.rs (`waiting`, `wait_until_ready`).
#
# Needs cargo and MariaDB (Debian 12), which is stopped for a moment by SIGSTOP. Takes two minutes.
source "$(dirname "$0")/lib.sh"

mkdir -p "$work/rust/src"
cat >"$work/rust/Cargo.toml" <<'TOML'
[package]
name = "ping"
version = "0.0.0"
edition = "2021"

[dependencies]
sqlx = { version = "=0.9.0", default-features = false, features = ["mysql", "runtime-tokio"] }
tokio = { version = "1", features = ["rt", "macros", "time"] }
TOML
cat >"$work/rust/src/main.rs" <<'RUST'
use std::process::Command;
use std::time::Duration;

use sqlx::mysql::{MySqlConnection, MySqlPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Row};
use tokio::time::timeout;

async fn select(connection: &mut MySqlConnection, number: u32) {
    let answer = sqlx::raw_sql(AssertSqlSafe(format!("SELECT '{number}'"))).fetch_optional(connection).await;
    let found = match answer {
        Ok(Some(row)) => row.get::<String, _>(0),
        Ok(None) => "no row".to_owned(),
        Err(error) => error.to_string(),
    };
    println!("SELECT {number}\t{found}");
}

fn signal(server: &str, name: &str) {
    assert!(Command::new("kill").args([name, server]).status().expect("kill").success());
}

/// A ping under a time limit, while the server is stopped for a moment.
async fn give_up_a_ping(connection: &mut MySqlConnection, server: &str) {
    signal(server, "-STOP");
    std::thread::sleep(Duration::from_millis(50));
    let answered = timeout(Duration::from_millis(200), connection.ping()).await;
    signal(server, "-CONT");
    assert!(answered.is_err(), "a stopped server answers nothing: {answered:?}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (url, server) = (arguments.next().expect("a URL"), arguments.next().expect("the server's process id"));
    println!("one connection");
    let mut connection = MySqlConnection::connect(&url).await.expect("connects");
    give_up_a_ping(&mut connection, &server).await;
    for number in 1..=4 {
        select(&mut connection, number).await;
    }
    println!("a pool");
    let pool = MySqlPoolOptions::new().max_connections(1).connect(&url).await.expect("connects");
    let mut connection = pool.acquire().await.expect("a connection");
    give_up_a_ping(&mut connection, &server).await;
    select(&mut connection, 1).await;
    drop(connection);
    for number in 2..=4 {
        select(&mut *pool.acquire().await.expect("a connection"), number).await;
    }
}
RUST
mariadb_start 10.11
cargo run --quiet --release --manifest-path "$work/rust/Cargo.toml" --target-dir "$work/rust/target" -- "mysql://root@localhost/mysql?socket=$SOCKET" "${started[-1]}" \
    >"$work/found"
seen_lines "$work/found" <<'FOUND'
one connection
SELECT 1	no row
SELECT 2	1
SELECT 3	2
SELECT 4	3
a pool
SELECT 1	no row
SELECT 2	2
SELECT 3	3
SELECT 4	4
FOUND
verdict
