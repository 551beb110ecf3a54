//! A broker that takes nobody's password, as far as a client gets with it: it says which requests it knows, agrees on PLAIN, and
//! refuses. Every answer is one that a broker of Kafka 1.0 or later gives.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// What a client needs to get so far. The password must be in nothing that is said.
pub(crate) const PROPERTIES: &str =
    "security.protocol=sasl_plaintext,sasl.mechanism=PLAIN,sasl.username=p,sasl.password=wr0ng";
/// What it says, beside a broker's code for it.
pub(crate) const SAID: &str = "Authentication failed: Invalid username or password";

const SASL_HANDSHAKE: i16 = 17;
const API_VERSIONS: i16 = 18;
/// No error; ApiVersions up to version 3, SaslHandshake and SaslAuthenticate up to version 1; no throttling.
const VERSIONS: [u8; 29] = [0, 0, 4, 0, 18, 0, 0, 0, 3, 0, 0, 17, 0, 0, 0, 1, 0, 0, 36, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
/// No error; one mechanism.
const MECHANISMS: [u8; 13] = [0, 0, 0, 0, 0, 1, 0, 5, b'P', b'L', b'A', b'I', b'N'];
/// SASL_AUTHENTICATION_FAILED.
const FAILED: i16 = 58;

pub(crate) struct RefusingBroker {
    pub(crate) address: SocketAddr,
}

impl RefusingBroker {
    /// Listens until the process ends.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client that goes away is no fault.
                thread::spawn(move || drop(serve(client)));
            }
        });
        Self { address }
    }
}

fn serve(mut client: TcpStream) -> std::io::Result<()> {
    loop {
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        let mut request = vec![0; usize::try_from(u32::from_be_bytes(length)).expect("64 bits")];
        client.read_exact(&mut request)?;
        let body = match i16::from_be_bytes([request[0], request[1]]) {
            API_VERSIONS => VERSIONS.to_vec(),
            SASL_HANDSHAKE => MECHANISMS.to_vec(),
            _ => refusal(),
        };
        // An answer begins with the number that its request bore.
        let answer = [&request[4..8], &body].concat();
        client.write_all(&u32::try_from(answer.len()).expect("short").to_be_bytes())?;
        client.write_all(&answer)?;
    }
}

/// Code, words, no token, no lifetime of a session.
fn refusal() -> Vec<u8> {
    let length = i16::try_from(SAID.len()).expect("short").to_be_bytes();
    [&FAILED.to_be_bytes()[..], &length, SAID.as_bytes(), &[0; 4], &[0; 8]].concat()
}
