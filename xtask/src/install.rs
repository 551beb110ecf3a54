//! What the system needs from the machine, and how it gets there: Debian packages, installed when we
//! may, else named in one line to run.
//!
//! It must never install what is already there, nor let an installed package start a service of its
//! own: the ledger brings its servers up itself, on its own ports. Read [`crate::tools`] for cargo's subcommands.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::progress;

/// Java's oldest version that Kafka 4 runs on.
const JAVA_VERSION: u32 = 17;

/// One thing that must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Need {
    /// What it is called when it is missing.
    name: &'static str,
    /// The programs that show it is there.
    programs: &'static [&'static str],
    /// The Debian packages that bring it.
    packages: &'static [&'static str],
}

/// A C compiler and make are for the crates that build C (librdkafka, zstd, lz4). Of MariaDB only the
/// server's core: the full package would make a second server of its own.
const NEEDS: [Need; 7] = [
    Need { name: "C and C++ compiler", programs: &["gcc", "g++"], packages: &["gcc", "g++", "libc6-dev"] },
    Need { name: "make", programs: &["make"], packages: &["make"] },
    // For TLS and SASL to Kafka. Debian's own, which gets Debian's fixes; compiling OpenSSL would take minutes.
    Need { name: "OpenSSL's headers", programs: &["pkg-config"], packages: &["libssl-dev", "pkg-config"] },
    Need { name: "Java 17", programs: &["java"], packages: &["default-jre-headless"] },
    Need { name: "Maven", programs: &["mvn"], packages: &["maven"] },
    Need {
        name: "MariaDB",
        programs: &["mariadbd", "mariadb-install-db", "my_print_defaults"],
        packages: &["mariadb-server-core", "mariadb-client-core"],
    },
    Need { name: "nginx", programs: &["nginx"], packages: &["nginx"] },
];

/// What the check of the REST contract needs besides.
const PYTHON: Need =
    Need { name: "Python 3 with venv", programs: &["python3"], packages: &["python3", "python3-venv"] };

/// What the checks of contracts need besides.
const NODE: Need = Need { name: "Node.js with npm", programs: &["node", "npm"], packages: &["nodejs", "npm"] };

/// Installs what is missing.
///
/// # Errors
/// When something is missing and may not be installed (the message holds the line to run), or when
/// the installation fails.
pub fn install_missing() -> Result<()> {
    install_missing_of(&NEEDS)
}

/// Installs Python and its venv where they are missing: for [`crate::pypi`] alone.
///
/// # Errors
/// As [`install_missing`].
pub fn install_python() -> Result<()> {
    install_missing_of(&[PYTHON])
}

/// Installs Node.js and npm where they are missing: for [`crate::npm`] alone.
///
/// # Errors
/// As [`install_missing`].
pub fn install_node() -> Result<()> {
    install_missing_of(&[NODE])
}

fn install_missing_of(needs: &[Need]) -> Result<()> {
    let missing = missing_needs(needs, has_need);
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|need| need.name).collect();
    let packages = packages_of(&missing);
    let Some(prefix) = root_prefix() else {
        bail!(
            "missing: {}. Packages cannot be installed from here; run this once:\n  {}",
            names.join(", "),
            line_to_run(&packages)
        );
    };
    progress::section(&format!("Installing {} ({})", names.join(", "), packages.join(" ")));
    let begin = Instant::now();
    install(prefix, &packages)?;
    let left: Vec<&str> = missing_needs(needs, has_need).iter().map(|need| need.name).collect();
    ensure!(left.is_empty(), "still missing after the installation: {}", left.join(", "));
    progress::done(&format!("installed {}", names.join(", ")), begin.elapsed());
    Ok(())
}

fn missing_needs(needs: &[Need], is_there: impl Fn(&Need) -> bool) -> Vec<Need> {
    needs.iter().copied().filter(|need| !is_there(need)).collect()
}

fn packages_of(needs: &[Need]) -> Vec<&'static str> {
    needs.iter().flat_map(|need| need.packages).copied().collect()
}

fn line_to_run(packages: &[&str]) -> String {
    format!("apt-get update && apt-get install -y --no-install-recommends {}  (as root)", packages.join(" "))
}

fn has_need(need: &Need) -> bool {
    let programs_found = need.programs.iter().all(|program| find_program(program).is_some());
    programs_found
        && match need.programs {
            ["java"] => java_is_new_enough(),
            ["python3"] => python_has_venv(),
            ["pkg-config"] => pkg_config_knows("openssl"),
            _ => true,
        }
}

/// The path of a program: servers lie in folders that a plain user's path lacks.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin"].map(PathBuf::from);
    let is_program =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    env::split_paths(&path).chain(system).map(|folder| folder.join(name)).find(is_program)
}

/// The path of a program that [`install_missing`] has seen to.
///
/// # Errors
/// When it is not there.
pub fn program(name: &str) -> Result<PathBuf> {
    find_program(name).with_context(|| format!("{name} is not installed"))
}

fn java_is_new_enough() -> bool {
    let Some(java) = find_program("java") else { return false };
    let Ok(output) = Command::new(java).arg("-version").stdin(Stdio::null()).output() else {
        return false;
    };
    java_version(&String::from_utf8_lossy(&output.stderr)).is_some_and(|version| version >= JAVA_VERSION)
}

fn pkg_config_knows(library: &str) -> bool {
    let mut command = Command::new("pkg-config");
    command.args(["--exists", library]).stdin(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Debian has it apart from Python.
fn python_has_venv() -> bool {
    let Some(python) = find_program("python3") else { return false };
    let mut command = Command::new(python);
    command.args(["-c", "import ensurepip, venv"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The first number of `openjdk version "17.0.15" 2025-04-15`; old ones call themselves `1.8.0`.
fn java_version(text: &str) -> Option<u32> {
    let quoted = text.split('"').nth(1)?;
    let mut numbers = quoted.split(|character: char| !character.is_ascii_digit());
    match numbers.next()?.parse().ok()? {
        1 => numbers.next()?.parse().ok(),
        version => Some(version),
    }
}

/// What stands before a command that needs root: nothing, or sudo where it asks for no password.
fn root_prefix() -> Option<&'static [&'static str]> {
    find_program("apt-get")?;
    if nix::unistd::geteuid().is_root() {
        return Some(&[]);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", "true"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success()).then_some(&["sudo", "-n"])
}

fn install(prefix: &[&str], packages: &[&str]) -> Result<()> {
    let no_services = NoServices::begin(prefix)?;
    apt_get(prefix, &["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend_from_slice(packages);
    let installed = apt_get(prefix, &arguments);
    no_services.end()?;
    installed
}

fn apt_get(prefix: &[&str], arguments: &[&str]) -> Result<()> {
    let mut words: Vec<&str> = prefix.to_vec();
    // Another apt-get may be at work (a fresh machine updates itself): wait for it.
    words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"]);
    words.extend_from_slice(arguments);
    run(&words)
}

fn run(words: &[&str]) -> Result<()> {
    let (program, arguments) = words.split_first().context("an empty command")?;
    let mut command = Command::new(program);
    // Our own stdout is for results.
    command.args(arguments).stdin(Stdio::null()).stdout(io::stderr());
    let status = command.status().with_context(|| format!("cannot run {}", words.join(" ")))?;
    ensure!(status.success(), "`{}` failed: {status}", words.join(" "));
    Ok(())
}

/// Debian runs this program to learn whether a package may start its service; 101 means no.
const POLICY_FILE: &str = "/usr/sbin/policy-rc.d";
const POLICY: &str = "#!/bin/sh\n# Made by the order ledger's `cargo xtask` for the time of one installation; may be removed.\nexit 101\n";

/// While it lives, packages start no service. A policy that the machine has already is left as it is.
struct NoServices<'a> {
    prefix: &'a [&'a str],
    ours: bool,
}

impl<'a> NoServices<'a> {
    fn begin(prefix: &'a [&'a str]) -> Result<Self> {
        // One that a killed installation left behind is taken over, and so removed at the end.
        let left_behind = fs::read_to_string(POLICY_FILE).is_ok_and(|text| text == POLICY);
        if Path::new(POLICY_FILE).exists() && !left_behind {
            return Ok(Self { prefix, ours: false });
        }
        let folder = crate::state_dir::temporary_folder("policy")?;
        let draft = folder.path().join("policy-rc.d");
        write_program(&draft, POLICY)?;
        let draft = draft.to_str().context("the temporary folder's name is not UTF-8")?;
        run(&[prefix, &["install", "-m", "755", draft, POLICY_FILE]].concat())?;
        Ok(Self { prefix, ours: true })
    }

    fn end(self) -> Result<()> {
        if self.ours { run(&[self.prefix, &["rm", "-f", POLICY_FILE]].concat()) } else { Ok(()) }
    }
}

fn write_program(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_installed() {
        let missing = missing_needs(&NEEDS, |need| need.name != "nginx" && need.name != "make");
        assert_eq!(packages_of(&missing), vec!["make", "nginx"]);
        assert!(missing_needs(&NEEDS, |_| true).is_empty());
        assert_eq!(
            line_to_run(&["make", "nginx"]),
            "apt-get update && apt-get install -y --no-install-recommends make nginx  (as root)"
        );
    }

    #[test]
    fn java_versions_old_and_new_are_read() {
        assert_eq!(java_version("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK .."), Some(17));
        assert_eq!(java_version("java version \"1.8.0_402\""), Some(8));
        assert_eq!(java_version("openjdk version \"21\" 2023-09-19"), Some(21));
        assert_eq!(java_version("no java here"), None);
    }
}
