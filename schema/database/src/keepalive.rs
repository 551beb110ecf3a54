//! TCP keepalive for the connections to the database, so that the kernel notices a peer that is gone without a word while we wait
//! for an answer of any length, or for nothing at all. The driver hands its socket to nobody, so it is found among this process's
//! own files: those that are connected to the database's port. Where the kernel does not allow that (a strict container), the
//! connection is as good as without; [`Watched`](crate::Watched) does not rest on it.
//!
//! It must never change a socket to another port: other clients have their own rules.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{getpeername, sockopt};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// How long a connection rests before the peer is asked whether it is there.
const IDLE: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;
/// How long data or a probe may go without the peer's acknowledgement, in milliseconds: [`IDLE`] and all probes.
const UNACKNOWLEDGED_MS: u32 = 25_000;

/// Sets it on every connection of this process to `port` that has none yet. What cannot be set is left as it is.
pub(crate) fn keep(port: u16) {
    if let Err(error) = try_keep(port) {
        tracing::debug!(%error, "TCP keepalive cannot be set on connections to the database");
    }
}

fn try_keep(port: u16) -> Result<(), Errno> {
    let this_process = pidfd_open(getpid(), PidfdFlags::empty())?;
    let files =
        std::fs::read_dir("/proc/self/fd").map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    // Sockets alone: closing a second descriptor of a file would release its POSIX locks.
    let is_socket = |path: &Path| path.read_link().is_ok_and(|meant| meant.to_string_lossy().starts_with("socket:"));
    let sockets = files.flatten().filter(|file| is_socket(&file.path()));
    let numbers = sockets.filter_map(|file| file.file_name().to_str()?.parse::<i32>().ok());
    for number in numbers.collect::<Vec<_>>() {
        match pidfd_getfd(&this_process, number, PidfdGetfdFlags::empty()) {
            Ok(file) if peer_port(&file) == Some(port) => keep_alive(&file)?,
            // Another one, or closed since the list was read.
            Ok(_) | Err(Errno::BADF) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// `None` for what is no connected TCP socket.
fn peer_port(file: &OwnedFd) -> Option<u16> {
    SocketAddr::try_from(getpeername(file).ok()??).ok().map(|address| address.port())
}

fn keep_alive(socket: &OwnedFd) -> Result<(), Errno> {
    if sockopt::socket_keepalive(socket)? {
        return Ok(());
    }
    sockopt::set_tcp_keepidle(socket, IDLE)?;
    sockopt::set_tcp_keepintvl(socket, INTERVAL)?;
    sockopt::set_tcp_keepcnt(socket, PROBES)?;
    sockopt::set_tcp_user_timeout(socket, UNACKNOWLEDGED_MS)?;
    sockopt::set_socket_keepalive(socket, true)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn connections_to_that_port_are_kept_alive_and_no_others() {
        let ours = TcpListener::bind("127.0.0.1:0").expect("a port");
        let other = TcpListener::bind("127.0.0.1:0").expect("a port");
        let connect =
            |listener: &TcpListener| TcpStream::connect(listener.local_addr().expect("bound")).expect("listens");
        let (kept, untouched) = (connect(&ours), connect(&other));
        try_keep(ours.local_addr().expect("bound").port()).expect("a kernel that allows it");
        assert!(sockopt::socket_keepalive(&kept).expect("a socket"));
        assert_eq!(sockopt::tcp_keepidle(&kept), Ok(IDLE));
        assert_eq!(sockopt::tcp_user_timeout(&kept), Ok(UNACKNOWLEDGED_MS));
        assert!(!sockopt::socket_keepalive(&untouched).expect("a socket"));
    }
}
