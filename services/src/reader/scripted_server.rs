//! A database server of a few answers, for tests of what a real one says rarely: it lets everybody in, takes every setting, and answers
//! the query [`QUESTION`] with the next of its script, and with [`ANSWER`] once that is over.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ledger_database::DatabaseUrl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(super) const QUESTION: &str = "SELECT what";
pub(super) const ANSWER: i64 = 7;

const COM_QUERY: u8 = 3;
const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
const END_OF_ROWS: &[u8] = &[0xfe, 0, 0, 2, 0];
/// One column of 64 bits.
const COLUMN: &[u8] = b"\x03def\0\0\0\x01a\0\x0c\x3f\0\x14\0\0\0\x08\0\0\0\0\0";
/// Version 10 of the protocol: 4.1, transactions, a database, logins by a plugin.
const GREETING: &[u8] =
    b"\x0a10.11.0-MariaDB\0\x01\0\0\0abcdefgh\0\x09\xa2\x2d\x02\0\x08\0\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0mysql_native_password\0";

pub(super) struct ScriptedServer {
    port: u16,
    /// Numbers of errors.
    script: Arc<Mutex<VecDeque<u16>>>,
    opened: Arc<AtomicUsize>,
}

impl ScriptedServer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (script, opened) = (Arc::<Mutex<VecDeque<u16>>>::default(), Arc::<AtomicUsize>::default());
        let server = Self { port, script: script.clone(), opened: opened.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, script.clone()));
            }
        });
        server
    }

    pub(super) fn url(&self) -> DatabaseUrl {
        DatabaseUrl::parse(&format!("mysql://reader:secret@127.0.0.1:{}/ledger", self.port)).expect("valid")
    }

    /// The next question is answered with the error of this number.
    pub(super) fn refuse_next(&self, number: u16) {
        self.script.lock().expect("unshared").push_back(number);
    }

    /// Connections that were opened.
    pub(super) fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Mutex<VecDeque<u16>>>) -> std::io::Result<()> {
    send(&mut stream, 0, &[GREETING]).await?;
    received(&mut stream).await?;
    send(&mut stream, 2, &[OK]).await?;
    loop {
        let packet = received(&mut stream).await?;
        let Some((&COM_QUERY, text)) = packet.split_first() else { return Ok(()) };
        let refused = script.lock().expect("unshared").pop_front_if(|_| text == QUESTION.as_bytes());
        if let Some(number) = refused {
            let mut error = vec![0xff];
            error.extend(number.to_le_bytes());
            error.extend(b"#HY000as the server says it");
            send(&mut stream, 1, &[&error]).await?;
        } else if text.starts_with(b"SELECT ") {
            let answer = ANSWER.to_string();
            let row = [&[u8::try_from(answer.len()).expect("short")], answer.as_bytes()].concat();
            send(&mut stream, 1, &[&[1], COLUMN, END_OF_ROWS, &row, END_OF_ROWS]).await?;
        } else {
            send(&mut stream, 1, &[OK]).await?;
        }
    }
}

/// A packet is three bytes of length, a number, and its contents.
async fn received(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await?;
    let mut packet = vec![0; usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16];
    stream.read_exact(&mut packet).await?;
    Ok(packet)
}

async fn send(stream: &mut TcpStream, first_number: u8, packets: &[&[u8]]) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    for (number, packet) in (first_number..).zip(packets) {
        let length = u32::try_from(packet.len()).expect("short").to_le_bytes();
        bytes.extend_from_slice(&length[..3]);
        bytes.push(number);
        bytes.extend_from_slice(packet);
    }
    stream.write_all(&bytes).await
}
