//! `docker-compose.yml` against the code: there may be no container engine where this is developed,
//! so what can go wrong by a renamed flag, port, user or setting is checked here.
//!
//! It must never need a container engine.
#![expect(clippy::unwrap_used, reason = "a test says where it failed by panicking there")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::{env, fs, thread};

use clap::Parser;
use serde_json::Value;
use xtask::addresses::Addresses;
use xtask::credentials::{DATABASE, USERS};
use xtask::{gateway, jars, kafka, mariadb, parts, repository};

fn compose() -> Value {
    let text = fs::read_to_string(repository::root().join("docker-compose.yml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    addresses: Addresses,
}

fn addresses() -> Addresses {
    Defaults::parse_from(["up"]).addresses
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|item| item.as_str().unwrap()).collect()
}

fn environment(service: &Value) -> BTreeMap<&str, &str> {
    let variables = service["environment"].as_object().into_iter().flatten();
    variables.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
}

/// The variables that a binary of this repository reads, as its own `--help` names them.
fn variables_of(command: &[&str]) -> BTreeSet<String> {
    let folder = env::var_os("LEDGER_TEST_BIN_DIR").expect("run `cargo xtask test`");
    let (program, arguments) = command.split_first().unwrap();
    let output = Command::new(Path::new(&folder).join(program)).args(arguments).arg("--help").output().unwrap();
    assert!(output.status.success(), "{command:?} --help: {output:?}");
    let help = String::from_utf8(output.stdout).unwrap();
    // A long line is broken anywhere.
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let names = help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next());
    names.map(str::to_owned).collect()
}

#[test]
fn every_part_of_up_is_there_and_starts_again_by_itself() {
    let compose = compose();
    for name in parts::NAMES {
        let service = &compose["services"][name];
        assert_eq!(service["restart"], "unless-stopped", "{name}");
        assert!(service["healthcheck"]["test"].is_array(), "{name}");
    }
    let names: BTreeSet<&str> = compose["services"].as_object().unwrap().keys().map(String::as_str).collect();
    let expected: BTreeSet<&str> = parts::NAMES.into_iter().chain(["migrate"]).collect();
    assert_eq!(names, expected);
}

#[test]
fn the_servers_are_those_of_up() {
    let compose = compose();
    assert_eq!(compose["services"]["kafka"]["image"], format!("apache/kafka:{}", jars::KAFKA_VERSION));
    assert_eq!(compose["services"]["mariadb"]["image"], "mariadb:11.8");
    for name in ["kafka", "mariadb"] {
        let volumes = texts(&compose["services"][name]["volumes"]);
        let (volume, _) = volumes[0].split_once(':').unwrap();
        assert!(compose["volumes"].as_object().unwrap().contains_key(volume), "{volume} is not a named volume");
    }
}

/// `docker build` takes the image's compiler: it is not to be another one than developers and CI have.
#[test]
fn the_image_is_built_with_the_pinned_toolchain() {
    let pin = fs::read_to_string(repository::root().join("rust-toolchain.toml")).unwrap();
    let version = pin.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    let dockerfile = fs::read_to_string(repository::root().join("Dockerfile")).unwrap();
    assert!(dockerfile.contains(&format!("\nFROM rust:{version}-slim-bookworm AS tools\n")), "not {version}");
    let manifest = fs::read_to_string(repository::root().join("Cargo.toml")).unwrap();
    let oldest = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert!(version.starts_with(oldest), "{oldest} is in the manifest, {version} is pinned");
}

#[test]
fn everything_is_published_where_up_listens_and_on_this_machine_only() {
    let compose = compose();
    let addresses = addresses();
    let expected = [
        (gateway::NAME, addresses.gateway),
        (parts::SERVICE_A, addresses.service_a),
        (parts::SERVICE_B, addresses.service_b),
        (parts::PROJECTOR, addresses.projector),
        (kafka::NAME, addresses.kafka),
        (mariadb::NAME, addresses.mariadb),
    ];
    for (name, address) in expected {
        let service = &compose["services"][name];
        let ports = texts(&service["ports"]);
        let [published] = ports.as_slice() else { panic!("{name} publishes {ports:?}") };
        let (outside, inside) = published.rsplit_once(':').unwrap();
        assert_eq!(outside.parse::<SocketAddr>().unwrap(), address, "{name}");
        let listens = environment(service).into_iter().find(|(variable, _)| variable.ends_with("_LISTEN"));
        if let Some((variable, listen)) = listens {
            assert_eq!(listen.rsplit(':').next().unwrap(), inside, "{name}: {variable}");
        }
        let check = texts(&service["healthcheck"]["test"]);
        if check.contains(&"http-ready") {
            assert_eq!(check.last(), Some(&inside), "{name}: the health check takes another port");
        }
    }
}

/// Whoever listens for others asks who they are, or says that it does not; and then nothing of it is published beyond this machine (the test above).
#[test]
fn what_asks_nobody_says_so() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        let variables = environment(service);
        if !variables.values().any(|value| value.starts_with("0.0.0.0:")) {
            continue;
        }
        let (asks, says) =
            (variables.get("LEDGER_AUTH") == Some(&"on"), variables.get("LEDGER_INSECURE") == Some(&"true"));
        assert!(asks != says, "{name}: it would not start, or says what it does not do");
    }
}

#[test]
fn the_binaries_know_every_variable_that_they_are_given() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        let command = texts(&service["command"]);
        if service["image"] != "order-ledger" {
            continue;
        }
        let known = variables_of(&command);
        for variable in environment(service).keys() {
            assert!(known.contains(*variable), "{name}: `{}` knows no {variable}: {known:?}", command.join(" "));
        }
    }
}

#[test]
fn each_binary_gets_the_address_of_its_own_user_only() {
    let compose = compose();
    let expected: [(&str, &[&str]); 4] = [
        ("migrate", &["root", "ledger_owner", "ledger_projector", "ledger_reader"]),
        (parts::SERVICE_A, &["ledger_reader"]),
        (parts::SERVICE_B, &["ledger_reader"]),
        (parts::PROJECTOR, &["ledger_projector"]),
    ];
    for (name, users) in expected {
        let service = &compose["services"][name];
        let urls: BTreeMap<&str, &str> =
            environment(service).into_iter().filter(|(variable, _)| variable.ends_with("_DATABASE_URL")).collect();
        let right: BTreeMap<&str, String> = USERS
            .iter()
            .filter(|user| users.contains(&user.name))
            .map(|user| {
                let password = format!("${{{}:?}}", user.password_variable);
                (user.url_variable, format!("mysql://{}:{password}@mariadb:3306/{}", user.name, user.database))
            })
            .collect();
        assert_eq!(urls.len(), users.len(), "{name}");
        for (variable, url) in right {
            assert_eq!(urls[variable], url, "{name}");
        }
    }
    assert!(USERS.iter().any(|user| user.database == DATABASE));
}

#[test]
fn mariadb_and_kafka_have_the_settings_of_up() {
    let compose = compose();
    let flags = texts(&compose["services"]["mariadb"]["command"]);
    for flag in mariadb::SETTINGS {
        assert!(flags.contains(&flag), "mariadb lacks {flag}");
    }
    let kafka = environment(&compose["services"]["kafka"]);
    for (property, value) in kafka::COMMON_PROPERTIES {
        let variable = format!("KAFKA_{}", property.to_uppercase().replace('.', "_"));
        assert_eq!(kafka.get(variable.as_str()), Some(&value), "{variable}");
    }
}

#[test]
fn the_gateways_template_gets_all_its_variables() {
    let compose = compose();
    let service = &compose["services"]["gateway"];
    let template = "deploy/nginx/ledger.conf.template";
    let mounted = format!("./{template}:/etc/nginx/templates/default.conf.template:ro");
    assert_eq!(texts(&service["volumes"]), [mounted]);
    let text = fs::read_to_string(repository::root().join(template)).unwrap();
    let settings = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let used: BTreeSet<&str> =
        settings.flat_map(|line| line.split("${").skip(1).filter_map(|rest| rest.split('}').next())).collect();
    let given = environment(service);
    let given_names: BTreeSet<&str> = given.keys().copied().filter(|name| name.starts_with("LEDGER_")).collect();
    assert_eq!(used, given_names);
    for name in [parts::SERVICE_A, parts::SERVICE_B] {
        let listen = environment(&compose["services"][name])["LEDGER_SERVICE_LISTEN"];
        let port = listen.rsplit(':').next().unwrap();
        let server = format!("server {name}:{port} {};", gateway::SERVER_PARAMETERS);
        assert!(given["LEDGER_GATEWAY_SERVERS"].contains(&server), "{server}");
    }
}

#[test]
fn the_health_check_tells_ready_from_not_ready() {
    let check = |answer: &'static str| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        let script = repository::root().join("deploy/http-ready");
        let status = Command::new(script).arg(port.to_string()).status().unwrap();
        assert!(server.join().unwrap().starts_with("GET /readyz HTTP/1.1"));
        status.success()
    };
    assert!(check("HTTP/1.1 200 OK\r\n\r\n"));
    assert!(!check("HTTP/1.1 503 Service Unavailable\r\n\r\n"));
    let script = repository::root().join("deploy/http-ready");
    let nobody = xtask::ports::free_address().unwrap().port().to_string();
    assert!(!Command::new(script).arg(nobody).output().unwrap().status.success());
}
