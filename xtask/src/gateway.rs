//! The gateway: nginx with the configuration in `deploy/nginx/ledger.conf.template`, the one that the
//! container image uses too.
//!
//! Everything it writes lies in the folder it is given. What it may and may not do is said in the
//! template.
//!
//! It must never change what the template says besides its two variables. Read `deploy/nginx/` next.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::atomic_file::{self, Readers};
use crate::install;
use crate::probe::Probe;
use crate::process::{OwnedProcess, ProcessCommand};

/// Its name in `log/` and `run/`.
pub const NAME: &str = "gateway";

const TEMPLATE: &str = include_str!("../../deploy/nginx/ledger.conf.template");

const START_LIMIT: Duration = Duration::from_secs(10);

/// How nginx lists a service: never left out for what went wrong before, which may have been one client's mistake. The
/// template says what a dead service costs instead.
pub const SERVER_PARAMETERS: &str = "max_fails=0";

/// Writes the configuration into `folder` and answers the command that runs nginx in the foreground.
///
/// # Errors
/// When there is no upstream, a path cannot stand in a configuration, or nginx is not there.
pub fn prepare(folder: &Path, listen: SocketAddr, upstreams: &[SocketAddr]) -> Result<ProcessCommand> {
    ensure!(!upstreams.is_empty(), "a gateway needs at least one service");
    fs::create_dir_all(folder)?;
    let servers: Vec<String> =
        upstreams.iter().map(|address| format!("server {address} {SERVER_PARAMETERS};")).collect();
    let listen = listen.to_string();
    let values = [("LEDGER_GATEWAY_LISTEN", listen.as_str()), ("LEDGER_GATEWAY_SERVERS", &servers.join(" "))];
    let server_part = substitute(TEMPLATE, &values)?;
    atomic_file::write(&folder.join("ledger.conf"), server_part.as_bytes(), Readers::Everyone)?;
    let main_part = main_configuration(folder)?;
    let main_path = folder.join("nginx.conf");
    atomic_file::write(&main_path, main_part.as_bytes(), Readers::Everyone)?;
    Ok(ProcessCommand::new(install::program("nginx")?).arg("-p").arg(folder).arg("-c").arg(main_path).args([
        "-e",
        "stderr",
        "-g",
        "daemon off;",
    ]))
}

/// What the container image brings by itself: the outer part. Bodies and answers stay in memory, so
/// nothing is ever written to the temporary paths; they only must not be the system's.
fn main_configuration(folder: &Path) -> Result<String> {
    let place = folder.to_str().context("the state folder's path is not UTF-8")?;
    ensure!(!place.contains(['"', '\\', '$', '\n']), "nginx cannot name the folder {place}");
    let mut text = format!(
        "# Written at every start; ledger.conf beside it is the part that matters.\n\
         worker_processes 2;\n\
         worker_shutdown_timeout 5s;\n\
         pid \"{place}/nginx.pid\";\n\
         error_log stderr warn;\n\
         events {{\n    worker_connections 4096;\n}}\n\
         http {{\n    default_type application/octet-stream;\n    access_log off;\n"
    );
    for temporary in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(text, "    {temporary}_temp_path \"{place}/{temporary}_temp\";")?;
    }
    writeln!(text, "    include \"{place}/ledger.conf\";\n}}")?;
    Ok(text)
}

/// Replaces every `${NAME}` of `values`, as envsubst does; nginx's own variables (`$name`) stay.
fn substitute(template: &str, values: &[(&str, &str)]) -> Result<String> {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("${{{name}}}"), value);
    }
    let left = text.lines().find(|line| line.contains("${LEDGER_") && !line.starts_with('#'));
    match left {
        Some(line) => bail!("the gateway's template has a variable without a value: {}", line.trim()),
        None => Ok(text),
    }
}

/// Starts a gateway that ends with its owner, and waits until it answers: for tests.
///
/// # Errors
/// When nginx does not start; the message holds the tail of its log.
pub fn start(listen: SocketAddr, upstreams: &[SocketAddr], folder: &Path) -> Result<OwnedProcess> {
    let command = prepare(folder, listen, upstreams)?;
    let log = folder.join("gateway.log");
    let process = OwnedProcess::spawn(NAME, &command, &log)?;
    let give_up = || match process.try_wait()? {
        Some(status) => bail!("nginx ended ({status}): {}", fs::read_to_string(&log).unwrap_or_default()),
        None => Ok(()),
    };
    Probe::Http(format!("http://{listen}/healthz")).wait(START_LIMIT, give_up)?;
    Ok(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_variables_are_replaced() {
        let template = "listen ${LEDGER_GATEWAY_LISTEN}; set_header $http_host; ${LEDGER_GATEWAY_LISTEN}";
        let text = substitute(template, &[("LEDGER_GATEWAY_LISTEN", "1.2.3.4:80")]).unwrap();
        assert_eq!(text, "listen 1.2.3.4:80; set_header $http_host; 1.2.3.4:80");
        assert!(substitute("a ${LEDGER_GATEWAY_SERVERS}", &[]).is_err());
    }

    #[test]
    fn a_folder_that_would_break_the_configuration_is_refused() {
        assert!(main_configuration(Path::new("/tmp/a b")).is_ok());
        assert!(main_configuration(Path::new("/tmp/a\"b")).is_err());
    }
}
