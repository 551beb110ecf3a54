//! A service of a few lines that stands after the gateway: it answers as it is made to, and remembers what it got. It
//! must never know a ledger.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How a service behaves.
#[derive(Clone, Copy)]
pub(crate) enum Behaviour {
    /// Answers 200 with its name; `/missing` with 404 and `/broken` with 502, `/asks` with 401, `/forbids` with 403 and `/limits` with 429, all its own problems; `/slow` after a
    /// quarter of a second; `/refused` before it has read the body, and then breaks the connection off; `/events` with a stream
    /// of one event, which stays open.
    Answer,
    /// Answers 503 to everything.
    NotReady,
    /// Reads the request and closes the connection.
    Die,
}

/// What is remembered of a request.
#[derive(Clone, Default)]
struct Request {
    line: String,
    id: String,
    authorization: String,
}

/// A service of a few lines that remembers the requests it got.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    pub(crate) connections: Arc<AtomicUsize>,
    /// Streams whose client went away.
    pub(crate) left: Arc<AtomicUsize>,
}

impl Service {
    pub(crate) fn start(name: &'static str, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let left = Arc::new(AtomicUsize::new(0));
        let (for_thread, counted, leaving) = (Arc::clone(&seen), Arc::clone(&connections), Arc::clone(&left));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::Relaxed);
                let (seen, left) = (Arc::clone(&for_thread), Arc::clone(&leaving));
                thread::spawn(move || serve(stream, name, behaviour, &seen, &left));
            }
        });
        Self { address, seen, connections, left }
    }

    /// The request lines, in the order in which they came.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|request| request.line.clone()).collect()
    }

    /// What `Authorization` was, in the order in which they came.
    pub(crate) fn authorizations(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|request| request.authorization.clone()).collect()
    }

    /// What `X-Request-Id` was, in the order in which they came.
    pub(crate) fn request_ids(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|request| request.id.clone()).collect()
    }
}

/// Answers the requests of one connection, one after the other.
fn serve(
    stream: TcpStream,
    name: &str,
    behaviour: Behaviour,
    seen: &Mutex<Vec<Request>>,
    left: &AtomicUsize,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut request_line = String::new();
        if reader.read_line(&mut request_line).ok()? == 0 {
            return None;
        }
        let (mut length, mut id, mut authorization) = (0, String::new(), String::new());
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            if header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            } else if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("x-request-id")
            {
                value.trim().clone_into(&mut id);
            } else if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("authorization")
            {
                value.trim().clone_into(&mut authorization);
            }
        }
        let path = request_line.split(' ').nth(1)?.to_owned();
        if path == "/refused" {
            writer.write_all(b"HTTP/1.1 415 X\r\nContent-Length: 0\r\n\r\n").ok()?;
            return None;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        seen.lock().unwrap().push(Request { line: request_line.trim().to_owned(), id, authorization });
        if path == "/slow" {
            thread::sleep(Duration::from_millis(250));
        }
        if let (Behaviour::Answer, "/events") = (behaviour, path.as_str()) {
            let head = "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            write!(writer, "HTTP/1.1 200 X\r\nX-Order-Service: {name}\r\n{head}9\r\ndata: 1\n\n\r\n").ok()?;
            // The gateway sends nothing more before it closes.
            let ended = reader.read(&mut [0]);
            left.fetch_add(1, Ordering::Relaxed);
            return ended.ok().map(|_| ());
        }
        let (status, media_type, body) = match (behaviour, path.as_str()) {
            (Behaviour::Die, _) => return None,
            (Behaviour::NotReady, _) => (503, "application/problem+json", r#"{"type":"/problems/own"}"#.to_owned()),
            (Behaviour::Answer, "/missing") => {
                (404, "application/problem+json", r#"{"type":"/problems/own"}"#.to_owned())
            }
            (Behaviour::Answer, "/broken") => {
                (502, "application/problem+json", r#"{"type":"/problems/own"}"#.to_owned())
            }
            (Behaviour::Answer, "/asks" | "/forbids" | "/limits") => {
                let status = [("/asks", 401), ("/forbids", 403)].into_iter().find(|(asked, _)| *asked == path);
                let status = status.map_or(429, |(_, status)| status);
                (status, "application/problem+json", r#"{"type":"/problems/own"}"#.to_owned())
            }
            (Behaviour::Answer, _) => (200, "text/plain", length.to_string()),
        };
        let more = match status {
            401 => "WWW-Authenticate: Bearer realm=\"ledger\"\r\n",
            429 => "Retry-After: 7\r\n",
            _ => "",
        };
        let length = body.len();
        write!(
            writer,
            "HTTP/1.1 {status} X\r\nX-Order-Service: {name}\r\nContent-Type: {media_type}\r\n{more}Content-Length: {length}\r\n\r\n{body}"
        )
        .ok()?;
    }
}
