//! TCP ports of this machine: which are free, and who has those that are not.
//!
//! It must never close or take a port that is somebody else's. Read [`crate::up`] for who checks.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// Where [`free_address`] looks: below the range from which the system gives ports to connections (32768 and up on
/// Linux), or a connection of anybody's could take the port of a server while that is started again.
const FIRST_PORT: u16 = 24_000;
const PORT_COUNT: u16 = 4_000;

/// A port that was free a moment ago, on 127.0.0.1. The listener is closed again, so the one who uses
/// the port must cope with having lost it to somebody quicker.
///
/// # Errors
/// When none can be listened on.
pub fn free_address() -> io::Result<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes that look at the same time begin at different places.
    let begin = u16::try_from(std::process::id() % u32::from(PORT_COUNT)).unwrap_or(0);
    for _ in 0..PORT_COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % PORT_COUNT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST_PORT + (begin + step) % PORT_COUNT));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(io::Error::from(io::ErrorKind::AddrInUse))
}

/// Refuses an address that cannot be listened on, and names the program that has it.
///
/// # Errors
/// When it cannot be listened on.
pub fn check_free(purpose: &str, address: SocketAddr) -> Result<()> {
    let Err(error) = TcpListener::bind(address) else { return Ok(()) };
    match owner(address.port()) {
        Some(owner) if error.kind() == io::ErrorKind::AddrInUse => {
            bail!("the address {address} of {purpose} is taken by {owner}")
        }
        _ => bail!("cannot listen on {address} for {purpose}: {error}"),
    }
}

/// The process that listens on a port, as text for a person.
fn owner(port: u16) -> Option<String> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .collect();
    let sockets: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let descriptors = fs::read_dir(entry.path().join("fd")).into_iter().flatten().flatten();
        let mut targets = descriptors.filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
        if targets.any(|target| sockets.iter().any(|socket| target.as_os_str() == socket.as_str())) {
            return Some(format!("process {pid} ({})", command_line(pid)));
        }
    }
    None
}

fn command_line(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
    text.trim().chars().take(80).collect()
}

/// The inodes of the sockets that listen (state 0A) on `port`, from `/proc/net/tcp`.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let listening = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        match fields.as_slice() {
            [_, local, _, "0A", _, _, _, _, _, inode, ..] if local.ends_with(&suffix) => Some((*inode).to_owned()),
            _ => None,
        }
    };
    table.lines().skip(1).filter_map(listening).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_its_owner() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let text = check_free("the gateway", address).unwrap_err().to_string();
        let expected = format!("the address {address} of the gateway is taken by process {}", std::process::id());
        assert!(text.starts_with(&expected), "{text}");
    }

    #[test]
    fn a_free_port_is_free() {
        check_free("anything", free_address().unwrap()).unwrap();
    }

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \x20  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1\n\
            \x20  1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 222 1\n\
            \x20  2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1\n";
        assert_eq!(listening_inodes(table, 8080), vec!["111"]);
    }
}
