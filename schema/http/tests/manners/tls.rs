//! Clients that speak TLS, and some that do not: who is let in, who is not, and that none of them holds on to anything.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ledger_http::Limits;
use ledger_test_certificates::{Authority, Folder, Identity};
use ledger_tls::{ClientFiles, ServerFiles, ServerTls, client_config};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::world::{LIMITS, PATIENCE, Server};

const SHORT: Duration = Duration::from_millis(500);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// Authorities, a server of one of them, and its files.
pub(crate) struct Secured {
    pub(crate) folder: Folder,
    pub(crate) authority: Authority,
    pub(crate) ca: PathBuf,
    pub(crate) server: Server,
}

impl Secured {
    /// Shows what `identity` makes; asks clients for certificates of its own authority where `asks_clients`.
    pub(crate) async fn start(limits: Limits, asks_clients: bool, identity: impl Fn(&Authority) -> Identity) -> Self {
        let (folder, authority) = (Folder::new("http-tls"), Authority::new("ours"));
        let ca = folder.write("ca.pem", &authority.certificate);
        let (certificate, key) = folder.write_identity("server", &identity(&authority));
        let files = ServerFiles::of(Some(certificate), Some(key), asks_clients.then(|| ca.clone())).expect("complete");
        let tls = ServerTls::load(files.expect("named")).expect("good files");
        Self { server: Server::start_with(limits, Some(tls)).await, folder, authority, ca }
    }

    /// A client of these files that asks for `name`.
    pub(crate) async fn connect(&self, files: &ClientFiles, name: &str) -> Result<TlsStream<TcpStream>, String> {
        connect(self.server.address, files, name).await
    }

    pub(crate) fn trusting(&self) -> ClientFiles {
        ClientFiles::of(Some(self.ca.clone()), None, None).expect("complete")
    }

    fn showing(&self, name: &str, identity: &Identity) -> ClientFiles {
        let (certificate, key) = self.folder.write_identity(name, identity);
        ClientFiles::of(Some(self.ca.clone()), Some(certificate), Some(key)).expect("complete")
    }
}

async fn connect(address: SocketAddr, files: &ClientFiles, name: &str) -> Result<TlsStream<TcpStream>, String> {
    let connector = TlsConnector::from(Arc::new(client_config(files).expect("good files")));
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let stream = TcpStream::connect(address).await.expect("connected");
    connector.connect(name, stream).await.map_err(|error| error.to_string())
}

/// The status of the answer to one request, or why there is none: what a server has against a client's certificate, it
/// says after the client's side of the handshake.
pub(crate) async fn asked(stream: &mut TlsStream<TcpStream>) -> Result<u16, String> {
    stream.write_all(REQUEST).await.map_err(|error| error.to_string())?;
    let mut answer = vec![0; 1024];
    let read = timeout(PATIENCE, stream.read(&mut answer)).await.expect("an answer in time");
    let read = read.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&answer[..read]).into_owned();
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(text)
}

fn localhost(authority: &Authority) -> Identity {
    authority.identity(&["localhost", "127.0.0.1"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_believed_by_its_authority_its_name_and_its_time() {
    let good = Secured::start(LIMITS, false, localhost).await;
    let mut stream = good.connect(&good.trusting(), "localhost").await.expect("trusted");
    assert_eq!(asked(&mut stream).await, Ok(200));
    assert_eq!(asked(&mut stream).await, Ok(200), "and again on the same connection");
    assert_eq!(stream.get_ref().1.alpn_protocol(), None, "it was not asked for");
    good.connect(&good.trusting(), "127.0.0.1").await.expect("an address is a name, too");

    let other = Authority::new("another");
    let theirs = good.folder.write("other.pem", &other.certificate);
    let theirs = ClientFiles::of(Some(theirs), None, None).expect("complete");
    let refused = good.connect(&theirs, "localhost").await.expect_err("another authority");
    assert!(refused.contains("UnknownIssuer"), "{refused}");
    let refused = good.connect(&good.trusting(), "other.example").await.expect_err("another name");
    assert!(refused.contains("not valid for name"), "{refused}");
    let refused = good.connect(&ClientFiles::default(), "localhost").await.expect_err("not one of the system's");
    assert!(refused.contains("UnknownIssuer"), "{refused}");

    let late = Secured::start(LIMITS, false, |authority| authority.expired(&["localhost"])).await;
    let refused = late.connect(&late.trusting(), "localhost").await.expect_err("over");
    assert!(refused.contains("expired"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_let_in_by_a_certificate_where_one_is_asked_for() {
    let secured = Secured::start(LIMITS, true, localhost).await;
    for (case, files, expected) in [
        ("given", secured.showing("good", &secured.authority.identity(&["client"])), Ok(())),
        ("missing", secured.trusting(), Err("CertificateRequired")),
        ("expired", secured.showing("late", &secured.authority.expired(&["client"])), Err("CertificateExpired")),
        ("another's", secured.showing("other", &Authority::new("another").identity(&["client"])), Err("UnknownCA")),
    ] {
        let answered = match secured.connect(&files, "localhost").await {
            Ok(mut stream) => asked(&mut stream).await,
            Err(refused) => Err(refused),
        };
        match (&answered, expected) {
            (Ok(200), Ok(())) => {}
            (Err(said), Err(why)) => assert!(said.contains(why), "{case}: {said}"),
            _ => panic!("{case}: {answered:?}, expected {expected:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_plain_http_is_told_so() {
    let secured = Secured::start(LIMITS, false, localhost).await;
    let mut client = secured.server.connect().await;
    client.send(REQUEST).await;
    let answer = client.answer().await;
    assert_eq!((answer.status(), answer.closes()), (400, true), "{answer:?}");
    assert!(answer.body.contains("this address speaks TLS"), "{answer:?}");
    assert!(client.is_closed().await);
}

/// There is place for one alone: the next one's turn shows that the first has let go.
#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_does_not_go_on_holds_nothing() {
    for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01"] {
        let secured = Secured::start(Limits { connections: 1, idle: SHORT, ..LIMITS }, false, localhost).await;
        let mut silent = secured.server.connect().await;
        silent.send(begun).await;
        let since = Instant::now();
        let mut next = secured.connect(&secured.trusting(), "localhost").await.expect("its turn");
        assert_eq!(asked(&mut next).await, Ok(200));
        assert!((SHORT - Duration::from_millis(50)..Duration::from_secs(10)).contains(&since.elapsed()), "{begun:?}");
        assert!(silent.is_closed().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_reads_ends_its_connection() {
    let secured = Secured::start(Limits { connections: 1, write: SHORT, ..LIMITS }, false, localhost).await;
    let mut deaf = secured.connect(&secured.trusting(), "localhost").await.expect("trusted");
    deaf.write_all(b"GET /long HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let since = Instant::now();
    let mut next = secured.connect(&secured.trusting(), "localhost").await.expect("its turn");
    assert_eq!(asked(&mut next).await, Ok(200));
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_closes_as_tls_is_closed() {
    let secured = Secured::start(LIMITS, false, localhost).await;
    let mut idle = secured.connect(&secured.trusting(), "localhost").await.expect("trusted");
    assert_eq!(asked(&mut idle).await, Ok(200));
    secured.server.stop.cancel();
    let mut rest = Vec::new();
    // An end without close_notify would be an error.
    timeout(PATIENCE, idle.read_to_end(&mut rest)).await.expect("in time").expect("a clean end");
}

#[test]
fn files_that_cannot_be_served_with_are_named() {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    let (folder, authority) = (Folder::new("http-tls-files"), Authority::new("ours"));
    let (certificate, key) = folder.write_identity("server", &localhost(&authority));
    let (other, _) = folder.write_identity("other", &localhost(&authority));
    let none = folder.path().join("none.pem");
    let empty = folder.write("empty.pem", "");
    let load = |certificate: &PathBuf, key: &PathBuf, client_ca: Option<&PathBuf>| {
        let files =
            ServerFiles::of(Some(certificate.clone()), Some(key.clone()), client_ca.cloned()).expect("complete");
        ServerTls::load(files.expect("named")).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(load(&certificate, &key, None), Ok(()));
    for (told, says) in [
        (load(&none, &key, None), "--tls-cert (LEDGER_TLS_CERT): FOLDER/none.pem cannot be read: No such file"),
        (load(&certificate, &none, None), "--tls-key (LEDGER_TLS_KEY): FOLDER/none.pem cannot be read"),
        (load(&empty, &key, None), "--tls-cert (LEDGER_TLS_CERT): FOLDER/empty.pem holds no certificate"),
        (load(&certificate, &empty, None), "--tls-key (LEDGER_TLS_KEY): FOLDER/empty.pem holds no private key"),
        (
            load(&certificate, &key, Some(&empty)),
            "--tls-client-ca (LEDGER_TLS_CLIENT_CA): FOLDER/empty.pem holds no certificate",
        ),
        (load(&other, &key, None), "--tls-cert, --tls-key: the certificate is not that of the private key"),
    ] {
        let told = told.expect_err(says).replace(&folder.path().display().to_string(), "FOLDER");
        assert!(told.starts_with(says), "{told}");
    }
    for mode in [0o640, 0o604, 0o644] {
        std::fs::set_permissions(&key, Permissions::from_mode(mode)).expect("ours");
        let told = load(&certificate, &key, None).expect_err("too open");
        assert!(told.starts_with("--tls-key (LEDGER_TLS_KEY): ") && told.contains("others may read"), "{told}");
    }
}
