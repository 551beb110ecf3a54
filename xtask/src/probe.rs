//! Whether a server truly answers, checked in its own protocol: MariaDB's greeting, Kafka's list of
//! brokers, an HTTP status. A port that accepts proves nothing.
//!
//! It must never start, stop or change what it checks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::http::HttpClient;

const ANSWER_LIMIT: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How readiness is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// MariaDB sends its greeting.
    MariaDb(SocketAddr),
    /// Kafka names at least one broker that takes requests.
    Kafka(SocketAddr),
    /// Kafka names at least so many brokers that take requests.
    KafkaBrokers(SocketAddr, i32),
    /// The address answers GET with 200.
    Http(String),
}

impl Probe {
    /// One check.
    ///
    /// # Errors
    /// Why it is not ready.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::MariaDb(address) => check_mariadb(*address),
            Self::Kafka(address) => check_kafka(*address, 1),
            Self::KafkaBrokers(address, least) => check_kafka(*address, *least),
            Self::Http(url) => check_http(url),
        }
    }

    /// Checks until it is ready.
    ///
    /// # Errors
    /// The last answer when `limit` is over, or what `give_up` says between two checks.
    pub fn wait(&self, limit: Duration, give_up: impl Fn() -> Result<()>) -> Result<()> {
        let begin = Instant::now();
        loop {
            let Err(error) = self.check() else { return Ok(()) };
            give_up()?;
            if begin.elapsed() >= limit {
                return Err(error.context(format!("not ready after {} s", limit.as_secs())));
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
}

/// Waits until `url` answers GET with 200.
///
/// # Errors
/// The last answer when `limit` is over.
pub fn wait_for_http(url: &str, limit: Duration) -> Result<()> {
    Probe::Http(url.to_owned()).wait(limit, || Ok(()))
}

fn check_http(url: &str) -> Result<()> {
    let answer = HttpClient::new(ANSWER_LIMIT).get(url)?;
    ensure!(answer.status == 200, "GET {url} answers {}: {}", answer.status, answer.body.trim());
    Ok(())
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream =
        TcpStream::connect_timeout(&address, ANSWER_LIMIT).with_context(|| format!("cannot connect to {address}"))?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.set_write_timeout(Some(ANSWER_LIMIT))?;
    Ok(stream)
}

/// The first packet of a server: three bytes of length, one of sequence, then the protocol version
/// (10) or 255 for an error such as "too many connections".
fn check_mariadb(address: SocketAddr) -> Result<()> {
    greeted(address).map(drop)
}

fn greeted(address: SocketAddr) -> Result<TcpStream> {
    let mut stream = connect(address)?;
    let mut packet = [0_u8; 5];
    stream.read_exact(&mut packet).with_context(|| format!("no greeting from {address}"))?;
    ensure!(packet[4] == 10, "{address} greets with {}, not with protocol version 10", packet[4]);
    Ok(stream)
}

/// The version that a MariaDB greets with, such as `11.8.9-MariaDB`: text up to a zero. Before 11 it says that it
/// replaces MySQL 5.5.5, and then the version.
///
/// # Errors
/// As a check.
pub fn mariadb_version(address: SocketAddr) -> Result<String> {
    const LONGEST: u64 = 64;
    let mut version = Vec::new();
    BufReader::new(greeted(address)?.take(LONGEST)).read_until(0, &mut version)?;
    let version = String::from_utf8_lossy(version.strip_suffix(&[0]).unwrap_or(&version));
    Ok(version.strip_prefix("5.5.5-").unwrap_or(&version).to_owned())
}

/// Metadata (key 3), version 1, correlation id 1, no client id, no topics. A broker that does not yet
/// take requests is not in the list.
const METADATA_REQUEST: [u8; 18] = [0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xFF, 0xFF, 0, 0, 0, 0];

fn check_kafka(address: SocketAddr, least: i32) -> Result<()> {
    let mut stream = connect(address)?;
    stream.write_all(&METADATA_REQUEST)?;
    let mut head = [0_u8; 12];
    stream.read_exact(&mut head).with_context(|| format!("no answer from {address}"))?;
    match brokers_in(head) {
        Some(count) if count >= least => Ok(()),
        Some(count) => bail!("{address} names {count} brokers that take requests, not {least} yet"),
        None => bail!("{address} does not answer as Kafka does"),
    }
}

/// The count of brokers, after the length and the correlation id.
fn brokers_in(head: [u8; 12]) -> Option<i32> {
    let [_, _, _, _, c0, c1, c2, c3, b0, b1, b2, b3] = head;
    (i32::from_be_bytes([c0, c1, c2, c3]) == 1).then(|| i32::from_be_bytes([b0, b1, b2, b3]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// A server that reads `expected` bytes and then answers every connection alike.
    fn server(answer: &'static [u8], expected: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = vec![0; expected];
                let _ = stream.read_exact(&mut request);
                let _ = stream.write_all(answer);
            }
        });
        address
    }

    #[test]
    fn mariadb_is_ready_when_it_greets_and_not_when_it_complains() {
        Probe::MariaDb(server(&[80, 0, 0, 0, 10], 0)).check().unwrap();
        assert!(Probe::MariaDb(server(&[20, 0, 0, 0, 255], 0)).check().is_err());
        assert!(Probe::MariaDb(server(&[], 0)).check().is_err());
    }

    #[test]
    fn mariadbs_version_is_what_it_greets_with() {
        let said = |greeting| mariadb_version(server(greeting, 0)).unwrap();
        assert_eq!(said(b"\x50\0\0\0\x0a11.8.9-MariaDB\0\x01\x02"), "11.8.9-MariaDB");
        assert_eq!(said(b"\x50\0\0\0\x0a5.5.5-10.11.19-MariaDB\0"), "10.11.19-MariaDB");
    }

    #[test]
    fn kafka_is_ready_when_it_names_a_broker() {
        let sent = METADATA_REQUEST.len();
        Probe::Kafka(server(&[0, 0, 0, 60, 0, 0, 0, 1, 0, 0, 0, 1], sent)).check().unwrap();
        assert!(Probe::Kafka(server(&[0, 0, 0, 60, 0, 0, 0, 1, 0, 0, 0, 0], sent)).check().is_err());
        assert!(Probe::Kafka(server(b"HTTP/1.1 400", sent)).check().is_err());
        let two = &[0, 0, 0, 90, 0, 0, 0, 1, 0, 0, 0, 2];
        Probe::KafkaBrokers(server(two, sent), 2).check().unwrap();
        assert!(Probe::KafkaBrokers(server(two, sent), 3).check().is_err());
    }

    #[test]
    fn http_is_ready_at_200_only() {
        let get = |answer| Probe::Http(format!("http://{}/readyz", server(answer, 20))).check();
        get(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        let error = get(b"HTTP/1.1 503 No\r\ncontent-length: 3\r\nconnection: close\r\n\r\nnot").unwrap_err();
        assert!(error.to_string().contains("answers 503: not"), "{error}");
    }
}
