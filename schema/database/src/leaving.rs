//! Whether what is for the database is still leaving this host. A large statement over a slow way takes its time, and the server says
//! meanwhile that it waits for us. The kernel knows better: it counts what the peer has not acknowledged, for every TCP connection
//! of this network, in a file. As long as that is never nothing, and changes, bytes get through.
//!
//! The driver hands its socket to nobody, so all connections of this process to the database's port are looked at: one that sends
//! without a pause keeps another, silent one from being given up, for as long as it sends. It must never take a connection that only
//! waits for one that sends: what it sent was acknowledged, or is, unchanged, never going to be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The kernel's list, by family of addresses.
const LISTS: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
/// As the list has it: an established connection. One that is being opened has a byte that counts as sent.
const ESTABLISHED: &str = "01";

/// By the inode of its socket, the bytes of a connection that are not acknowledged.
type Queues = BTreeMap<u64, u64>;

/// A few looks, one after the other.
#[derive(Debug)]
pub(crate) struct Leaving {
    /// `None`: no TCP.
    port: Option<u16>,
    looks: Vec<Queues>,
}

impl Leaving {
    pub(crate) fn to(port: Option<u16>) -> Self {
        Self { port, looks: Vec::new() }
    }

    /// Where the kernel says nothing, nothing is seen to leave.
    pub(crate) fn look(&mut self) {
        let Some(port) = self.port else { return };
        let ours = sockets_of_this_process();
        let lists = LISTS.iter().filter_map(|list| std::fs::read_to_string(list).ok());
        self.looks.push(lists.flat_map(|list| queues(&list, port)).filter(|(inode, _)| ours.contains(inode)).collect());
    }

    /// Whether a connection had something to send at each look, and not always the same.
    pub(crate) fn is_under_way(&self) -> bool {
        let [first, rest @ ..] = &self.looks[..] else { return false };
        first.iter().any(|(inode, before)| {
            let later: Option<Vec<u64>> = rest.iter().map(|look| look.get(inode).copied()).collect();
            later.is_some_and(|later| later.iter().any(|now| now != before))
        })
    }
}

/// Connections to `port` that have something to send: the third field of a line is the peer's address, the fourth the state, the
/// fifth what is to be sent and what to be read, in hexadecimal digits, and the tenth the inode.
fn queues(list: &str, port: u16) -> Queues {
    let read = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, _, peer, ESTABLISHED, queues, _, _, _, _, inode, ..] = fields[..] else { return None };
        let (_, found) = peer.rsplit_once(':')?;
        let (to_send, _) = queues.split_once(':')?;
        let bytes = u64::from_str_radix(to_send, 16).ok()?;
        (u16::from_str_radix(found, 16) == Ok(port) && bytes > 0).then_some((inode.parse().ok()?, bytes))
    };
    list.lines().filter_map(read).collect()
}

fn sockets_of_this_process() -> BTreeSet<u64> {
    let files = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    files.filter_map(|file| inode_of(&file.path())).collect()
}

fn inode_of(file: &Path) -> Option<u64> {
    let meant = file.read_link().ok()?;
    meant.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    const LIST: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
        0: 0100007F:CB32 0100007F:0CEA 01 00000A00:00000000 01:00000014 00000000     0        0 4711 2 0000000000000000 20 4 30 10 -1\n   \
        1: 0100007F:CB33 0100007F:0CEA 01 00000000:00000007 00:00000000 00000000     0        0 4712 2 0000000000000000 20 4 30 10 -1\n   \
        2: 0100007F:CB34 0100007F:0CEB 01 00000A00:00000000 00:00000000 00000000     0        0 4713 2 0000000000000000 20 4 30 10 -1\n   \
        3: 0100007F:CB35 0100007F:0CEA 02 00000001:00000000 01:00000014 00000000     0        0 4714 2 0000000000000000 20 4 30 10 -1\n";

    #[test]
    fn what_is_to_be_sent_is_read_from_the_kernel_s_list() {
        assert_eq!(queues(LIST, 0x0CEA), Queues::from([(4711, 0xA00)]));
        assert_eq!(queues("", 0x0CEA), Queues::new());
    }

    #[test]
    fn bytes_leave_where_there_are_some_at_each_look_and_not_the_same() {
        let look = |bytes: u64| [(1, bytes)].into_iter().filter(|(_, bytes)| *bytes > 0).collect::<Queues>();
        for (looks, is_under_way) in [
            (&[][..], false),
            (&[9], false),
            (&[9, 9, 9], false),
            (&[9, 8, 8], true),
            (&[9, 9, 8], true),
            // Acknowledged, and then something else.
            (&[9, 0, 8], false),
            (&[0, 9, 8], false),
            (&[9, 8, 0], false),
        ] {
            let leaving = Leaving { port: Some(1), looks: looks.iter().map(|bytes| look(*bytes)).collect() };
            assert_eq!(leaving.is_under_way(), is_under_way, "{looks:?}");
        }
        let two = [Queues::from([(1, 9)]), Queues::from([(2, 8)])];
        assert!(!Leaving { port: Some(1), looks: two.into() }.is_under_way(), "another connection each time");
    }

    /// The kernel's own list, of a connection that nobody reads from, and then somebody does.
    #[test]
    fn a_peer_that_reads_is_told_from_one_that_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let mut sender = TcpStream::connect(address).expect("listens");
        let (mut reader, _) = listener.accept().expect("connected");
        sender.set_nonblocking(true).expect("a socket");
        let bytes = vec![7; 1 << 20];
        let full = loop {
            if let Err(error) = sender.write(&bytes) {
                break error.kind();
            }
        };
        assert_eq!(full, ErrorKind::WouldBlock);
        let looked = || {
            let mut leaving = Leaving::to(Some(address.port()));
            (0..5).for_each(|_| leaving.look());
            assert!(leaving.looks.iter().all(|look| look.len() == 1), "{:?}", leaving.looks);
            leaving.is_under_way()
        };
        // Until the peer's kernel has taken what it takes by itself.
        while looked() {}
        let mut taken = vec![0; 1 << 16];
        let mut leaving = Leaving::to(Some(address.port()));
        while !leaving.is_under_way() {
            leaving.look();
            assert!(reader.read(&mut taken).expect("bytes") > 0);
        }
    }
}
