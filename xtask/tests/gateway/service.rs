//! A service of a few lines that stands after the gateway: it answers as it is made to, and remembers what it got. It
//! must never know a ledger.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// How a service behaves.
#[derive(Clone, Copy)]
pub(crate) enum Behaviour {
    /// Answers 200 with its name; `/missing` with 404 and `/broken` with 502, both its own problems.
    Answer,
    /// Answers 503 to everything.
    NotReady,
    /// Reads the request and closes the connection.
    Die,
}

/// A service of a few lines that remembers the request lines it got.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Service {
    pub(crate) fn start(name: &'static str, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (for_thread, counted) = (Arc::clone(&seen), Arc::clone(&connections));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::Relaxed);
                let seen = Arc::clone(&for_thread);
                thread::spawn(move || serve(stream, name, behaviour, &seen));
            }
        });
        Self { address, seen, connections }
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Answers the requests of one connection, one after the other.
fn serve(stream: TcpStream, name: &str, behaviour: Behaviour, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut request_line = String::new();
        if reader.read_line(&mut request_line).ok()? == 0 {
            return None;
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            if header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        seen.lock().unwrap().push(request_line.trim().to_owned());
        let path = request_line.split(' ').nth(1)?;
        let (status, media_type, body) = match (behaviour, path) {
            (Behaviour::Die, _) => return None,
            (Behaviour::NotReady, _) => (503, "application/problem+json", r#"{"type":"/problems/own"}"#.to_owned()),
            (Behaviour::Answer, "/missing") => {
                (404, "application/problem+json", r#"{"type":"/problems/own"}"#.to_owned())
            }
            (Behaviour::Answer, "/broken") => {
                (502, "application/problem+json", r#"{"type":"/problems/own"}"#.to_owned())
            }
            (Behaviour::Answer, _) => (200, "text/plain", length.to_string()),
        };
        let length = body.len();
        write!(
            writer,
            "HTTP/1.1 {status} X\r\nX-Order-Service: {name}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .ok()?;
    }
}
