//! `up`, `down` and the supervisor with everything real, in a state folder and on ports of their own:
//! what a newcomer sees, and that whatever dies comes back.
//!
//! It must never touch the state or the ports of a running `up`.
#![expect(clippy::unwrap_used, reason = "a test says where it failed by panicking there")]

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use xtask::http::HttpClient;
use xtask::process::identity::ProcessIdentity;
use xtask::state_dir::{StateDir, TemporaryFolder, temporary_folder};
use xtask::{parts, ports};

/// One `up` of its own. Whatever happens, nothing of it stays.
struct Installation {
    folder: TemporaryFolder,
    flags: Vec<String>,
    gateway: SocketAddr,
}

impl Installation {
    fn new() -> Self {
        let folder = temporary_folder("up-test").unwrap();
        // All at once, so that none is given out twice.
        let listeners: Vec<TcpListener> = (0..7).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let names = ["gateway", "service-a", "service-b", "projector", "kafka", "kafka-controller", "mariadb"];
        let addresses: Vec<SocketAddr> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let flags = names.iter().zip(&addresses).map(|(name, address)| format!("--{name}-address={address}")).collect();
        Self { folder, flags, gateway: addresses[0] }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn state(&self) -> StateDir {
        StateDir::at(&self.root())
    }

    fn xtask(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(arguments).env("LEDGER_STATE_DIR", self.root());
        if arguments[0] == "up" {
            command.args(&self.flags);
            command.env("LEDGER_BINARY_DIR", env::var_os("LEDGER_TEST_BIN_DIR").expect("run `cargo xtask test`"));
        }
        command.output().unwrap()
    }

    #[track_caller]
    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.xtask(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {}\n{said}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    fn pid(&self, name: &str) -> Option<i32> {
        fs::read_to_string(self.root().join("run").join(format!("{name}.pid"))).ok()?.trim().parse().ok()
    }

    fn pids(&self) -> BTreeMap<&'static str, i32> {
        parts::NAMES.into_iter().map(|name| (name, self.pid(name).unwrap())).collect()
    }

    fn chocolate(&self) -> Option<String> {
        let client = HttpClient::new(Duration::from_secs(5));
        let answer = client.get(&format!("http://{}/stock/chocolate", self.gateway)).ok()?;
        (answer.status == 200).then(|| answer.json().unwrap()["available"].to_string())
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        self.xtask(&["down", "--wipe"]);
    }
}

#[track_caller]
fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < limit, "{what} did not happen within {limit:?}");
        thread::yield_now();
    }
}

fn kill_hard(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn up_plays_the_samples_keeps_everything_running_and_down_leaves_nothing() {
    let installation = Installation::new();
    first_start(&installation);
    second_up_changes_nothing(&installation);
    whatever_dies_comes_back(&installation);
    a_killed_supervisor_is_replaced(&installation);
    down_leaves_nothing(&installation);
}

fn first_start(installation: &Installation) {
    let said = installation.succeed(&["up", "--detach"]);
    for expected in [
        "10 chocolate arrive",
        "409 out-of-stock",
        "CATALOG-001",
        "201 held",
        "nobody confirms it",
        "200 cancelled",
        "What runs where",
        "order-service-b",
    ] {
        assert!(said.contains(expected), "{expected} is missing in:\n{said}");
    }
    assert_eq!(installation.chocolate().as_deref(), Some("7"));
    assert_eq!(mode(&installation.state().credentials()), 0o600);
    for binary in parts::BINARIES {
        assert!(installation.state().bin().join(binary).is_symlink());
    }
    let status = installation.succeed(&["ledger", "status", "--output", "json"]);
    assert!(serde_json::from_str::<serde_json::Value>(&status).is_ok(), "{status}");
    let wrong = installation.xtask(&["ledger", "no-such-command"]);
    assert_eq!(wrong.status.code(), Some(2), "the operator's exit code is passed on");
}

fn second_up_changes_nothing(installation: &Installation) {
    let before = installation.pids();
    let said = installation.succeed(&["up", "--detach"]);
    assert!(said.contains("runs already"), "{said}");
    assert_eq!(installation.pids(), before);
}

fn whatever_dies_comes_back(installation: &Installation) {
    for name in parts::NAMES {
        // A part may end by itself when another one was killed, and is then started again too.
        let look = || installation.pid(name).and_then(ProcessIdentity::of);
        let identity = wait_for(name, Duration::from_secs(5), look);
        let pid = identity.pid;
        kill_hard(pid);
        let new = wait_for(name, Duration::from_secs(5), || installation.pid(name).filter(|new| *new != pid));
        wait_for(name, Duration::from_secs(5), || ProcessIdentity::of(new));
        assert_eq!(identity.group_members(), Vec::<i32>::new(), "{name} left something behind");
    }
    wait_for("the stock through the gateway", Duration::from_secs(120), || {
        installation.chocolate().filter(|available| available == "7")
    });
}

fn a_killed_supervisor_is_replaced(installation: &Installation) {
    let before = installation.pids();
    let supervisor = installation.pid("supervisor").unwrap();
    kill_hard(supervisor);
    // The kernel takes its time; until it is gone, `up` says that it runs already.
    wait_for("the end of the supervisor", Duration::from_secs(10), || {
        ProcessIdentity::of(supervisor).is_none().then_some(())
    });
    let said = installation.succeed(&["up", "--detach"]);
    assert!(!said.contains("10 chocolate arrive"), "the samples were played again:\n{said}");
    for (name, pid) in installation.pids() {
        assert_ne!(pid, before[name], "{name} was not replaced");
    }
    assert_eq!(installation.chocolate().as_deref(), Some("7"));
}

fn down_leaves_nothing(installation: &Installation) {
    let pids = installation.pids();
    installation.succeed(&["down"]);
    assert!(pids.values().all(|pid| ProcessIdentity::of(*pid).is_none()), "{pids:?}");
    assert_eq!(installation.pid("kafka"), None);
    assert!(installation.state().data().join("mariadb").is_dir(), "without --wipe the data stays");
    installation.succeed(&["down", "--wipe"]);
    assert!(!installation.state().data().exists());
    assert!(!installation.state().run().exists());
}

#[test]
fn a_taken_port_is_told_before_anything_is_started() {
    let installation = Installation::new();
    let taken = TcpListener::bind(installation.gateway).unwrap();
    let output = installation.xtask(&["up", "--detach"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    let expected =
        format!("the address {} of the gateway is taken by process {}", installation.gateway, std::process::id());
    assert!(said.contains(&expected), "{said}");
    assert_eq!(installation.pid("mariadb"), None);
    drop(taken);
}

#[test]
fn what_does_not_start_is_named_with_the_end_of_its_log_and_nothing_stays() {
    let installation = Installation::new();
    let binaries = temporary_folder("broken-binaries").unwrap();
    for name in parts::BINARIES {
        let script = binaries.path().join(name);
        fs::write(&script, "#!/bin/sh\n[ \"$1\" = migrate ] && exit 0\necho this one is broken >&2\nexit 1\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let folder = format!("--binary-dir={}", binaries.path().display());
    let output = installation.xtask(&["up", "--detach", &folder]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("right after its start") && said.contains("this one is broken"), "{said}");
    assert!(parts::NAMES.into_iter().all(|name| installation.pid(name).is_none()));
}

#[test]
fn down_where_nothing_ran_is_done() {
    let installation = Installation::new();
    installation.succeed(&["down"]);
    assert!(ports::check_free("the gateway", installation.gateway).is_ok());
}
